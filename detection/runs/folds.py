"""Folds of a cross-validation: of the training side alone, and no place or picture in two of them."""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from detection.nn import data as nn_data
from labeling.choices import Side
from labeling.models import DatasetVersion
from labeling.selectors import slide_scale
from labeling.splits import Item, Place, groups_of


def fold_numbers(dataset: DatasetVersion, *, k: int, seed: int) -> NDArray[np.int64]:
    """Deal the patches of the training side to folds.

    Args:
        dataset: frozen labels.
        k: how many folds, at least 2.
        seed: of the deal.

    Returns:
        int64 (N,), 0 to ``k`` − 1, in the order of the side's patches.

    Raises:
        TrainingError: there are too few separate places for so many folds.
    """
    items, labels = _training_items(dataset)
    return nn_data.folds(groups_of(items), np.asarray(labels, dtype=np.int64), k=k, seed=seed)


def training_groups(dataset: DatasetVersion) -> list[Hashable]:
    """Name the place of each patch of the training side; patches of one place stay together."""
    return groups_of(_training_items(dataset)[0])


def _training_items(dataset: DatasetVersion) -> tuple[list[Item], list[int]]:
    rows = dataset.items.filter(side=Side.TRAIN).order_by("pk").select_related("patch__slide__study", "label_class")
    items, labels = [], []
    for row in rows.defer("patch__png").iterator(chunk_size=2000):
        patch, place = row.patch, None
        if patch.slide is not None:
            known = patch.slide.mpp or patch.slide.study.model_mpp is None
            box_px = patch.slide.study.patch_px * (slide_scale(patch.slide) if known else 1.0)
            place = Place(patch.slide.pk, patch.x_l0 or 0, patch.y_l0 or 0, box_px)
        items.append(Item(patch.pk, patch.sha256, row.label_class_id, place))
        labels.append(int(row.label_class.counted))
    return items, labels
