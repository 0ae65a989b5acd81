"""Suppression against its definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from bench.detection import drawn_candidates, nms
from detection.nn.nms import suppress

places = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 8)), max_size=60)


def brute(points: np.ndarray, scores: np.ndarray, radius: float) -> list[int]:
    waiting = np.array(sorted(range(len(points)), key=lambda i: (-scores[i], points[i, 1], points[i, 0], i)), dtype=int)
    kept: list[int] = []
    while len(waiting):
        kept.append(int(waiting[0]))
        waiting = waiting[((points[waiting] - points[waiting[0]]) ** 2).sum(axis=1) > radius**2]
    return kept


def arrays(cells):
    table = np.array(cells, dtype=np.float32).reshape(-1, 3)
    return table[:, :2], table[:, 2] / 8


@settings(deadline=None)
@given(places, st.integers(0, 20))
def test_equals_brute_force(cells, radius):
    points, scores = arrays(cells)
    assert suppress(points, scores, radius_px=radius).tolist() == brute(points, scores, radius)


@settings(deadline=None)
@given(places, st.integers(1, 20), st.integers(0, 8))
def test_threshold_before_or_after_is_the_same(cells, radius, cut):
    points, scores = arrays(cells)
    above = np.flatnonzero(scores >= cut / 8)
    before = above[suppress(points[above], scores[above], radius_px=radius)]
    after = suppress(points, scores, radius_px=radius)
    assert before.tolist() == after[scores[after] >= cut / 8].tolist()


@settings(deadline=None)
@given(places, st.integers(1, 20), st.randoms(use_true_random=False))
def test_order_of_the_candidates_does_not_matter(cells, radius, random):
    points, scores = arrays(cells)
    mixed = list(range(len(cells)))
    random.shuffle(mixed)
    kept = points[suppress(points, scores, radius_px=radius)]
    again = points[mixed][suppress(points[mixed], scores[mixed], radius_px=radius)]
    assert kept.tolist() == again.tolist()


def test_more_candidates_than_one_chunk():
    rng = np.random.default_rng(0)
    points, scores = rng.integers(0, 400, size=(5000, 2)).astype(np.float64), rng.random(5000)
    kept = suppress(points, scores, radius_px=9)
    assert kept.tolist() == brute(points, scores, 9)


def test_nothing_to_suppress():
    assert suppress(np.zeros((0, 2)), np.zeros(0), radius_px=5).tolist() == []


def test_many_candidates_are_settled_and_none_twice():
    points, scores = drawn_candidates(20_000, 3)
    kept = suppress(points, scores, radius_px=30)
    tree = cKDTree(points[kept])
    assert len(tree.query_pairs(30)) == 0
    assert np.max(tree.query(points)[0]) <= 30
    assert (np.diff(scores[kept]) <= 0).all()


def test_the_bench_tells_what_stayed():
    figures = nms(2000, 30.0)
    assert (figures["candidates"], figures["radius_px"]) == (2000, 30.0)
    assert 1000 < figures["kept"] < 1500
    assert min(figures["seconds"], figures["cpu_seconds"]) > 0
