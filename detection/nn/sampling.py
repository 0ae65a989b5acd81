"""How often a training patch is drawn: hard negatives are few among many easy ones, and are shown more often."""

import numpy as np
from numpy.typing import NDArray

from detection.nn.data import PatchSet
from detection.nn.gate import stained

_MOST_OFTEN = 10
"""Times the mean: a kind of one patch is not learned by heart."""


def draw_weights(patches: PatchSet, balance: float) -> NDArray[np.float64] | None:
    """Weigh the negatives so that their kinds come closer to equal shares.

    A kind is a finer class, and of each those that carry as much stain as positives do apart from the others. A kind
    of n patches gets a share of the negatives like n^(1 - balance); positives keep theirs.

    Args:
        patches: the training patches.
        balance: 0 draws all patches equally often, 1 all kinds of negatives.

    Returns:
        float64 (N,) that sums to N, or None where all are to be drawn equally often.

    Source: Mahajan et al. 2018 (square-root sampling).
    """
    negative = patches.labels == 0
    if not balance or not negative.any():
        return None
    classes = patches.labels if patches.kinds is None else patches.kinds
    _, kind, counts = np.unique(
        np.column_stack([classes, stained(patches)])[negative], axis=0, return_inverse=True, return_counts=True
    )
    if len(counts) == 1:
        return None
    drawn = (counts**-balance)[kind]
    drawn /= drawn.mean()
    often = drawn > _MOST_OFTEN
    drawn[often] = _MOST_OFTEN
    drawn[~often] *= (len(drawn) - drawn[often].sum()) / drawn[~often].sum()
    weights = np.ones(len(patches))
    weights[negative] = drawn
    return weights
