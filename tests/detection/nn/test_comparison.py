"""Two models on the same patches: hand-computed tests, intervals with known answers, and verdicts."""

import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from detection.nn.comparison import METRICS, Answers, Comparison, compare, mcnemar
from detection.nn.errors import ComparisonError


def answers(calls: list[int] | np.ndarray, threshold: float = 0.5) -> Answers:
    """Answers that call a patch positive (1) or not (0) at the threshold."""
    return Answers(np.where(np.asarray(calls) == 1, threshold, threshold - 0.1).astype(np.float32), threshold)


def labelled(positives: int, negatives: int) -> np.ndarray:
    return np.repeat([1, 0], [positives, negatives]).astype(np.int64)


def compared(
    labels: np.ndarray, *, wrong_candidate: list[int] | range, wrong_current: list[int] | range, **options: int
) -> Comparison:
    """Compare two models that are wrong at these places and right elsewhere."""
    first, second = labels.copy(), labels.copy()
    first[list(wrong_candidate)] ^= 1
    second[list(wrong_current)] ^= 1
    return compare(labels, answers(first, 0.4), answers(second, 0.7), **options)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (6, 0, 2 / 64),
        (0, 6, 2 / 64),
        (8, 1, 2 * (1 + 9) / 512),
        (5, 5, 1.0),
        (9, 2, 2 * (1 + 11 + 55) / 2048),
    ],
)
def test_few_discordant_pairs_are_counted_exactly(only_first, only_second, p):
    found = mcnemar(only_first=only_first, only_second=only_second)
    assert (found.method, found.statistic) == ("exact", None)
    assert found.p_value == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("only_first", "only_second", "statistic"),
    [(20, 10, 81 / 30), (5, 25, 361 / 30), (13, 12, 0.0), (15, 15, 0.0), (59, 6, 52**2 / 65)],
)
def test_many_discordant_pairs_are_a_corrected_chi_square(only_first, only_second, statistic):
    found = mcnemar(only_first=only_first, only_second=only_second)
    assert found.method == "chi_square"
    assert found.statistic == pytest.approx(statistic)
    # With one degree of freedom, P(χ² > x) = erfc(√(x/2)).
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(statistic / 2)))


def test_where_the_tests_meet_they_agree():
    for n in range(25, 60):
        for only_first in range(n + 1):
            exact = binomtest(only_first, n, 0.5).pvalue
            statistic = max(0, abs(n - 2 * only_first) - 1) ** 2 / n
            assert abs(exact - chi2.sf(statistic, 1)) <= 0.0023


def test_scores_and_differences_by_hand():
    # 10 positives (0–9), 20 negatives (10–29); the candidate misses one and finds two too many, the other misses four.
    found = compared(labelled(10, 20), wrong_candidate=[0, 10, 11], wrong_current=[0, 1, 2, 3])
    assert (found.positives, found.negatives) == (10, 20)
    assert found.candidate.scores.confusion == ((18, 2), (1, 9))
    assert found.current.scores.confusion == ((20, 0), (4, 6))
    assert found.candidate.scores.accuracy == pytest.approx(27 / 30)
    assert found.candidate.scores.f1 == pytest.approx(18 / 21)
    assert (found.candidate.threshold, found.current.threshold) == (0.4, 0.7)
    assert found.difference["accuracy"].value == pytest.approx(1 / 30)
    assert found.difference["recall"].value == pytest.approx(3 / 10)
    assert found.difference["precision"].value == pytest.approx(9 / 11 - 1)
    assert (found.mcnemar.only_first, found.mcnemar.only_second) == (3, 2)
    assert found.mcnemar.p_value == pytest.approx(1.0)


def test_an_interval_is_that_of_a_share():
    # Accuracy of 90 in 100 is a share: its bootstrap is Binomial(100, 0.9) / 100, with 2.5 % quantiles 0.84 and 0.95.
    found = compared(labelled(50, 50), wrong_candidate=range(45, 55), wrong_current=[], resamples=20_000)
    interval = found.candidate.intervals["accuracy"]
    assert interval.value == 0.9
    assert interval.low == pytest.approx(0.84, abs=0.011)
    assert interval.high == pytest.approx(0.95, abs=0.011)
    for name in METRICS:
        assert found.current.intervals[name].low == found.current.intervals[name].high == 1.0


