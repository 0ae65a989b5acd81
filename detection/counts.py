"""The counts of slides as one table: the newest detection of each, on a page and as CSV."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from detection import selectors
from detection.exports import csv_cell
from detection.models import DetectionRun
from labeling.choices import SlideState
from labeling.models import Slide, Study

NOT_COUNTED = "not counted"
COLUMNS = (
    *("slide", "case_code", "stain", "state", "count", "area_mm2", "density_per_mm2", "model", "threshold", "regions"),
    *("area_px", "mpp", "scale_changed", "unread_fraction", "error", "detection", "started_by", "finished_at"),
    *("slide_sha256", "model_sha256", "code_version", "link"),
)

Row = tuple[Slide, DetectionRun | None]


def slides_to_count(study: Study) -> QuerySet[Slide]:
    """List the slides of a study that can be counted, by number."""
    return Slide.objects.filter(study=study, state=SlideState.READY).order_by("number")


def count_rows(slides: Iterable[Slide]) -> list[Row]:
    """Pair slides with their newest detection, whatever became of it."""
    found = list(slides)
    newest = DetectionRun.objects.filter(slide__in=[slide.pk for slide in found])
    newest = newest.order_by("slide_id", "-number").distinct("slide_id")
    runs = {run.slide_id: run for run in selectors.detection_runs().filter(pk__in=newest.values("pk"))}
    return [(slide, runs.get(slide.pk)) for slide in found]


def count_words(row: Row) -> dict[str, Any]:
    """Describe one row for the page."""
    slide, run = row
    return {
        "slide": slide.pk,
        "slide_code": slide.code,
        "case_code": slide.case_code,
        "run": selectors.detection_run_words(run) if run else None,
    }


def export_counts(rows: Iterable[Row], *, link_of: Callable[[DetectionRun], str] | None = None) -> Iterator[str]:
    """Write rows as CSV, a slide a line; what is not known is an empty cell, never 0.

    Args:
        rows: slides with their detection.
        link_of: address of the page that shows a detection on its slide, where there is one.

    Yields:
        Lines of the text, the head first.
    """
    yield ",".join(COLUMNS) + "\r\n"
    for slide, run in rows:
        values: dict[str, Any] = {
            "slide": slide.code,
            "case_code": slide.case_code,
            "stain": slide.stain,
            "state": NOT_COUNTED,
        }
        if run is not None:
            values |= _run_values(run) | {"link": link_of(run) if link_of else None}
        yield ",".join(csv_cell(values.get(column)) for column in COLUMNS) + "\r\n"


def _run_values(run: DetectionRun) -> dict[str, Any]:
    words = selectors.detection_run_words(run)
    told = {column: words[column] for column in COLUMNS if column in words and column != "slide"}
    return told | {
        "model": run.model.number,
        "detection": run.number,
        "regions": "whole slide" if run.regions is None else len(run.regions),
        "unread_fraction": words["unread_fraction"] if run.area_px is not None else None,
        "error": run.error or None,
        "started_by": run.created_by.name,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }
