"""``manage.py study_quota --study S [--gb N | --none]``: what a study may hold."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from labeling import selectors
from labeling.cli import find_study, in_words
from labeling.services import study_update


class Command(BaseCommand):
    """Set or show a study's quota."""

    help = "Set what a study's originals and uploads may take; without --gb and --none only say what they take now."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--study", help="name or id")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--gb", type=float, help="gigabytes (10⁹ bytes)")
        choice.add_argument("--none", action="store_true", help="no limit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set it, and say what is taken of it."""
        study = find_study(options["study"])
        if options["none"] or options["gb"] is not None:
            quota = None if options["none"] else round(options["gb"] * 1e9)
            with in_words():
                study = study_update(study=study, changes={"quota_bytes": quota})
        slides, uploads = selectors.study_bytes(study)
        limit = "no limit" if study.quota_bytes is None else f"{study.quota_bytes / 1e9:.2f} GB"
        self.stdout.write(f"{study.name}: slides {slides / 1e9:.2f} GB, uploads {uploads / 1e9:.2f} GB, quota {limit}")
