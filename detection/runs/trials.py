"""What stands in the rows of trials, and which of them is the best."""

from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

import numpy as np

from detection.choices import WhyStopped
from detection.models import Trial
from detection.nn.training import CurvePoint, TrainingOutcome

WHOLE = 0
"""The fold number of a training on the whole training side, which the frozen validation side judges."""
_SCORES = ("accuracy", "precision", "recall", "f1")
_CURVE = ("step", "loss", "accuracy", "precision", "recall", "validation_loss")


class FoldResult(TypedDict):
    """One training that has ended, as it stands in ``Trial.fold_results``; the curve is of its validations only."""

    fold: int
    validation_loss: float | None
    metrics: dict[str, Any]
    threshold: float
    steps: int
    best_step: int
    stopped_because: str
    seconds: float
    curve: list[dict[str, Any]]


def curve_point(point: CurvePoint) -> dict[str, Any]:
    """Spell a point as the API shows it."""
    values = point.to_json()
    return {name: values[name] for name in _CURVE}


def losses_of(curve: Iterable[dict[str, Any]]) -> dict[int, float]:
    """Pick the validation losses by step out of a curve."""
    return {point["step"]: point["validation_loss"] for point in curve if point["validation_loss"] is not None}


def result_of(trial: Trial, fold: int) -> FoldResult | None:
    """Find the result of one fold."""
    found: FoldResult | None = next((one for one in trial.fold_results if one["fold"] == fold), None)
    return found


def fold_result(fold: int, outcome: TrainingOutcome, why: str) -> FoldResult:
    """Note what a training came to; ``why`` is the reason where it was asked to stop."""
    curve = [curve_point(point) for point in outcome.curve if point.validation_loss is not None]
    return {
        "fold": fold,
        "validation_loss": losses_of(curve).get(outcome.best_step),
        "metrics": outcome.metrics.to_json(),
        "threshold": outcome.threshold,
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "stopped_because": why if outcome.stopped_because == WhyStopped.ASKED else outcome.stopped_because,
        "seconds": round(outcome.elapsed_s, 3),
        "curve": curve,
    }


def mean_loss(results: Sequence[FoldResult]) -> float | None:
    """Mean of the validation losses; None while nothing was validated."""
    losses = [one["validation_loss"] for one in results if one["validation_loss"] is not None]
    return float(np.mean(losses)) if losses else None


def mean_scores(results: Sequence[FoldResult]) -> dict[str, Any]:
    """Mean of the ratios, sum of the counts."""
    found = [one["metrics"] for one in results]
    confusion = np.sum([one["confusion"] for one in found], axis=0).tolist()
    means = {name: float(np.mean([one[name] for one in found])) for name in _SCORES}
    return {**means, "confusion": confusion, "count": sum(one["count"] for one in found)}


def why_ended(results: Sequence[FoldResult]) -> str:
    """Why a trial ended: what ended it early, else what ended most of its folds."""
    reasons = [one["stopped_because"] for one in results]
    if reasons[-1] in (WhyStopped.PRUNED, WhyStopped.ASKED, WhyStopped.BUDGET):
        return reasons[-1]
    return max(reasons, key=reasons.count)
