"""Which cells a drawn section has and where: all of them known before a pixel is drawn."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from labeling.drawn.architecture import GLAND_PITCH_PX, Architecture, Zones
from labeling.drawn.noise import Floats, Ints
from labeling.drawn.sprites import FOCUS_SIGMA_PX, ORIENTATIONS, RADIUS_PX, VARIANTS, Variety

PITCH_PX: Final = 27
KINDS: Final = ("lymphocyte", "nucleus", "debris")
# Brown and blue nuclei may lie on each other by a third of their width at most.
_CLOSENESS: Final = 0.68
_CHUNK: Final = 400_000

_STAMP: Final = ("variety", "variant", "orientation", "focus")
PLACED: Final = np.dtype([("x", "i4"), ("y", "i4"), *((name, "u1") for name in _STAMP), ("gain", "f4")])
Placed = NDArray[Any]


def kind_codes(variety: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Index into ``KINDS`` of each variety."""
    return np.where(variety == Variety.LYMPHOCYTE, 0, np.where(variety < Variety.MACROPHAGE, 1, 2))


def place_cells(plan: Architecture, seed: int) -> Placed:
    """Place every cell of a section.

    Args:
        plan: where tissue, glands and infiltrates lie.
        seed: of the section.

    Returns:
        Structured array of ``PLACED``: centres in camera pixels, in drawing order (by y, then x).
    """
    rng = np.random.default_rng([seed, 2])
    parts = [_gland_nuclei(plan, rng)]
    columns, rows = int(plan.width // PITCH_PX) + 1, int(plan.height // PITCH_PX) + 1
    step = max(1, _CHUNK // columns)
    parts += [_stroma(plan, rng, columns, first, min(step, rows - first)) for first in range(0, rows, step)]
    cells = np.concatenate(parts)
    inside = (cells["x"] >= 0) & (cells["x"] < plan.width) & (cells["y"] >= 0) & (cells["y"] < plan.height)
    cells = _apart(cells[inside], rng)
    return cells[np.lexsort((cells["x"], cells["y"]))]


def _stroma(plan: Architecture, rng: np.random.Generator, columns: int, first: int, count: int) -> Placed:
    """Cells between the glands, and what lies about in the glands' hollows, for some rows of a jittered lattice."""
    row, column = np.mgrid[first : first + count, 0:columns]
    shape = (count, columns)
    x = ((column + 0.5 * (row % 2) + rng.uniform(-0.4, 0.4, shape)) * PITCH_PX).ravel()
    y = ((row + 0.5 + rng.uniform(-0.4, 0.4, shape)) * PITCH_PX).ravel()
    tissue = plan.tissue(x, y)
    x, y, tissue = x[tissue > 0], y[tissue > 0], tissue[tissue > 0]
    if not len(x):
        return np.empty(0, PLACED)
    zones = plan.zones(x, y, tissue)
    variety = _stroma_varieties(zones, plan, rng)
    chosen = variety < len(Variety)
    x, y, variety = x[chosen], y[chosen], variety[chosen]
    angle = plan.fibre_angle(x, y)
    stretched = np.isin(variety, (Variety.STROMAL, Variety.STREAK))
    angle = np.where(stretched, angle + rng.normal(0, 0.25, len(x)), rng.uniform(0, np.pi, len(x)))
    return _cells(x, y, variety, angle, rng)


def _stroma_varieties(zones: Zones, plan: Architecture, rng: np.random.Generator) -> Ints:
    """Draw one variety for each place; ``len(Variety)`` stands for none."""
    crowd, n = zones.infiltrate, len(zones.tissue)
    share = np.zeros((n, len(Variety) + 1))
    share[:, Variety.LYMPHOCYTE] = 0.02 + 0.33 * crowd
    share[:, Variety.STROMAL] = 0.13 - 0.05 * crowd
    share[:, Variety.PLASMA] = 0.04 + 0.08 * crowd
    share[:, Variety.PYKNOTIC] = 0.03 + 0.05 * crowd
    share[:, Variety.OVAL] = 0.13 + 0.07 * crowd
    share[:, Variety.MACROPHAGE] = 0.008 + 0.03 * crowd
    share[:, Variety.GRANULES] = 0.01
    share[:, Variety.PIGMENT] = 0.012
    share[:, Variety.STREAK] = 0.012 + 0.02 * crowd
    rim = zones.tissue * min(plan.pitch) * 0.4 < 30
    share[rim, Variety.STREAK] += 0.06
    epithelium = (zones.gland < 1.06) & (zones.gland > zones.lumen)
    hollow = zones.gland <= zones.lumen
    share[epithelium] = 0
    share[epithelium, Variety.LYMPHOCYTE] = 0.012 + 0.05 * crowd[epithelium]
    share[hollow] = 0
    share[hollow, Variety.GRANULES] = 0.05
    share[hollow, Variety.MACROPHAGE] = 0.03
    share[:, -1] = 1 - share[:, :-1].sum(1)
    return np.asarray((rng.random(n)[:, None] > share.cumsum(1)).sum(1).clip(max=len(Variety)), np.int64)


def _gland_nuclei(plan: Architecture, rng: np.random.Generator) -> Placed:
    """Epithelial nuclei in a wreath round each gland, some in a second row, standing on the rim."""
    columns, rows = int(plan.width // GLAND_PITCH_PX) + 2, int(plan.height // GLAND_PITCH_PX) + 2
    row, column = (axis.ravel() for axis in np.mgrid[-1:rows, -2:columns])
    glands = plan.glands(column, row)
    parts = [np.empty(0, PLACED)]
    for level, share in ((0.79, 0.94), (0.55, 0.4)):
        slots = np.maximum((2 * np.pi * glands.radius * level / 18.5).astype(np.int64), 0)
        which = np.repeat(np.arange(len(slots)), slots)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(slots) - slots, slots)
        turn = (nth + rng.normal(0, 0.16, len(which))) / slots[which]
        kept = rng.random(len(which)) < share
        which, phi = which[kept], 2 * np.pi * turn[kept]
        reach = glands.radius[which] * (level + rng.normal(0, 0.035, len(which)))
        tilt = glands.tilt[which]
        along, across = reach * np.cos(phi), reach * np.sin(phi) * glands.squeeze[which]
        dx = along * np.cos(tilt) - across * np.sin(tilt)
        dy = along * np.sin(tilt) + across * np.cos(tilt)
        angle = np.arctan2(dy, dx) + rng.normal(0, 0.18, len(which))
        variety = np.full(len(which), Variety.EPITHELIAL)
        x, y = plan.unbent(glands.x[which] + dx, glands.y[which] + dy)
        parts.append(_cells(x, y, variety, angle, rng))
    return np.concatenate(parts)


def _cells(x: Floats, y: Floats, variety: Ints, angle: Floats, rng: np.random.Generator) -> Placed:
    n = len(x)
    cells = np.empty(n, PLACED)
    cells["x"], cells["y"], cells["variety"] = np.floor(x), np.floor(y), variety
    cells["variant"] = rng.integers(0, VARIANTS, n)
    cells["orientation"] = np.round(angle / np.pi * ORIENTATIONS).astype(np.int64) % ORIENTATIONS
    cells["focus"] = rng.choice(len(FOCUS_SIGMA_PX), n, p=(0.45, 0.4, 0.15))
    cells["gain"] = rng.uniform(0.8, 1.2, n)
    return cells


def _apart(cells: Placed, rng: np.random.Generator) -> Placed:
    """Drop cells that lie too much on another; of two, the one with the lower lot goes."""
    if len(cells) < 2:
        return cells
    places = np.column_stack([cells["x"], cells["y"]]).astype(np.float64)
    pairs = cKDTree(places).query_pairs(2 * float(RADIUS_PX.max()) * _CLOSENESS, output_type="ndarray")
    radius = RADIUS_PX[cells["variety"]]
    apart = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
    pairs = pairs[apart < _CLOSENESS * (radius[pairs[:, 0]] + radius[pairs[:, 1]])]
    lot = rng.permutation(len(cells))
    loser = np.where(lot[pairs[:, 0]] < lot[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    winner = pairs.sum(1) - loser
    dropped = np.zeros(len(cells), bool)
    # A cell goes only if the one that beats it stays: settled from the highest lot downwards.
    for index in np.argsort(-lot[winner], kind="stable"):
        if not dropped[winner[index]]:
            dropped[loser[index]] = True
    return cells[~dropped]
