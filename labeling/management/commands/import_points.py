"""``manage.py import_points FILE --slide S``: labelled cells from CSV, JSON or QuPath's GeoJSON."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from labeling.cli import Ticker, add_map, fail_if_nothing, find_slide, find_user, in_words, read_map, tell
from labeling.models import LabelClass
from labeling.point_files import NamedPoint, read_points
from labeling.services import Words, points_import


def _classed(points: list[NamedPoint], words: Words) -> list[tuple[int, int, LabelClass]]:
    known = words.lookup()
    words.check(point.word for point in points if point.word.lower() not in known)
    return [(p.x, p.y, found) for p in points if (found := known[p.word.lower()]) is not None]


class Command(BaseCommand):
    """Import labelled points on a slide."""

    help = "Import labelled points on a slide: CSV x_l0,y_l0,label; JSON [{x, y, label}]; QuPath GeoJSON."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--slide", required=True, help="id, or code such as S001 together with --study")
        parser.add_argument("--study", help="name or id")
        add_map(parser)
        parser.add_argument("--user", help="whose labels these are; by default the study's creator")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import."""
        slide = find_slide(options["slide"], options["study"])
        user = find_user(options["user"], slide.study)
        with in_words():
            points = _classed(read_points(options["file"]), Words(slide.study, read_map(options["map"])))
            report = points_import(slide=slide, user=user, points=points, on_progress=Ticker(self.stderr, "points"))
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(report)))
        else:
            tell(self.stdout, report)
        fail_if_nothing(report)
