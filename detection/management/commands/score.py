"""``manage.py score``: how well does a count agree with cells that somebody marked?"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection import cli, scoring
from labeling.cli import in_words


class Command(BaseCommand):
    """Judge the finds of a detection by marked cells."""

    help = "Judge the finds of a detection by cells that somebody marked: precision, recall, F1 and the count's error."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--truth", type=Path, required=True, metavar="CSV", help="columns x,y and maybe class")
        parser.add_argument(
            "--found", type=Path, required=True, metavar="JSON", help="of detect --points --json, or exported GeoJSON"
        )
        parser.add_argument(
            "--radius-px", type=float, required=True, metavar="R", help="largest distance of a cell from its find"
        )
        parser.add_argument(
            "--merge-px", type=float, default=0.0, metavar="D", help="labels nearer than D are one cell"
        )
        parser.add_argument("--class", dest="classes", action="append", default=[], help="only this class is a cell")
        parser.add_argument("--area", type=Path, metavar="CSV", help="judge inside this polygon only: columns x,y")
        parser.add_argument("--slide", help="code of the slide, where the JSON holds several")
        parser.add_argument("--json", metavar="OUT", help="write the scores to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, match, tell, write."""
        radius_px, merge_px = _length("--radius-px", options["radius_px"]), _length("--merge-px", options["merge_px"])
        with in_words():
            truth = scoring.read_truth(options["truth"], classes=options["classes"])
            found = scoring.read_found(options["found"], slide=options["slide"])
            area = scoring.read_area(options["area"]) if options["area"] else None
            told = scoring.score_counts(truth, found, radius_px=radius_px, merge_px=merge_px, area=area)
        result = {
            "truth_file": str(options["truth"]),
            "found_file": str(options["found"]),
            "slide": found.slide,
            "model": found.model,
            "threshold": found.threshold,
            "radius_px": radius_px,
            "merge_px": merge_px,
            **told.to_json(),
        }
        cli.write_json(options["json"], result)
        self.stdout.write(_sentence(told))


def _length(name: str, value: float) -> float:
    if not 0 <= value < float("inf"):
        raise CommandError(f"{name} must be a length in pixels, not {value}.")
    return value


def _sentence(told: scoring.CountScores) -> str:
    share = told.relative_count_error
    error = f"{told.count_error:+d}" + ("" if share is None else f", {100 * share:+.1f} %")
    scores = told.scores
    return (
        f"{told.truth} cells, {told.found} found (count error {error}): precision {scores.precision:.4f}, "
        f"recall {scores.recall:.4f}, F1 {scores.f1:.4f}"
    )
