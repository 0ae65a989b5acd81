"""Draw a slide of CD3-stained tissue from a seed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.drawn.slide_file import write_slide
from labeling.drawn.tissue import Tissue


class Command(BaseCommand):
    help = "Draw a slide of CD3-stained tissue from a seed and write it as a pyramidal TIFF."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path, metavar="OUT.tif")
        parser.add_argument("--width", type=int, default=12_000, help="level-0 pixels")
        parser.add_argument("--height", type=int, default=9_000, help="level-0 pixels")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--mpp", type=float, default=0.1, help="µm per level-0 pixel")
        parser.add_argument("--cells", type=Path, metavar="CSV", help="also write the place and kind of every cell")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tissue = Tissue(options["width"], options["height"], options["seed"], options["mpp"])
            write_slide(tissue, options["out"], on_progress=self._progress)
            if options["cells"]:
                write_cells(tissue, options["cells"])
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['out']}: {tissue.width} x {tissue.height} px, {len(tissue.cells)} cells")

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"\r{100 * done // total:3d} %", ending="\n" if done == total else "")


def write_cells(tissue: Tissue, path: Path) -> None:
    """Write the cells as CSV: x_l0, y_l0, kind, variety."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("x_l0", "y_l0", "kind", "variety"))
        for x, y, kind, variety, _ in tissue.cells.tolist():
            writer.writerow((int(x), int(y), kind, variety))
