"""Reads labelled points from CSV, JSON or QuPath's GeoJSON."""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import DomainError

LARGEST_BYTES = 512 * 1024**2


class PointFileError(DomainError):
    """A file of points that cannot be used."""

    code = "points_invalid"


@dataclass(frozen=True)
class NamedPoint:
    """A level-0 pixel and the word that names its class."""

    x: int
    y: int
    word: str


def read_points(path: Path) -> list[NamedPoint]:
    """Read points; the format is told by content.

    Args:
        path: CSV with columns ``x_l0,y_l0,label`` (or ``x,y,label``), JSON list of ``{x, y, label_id | label}``, or
            GeoJSON of points or outlines whose ``properties.classification.name`` is the class.

    Returns:
        The points; coordinates are rounded down to the pixel they lie in, outlines give their centre of area.

    Raises:
        PointFileError: the file, or one of its points, cannot be understood; the words say where.
    """
    if not path.is_file():
        raise PointFileError(f"There is no file {path}.", code="points_not_found")
    if path.stat().st_size > LARGEST_BYTES:
        raise PointFileError(f"{path.name} is larger than {LARGEST_BYTES // 1024**2} MiB.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PointFileError(f"{path.name} is no UTF-8 text.") from None
    try:
        points = list(_from_json(text) if text.lstrip()[:1] in ("[", "{") else _from_csv(text))
    except csv.Error as error:
        raise PointFileError(f"{path.name} is no valid CSV: {error}.") from None
    if not points:
        raise PointFileError(f"{path.name} holds no points.", code="points_none")
    return points


def _from_csv(text: str) -> Iterator[NamedPoint]:
    rows = csv.DictReader(io.StringIO(text))
    columns = set(rows.fieldnames or ())
    x, y = ("x_l0", "y_l0") if {"x_l0", "y_l0"} <= columns else ("x", "y")
    if not {x, y, "label"} <= columns:
        raise PointFileError("The CSV needs the columns x_l0,y_l0,label.")
    for row in rows:
        yield _point(row[x], row[y], row["label"], f"line {rows.line_num}")


def _from_json(text: str) -> Iterator[NamedPoint]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise PointFileError("The file is no valid JSON.") from None
    features = data.get("features") if isinstance(data, dict) else data
    if not isinstance(features, list):
        raise PointFileError("The JSON must be a list of points or a GeoJSON FeatureCollection.")
    for n, item in enumerate(features, start=1):
        if not isinstance(item, dict):
            raise PointFileError(f"Point {n} is no object.")
        yield from _of_feature(item, n) if "geometry" in item else [_of_object(item, n)]


def _of_object(item: dict[str, Any], n: int) -> NamedPoint:
    word = item.get("label", item.get("label_id"))
    return _point(item.get("x"), item.get("y"), word, f"point {n}")


def _of_feature(item: dict[str, Any], n: int) -> Iterator[NamedPoint]:
    where = f"feature {n}"
    try:
        word = item["properties"]["classification"]["name"]
        kind, places = item["geometry"]["type"], item["geometry"]["coordinates"]
        if kind == "Point":
            places = [places]
        elif kind == "Polygon":
            places = [_centre(places[0])]
        elif kind != "MultiPoint":
            raise PointFileError(f"In {where}, {kind} is neither a point nor an outline.")
        for place in places:
            yield _point(place[0], place[1], word, where)
    except (KeyError, TypeError, IndexError, ValueError):
        raise PointFileError(f"In {where}, a place or properties.classification.name is missing.") from None


def _centre(ring: list[list[float]]) -> tuple[float, float]:
    """Centre of area of an outline (shoelace formula); of its corners where it has no area."""
    area = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = x0 * y1 - x1 * y0
        area, x, y = area + cross, x + (x0 + x1) * cross, y + (y0 + y1) * cross
    if area == 0:
        return sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)
    return x / (3 * area), y / (3 * area)


def _point(x: object, y: object, word: object, where: str) -> NamedPoint:
    try:
        place = float(str(x)), float(str(y))
    except ValueError:
        place = (math.nan, math.nan)
    if not all(math.isfinite(v) and 0 <= v < 2**31 for v in place):
        raise PointFileError(f"In {where}, x and y must be pixels of the slide.")
    if word is None or str(word).strip() == "":
        raise PointFileError(f"In {where}, the class is missing.")
    return NamedPoint(math.floor(place[0]), math.floor(place[1]), str(word).strip())
