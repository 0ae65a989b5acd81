"""Points of a detection: as stored, as found so far, and for other programs with all the number can be traced by."""

import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import ConflictError
from detection import selectors
from detection.models import DetectionBlock, DetectionRun
from detection.nn.blocks import DetectionParams
from detection.nn.nms import suppress
from detection.nn.regions import inside
from labeling import media
from labeling.models import LabelClass

Points = NDArray[np.float32]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ROWS_PER_PIECE = 4096
_UNREAD_COLOUR = [154, 96, 28]
_FALLBACK_CLASS = ("Counted", "#fa3e3e")
_BLOCKS_AT_ONCE = 200


def points_path(run: DetectionRun) -> Path:
    """Find the file of a run's points.

    Raises:
        ConflictError: ``detection_without_points`` while the run has not ended with a result.
    """
    if not run.points_sha256:
        raise ConflictError(
            "This detection has no points: it has not ended, or ended without a result.",
            code="detection_without_points",
        )
    return media.path_of(run.points_sha256)


def read_points(run: DetectionRun) -> Points:
    """Read all points of a run, above its low floor: float32 (N, 3), columns x_l0, y_l0, score, shuffled."""
    return np.fromfile(points_path(run), dtype="<f4").reshape(-1, 3)


def at_threshold(points: Points, threshold: float) -> NDArray[np.bool_]:
    """Tell which points count; scores are float32, so the threshold is compared as one, in the browser too."""
    return np.asarray(points[:, 2] >= np.float32(threshold))


def suppressed(run: DetectionRun, packed: Iterable[bytes | memoryview | None]) -> Points:
    """Keep the best candidate of each neighbourhood inside the regions: float32 (N, 3), best first.

    Args:
        run: whose regions and radius count.
        packed: candidates of blocks, float32 triples.
    """
    parts = [np.frombuffer(bytes(raw or b""), dtype="<f4").reshape(-1, 3) for raw in packed]
    candidates = np.concatenate([np.zeros((0, 3), dtype=np.float32), *parts])
    # The blocks have a region's whole outline; here one on an edge goes to one of the two neighbours.
    candidates = candidates[inside(candidates[:, :2], run.regions)]
    radius_px = DetectionParams.from_json(run.params).radius_l0(mpp=run.mpp, scale=run.scale)
    return candidates[suppress(candidates[:, :2], candidates[:, 2], radius_px=radius_px)]


def found_after(run: DetectionRun, after: int) -> tuple[Points, int]:
    """Read what a run has found since the ``after`` blocks that were done first, some blocks at a time.

    Where blocks of two answers meet, a cell may stand twice: only the end of the run removes these.

    Returns:
        (points, blocks): ``blocks`` is the next ``after``; unchanged once there is nothing more.
    """
    fresh = DetectionBlock.objects.filter(run=run, nth__gt=after).order_by("nth")[:_BLOCKS_AT_ONCE]
    rows = list(fresh.values_list("candidates", "nth"))
    return suppressed(run, (raw for raw, _ in rows)), max((nth for _, nth in rows if nth), default=after)


def counted_points(run: DetectionRun) -> Points:
    """Points of a run at or above its threshold, ordered by y, then x."""
    points = read_points(run)
    kept = points[at_threshold(points, run.threshold)]
    return kept[np.lexsort((kept[:, 0], kept[:, 1]))]


def csv_cell(value: Any) -> str:
    """Write one CSV cell; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, str) and text.startswith(_FORMULA_STARTS):
        text = "'" + text
    if any(mark in text for mark in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text


def export_csv(run: DetectionRun) -> Iterator[str]:
    """Write the counted points as CSV.

    Columns ``x_l0, y_l0, score``; beside them a side block of two columns, ``provenance, value``, that fills the first
    rows. Numbers keep a point as decimal sign.

    Yields:
        Pieces of the text.
    """
    points = (f"{x:.2f},{y:.2f},{score:.6f}" for x, y, score in counted_points(run).tolist())
    notes = (f"{csv_cell(key)},{csv_cell(value)}" for key, value in _flat(selectors.provenance(run)).items())
    yield "x_l0,y_l0,score,provenance,value\r\n"
    piece: list[str] = []
    for point, note in zip_longest(points, notes):
        piece.append(f"{point or ',,'},{note or ','}\r\n")
        if len(piece) == _ROWS_PER_PIECE:
            yield "".join(piece)
            piece = []
    yield "".join(piece)


def export_geojson(run: DetectionRun) -> Iterator[str]:
    """Write the counted points as a GeoJSON FeatureCollection that QuPath reads.

    The first feature is the searched area, an annotation whose ``metadata`` tells where the number comes from. Areas
    that could not be read follow as annotations, then each point as a detection with its score. Coordinates are level-0
    pixels, as QuPath expects them.

    Yields:
        Pieces of the text.
    """
    name, colour = _counted_class(run)
    shown = {"objectType": "detection", "classification": {"name": name, "color": colour}}
    yield '{"type":"FeatureCollection","features":[' + json.dumps(_area_feature(run))
    yield "".join("," + json.dumps(_unread_feature(area)) for area in selectors.unread_areas(run))
    piece: list[str] = []
    head = ',{"type":"Feature","geometry":{"type":"Point","coordinates":'
    tail = f'}},"properties":{json.dumps(shown)[:-1]},"measurements":'
    for x, y, score in counted_points(run).tolist():
        piece.append(f'{head}[{x:.2f},{y:.2f}]{tail}{{"score":{score:.6f}}}}}}}')
        if len(piece) == _ROWS_PER_PIECE:
            yield "".join(piece)
            piece = []
    yield "".join(piece) + "]}"


def _area_feature(run: DetectionRun) -> dict[str, Any]:
    """Describe the searched area as a QuPath annotation."""
    notes = selectors.provenance(run)
    properties = {
        "objectType": "annotation",
        "isLocked": True,
        "name": f"TILscope detection {run.number}",
        "metadata": {key: "" if value is None else str(value) for key, value in _flat(notes).items()},
        "provenance": notes,
    }
    whole = _corners(0, 0, run.slide.width or 0, run.slide.height or 0)
    rings = [[*region, region[0]] for region in run.regions or [whole]]
    geometry = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _unread_feature(area: selectors.UnreadArea) -> dict[str, Any]:
    """Describe an area that could not be read as a QuPath annotation."""
    ring = _corners(area["x"], area["y"], area["width"], area["height"])
    properties = {
        "objectType": "annotation",
        "isLocked": True,
        "name": "Not read",
        "classification": {"name": "Not read", "color": _UNREAD_COLOUR},
        "metadata": {"reason": area["reason"]},
    }
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _corners(x: int, y: int, width: int, height: int) -> list[list[int]]:
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]


def _counted_class(run: DetectionRun) -> tuple[str, list[int]]:
    """Name and colour of what was counted: the study's counted class, where it is one."""
    counted = list(LabelClass.objects.filter(study_id=run.study_id, counted=True)[:2])
    name, colour = (counted[0].name, counted[0].colour) if len(counted) == 1 else _FALLBACK_CLASS
    return name, [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Spell nested values as JSON, so that each has one cell."""
    return {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in values.items()}
