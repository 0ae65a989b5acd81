"""Folds of a cross-validation: of the training side alone, and no place or picture in two of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.nn import data as nn_data
from detection.nn.beside import is_clear
from detection.runs.windows import Places, reach_px
from labeling.choices import Side
from labeling.dataset_columns import frozen_groups, frozen_places, slides_of
from labeling.models import DatasetVersion
from labeling.progress import Tell, silent
from labeling.splits import SIDES


@dataclass(frozen=True)
class Folds:
    """Who learns and who judges in each fold; masks are over the training side, its windows beside cells at the end.

    Args:
        of_patch: fold of each patch, int64 (N,), from 0.
        is_clear: of each window, in each fold, whether it shows nothing of the patches that judge, bool (k, M).
    """

    of_patch: NDArray[np.int64]
    is_clear: NDArray[np.bool_]

    def judges(self, fold: int) -> NDArray[np.bool_]:
        """Tell which patches judge a fold; windows never do."""
        return np.concatenate([self.of_patch == fold, np.zeros(self.is_clear.shape[1], dtype=np.bool_)])

    def learns(self, fold: int) -> NDArray[np.bool_]:
        """Tell which patches and windows a fold's training learns from."""
        return np.concatenate([self.of_patch != fold, self.is_clear[fold]])


def deal(dataset: DatasetVersion, windows: Places, *, k: int, seed: int, tell: Tell = silent) -> Folds:
    """Deal the training side to folds; a window learns where its cell does, unless it lies too near what judges.

    Args:
        dataset: frozen labels.
        windows: beside cells of the training side, int64 (M, 3), columns slide, x, y.
        k: how many folds, at least 2.
        seed: of the deal.
        tell: told how far it is.

    Raises:
        TrainingError: there are too few separate places for so many folds.
    """
    of_patch = fold_numbers(dataset, k=k, seed=seed, tell=tell)
    return Folds(of_patch, _clear(dataset, windows, of_patch, k, tell))


def _clear(
    dataset: DatasetVersion, windows: Places, of_patch: NDArray[np.int64], k: int, tell: Tell
) -> NDArray[np.bool_]:
    clear = np.ones((k, len(windows)), dtype=np.bool_)
    if not len(windows):
        return clear
    patches = frozen_places(dataset, tell=tell)
    patches = patches[patches["side"] == SIDES.index(Side.TRAIN)]
    boxes, _ = slides_of(dataset.study)
    for slide in np.unique(windows[:, 0]).tolist():
        here, there = windows[:, 0] == slide, patches["slide"] == slide
        places = np.column_stack([patches["x"], patches["y"]])[there]
        for fold in range(k):
            # A window overlaps its own cell's patch, so it never learns where that one judges.
            judging = places[of_patch[there] == fold]
            clear[fold, here] = is_clear(windows[here, 1:], judging, reach=reach_px(dataset, boxes[slide]))
    return clear


def fold_numbers(dataset: DatasetVersion, *, k: int, seed: int, tell: Tell = silent) -> NDArray[np.int64]:
    """Deal the patches of the training side to folds.

    Args:
        dataset: frozen labels.
        k: how many folds, at least 2.
        seed: of the deal.
        tell: told how far it is.

    Returns:
        int64 (N,), 0 to ``k`` − 1, in the order of the side's patches.

    Raises:
        TrainingError: there are too few separate places for so many folds.
    """
    counted = dataset.items.filter(side=Side.TRAIN).order_by("pk").values_list("label_class__counted", flat=True)
    labels = np.fromiter(counted.iterator(), dtype=np.int64)
    groups = frozen_groups(dataset, Side.TRAIN, tell=tell).tolist()
    tell("Dealing the patches to folds", 0, 0)
    return nn_data.folds(groups, labels, k=k, seed=seed)
