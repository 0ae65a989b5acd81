"""What a finished model is worth: judged once, on patches that neither taught it nor chose anything about it."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.nn.curves import group_scores, judge_scores
from detection.nn.data import PatchSet
from detection.nn.evaluation import evaluate, predict
from detection.nn.metrics import scores
from detection.nn.network import PaperNet
from labeling.choices import Side
from labeling.models import DatasetItem, DatasetVersion, LabelClass

MOST_WRONG = 24


@dataclass(frozen=True)
class _Found:
    """What a model said of the test side, and at which threshold it is taken at its word."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    threshold: float


def judge_model(
    model: PaperNet, threshold: float, dataset: DatasetVersion, sides: dict[str, PatchSet]
) -> dict[str, Any]:
    """Judge a model at its threshold.

    Args:
        model: on the device that computes.
        threshold: operating threshold; the test side had no part in it.
        dataset: the frozen labels.
        sides: its patches, in the order of its items.

    Returns:
        JSON values: Scores of ``validation`` and ``test``, ``judge_scores``, ``slides``, ``classes`` and ``wrong``.
    """
    test = sides[Side.TEST]
    found = _Found(test.labels, predict(model, test.images), threshold)
    items = _test_items(dataset)
    return {
        "threshold": threshold,
        "validation": evaluate(model, sides[Side.VALIDATION], threshold).to_json(),
        "test": scores(found.labels, found.scores, threshold).to_json(),
        "judge_scores": judge_scores(found.labels, found.scores, threshold),
        "slides": _by_slide(items, found),
        "classes": _by_class(items, found),
        "wrong": _most_wrong(items, found),
    }


def _test_items(dataset: DatasetVersion) -> list[DatasetItem]:
    rows = dataset.items.filter(side=Side.TEST).order_by("pk").select_related("patch__slide", "label_class")
    return list(rows.defer("patch__png"))


def _by_slide(items: list[DatasetItem], found: _Found) -> list[dict[str, Any]]:
    """Judge each slide alone; imported patches without a slide make one entry."""
    codes: dict[Hashable, str | None] = {
        item.patch.slide_id: item.patch.slide.code if item.patch.slide else None for item in items
    }
    by_slide = group_scores([item.patch.slide_id for item in items], found.labels, found.scores, found.threshold)
    rows = [{"slide": slide, "slide_code": codes[slide], **part} for slide, part in by_slide.items()]
    return sorted(rows, key=lambda row: (row["slide_code"] is None, row["slide_code"]))


def _by_class(items: list[DatasetItem], found: _Found) -> list[dict[str, Any]]:
    """Tell for each class which share is called as it should be; it is the accuracy on that class alone."""
    classes: dict[Hashable, LabelClass] = {item.label_class_id: item.label_class for item in items}
    by_class = group_scores([item.label_class_id for item in items], found.labels, found.scores, found.threshold)
    rows = [
        {
            "class_id": class_id,
            "name": classes[class_id].name,
            "counted": classes[class_id].counted,
            "count": part["count"],
            "accuracy": part["accuracy"],
            "interval": part["intervals"]["accuracy"],
        }
        for class_id, part in by_class.items()
    ]
    return sorted(rows, key=lambda row: (not row["counted"], row["name"]))


def _most_wrong(items: list[DatasetItem], found: _Found) -> list[dict[str, Any]]:
    """List the patches called wrongly, the surest mistakes first."""
    mistakes = np.flatnonzero((found.scores >= found.threshold) != (found.labels == 1))
    size = np.abs(found.labels[mistakes] - found.scores[mistakes])
    worst = mistakes[np.argsort(-size, kind="stable")][:MOST_WRONG]
    return [_wrong(items[position], float(found.scores[position])) for position in worst]


def _wrong(item: DatasetItem, score: float) -> dict[str, Any]:
    patch = item.patch
    return {
        "patch": patch.pk,
        "slide": patch.slide_id,
        "slide_code": patch.slide.code if patch.slide else None,
        "x_l0": patch.x_l0,
        "y_l0": patch.y_l0,
        "truth": item.label_class.name,
        "positive": item.label_class.counted,
        "score": round(score, 6),
    }
