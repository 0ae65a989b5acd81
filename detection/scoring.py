"""Counts against the truth: cells that somebody marked, finds of a detection, and how well they agree."""

import csv
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import DomainError
from detection.nn.matching import PointScores, match_points, merge_near, point_scores
from detection.nn.regions import inside

LARGEST_BYTES = 512 * 1024**2

Points = NDArray[np.float64]
Regions = list[list[list[float]]]


class ScoreFileError(DomainError):
    """A file of cells, finds or an area that cannot be used."""

    code = "score_file_invalid"


@dataclass(frozen=True)
class Found:
    """Finds of one detection.

    Args:
        points: (N, 2), columns (x_l0, y_l0).
        regions: polygons that were searched; None for the whole slide.
        slide: code of the slide, as far as the file tells.
        model: number of the model, as far as the file tells.
        threshold: at which the finds were counted, as far as the file tells.
    """

    points: Points
    regions: Regions | None = None
    slide: str | None = None
    model: int | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class CountScores:
    """How well a count agrees with the truth, cell by cell and as a number.

    Args:
        truth: cells inside the area, after merging.
        merged: labels that were merged into another one.
        truth_outside: cells outside the area, not judged.
        found: finds inside the area.
        found_outside: finds outside the area, not judged.
        scores: of the pairs.
        mean_distance_px: of a cell from its find; None without a pair.
    """

    truth: int
    merged: int
    truth_outside: int
    found: int
    found_outside: int
    scores: PointScores
    mean_distance_px: float | None

    @property
    def count_error(self) -> int:
        """How many cells were counted too many; negative: too few."""
        return self.found - self.truth

    @property
    def relative_count_error(self) -> float | None:
        """The same as a share of the truth; None where there is no cell."""
        return self.count_error / self.truth if self.truth else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = asdict(self)
        return values | {"count_error": self.count_error, "relative_count_error": self.relative_count_error}


def score_counts(
    truth: Points, found: Found, *, radius_px: float, merge_px: float = 0.0, area: Regions | None = None
) -> CountScores:
    """Judge finds by cells that somebody marked.

    Args:
        truth: (N, 2), columns (x_l0, y_l0).
        found: the finds; what lies outside the regions that were searched is not judged.
        radius_px: largest distance between a cell and its find, in level-0 pixels.
        merge_px: labels of a cell by several people, nearer than this, are one cell.
        area: polygons to judge in; None for wherever was searched.
    """
    cells = merge_near(truth, distance_px=merge_px)
    wanted = [inside(cells, regions) for regions in (found.regions, area)]
    cells_in = cells[wanted[0] & wanted[1]]
    finds_in = found.points[inside(found.points, found.regions) & inside(found.points, area)]
    pairs = match_points(cells_in, finds_in, radius_px=radius_px)
    matched = len(pairs.truth)
    return CountScores(
        truth=len(cells_in),
        merged=len(truth) - len(cells),
        truth_outside=len(cells) - len(cells_in),
        found=len(finds_in),
        found_outside=len(found.points) - len(finds_in),
        scores=point_scores(truth=len(cells_in), found=len(finds_in), matched=matched),
        mean_distance_px=float(pairs.distance_px.mean()) if matched else None,
    )


def read_truth(path: Path, *, classes: Iterable[str] = ()) -> Points:
    """Read marked cells from CSV.

    Args:
        path: CSV with the columns ``x, y`` (or ``x_l0, y_l0``) and maybe ``class`` (or ``label``).
        classes: words of the class column that are cells to find; none given: every row is one.

    Returns:
        (N, 2), columns (x_l0, y_l0); a file with a head and no rows holds no cells.

    Raises:
        ScoreFileError: the file or one of its rows cannot be understood; the words say which line.
    """
    wanted = set(classes)
    rows = list(_csv_rows(path))
    if wanted and rows and all(word is None for _, _, word in rows):
        raise ScoreFileError(f"{path.name} has no column class, so no class can be chosen.")
    return _array((x, y) for x, y, word in rows if not wanted or word in wanted)


