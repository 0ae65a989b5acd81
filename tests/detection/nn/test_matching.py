"""Which find is which cell, by hand."""

import itertools

import numpy as np
import pytest

from detection.nn import matching
from detection.nn.matching import match_points, merge_near, point_scores


def points(*places: tuple[float, float]) -> np.ndarray:
    return np.array(places, dtype=np.float64).reshape(-1, 2)


def pairs(truth, found, radius_px):
    result = match_points(truth, found, radius_px=radius_px)
    return list(zip(result.truth.tolist(), result.found.tolist(), strict=True))


@pytest.mark.parametrize(("truth", "found"), [((), ()), (((1, 1),), ()), ((), ((1, 1),))])
def test_nothing_matches_nothing(truth, found):
    result = match_points(points(*truth), points(*found), radius_px=10)
    assert (len(result.truth), len(result.found), len(result.distance_px)) == (0, 0, 0)


def test_the_radius_itself_is_near_enough():
    cell, find = points((0, 0)), points((6, 8))
    assert pairs(cell, find, 10) == [(0, 0)]
    assert pairs(cell, find, 9.999) == []


def test_one_cell_between_two_finds_takes_the_nearer():
    result = match_points(points((10, 0)), points((4, 0), (13, 0)), radius_px=8)
    assert (result.truth.tolist(), result.found.tolist()) == ([0], [1])
    assert result.distance_px.tolist() == [3]


def test_one_find_between_two_cells_is_one_cell():
    assert pairs(points((4, 0), (13, 0)), points((10, 0)), 8) == [(1, 0)]


def test_touching_cells_are_both_matched_though_one_find_is_the_nearest_of_both():
    # Greedy would give find 0 to cell 0 (distance 1) and leave cell 1, which only find 0 can reach, alone.
    truth, found = points((0, 0), (9, 0)), points((1, 0), (-7, 0))
    assert pairs(truth, found, 8) == [(0, 1), (1, 0)]


def test_more_pairs_go_before_shorter_ones_along_a_chain():
    truth, found = points((0, 0), (10, 0), (20, 0)), points((9, 0), (19, 0), (29, 0))
    assert pairs(truth, found, 9) == [(0, 0), (1, 1), (2, 2)]
    assert pairs(truth, found, 8.9) == [(1, 0), (2, 1)]


def test_of_as_many_pairs_the_nearest_are_taken():
    truth, found = points((0, 0), (10, 0)), points((2, 0), (9, 0))
    result = match_points(truth, found, radius_px=20)
    assert result.found.tolist() == [0, 1]
    assert result.distance_px.tolist() == [2, 1]


def test_a_tie_gives_one_pair_and_always_the_same():
    truth, found = points((0, 0)), points((-5, 0), (5, 0))
    first = pairs(truth, found, 5)
    assert len(first) == 1
    assert all(pairs(truth, found, 5) == first for _ in range(3))


def test_points_at_one_place_match_each_other_once():
    same = points((3, 3), (3, 3))
    assert sorted(find for _, find in pairs(same, same, 0)) == [0, 1]
    assert pairs(same, points((3, 3)), 5) in ([(0, 0)], [(1, 0)])


def by_trying(truth, found, radius_px):
    """The most pairs and their least sum, by trying every way."""
    rows, cols = (truth, found) if len(truth) <= len(found) else (found, truth)
    best = (0, 0.0)
    for chosen in itertools.permutations(range(len(cols)), len(rows)):
        apart = np.linalg.norm(rows - cols[list(chosen)], axis=1)
        apart = apart[apart <= radius_px]
        best = max(best, (len(apart), -float(apart.sum())))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_no_way_to_pair_is_better(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 30, (rng.integers(1, 7), 2)).astype(float)
    found = rng.integers(0, 30, (rng.integers(1, 7), 2)).astype(float)
    count, least = by_trying(truth, found, 9.0)
    for entries in (matching._DENSE_ENTRIES, 0):
        monkeypatch.setattr(matching, "_DENSE_ENTRIES", entries)
        result = match_points(truth, found, radius_px=9.0)
        assert len(result.truth) == count
        assert result.distance_px.sum() == pytest.approx(-least)
        assert (result.distance_px <= 9).all()
        assert len(set(result.found.tolist())) == count


def test_a_hundred_thousand_points_match_in_seconds():
    rng = np.random.default_rng(3)
    xs, ys = np.meshgrid(np.arange(317) * 12.0, np.arange(317) * 12.0)
    truth = np.stack([xs.ravel(), ys.ravel()], axis=1)
    found = rng.permutation(truth + rng.uniform(-2, 2, truth.shape))
    result = match_points(truth, found, radius_px=6)
    assert len(result.truth) == len(truth) == 100_489
    assert result.distance_px.max() <= np.hypot(2, 2)


def test_one_large_group_is_solved_without_its_matrix():
    # Every cell reaches its neighbours' finds: 2,500 by 2,500 in one group.
    xs, ys = np.meshgrid(np.arange(50) * 10.0, np.arange(50) * 10.0)
    truth = np.stack([xs.ravel(), ys.ravel()], axis=1)
    result = match_points(truth, truth + 1.0, radius_px=12)
    assert (result.truth == result.found).all()
    assert len(result.truth) == 2500


def test_scores_of_pairs():
    told = point_scores(truth=4, found=5, matched=3)
    assert (told.tp, told.fp, told.fn) == (3, 2, 1)
    assert (told.precision, told.recall) == (0.6, 0.75)
    assert told.f1 == pytest.approx(2 * 0.6 * 0.75 / 1.35)


def test_scores_of_nothing_are_zero():
    told = point_scores(truth=0, found=0, matched=0)
    assert (told.precision, told.recall, told.f1) == (0, 0, 0)
    assert point_scores(truth=0, found=2, matched=0).fp == 2


def test_near_labels_become_one_at_their_mean():
    merged = merge_near(points((0, 0), (4, 0), (8, 0), (50, 50)), distance_px=4)
    assert merged.tolist() == [[4, 0], [50, 50]]


def test_nothing_is_merged_beyond_the_distance():
    apart = points((0, 0), (5, 0))
    assert merge_near(apart, distance_px=4).tolist() == apart.tolist()
    assert merge_near(points(), distance_px=4).shape == (0, 2)
