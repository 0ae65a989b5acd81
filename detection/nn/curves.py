"""How sure a model is, and how sure its scores are: curves over all thresholds, calibration, intervals, groups."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.nn.metrics import scores

MAX_POINTS = 200
BINS = 10
_Z95 = 1.959963984540054
_DIGITS = 6


@dataclass(frozen=True)
class _Sweep:
    """What is called positive as the threshold falls: from nothing, through every score there is, to everything."""

    thresholds: NDArray[np.float64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]

    @property
    def positives(self) -> int:
        return int(self.tp[-1])

    @property
    def negatives(self) -> int:
        return int(self.fp[-1])

    @property
    def has_both(self) -> bool:
        return self.positives > 0 and self.negatives > 0


def judge_scores(labels: NDArray[np.int64], probabilities: NDArray[np.float32], threshold: float) -> dict[str, Any]:
    """Describe a model's scores for people to look at.

    Args:
        labels: int64 (N,), 1 = positive.
        probabilities: float32 (N,) of the positive class.
        threshold: operating threshold, 0 to 1.

    Returns:
        Plain JSON values: ``roc`` and ``precision_recall`` (at most 200 points each), ``auc`` and
        ``average_precision`` (None where a class is missing), ``calibration`` and ``intervals``.
    """
    return {
        "threshold": threshold,
        "roc": roc(labels, probabilities),
        "precision_recall": precision_recall(labels, probabilities),
        "auc": auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
        "calibration": calibration(labels, probabilities),
        "intervals": intervals(labels, probabilities, threshold),
    }


def roc(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Draw the receiver operating characteristic (Fawcett 2006).

    Returns:
        ``fpr``, ``tpr`` and ``threshold``, equally long, from (0, 0) to (1, 1); the first threshold, above every
        score, is None. Empty where a class is missing.
    """
    sweep = _sweep(labels, probabilities)
    if not sweep.has_both:
        return {"fpr": [], "tpr": [], "threshold": []}
    fpr, tpr = sweep.fp / sweep.negatives, sweep.tp / sweep.positives
    kept = _thinned(fpr, tpr)
    return {"fpr": _plain(fpr[kept]), "tpr": _plain(tpr[kept]), "threshold": _plain(sweep.thresholds[kept])}


