"""Is the new model better? Two models on the same labelled patches, each at its own threshold: a paired comparison."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from detection.nn.errors import ComparisonError
from detection.nn.metrics import Scores, scores_from_counts

METRICS = ("accuracy", "precision", "recall", "f1")
RESAMPLES = 4000
SEED = 20
LEVEL = 0.95
ALPHA = 0.05
FEW_DISCORDANT = 25
"""Below this many discordant pairs the exact test is taken. Measured: from here on its p and that of the corrected χ²
differ by 0.0023 at most."""
LEAST_OF_A_KIND = 10
"""With fewer patches of either class nothing is told apart, whatever the test says."""

Verdict = Literal["better", "worse", "not_told_apart"]
Ratios = dict[str, NDArray[np.float64]]
_CELLS = 8


@dataclass(frozen=True)
class Interval:
    """A value with the limits of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Judged:
    """One model on the patches.

    Args:
        threshold: where its scores begin to count.
        scores: at the threshold.
        intervals: of each of ``METRICS``.
    """

    threshold: float
    scores: Scores
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class McNemar:
    """McNemar's test on the pairs in which exactly one of two models is right.

    Args:
        only_first: patches that only the first model calls rightly.
        only_second: patches that only the second model calls rightly.
        method: ``exact`` (binomial) or ``chi_square`` (with continuity correction).
        statistic: χ²; None for the exact test.
        p_value: two-sided.
    """

    only_first: int
    only_second: int
    method: Literal["exact", "chi_square"]
    statistic: float | None
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """What two models made of the same patches; differences are candidate minus current.

    Args:
        positives: patches of the counted classes.
        negatives: all others.
        candidate: the model that asks to count.
        current: the model that counts.
        difference: of each of ``METRICS``.
        mcnemar: first the candidate, second the current model.
        too_few: fewer than ``LEAST_OF_A_KIND`` patches of either class.
        verdict: of the candidate.
    """

    positives: int
    negatives: int
    candidate: Judged
    current: Judged
    difference: dict[str, Interval]
    mcnemar: McNemar
    too_few: bool
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain = asdict(self)
        plain["candidate"]["scores"] = self.candidate.scores.to_json()
        plain["current"]["scores"] = self.current.scores.to_json()
        return plain


@dataclass(frozen=True)
class Answers:
    """One model's answers: probabilities float32 (N,) of the positive class, and its operating threshold, 0 to 1."""

    probabilities: NDArray[np.float32]
    threshold: float


