"""``manage.py import_patches PATH --study S``: labelled patches from a folder, zip or tar archive."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from labeling.cli import Ticker, add_map, fail_if_nothing, find_study, find_user, in_words, read_map, tell
from labeling.patch_files import read_csv_labels
from labeling.services import Words, patches_import


class Command(BaseCommand):
    """Import labelled patches."""

    help = "Import labelled patches of 70×70 px; the file name's prefix, the folder or a CSV tells the class."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("path", type=Path, help="folder, zip, tar or tar.gz")
        parser.add_argument("--study", required=True, help="name or id")
        add_map(parser)
        parser.add_argument("--csv", type=Path, help="CSV with the columns file,label")
        parser.add_argument("--crop-centre", action="store_true", help="take the centre 70×70 px of larger images")
        parser.add_argument("--user", help="whose labels these are; by default the study's creator")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import."""
        study = find_study(options["study"])
        user = find_user(options["user"], study)
        with in_words():
            report = patches_import(
                user=user,
                path=options["path"],
                words=Words(study, read_map(options["map"])),
                labels_by_file=read_csv_labels(options["csv"]) if options["csv"] else None,
                crop_centre=options["crop_centre"],
                on_progress=Ticker(self.stderr, "patches"),
            )
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(report)))
        else:
            tell(self.stdout, report)
        fail_if_nothing(report)