def test_pairing_makes_the_difference_surer_than_its_parts():
    labels = labelled(100, 100)
    same_mistakes = compared(labels, wrong_candidate=range(60, 90), wrong_current=range(55, 90))
    others_mistakes = compared(labels, wrong_candidate=range(60, 90), wrong_current=range(100, 135))

    def width(found: Comparison) -> float:
        return found.difference["accuracy"].high - found.difference["accuracy"].low

    assert same_mistakes.difference["accuracy"].value == others_mistakes.difference["accuracy"].value
    assert width(same_mistakes) < width(others_mistakes) / 2


@pytest.mark.parametrize(
    ("wrong_candidate", "wrong_current", "verdict"),
    [
        (range(0), range(6), "better"),
        (range(6), range(0), "worse"),
        (range(0), range(5), "not_told_apart"),
        (range(6), range(6), "not_told_apart"),
        (range(1), range(50, 58), "better"),
        (range(2), range(50, 58), "not_told_apart"),
    ],
)
def test_the_verdict_is_the_tests(wrong_candidate, wrong_current, verdict):
    found = compared(labelled(60, 60), wrong_candidate=wrong_candidate, wrong_current=wrong_current)
    assert (found.verdict, found.too_few) == (verdict, False)


def test_a_model_against_itself_is_not_told_apart():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    same = Answers(rng.random(300, dtype=np.float32), 0.5)
    found = compare(labels, same, same)
    assert found.verdict == "not_told_apart"
    assert found.mcnemar.p_value == 1.0
    assert {(d.value, d.low, d.high) for d in found.difference.values()} == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize(("positives", "negatives", "too_few"), [(9, 90, True), (90, 9, True), (10, 10, False)])
def test_too_few_of_a_kind_tell_nothing_apart(positives, negatives, too_few):
    found = compared(labelled(positives, negatives), wrong_candidate=[], wrong_current=range(8))
    assert found.too_few is too_few
    assert found.verdict == ("not_told_apart" if too_few else "better")


def test_each_model_is_called_at_its_own_threshold():
    labels = labelled(30, 30)
    scores = np.where(labels == 1, 0.4, 0.2).astype(np.float32)
    found = compare(labels, Answers(scores, 0.3), Answers(scores, 0.5))
    assert (found.candidate.scores.recall, found.current.scores.recall) == (1.0, 0.0)
    assert found.verdict == "better"


def test_a_seed_gives_the_same_intervals_and_another_does_not():
    labels = labelled(40, 60)
    first, again, other = (
        compared(labels, wrong_candidate=range(30, 45), wrong_current=range(20, 42), seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.mcnemar == other.mcnemar
    assert first.difference != other.difference


def test_ratios_with_nothing_below_are_zero():
    labels = labelled(20, 20)
    found = compare(labels, answers(np.zeros(40)), answers(labels))
    assert (found.candidate.scores.precision, found.candidate.intervals["precision"].high) == (0.0, 0.0)
    only_negatives = compare(labels[20:], answers(np.zeros(20)), answers(np.zeros(20)))
    assert only_negatives.too_few
    assert only_negatives.candidate.scores.recall == 0.0


def test_json_is_plain():
    plain = compared(labelled(20, 30), wrong_candidate=[1], wrong_current=[2, 3]).to_json()
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again == plain
    assert again["candidate"]["scores"]["confusion"] == [[30, 0], [1, 19]]
    assert set(again["difference"]) == set(METRICS)


def test_a_million_patches_cost_no_more_than_a_hundred():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 1_000_000)
    scores = (labels * 0.3 + rng.random(1_000_000) * 0.7).astype(np.float32)
    found = compare(labels, Answers(scores, 0.5), Answers(scores, 0.6))
    assert found.positives + found.negatives == 1_000_000
    assert found.difference["accuracy"].high - found.difference["accuracy"].low < 0.005


@pytest.mark.parametrize(
    ("labels", "first", "code"),
    [
        ([], [], "comparison_empty"),
        ([1, 0], [0.5], "comparison_unpaired"),
        ([1, 0], [0.5, math.nan], "comparison_unpaired"),
    ],
)
def test_what_cannot_be_compared_is_refused(labels, first, code):
    truth = np.array(labels, dtype=np.int64)
    good = Answers(np.full(len(truth), 0.5, dtype=np.float32), 0.5)
    with pytest.raises(ComparisonError) as refusal:
        compare(truth, Answers(np.array(first, dtype=np.float32), 0.5), good)
    assert refusal.value.code == code
