"""``manage.py create_study NAME``: a study with the classes Positive (counted) and Negative."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from labeling.cli import find_person, in_words
from labeling.services import study_create


class Command(BaseCommand):
    """Create a study."""

    help = "Create a study with the classes Positive (counted) and Negative; its owner becomes its admin."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", help="unique among studies")
        parser.add_argument("--description", default="")
        parser.add_argument(
            "--model-mpp", type=float, help="µm per model pixel; without it pixels are taken as they are"
        )
        parser.add_argument("--user", default="admin", help="who creates it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it and say its number."""
        user = find_person(options["user"])
        with in_words():
            study = study_create(
                user=user,
                name=options["name"],
                description=options["description"],
                model_mpp=options["model_mpp"],
            )
        self.stdout.write(f"study {study.pk}: {study.name}")
