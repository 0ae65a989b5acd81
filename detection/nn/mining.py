"""Hard negatives: places that a model is sure of where nobody has seen a cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from detection.nn.nms import suppress

SURE = 0.9
"""From this probability on a model is called sure."""

Places = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What people have said of a slide, in level-0 pixels.

    Args:
        cells: (N, 2), labels of counted classes: there the model is right.
        labels: (M, 2), labels of any class: round them somebody has looked.
        patches: (K, 2), centres of all patches there are, labelled or proposed before.
    """

    cells: Places
    labels: Places
    patches: Places


@dataclass(frozen=True)
class Reach:
    """Distances in level-0 pixels.

    Args:
        cell_px: a find no farther than this from a labelled cell is that cell.
        same_px: a find no farther than this from a patch is on it already.
        apart_px: proposals are farther apart than this.
        looked_px: tissue no farther than this from a label has been looked at.
    """

    cell_px: float
    same_px: float
    apart_px: float
    looked_px: float


def hard_finds(points: NDArray[np.floating], known: Known, reach: Reach, *, limit: int) -> NDArray[np.int64]:
    """Choose the finds of a slide that are most probably wrong.

    A find counts as probably wrong where no counted cell is labelled within the cell radius. Of these the sure ones are
    taken, and where there is none, the others. First come those in tissue that somebody has looked at, since a cell
    there would probably have been labelled; then the rest; each from the highest score down.

    Args:
        points: (N, 3), columns (x, y, score).
        known: what people have said.
        reach: distances.
        limit: how many to choose at most.

    Returns:
        Indices of ``points``, int64, best first.
    """
    places, scores = np.asarray(points[:, :2], dtype=np.float64), np.asarray(points[:, 2], dtype=np.float64)
    wrong = ~near(places, known.cells, reach.cell_px) & ~near(places, known.patches, reach.same_px)
    sure = wrong & (scores >= SURE)
    chosen = np.flatnonzero(sure if sure.any() else wrong)
    looked = near(places[chosen], known.labels, reach.looked_px)
    kept = suppress(places[chosen], scores[chosen] + looked, radius_px=reach.apart_px)
    return chosen[kept[:limit]]


def near(places: Places, others: Places, radius_px: float) -> NDArray[np.bool_]:
    """Tell which places (N, 2) have one of the others (M, 2) no farther than a radius; bool (N,)."""
    if not len(others) or not len(places):
        return np.zeros(len(places), dtype=bool)
    distance, _ = cKDTree(others).query(places, distance_upper_bound=np.nextafter(radius_px, np.inf))
    return np.asarray(distance <= radius_px)
