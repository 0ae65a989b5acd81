"""``manage.py detect``: the same service as the detection page."""

import json
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import DomainError
from detection import cli, counts, exports, selectors, services
from detection.models import DetectionRun, ModelVersion
from detection.nn.blocks import ENGINES, HEADS, PRECISIONS
from detection.nn.shape import STRIDES_PX
from labeling.cli import find_slide, find_user, in_words
from labeling.models import Slide, Study

CHOICES = ("stride_px", "head", "precision", "engine", "gate", "tissue_gate")

Regions = list[list[list[float]]]


class Command(BaseCommand):
    """Count cells on slides."""

    help = "Count cells on slides and wait for the numbers."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("slides", nargs="*", metavar="SLIDE", help="code, such as S001")
        parser.add_argument("--slide", action="append", default=[], help="the same; may be repeated")
        parser.add_argument("--all", action="store_true", help="count every slide of the study that is ready")
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
        _add_choices(parser)
        parser.add_argument("--user", help="account on whose behalf; by default the study's creator")
        parser.add_argument("--here", action="store_true", help="detect in this process; no worker is needed")
        parser.add_argument("--points", action="store_true", help="write the counted points into the JSON file too")
        parser.add_argument("--json", metavar="OUT", help="write the results to this file")
        parser.add_argument("--csv", metavar="OUT", help="write a table of the counts, a slide a line, to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start one run per slide, wait for all, and write what they found; no slide holds up another."""
        study = cli.study_named(options["study"])
        model = cli.model_named(study, options["model"])
        with in_words():
            started = services.detections_start(
                study=study,
                slides=_slides(study, options),
                user=find_user(options["user"], study),
                client_key=uuid.uuid4(),
                wish=_wish(model, options),
            )
        failures = [failure for one in started if (failure := self._tell(one, model))]
        runs = [one.run for one in started if one.run]
        for run in runs:
            failures += self._bring_to_its_end(run, here=options["here"])
        found = [selectors.detection_run_at(run.pk) for run in runs]
        words = [_words(run.pk, with_points=options["points"]) for run in found]
        if runs:
            cli.write_json(
                options["json"], {"runs": words, "refused": [_refused(one) for one in started if not one.run]}
            )
            cli.write_text(options["csv"], "".join(counts.export_counts((run.slide, run) for run in found)))
        cli.check_all_ended_well(found, failures)

    def _tell(self, one: services.Started, model: ModelVersion) -> str:
        """Say that a run began; a refusal is given back, to be said at the end."""
        if one.run:
            self.stdout.write(f"detection run {one.run.number}: slide {one.slide.code}, model {model.number}")
        return f"slide {one.slide.code}: {one.refusal.message}" if one.refusal else ""

    def _bring_to_its_end(self, run: DetectionRun, *, here: bool) -> list[str]:
        """Wait for a run, or work on it; what goes wrong on the way is this run's own."""
        try:
            if here:
                cli.work_here(lambda: _detect(run.pk), run, self.stdout.write)
            else:
                cli.wait_for(run, self.stdout.write)
        except Exception as error:  # noqa: BLE001 - the other slides go on; it is said at the end
            return [f"{run}: {type(error).__name__}: {error}"]
        return []


def _add_choices(parser: CommandParser) -> None:
    """Name what may be chosen of a count; what is not said stays as the server has it."""
    parser.add_argument(
        "--stride", dest="stride_px", type=int, choices=STRIDES_PX, help="look every so many pixels; finer costs more"
    )
    parser.add_argument("--head", choices=HEADS, help="low_rank where the model has one, or always the full one")
    parser.add_argument("--precision", choices=PRECISIONS, help="auto takes bf16 where the machine has it natively")
    parser.add_argument("--engine", choices=ENGINES, help="auto takes OpenVINO where it is quicker and installed")
    parser.add_argument(
        "--no-gate", dest="gate", action="store_false", default=None, help="judge every window, stained or not"
    )
    parser.add_argument(
        "--no-tissue-gate", dest="tissue_gate", action="store_false", default=None, help="read glass too"
    )


def _slides(study: Study, options: dict[str, Any]) -> list[Slide]:
    names = [*options["slides"], *options["slide"]]
    if bool(names) == options["all"]:
        raise CommandError("Name the slides to count, or take --all.")
    if not options["all"]:
        return list({slide.pk: slide for slide in (find_slide(name, study.name) for name in names)}.values())
    slides = list(counts.slides_to_count(study).select_related("study"))
    if not slides:
        raise CommandError(f"Study {study.name} has no slide that is ready.")
    return slides


def _wish(model: ModelVersion, options: dict[str, Any]) -> services.DetectionWish:
    regions = [corners_of(text) for text in options["region"]]
    regions += read_regions(Path(options["regions"])) if options["regions"] else []
    params = {name: options[name] for name in CHOICES if options[name] is not None}
    return services.DetectionWish(model_id=model.pk, regions=regions or None, params=params or None)


def _refused(one: services.Started) -> dict[str, Any]:
    refusal = one.refusal or DomainError("")
    return {"slide_code": one.slide.code, "code": refusal.code, "message": refusal.message}


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
