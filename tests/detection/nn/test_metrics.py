"""Scores by hand-computed cases."""

import json

import numpy as np
import pytest

from detection.nn.metrics import best_threshold, log_loss, scores

LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=np.int64)
CHANCES = np.array([0.9, 0.8, 0.6, 0.2, 0.7, 0.4, 0.3, 0.1, 0.1, 0.0], dtype=np.float32)


def test_by_hand():
    found = scores(LABELS, CHANCES, 0.5)
    assert found.confusion == ((5, 1), (1, 3))
    assert (found.accuracy, found.precision, found.recall, found.f1) == (0.8, 0.75, 0.75, 0.75)
    assert found.count == 10


def test_a_score_on_the_threshold_is_positive():
    half = np.array([0.5], dtype=np.float32)
    assert scores(np.array([1]), half, 0.5).confusion == ((0, 0), (0, 1))


@pytest.mark.parametrize(
    ("labels", "confusion"), [([], ((0, 0), (0, 0))), ([0, 0], ((2, 0), (0, 0))), ([1, 1], ((0, 0), (2, 0)))]
)
def test_ratios_with_nothing_below_are_zero(labels, confusion):
    found = scores(np.array(labels, dtype=np.int64), np.zeros(len(labels), dtype=np.float32), 0.5)
    assert found.confusion == confusion
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


def test_json_is_plain():
    text = json.dumps(scores(LABELS, CHANCES, 0.5).to_json())
    assert json.loads(text)["confusion"] == [[5, 1], [1, 3]]


def test_threshold_between_the_classes():
    labels = np.repeat([0, 1], 50).astype(np.int64)
    chances = np.where(labels == 1, 0.9, 0.7).astype(np.float32)
    assert best_threshold(labels, chances) == 0.8


def test_one_patch_does_not_move_the_threshold():
    labels = np.repeat([0, 1], 50).astype(np.int64)
    chances = np.where(labels == 1, 0.9, 0.1).astype(np.float32)
    chances[0] = 0.6
    assert best_threshold(labels, chances) == 0.5


def test_threshold_without_both_classes():
    assert best_threshold(np.ones(3, dtype=np.int64), np.full(3, 0.9, dtype=np.float32)) == 0.5


def test_log_loss():
    assert log_loss(np.array([1, 0]), np.array([0.5, 0.5], dtype=np.float32)) == pytest.approx((np.log(2), 0))
    assert log_loss(np.array([1]), np.array([0.0], dtype=np.float32)) == pytest.approx((-np.log(1e-6), 0))
    half, quarter = np.log(2), np.log(4)
    expected = ((half + quarter) / 2, (quarter - half) / 2 / np.sqrt(2))
    assert log_loss(np.array([1, 0]), np.array([0.5, 0.75], dtype=np.float32)) == pytest.approx(expected)
