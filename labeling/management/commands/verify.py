"""``manage.py verify``: do rows and files agree?"""

import argparse
import json
import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from labeling.verification import Difference, differences, named_files


class Command(BaseCommand):
    """Compare rows with files; every local file is read and hashed, of a bucket's objects the sizes are compared."""

    help = "Compare rows with files and name every difference; exit code 1 if a file is missing or damaged."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
        parser.add_argument(
            "--hashes", action="store_true", help="read and hash every object of a bucket too, not only its size"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify."""
        found: list[Difference] = []
        for difference in differences(on_file=self._tick, hashes=options["hashes"]):
            found.append(difference)
            if not options["json"]:
                self.stdout.write(f"{difference.kind:<8} {difference.what}")
        counts = Counter(difference.kind for difference in found)
        if options["json"]:
            self.stdout.write(json.dumps([{"kind": d.kind, "what": d.what} for d in found]))
        else:
            words = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())) or "no difference"
            self.stdout.write(f"{len(named_files())} files are named by rows: {words}")
        if counts["missing"] or counts["damaged"]:
            sys.exit(1)

    def _tick(self, name: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{name[:16]}…", ending="")
            self.stderr.flush()
