"""Polygons that people draw: which can be counted in, and which points lie inside.

Corners are places on the image in level-0 pixels as viewers and GeoJSON have them: pixel (0, 0) reaches from 0 to 1
along both axes. A point (x, y) of a detection or a label is a pixel's number: its centre lies at (x + 0.5, y + 0.5).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detection.nn.blocks import Region, polygon_area
from detection.nn.errors import DetectionError

MAX_CORNERS = 1000
_HALF_PX = 0.5
_FARTHEST_PX = 1e7
_HAIR_X_PX, _HAIR_Y_PX = 1e-7, 1e-8
"""Less than what tells two finds apart, more than the rounding of a corner."""


def check_drawn(regions: Sequence[Region], *, least_side_px: float) -> None:
    """Refuse regions that nobody can count in.

    Args:
        regions: polygons in level-0 pixels.
        least_side_px: side of the square whose area each region must have at least.

    Raises:
        DetectionError: ``region_invalid``: no polygon, too many corners, too small, or its outline crosses itself; the
            words say which region, counted from 1.
    """
    if not regions:
        raise DetectionError("Draw at least one region, or choose the whole slide.", code="region_invalid")
    for number, region in enumerate(regions, start=1):
        corners = _corners(number, region)
        if crosses_itself(corners):
            raise _refused(number, "crosses its own outline. Draw it again, or as several regions.")
        if polygon_area(corners) < least_side_px**2:
            side = f"{least_side_px:.0f}"
            raise _refused(number, f"is smaller than one patch ({side} × {side} px of the slide). Draw a larger one.")


def _corners(number: int, region: Region) -> NDArray[np.float64]:
    if len(region) > MAX_CORNERS:
        raise _refused(number, f"has {len(region):,} corners. Draw it with at most {MAX_CORNERS:,}.")
    try:
        corners = np.asarray(region, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _refused(number, "is no list of corners [x, y].") from error
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise _refused(number, "needs at least three corners [x, y].")
    if not (np.abs(corners) <= _FARTHEST_PX).all():
        raise _refused(number, "has corners that are no pixels of a slide.")
    return corners


def _refused(number: int, why: str) -> DetectionError:
    return DetectionError(f"Region {number} {why}", code="region_invalid", extra={"region": number})


def crosses_itself(corners: NDArray[np.float64]) -> bool:
    """Tell whether two edges of a polygon, (N, 2) columns (x, y), cross; those that only touch do not."""
    starts, ends = corners, np.roll(corners, -1, axis=0)
    of_starts, of_ends = _sides(starts, ends, starts), _sides(starts, ends, ends)
    apart = (of_starts * of_ends) < 0
    return bool((apart & apart.T).any())


def _sides(starts: NDArray[np.float64], ends: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell on which side of each edge each point lies: -1, 0 or 1; (edges, points)."""
    (along_x, along_y), (x, y) = (ends - starts).T, points.T
    turn = along_x[:, None] * (y - starts[:, 1:2]) - along_y[:, None] * (x - starts[:, 0:1])
    return np.asarray(np.sign(turn))


def pixel_centred(regions: Sequence[Region] | None) -> list[list[list[float]]] | None:
    """Move corners to where the detector counts from, the centres of pixels, so that areas come out exact.

    They move a hair further left and up, so that a pixel whose centre lies on an edge belongs to one of two neighbours
    only: to the one that ``inside`` gives it to.
    """
    if regions is None:
        return None
    return [[[float(x) - _HALF_PX - _HAIR_X_PX, float(y) - _HALF_PX - _HAIR_Y_PX] for x, y in r] for r in regions]


def inside(points: NDArray[np.floating], regions: Sequence[Region] | None) -> NDArray[np.bool_]:
    """Tell which points lie in any region.

    Edges are half-open: of two regions that share an edge, exactly one has the points on it. A rectangle has its left
    and upper edge, not its right and lower one (crossing number with half-open edges; Franklin's PNPOLY).

    Args:
        points: (N, 2), columns (x_l0, y_l0), numbers of pixels.
        regions: polygons in level-0 pixels; None for everywhere.

    Returns:
        bool (N,).
    """
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2) + _HALF_PX
    found = np.full(len(places), regions is None)
    by_y = np.argsort(places[:, 1], kind="stable")
    ranked = places[by_y]
    for region in regions or ():
        found[by_y] |= _inside_one(ranked, np.asarray(region, dtype=np.float64))
    return found


def _inside_one(ranked: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points, ordered by y, have an odd number of edges to their right."""
    odd = np.zeros(len(ranked), dtype=bool)
    for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        # Neighbours walk a shared edge in opposite directions: from top to bottom, both compute the same.
        (x0, y0), (x1, y1) = (one, other) if one[1] <= other[1] else (other, one)
        first, last = np.searchsorted(ranked[:, 1], [y0, y1])
        if first < last:
            x, y = ranked[first:last].T
            odd[first:last] ^= (x - x0) * (y1 - y0) < (x1 - x0) * (y - y0)
    return odd
