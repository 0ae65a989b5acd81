"""People of a study and their roles."""

import secrets

from django.db import IntegrityError, transaction

from config.errors import ConflictError
from labeling.choices import Role
from labeling.models import Membership, Study, User


@transaction.atomic
def member_add(*, study: Study, username: str, role: str, name: str = "") -> tuple[Membership, str | None]:
    """Give a person a role in a study; where there is no such account, make one.

    Args:
        study: the study.
        username: the account's name.
        role: one of ``Role``.
        name: the person's full name, used for a new account only.

    Returns:
        (membership, password); the password only where the account is new, and only this once.

    Raises:
        ConflictError: the person has this role already (``member_exists``).
    """
    password = None
    user = User.objects.filter(username=username).first()
    if user is None:
        first, _, last = name.strip().partition(" ")
        password = secrets.token_urlsafe(12)
        user = User(username=username, first_name=first, last_name=last)
        user.set_password(password)
        user.save()
    try:
        with transaction.atomic():
            membership = Membership.objects.create(study=study, user=user, role=role)
    except IntegrityError:
        raise ConflictError(f"{user.name} has this role already.", code="member_exists") from None
    return membership, password


@transaction.atomic
def member_remove(*, membership: Membership) -> None:
    """Take a role from a person; the last admin of a study stays.

    Raises:
        ConflictError: it is the study's last admin (``member_last_admin``).
    """
    Study.objects.select_for_update().get(pk=membership.study_id)
    admins = Membership.objects.filter(study_id=membership.study_id, role=Role.ADMIN).exclude(pk=membership.pk)
    if membership.role == Role.ADMIN and not admins.exists():
        raise ConflictError(
            "A study keeps at least one admin. Make somebody else an admin first.", code="member_last_admin"
        )
    membership.delete()


def person_ensure(*, username: str, name: str, password: str, is_site_admin: bool) -> tuple[User, bool]:
    """Make an account where there is none; one that exists keeps its password.

    Args:
        username: the account's name.
        name: the person's full name.
        password: of a new account.
        is_site_admin: a new account may do everything.

    Returns:
        (user, made).
    """
    user = User.objects.filter(username=username).first()
    if user is not None:
        return user, False
    first, _, last = name.partition(" ")
    user = User(username=username, first_name=first, last_name=last, is_staff=is_site_admin, is_superuser=is_site_admin)
    user.set_password(password)
    user.save()
    return user, True
