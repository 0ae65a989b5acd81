"""``manage.py detect``: the same service as the detection page."""

import json
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection import cli, exports, selectors, services
from detection.models import DetectionRun, ModelVersion
from labeling.cli import find_slide, find_user, in_words
from labeling.models import Slide, User

Regions = list[list[list[float]]]


class Command(BaseCommand):
    """Count cells on slides."""

    help = "Count cells on slides and wait for the numbers."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("slides", nargs="+", metavar="SLIDE", help="code, such as S001")
        parser.add_argument("--study", help="name or id; may be left out where there is only one")
        parser.add_argument("--model", default="current", help="current, or a model's number")
        parser.add_argument("--regions", metavar="GEOJSON", help="count inside these polygons only, level-0 pixels")
        parser.add_argument(
            "--region",
            action="append",
            default=[],
            metavar="'X,Y X,Y …'",
            help="count inside: the corners of a polygon, or two opposite ones of a rectangle; may be repeated",
        )
        parser.add_argument("--no-gate", action="store_true", help="judge every window, stained or not")
        parser.add_argument("--user", help="account on whose behalf; by default the study's creator")
        parser.add_argument("--here", action="store_true", help="detect in this process; no worker is needed")
        parser.add_argument("--points", action="store_true", help="write the counted points into the JSON file too")
        parser.add_argument("--json", metavar="OUT", help="write the results to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start one run per slide, wait for all, and write what they found."""
        study = cli.study_named(options["study"])
        user = find_user(options["user"], study)
        model = cli.model_named(study, options["model"])
        slides = [find_slide(name, study.name) for name in options["slides"]]
        regions = [corners_of(text) for text in options["region"]]
        regions += read_regions(Path(options["regions"])) if options["regions"] else []
        params = {"gate": False} if options["no_gate"] else None
        wish = services.DetectionWish(model_id=model.pk, regions=regions or None, params=params)
        runs = [self._start(slide, user, wish, model) for slide in slides]
        for run in runs:
            if options["here"]:
                cli.work_here(lambda run=run: _detect(run.pk), run, self.stdout.write)  # type: ignore[misc]
            else:
                cli.wait_for(run, self.stdout.write)
        cli.write_json(options["json"], {"runs": [_words(run.pk, with_points=options["points"]) for run in runs]})
        for run in runs:
            cli.check_ended_well(run)

    def _start(self, slide: Slide, user: User, wish: services.DetectionWish, model: ModelVersion) -> DetectionRun:
        with in_words():
            run, _ = services.detection_start(slide=slide, user=user, client_key=uuid.uuid4(), wish=wish)
        self.stdout.write(f"detection run {run.number}: slide {slide.code}, model {model.number}")
        return run


def _detect(run_id: int) -> None:
    from detection import runs

    while runs.detect(run_id):
        pass


def _words(run_id: int, *, with_points: bool) -> dict[str, Any]:
    run = selectors.detection_run_at(run_id)
    words = selectors.detection_run_words(run) | {"provenance": selectors.provenance(run)}
    if with_points and run.points_sha256:
        words["points"] = [[round(x, 2), round(y, 2), round(s, 6)] for x, y, s in exports.counted_points(run).tolist()]
    return words


def corners_of(text: str) -> list[list[float]]:
    """Read ``x,y x,y …``: the corners of a polygon, or two opposite ones of a rectangle, in level-0 pixels."""
    try:
        corners = [[float(number) for number in pair.split(",")] for pair in text.split()]
        if len(corners) == 2:
            (left, top), (right, bottom) = corners
            corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    except ValueError as error:
        raise CommandError(f"--region takes corners 'X,Y X,Y …' in pixels of the slide, not {text!r}.") from error
    return corners


def read_regions(path: Path) -> Regions:
    """Read polygons from GeoJSON: a FeatureCollection, a Feature, a geometry, or QuPath's list of features.

    Raises:
        CommandError: the file is no GeoJSON, holds no polygon, or a polygon with a hole.
    """
    try:
        regions = list(_polygons(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CommandError(f"{path} is no GeoJSON that can be read: {error}.") from error
    if not regions:
        raise CommandError(f"{path} holds no polygon.")
    return regions


def _polygons(value: Any) -> Regions:
    """Collect the outlines of all polygons, without the corner that closes each."""
    if isinstance(value, list):
        return [ring for part in value for ring in _polygons(part)]
    if value["type"] == "FeatureCollection":
        return _polygons(value["features"])
    if value["type"] == "Feature":
        return _polygons(value["geometry"])
    if value["type"] == "Polygon":
        return [_outline(value["coordinates"])]
    if value["type"] == "MultiPolygon":
        return [_outline(rings) for rings in value["coordinates"]]
    return []


def _outline(rings: list[list[list[float]]]) -> list[list[float]]:
    if len(rings) != 1:
        raise CommandError("A polygon with a hole cannot be counted in: draw it as several without holes.")
    corners = [[float(x), float(y)] for x, y, *_ in rings[0]]
    return corners[:-1] if corners[0] == corners[-1] else corners
