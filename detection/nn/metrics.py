"""Scores of a two-class decision: small pure functions over probabilities and labels."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """What a confusion matrix says; ``confusion`` is ((tn, fp), (fn, tp)). A ratio with nothing below it is 0."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    confusion: tuple[tuple[int, int], tuple[int, int]]
    count: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "confusion": [list(row) for row in self.confusion]}


def scores(labels: NDArray[np.int64], probabilities: NDArray[np.float32], threshold: float) -> Scores:
    """Judge probabilities at a threshold (positive from it upwards).

    Args:
        labels: int64 (N,), 1 = positive.
        probabilities: float32 (N,) of the positive class.
        threshold: operating threshold, 0 to 1.
    """
    called = probabilities >= threshold
    truth = labels == 1
    tp, fp = int((called & truth).sum()), int((called & ~truth).sum())
    fn, tn = int((~called & truth).sum()), int((~called & ~truth).sum())
    return scores_from_counts(tn=tn, fp=fp, fn=fn, tp=tp)


def scores_from_counts(*, tn: int, fp: int, fn: int, tp: int) -> Scores:
    """Score a confusion matrix."""
    count = tn + fp + fn + tp
    return Scores(
        accuracy=_ratio(tp + tn, count),
        precision=_ratio(tp, tp + fp),
        recall=_ratio(tp, tp + fn),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        confusion=((tn, fp), (fn, tp)),
        count=count,
    )


def best_threshold(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float:
    """Choose the threshold of highest F1, to three decimals.

    Half-way values between neighbouring scores are tried, so that no patch lies on the threshold. Mistakes are counts,
    sure to about their square root: thresholds that make at most 1 + √mistakes more than the best count as equal, and
    the one nearest to 0.5 is taken, for what a few patches of a small validation set say does not carry over.
    """
    if not (labels == 1).any() or not (labels == 0).any():
        return 0.5
    order = np.unique(probabilities.astype(np.float64))
    tried = np.unique(np.clip(np.round(np.append((order[1:] + order[:-1]) / 2, 0.5), 3), 0.05, 0.95))
    found = [scores(labels, probabilities, float(t)) for t in tried]
    f1 = np.array([one.f1 for one in found])
    (_, fp), (fn, tp) = found[int(f1.argmax())].confusion
    one_mistake = 1 / (2 * tp + fp + fn)
    best = tried[f1 >= f1.max() - (1 + (fp + fn) ** 0.5) * one_mistake - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def log_loss(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> tuple[float, float]:
    """Mean negative log likelihood and its standard error; probabilities are kept 10⁻⁶ away from 0 and 1.

    Args:
        labels: int64 (N,), N at least 1.
        probabilities: float32 (N,) of the positive class.
    """
    p = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    losses = -np.where(labels == 1, np.log(p), np.log(1 - p))
    return float(losses.mean()), float(losses.std() / len(losses) ** 0.5)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