def read_area(path: Path) -> Regions:
    """Read the area to judge in from CSV: the corners of a polygon, in order.

    Args:
        path: CSV with the columns ``x, y`` and, for several polygons, ``region`` that names each.

    Raises:
        ScoreFileError: the file cannot be understood, or a polygon has fewer than three corners.
    """
    corners: dict[str | None, list[list[float]]] = {}
    for x, y, name in _csv_rows(path):
        corners.setdefault(name, []).append([x, y])
    if not corners or min(map(len, corners.values())) < 3:
        raise ScoreFileError(f"{path.name} must hold at least three corners of each polygon.")
    return list(corners.values())


def read_found(path: Path, *, slide: str | None = None) -> Found:
    """Read finds from what a detection writes.

    Args:
        path: JSON of ``detect --points --json``, or the GeoJSON that a detection is exported as.
        slide: code of the slide, where the file holds several.

    Raises:
        ScoreFileError: the file is neither, has no points, or holds several slides and none was named.
    """
    try:
        data = json.loads(_text(path))
        if isinstance(data, dict) and data.get("type") == "FeatureCollection":
            return _of_geojson(data)
        return _of_runs(data["runs"], path.name, slide)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ScoreFileError(
            f"{path.name} is neither the JSON of detect --points nor a detection's GeoJSON."
        ) from error


def _of_runs(runs: list[dict[str, Any]], name: str, slide: str | None) -> Found:
    chosen = [run for run in runs if slide is None or run["slide_code"].upper() == slide.upper()]
    if len(chosen) != 1:
        codes = ", ".join(run["slide_code"] for run in runs) or "none"
        raise ScoreFileError(f"{name} holds the slides {codes}: say which one, with --slide.")
    run = chosen[0]
    if "points" not in run:
        raise ScoreFileError(f"{name} holds no points. Count again with detect --points --json, or export GeoJSON.")
    return Found(
        points=_array((x, y) for x, y, *_ in run["points"]),
        regions=run["regions"],
        slide=run["slide_code"],
        model=run["model"]["number"],
        threshold=run["threshold"],
    )


def _of_geojson(data: dict[str, Any]) -> Found:
    points = [f["geometry"]["coordinates"] for f in data["features"] if f["geometry"]["type"] == "Point"]
    told: dict[str, Any] = next(
        (f["properties"]["provenance"] for f in data["features"] if "provenance" in f["properties"]), {}
    )
    return Found(
        points=_array((x, y) for x, y, *_ in points),
        regions=told.get("regions"),
        slide=told.get("slide"),
        model=told.get("model"),
        threshold=told.get("threshold"),
    )


def _csv_rows(path: Path) -> Iterator[tuple[float, float, str | None]]:
    lines = _text(path).splitlines()
    between = ";" if lines and ";" in lines[0] and "," not in lines[0] else ","
    rows = csv.reader(lines, delimiter=between, skipinitialspace=True)
    x, y, word = _columns([name.strip().lower() for name in next(rows, [])], path.name)
    for row in rows:
        if any(cell.strip() for cell in row):
            name = row[word].strip() if word is not None and word < len(row) else None
            yield (*_place(row, (x, y), path.name), name)


def _columns(names: list[str], file: str) -> tuple[int, int, int | None]:
    x, y = ("x_l0", "y_l0") if {"x_l0", "y_l0"} <= set(names) else ("x", "y")
    if not {x, y} <= set(names):
        raise ScoreFileError(f"{file} needs the columns x,y in its first line.")
    word = next((names.index(name) for name in ("class", "label", "region") if name in names), None)
    return names.index(x), names.index(y), word


def _place(row: list[str], columns: tuple[int, int], file: str) -> tuple[float, float]:
    try:
        x, y = (float(row[column]) for column in columns)
    except (ValueError, IndexError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ScoreFileError(f"In {file}, the row {','.join(row)[:60]!r} has no x and y that are numbers.")
    return x, y


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ScoreFileError(f"{path.name} is larger than {LARGEST_BYTES // 1024**2} MiB.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScoreFileError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ScoreFileError(f"{path.name} is no UTF-8 text.") from error


def _array(places: Iterable[tuple[float, float]]) -> Points:
    return np.array(list(places), dtype=np.float64).reshape(-1, 2)