def compare(
    labels: NDArray[np.int64],
    candidate: Answers,
    current: Answers,
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two models patch by patch.

    The verdict is McNemar's: "better" or "worse" where its two-sided p is below 0.05, by which model alone is right
    more often. McNemar's test keeps its level where two classifiers are compared on one test set (Dietterich 1998,
    Neural Computation 10(7):1895). The intervals say how large the difference may be.

    Args:
        labels: int64 (N,), 1 = positive, 0 = not; N at least 1.
        candidate: answers for the same patches in the same order.
        current: as well.
        seed: of the bootstrap.
        resamples: of the bootstrap, at least 100.

    Raises:
        ComparisonError: ``comparison_empty`` without patches; ``comparison_unpaired`` where lengths differ or an answer
            is no number.
    """
    _check(labels, candidate, current)
    cells = _cells(labels, candidate, current)
    draws = np.random.default_rng(seed).multinomial(len(labels), cells / len(labels), size=resamples)
    (first, first_draws), (second, second_draws) = (
        (_judge(cells, draws, calls, answers.threshold)) for calls, answers in ((_FIRST, candidate), (_SECOND, current))
    )
    test = mcnemar(only_first=int(cells[_ONLY_FIRST].sum()), only_second=int(cells[_ONLY_SECOND].sum()))
    positives = int(labels.sum())
    too_few = min(positives, len(labels) - positives) < LEAST_OF_A_KIND
    return Comparison(
        positives=positives,
        negatives=len(labels) - positives,
        candidate=first,
        current=second,
        difference={
            name: _interval(
                getattr(first.scores, name) - getattr(second.scores, name), first_draws[name] - second_draws[name]
            )
            for name in METRICS
        },
        mcnemar=test,
        too_few=too_few,
        verdict="not_told_apart" if too_few else _verdict(test),
    )


def mcnemar(*, only_first: int, only_second: int) -> McNemar:
    """Test whether two models are right equally often, from the pairs in which just one of them is.

    With n = b + c discordant pairs: for n below ``FEW_DISCORDANT`` the exact two-sided binomial test of b successes in
    n at ½; else χ² = (|b − c| − 1)² / n with one degree of freedom.

    Source: McNemar 1947, Psychometrika 12(2):153; continuity correction: Edwards 1948, Psychometrika 13(3):185.

    Args:
        only_first: b, patches that only the first model calls rightly.
        only_second: c, patches that only the second model calls rightly.
    """
    discordant = only_first + only_second
    if discordant < FEW_DISCORDANT:
        p = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
        return McNemar(only_first, only_second, "exact", None, p)
    statistic = max(0, abs(only_first - only_second) - 1) ** 2 / discordant
    return McNemar(only_first, only_second, "chi_square", statistic, float(chi2.sf(statistic, 1)))


# Each patch falls into one of eight cells, numbered 4·truth + 2·(candidate says positive) + (current says positive).
_NUMBERS = np.arange(_CELLS)
_TRUTH, _FIRST, _SECOND = (_NUMBERS & bit > 0 for bit in (4, 2, 1))
_ONLY_FIRST = (_FIRST == _TRUTH) & (_SECOND != _TRUTH)
_ONLY_SECOND = (_SECOND == _TRUTH) & (_FIRST != _TRUTH)


def _check(labels: NDArray[np.int64], *answers: Answers) -> None:
    if not len(labels):
        raise ComparisonError("There is no patch left on which to compare the two models.", code="comparison_empty")
    for one in answers:
        if one.probabilities.shape != labels.shape or not np.isfinite(one.probabilities).all():
            raise ComparisonError(
                "Both models must answer every patch with a number: one of the two files is damaged.",
                code="comparison_unpaired",
            )


def _cells(labels: NDArray[np.int64], candidate: Answers, current: Answers) -> NDArray[np.int64]:
    """Count the patches of each cell: int64 (8,)."""
    first, second = (one.probabilities >= one.threshold for one in (candidate, current))
    return np.bincount(4 * labels + 2 * first + second, minlength=_CELLS).astype(np.int64)


def _judge(
    cells: NDArray[np.int64], draws: NDArray[np.int64], calls: NDArray[np.bool_], threshold: float
) -> tuple[Judged, Ratios]:
    """Score one model, and every resample of it.

    Drawing N patches with replacement and counting them by cell is one multinomial draw over the cells, so that a
    million patches cost no more than a hundred. Both models are scored on the same resample: that is the pairing.

    Source: percentile interval of the bootstrap, Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    tn, fp, fn, tp = (int(cells[(truth == _TRUTH) & (calls == call)].sum()) for truth, call in _OUTCOMES)
    scores = scores_from_counts(tn=tn, fp=fp, fn=fn, tp=tp)
    drawn = _ratios(*(draws[:, (truth == _TRUTH) & (calls == call)].sum(axis=1) for truth, call in _OUTCOMES))
    intervals = {name: _interval(getattr(scores, name), drawn[name]) for name in METRICS}
    return Judged(threshold, scores, intervals), drawn


_OUTCOMES = ((False, False), (False, True), (True, False), (True, True))
"""(truth, call) of tn, fp, fn, tp."""


def _ratios(tn: NDArray[np.int64], fp: NDArray[np.int64], fn: NDArray[np.int64], tp: NDArray[np.int64]) -> Ratios:
    return {
        "accuracy": _ratio(tp + tn, tn + fp + fn + tp),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide; a ratio with nothing below it is 0, as in ``metrics``."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _interval(value: float, draws: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def _verdict(test: McNemar) -> Verdict:
    if test.p_value >= ALPHA:
        return "not_told_apart"
    return "better" if test.only_first > test.only_second else "worse"
