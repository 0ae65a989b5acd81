"""``manage.py ensure_people``: the three first accounts of an installation."""

import argparse
import json
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.choices import Role
from labeling.cli import find_study
from labeling.models import Membership
from labeling.services import person_ensure

PEOPLE = {Role.PATHOLOGIST: "Pathologist", Role.LAB: "Lab staff", Role.ADMIN: "Admin"}


class Command(BaseCommand):
    """Make sure the first accounts exist."""

    help = (
        "Create the accounts pathologist, lab and admin (site admin) where they are missing, with the passwords in "
        "TILSCOPE_PASSWORD_PATHOLOGIST, _LAB and _ADMIN; accounts that exist stay as they are."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--study", help="also give each its role in this study")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ensure."""
        study = find_study(options["study"]) if options["study"] else None
        outcome = []
        for role, name in PEOPLE.items():
            variable = f"TILSCOPE_PASSWORD_{role.upper()}"
            password = os.environ.get(variable, "")
            if len(password) < 10:
                raise CommandError(f"Set {variable} to a password of at least 10 characters.")
            user, made = person_ensure(username=role, name=name, password=password, is_site_admin=role == Role.ADMIN)
            if study is not None:
                Membership.objects.get_or_create(study=study, user=user, role=role)
            outcome.append({"username": user.username, "name": user.name, "role": str(role), "created": made})
        if options["json"]:
            self.stdout.write(json.dumps(outcome))
        else:
            for person in outcome:
                self.stdout.write(f"{person['username']:<12} {'created' if person['created'] else 'was there'}")
