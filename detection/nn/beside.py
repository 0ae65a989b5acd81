"""Places beside cells: a window there shows no cell, and teaches a network that its score falls off within one."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from detection.nn.shape import PATCH_PX
from detection.nn.stain import UNITS_PER_OD, dab_density

NEAR_PX, FAR_PX = 20.0, 35.0
"""A window this far from a cell is not that cell; farther away, what surrounds it says little about it."""
KIND = 0
"""The kind of windows beside cells among negatives: no class has this number."""
CORE_PX = 14
"""Side of a window's middle: at ``NEAR_PX`` from a cell, it shows what lies beside it."""
_PALE_CELLS = 0.1
_MOST_LIKE_CELLS = 0.5

Points = NDArray[np.float64] | NDArray[np.int64]


def draw_beside(cells: Points, *, each: int, chance: np.random.Generator, scale: float = 1.0) -> NDArray[np.float64]:
    """Draw places some way off each cell, in any direction; some may lie on another cell.

    Args:
        cells: centres (N, 2), columns (x, y).
        each: places per cell.
        chance: what draws.
        scale: units of ``cells`` per pixel of the model.

    Returns:
        float64 (N · ``each``, 2), those of a cell side by side.
    """
    angle, share = chance.uniform(0, 2 * np.pi, (len(cells), each)), chance.uniform(0, 1, (len(cells), each))
    away = scale * (NEAR_PX + (FAR_PX - NEAR_PX) * share)
    places = cells[:, None] + np.stack([np.cos(angle) * away, np.sin(angle) * away], axis=-1)
    return np.asarray(places.reshape(-1, 2))


def is_off(places: Points, cells: Points, *, scale: float = 1.0) -> NDArray[np.bool_]:
    """Tell which places lie at least ``NEAR_PX`` off every cell; units as in ``draw_beside``.

    Returns:
        Mask (N,).
    """
    return _nearest(places, cells, p=2) >= NEAR_PX * scale


def is_clear(places: Points, others: Points, *, reach: float) -> NDArray[np.bool_]:
    """Tell which windows overlap none of the others: along x or y their centres lie at least ``reach`` apart.

    Returns:
        Mask (N,).
    """
    return _nearest(places, others, p=np.inf) >= reach


def core_density(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Measure the mean DAB density (base 10) of the middle 14×14 pixels of patches, uint8 (N, 70, 70, 3); (N,)."""
    inside = slice((PATCH_PX - CORE_PX) // 2, (PATCH_PX + CORE_PX) // 2)
    return np.asarray(dab_density(images[:, inside, inside]).mean(axis=(1, 2)) / UNITS_PER_OD)


def cell_like_from(cells: NDArray[np.float64], windows: NDArray[np.float64]) -> float:
    """Tell from which density of its middle on a window may well show a cell that nobody labelled.

    Args:
        cells: ``core_density`` of labelled cells.
        windows: of windows beside them.

    Returns:
        What 90 % of the cells have; infinity where half of the windows have it too, for then this stain does not tell
        cells from what lies beside them.
    """
    if not len(cells) or not len(windows):
        return np.inf
    least = float(np.quantile(cells, _PALE_CELLS, method="lower"))
    return least if (windows >= least).mean() < _MOST_LIKE_CELLS else np.inf


def _nearest(places: Points, others: Points, *, p: float) -> NDArray[np.float64]:
    if not len(others):
        return np.full(len(places), np.inf)
    distance, _ = cKDTree(others).query(places, p=p)
    return np.asarray(distance, dtype=np.float64)