def precision_recall(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Draw precision over recall (Davis and Goadrich 2006), each point one that a threshold reaches.

    Returns:
        ``recall``, ``precision`` and ``threshold``, equally long, recall rising. Empty where nothing is positive.
    """
    sweep = _sweep(labels, probabilities)
    if not sweep.positives:
        return {"recall": [], "precision": [], "threshold": []}
    recall, precision = _recall_precision(sweep)
    kept = _thinned(recall, precision)
    thresholds = sweep.thresholds[1:]
    return {"recall": _plain(recall[kept]), "precision": _plain(precision[kept]), "threshold": _plain(thresholds[kept])}


def auc(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float | None:
    """Measure the area under the ROC: how often a positive scores above a negative, a tie counting half.

    Source: Hanley and McNeil 1982. None where a class is missing.
    """
    sweep = _sweep(labels, probabilities)
    if not sweep.has_both:
        return None
    area = np.trapezoid(sweep.tp, sweep.fp)
    return float(area / sweep.positives / sweep.negatives)


def average_precision(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float | None:
    """Average precision, each weighted by the recall it adds: Σ (Rₙ − Rₙ₋₁) Pₙ, without interpolation.

    Source: Zhu 2004; the same sum as scikit-learn's. None where nothing is positive.
    """
    sweep = _sweep(labels, probabilities)
    if not sweep.positives:
        return None
    recall, precision = _recall_precision(sweep)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def calibration(labels: NDArray[np.int64], probabilities: NDArray[np.float32], *, bins: int = BINS) -> dict[str, Any]:
    """Compare what a model says with what is true, in bins of equal width.

    Source: Guo et al. 2017 (reliability diagrams, expected calibration error), for the positive class alone.

    Returns:
        ``bins``, those that hold patches: ``low``, ``high``, ``count``, ``said`` (mean score), ``found`` (share of
        positives) and its ``interval``; ``expected_error``: mean of |said − found| over patches, None without any.
    """
    chances = probabilities.astype(np.float64)
    numbers = np.minimum((chances * bins).astype(np.int64), bins - 1)
    rows: list[dict[str, Any]] = []
    error = 0.0
    for number in range(bins):
        inside = numbers == number
        count, positives = int(inside.sum()), int(labels[inside].sum())
        if not count:
            continue
        said, found = float(chances[inside].mean()), positives / count
        error += abs(said - found) * count
        rows.append(
            {
                "low": number / bins,
                "high": (number + 1) / bins,
                "count": count,
                "said": round(said, _DIGITS),
                "found": round(found, _DIGITS),
                "interval": _rounded(wilson(positives, count)),
            }
        )
    return {"bins": rows, "expected_error": round(error / len(labels), _DIGITS) if len(labels) else None}


def intervals(
    labels: NDArray[np.int64], probabilities: NDArray[np.float32], threshold: float
) -> dict[str, list[float]]:
    """Give accuracy, precision and recall at a threshold their 95 % intervals, ``[low, high]``."""
    (tn, fp), (fn, tp) = scores(labels, probabilities, threshold).confusion
    return {
        "accuracy": _rounded(wilson(tp + tn, len(labels))),
        "precision": _rounded(wilson(tp, tp + fp)),
        "recall": _rounded(wilson(tp, tp + fn)),
    }


def group_scores(
    groups: Sequence[Hashable], labels: NDArray[np.int64], probabilities: NDArray[np.float32], threshold: float
) -> dict[Hashable, dict[str, Any]]:
    """Judge groups of patches, such as slides or classes, one by one.

    Args:
        groups: name of each patch's group, length N.
        labels: int64 (N,), 1 = positive.
        probabilities: float32 (N,) of the positive class.
        threshold: operating threshold.

    Returns:
        By group, in order of first appearance: the scores as plain JSON values, and their ``intervals``.
    """
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    found: dict[Hashable, dict[str, Any]] = {}
    for group, rows in members.items():
        mine, chances = labels[rows], probabilities[rows]
        found[group] = {
            **scores(mine, chances, threshold).to_json(),
            "intervals": intervals(mine, chances, threshold),
        }
    return found


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Give a share its 95 % interval: the score interval, which holds for small counts and shares near 0 and 1.

    Args:
        part: successes, 0 to ``whole``.
        whole: trials; without any, everything from 0 to 1 is possible.

    Source: Wilson 1927, equation for the interval; recommended by Brown, Cai and DasGupta 2001.
    """
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, _Z95**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    reach = _Z95 / (1 + square / whole) * (share * (1 - share) / whole + square / (4 * whole**2)) ** 0.5
    return max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))


def _sweep(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> _Sweep:
    """Count what each threshold calls positive; equal scores fall together."""
    order = np.argsort(-probabilities, kind="stable")
    chances, truth = probabilities[order], labels[order] == 1
    last = np.append(np.flatnonzero(np.diff(chances)), len(chances) - 1) if len(chances) else np.zeros(0, dtype=np.intp)
    tp, fp = truth.cumsum()[last], (~truth).cumsum()[last]
    return _Sweep(
        thresholds=np.append(np.inf, chances[last].astype(np.float64)), tp=np.append(0, tp), fp=np.append(0, fp)
    )


def _recall_precision(sweep: _Sweep) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tp, called = sweep.tp[1:], (sweep.tp + sweep.fp)[1:]
    return tp / sweep.positives, tp / called


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Choose at most 200 points of a curve, evenly along its length, both ends among them."""
    if len(x) <= MAX_POINTS:
        return np.arange(len(x))
    length = np.append(0.0, (np.abs(np.diff(x)) + np.abs(np.diff(y))).cumsum())
    wanted = np.linspace(0.0, length[-1], MAX_POINTS)
    kept = np.minimum(np.searchsorted(length, wanted), len(x) - 1)
    kept[-1] = len(x) - 1
    return np.unique(kept)


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), _DIGITS) if np.isfinite(value) else None for value in values]


def _rounded(pair: tuple[float, float]) -> list[float]:
    return [round(value, _DIGITS) for value in pair]
