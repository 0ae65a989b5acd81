"""Curves, calibration and intervals by hand-computed cases."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.nn.curves import (
    MAX_POINTS,
    auc,
    average_precision,
    calibration,
    group_scores,
    intervals,
    judge_scores,
    precision_recall,
    roc,
    wilson,
)

LABELS = np.array([1, 1, 0, 1, 0], dtype=np.int64)
CHANCES = np.array([0.9, 0.8, 0.7, 0.6, 0.2], dtype=np.float32)
NONE = np.zeros(0, dtype=np.int64)


def chances(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def labels(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def noisy(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = (rng.random(count) < 0.4).astype(np.int64)
    return truth, np.clip(0.3 * truth + 0.7 * rng.random(count), 0, 1).astype(np.float32)


def test_roc_by_hand():
    third = round(1 / 3, 6)
    assert roc(LABELS, CHANCES) == {
        "fpr": [0, 0, 0, 0.5, 0.5, 1],
        "tpr": [0, third, round(2 / 3, 6), round(2 / 3, 6), 1, 1],
        "threshold": [None, 0.9, 0.8, 0.7, 0.6, 0.2],
    }


def test_precision_and_recall_by_hand():
    found = precision_recall(LABELS, CHANCES)
    assert found["recall"] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1], abs=1e-6)
    assert found["precision"] == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5], abs=1e-6)
    assert found["threshold"] == [0.9, 0.8, 0.7, 0.6, 0.2]


def test_areas_by_hand():
    # Of the six pairs of a positive and a negative only (0.6, 0.7) stands the wrong way round.
    assert auc(LABELS, CHANCES) == pytest.approx(5 / 6)
    assert average_precision(LABELS, CHANCES) == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_a_tie_counts_half():
    truth, same = labels(1, 0, 1, 0), chances(0.5, 0.5, 0.5, 0.5)
    assert auc(truth, same) == 0.5
    assert average_precision(truth, same) == 0.5
    assert roc(truth, same)["fpr"] == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(rows):
    truth, found = labels(*(label for label, _ in rows)), chances(*(step / 8 for _, step in rows))
    positive, negative = found[truth == 1], found[truth == 0]
    if not len(positive) or not len(negative):
        assert auc(truth, found) is None
        return
    above = (positive[:, None] > negative).sum() + 0.5 * (positive[:, None] == negative).sum()
    assert auc(truth, found) == pytest.approx(above / len(positive) / len(negative))


@pytest.mark.parametrize("truth", [labels(1, 1), labels(0, 0)])
def test_one_class_has_no_roc(truth):
    found = chances(0.1, 0.9)
    assert auc(truth, found) is None
    assert roc(truth, found) == {"fpr": [], "tpr": [], "threshold": []}


def test_without_positives_there_is_no_precision():
    assert average_precision(labels(0, 0), chances(0.1, 0.9)) is None
    assert precision_recall(labels(0, 0), chances(0.1, 0.9))["recall"] == []


def test_long_curves_are_thinned_and_keep_their_ends_and_their_shape():
    truth, found = noisy(5000)
    drawn = roc(truth, found)
    assert len(drawn["fpr"]) <= MAX_POINTS
    assert (drawn["fpr"][0], drawn["tpr"][0], drawn["fpr"][-1], drawn["tpr"][-1]) == (0, 0, 1, 1)
    assert np.trapezoid(drawn["tpr"], drawn["fpr"]) == pytest.approx(auc(truth, found), abs=0.005)
    drawn = precision_recall(truth, found)
    assert len(drawn["recall"]) <= MAX_POINTS
    assert drawn["recall"] == sorted(drawn["recall"])
    assert drawn["recall"][-1] == 1


def test_calibration_by_hand():
    truth = labels(0, 0, 0, 1, 1, 1)
    found = calibration(truth, chances(0.05, 0.05, 0.15, 0.15, 0.95, 1.0))
    assert [(one["low"], one["high"], one["count"]) for one in found["bins"]] == [
        (0, 0.1, 2),
        (0.1, 0.2, 2),
        (0.9, 1, 2),
    ]
    assert [one["said"] for one in found["bins"]] == pytest.approx([0.05, 0.15, 0.975], abs=1e-6)
    assert [one["found"] for one in found["bins"]] == [0, 0.5, 1]
    assert found["expected_error"] == pytest.approx((0.05 + 0.35 + 0.025) / 3, abs=1e-6)


def test_calibration_of_nothing():
    assert calibration(NONE, chances()) == {"bins": [], "expected_error": None}


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # Newcombe 1998, table I, and the closed form at the ends: z² / (n + z²).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_by_the_book(part, whole, low, high):
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_is_everything():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 300), st.integers(1, 300))
def test_an_interval_holds_its_share(part, whole):
    part = min(part, whole)
    low, high = wilson(part, whole)
    assert 0 <= low <= part / whole <= high <= 1


def test_intervals_at_a_threshold():
    found = intervals(LABELS, CHANCES, 0.75)
    assert found["accuracy"] == pytest.approx(wilson(4, 5), abs=1e-6)
    assert found["precision"] == pytest.approx(wilson(2, 2), abs=1e-6)
    assert found["recall"] == pytest.approx(wilson(2, 3), abs=1e-6)


def test_groups_are_judged_one_by_one():
    found = group_scores(["b", "a", "b", "a", "a"], LABELS, CHANCES, 0.75)
    assert list(found) == ["b", "a"]
    assert found["b"]["confusion"] == [[1, 0], [0, 1]]
    assert found["a"]["confusion"] == [[1, 0], [1, 1]]
    assert found["a"]["intervals"]["recall"] == pytest.approx(wilson(1, 2), abs=1e-6)
    assert sum(one["count"] for one in found.values()) == len(LABELS)


@pytest.mark.parametrize("count", [0, 1, 2, 3000])
def test_json_is_plain(count):
    truth, found = noisy(count)
    text = json.dumps(judge_scores(truth, found, 0.5), allow_nan=False)
    assert set(json.loads(text)) == {
        "threshold",
        "roc",
        "precision_recall",
        "auc",
        "average_precision",
        "calibration",
        "intervals",
    }
