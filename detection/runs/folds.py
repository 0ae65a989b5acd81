"""Folds of a cross-validation: of the training side alone, and no place or picture in two of them."""

import numpy as np
from numpy.typing import NDArray

from detection.nn import data as nn_data
from labeling.choices import Side
from labeling.dataset_columns import frozen_groups
from labeling.models import DatasetVersion
from labeling.progress import Tell, silent


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
