"""Who may call what: one rule per method of a view, checked before the method runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from config.errors import ForbiddenError, NotFoundError
from labeling.choices import Role
from labeling.models import Membership, Study, User

ALL_ROLES = frozenset(Role.values)
_WORDS = {Role.PATHOLOGIST: "a pathologist", Role.LAB: "lab staff", Role.ADMIN: "an admin"}


@dataclass(frozen=True)
class Rule:
    """Who may call a method.

    Args:
        kind: ``public``, ``signed_in``, ``site_admin``, or ``member`` of the study that owns the object.
        roles: for members, the roles that may; everybody in the study by default.
    """

    kind: Literal["public", "signed_in", "site_admin", "member"]
    roles: frozenset[str] = ALL_ROLES


PUBLIC = Rule("public")
SIGNED_IN = Rule("signed_in")
SITE_ADMIN = Rule("site_admin")
MEMBER = Rule("member")


def member(*roles: Role) -> Rule:
    """Allow members of the study with one of these roles."""
    return Rule("member", frozenset(roles))


def roles_in(user: User, study_id: int) -> frozenset[str]:
    """List a person's roles in a study; a site admin has all of them."""
    if user.is_superuser:
        return ALL_ROLES
    memberships = Membership.objects.filter(user=user, study_id=study_id)
    return frozenset(memberships.order_by().values_list("role", flat=True))


def check_member(user: User, study_id: int, rule: Rule) -> None:
    """Refuse strangers as if the object were absent, and members without the role in words.

    Raises:
        NotFoundError: the person has no role in the study.
        ForbiddenError: the person has a role, but not one of the rule's.
    """
    roles = roles_in(user, study_id)
    if not roles:
        raise NotFoundError("There is nothing here that you may see.")
    if not roles & rule.roles:
        needed = " or ".join(sorted(_WORDS[Role(role)] for role in rule.roles))
        raise ForbiddenError(
            f"This needs {needed} of the study. Ask an admin of the study.", extra={"needs": sorted(rule.roles)}
        )


def _study_id(found: Any) -> int:
    return int(found.pk if isinstance(found, Study) else found.study_id)


class Api(APIView):
    """A view whose every method states its rule.

    ``access`` maps methods to rules. Where a rule is about members, ``locate`` turns the address's arguments into the
    object (a Study, or anything with ``study_id``) or raises NotFoundError; it is kept as ``self.found``.
    """

    permission_classes = [AllowAny]
    access: ClassVar[dict[str, Rule]] = {}
    locate: ClassVar[Callable[..., Any]]
    found: Any = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the method's rule before the method runs."""
        super().initial(request, *args, **kwargs)
        rule = self.access.get(request.method or "")
        if rule is None:
            self.http_method_not_allowed(request)
            return
        if rule.kind == "public":
            return
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if rule.kind == "site_admin" and not request.user.is_superuser:
            raise ForbiddenError("This needs a site admin.")
        if rule.kind == "member":
            self.found = type(self).locate(**kwargs)
            check_member(request.user, _study_id(self.found), rule)


def person(request: Request | HttpRequest) -> User:
    """Name the signed-in person, typed."""
    return cast(User, request.user)
