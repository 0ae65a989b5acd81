"""Global suppression: of candidates closer than a radius only the best remains."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_CHUNK = 4096


def suppress(points: NDArray[np.floating], scores: NDArray[np.floating], *, radius_px: float) -> NDArray[np.int64]:
    """Keep the best candidate of each neighbourhood, greedily from the highest score down.

    A kept candidate removes every lower one at a distance of at most the radius. As it goes from high to low, a
    threshold may be applied before or after with the same outcome. Ties are broken by y, then x, so that the order of
    the candidates does not matter.

    Args:
        points: (N, 2), columns (x, y).
        scores: (N,).
        radius_px: in the units of ``points``, at least 0.

    Returns:
        Indices of the kept candidates, int64, best first.
    """
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    order = np.lexsort((places[:, 0], places[:, 1], -np.asarray(scores, dtype=np.float64)))
    ranked = places[order]
    tree = cKDTree(ranked)
    gone = np.zeros(len(ranked), dtype=bool)
    kept: list[int] = []
    for start in range(0, len(ranked), _CHUNK):
        alive = start + np.flatnonzero(~gone[start : start + _CHUNK])
        for rank, near in zip(alive, tree.query_ball_point(ranked[alive], radius_px), strict=True):
            if not gone[rank]:
                kept.append(int(rank))
                gone[near] = True
    return order[np.asarray(kept, dtype=np.int64)]
