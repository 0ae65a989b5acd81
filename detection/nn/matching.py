"""Which find is which cell: the most pairs within a radius, and of these the nearest ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

Points = NDArray[np.float64]

_DENSE_ENTRIES = 250_000
"""Largest cost matrix of one group of neighbours; a larger group is solved without writing its matrix down."""


@dataclass(frozen=True)
class Matching:
    """Pairs of cells and finds.

    Args:
        truth: int64 (N,), indices of the matched cells, ascending.
        found: int64 (N,), the find of each.
        distance_px: float64 (N,), between the two.
    """

    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    distance_px: NDArray[np.float64]


@dataclass(frozen=True)
class PointScores:
    """How well finds agree with cells. A ratio with nothing below it is 0."""

    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class _Edges:
    """Pairs near enough to match: indices of cells and finds, and how far apart they are."""

    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    distance: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[np.int64]) -> "_Edges":
        return _Edges(self.truth[chosen], self.found[chosen], self.distance[chosen])


def match_points(truth: Points, found: Points, *, radius_px: float) -> Matching:
    """Pair cells with finds, one to one.

    Of all ways to pair them, one with the most pairs is taken, and among these one with the least sum of distances
    (Hungarian method; Kuhn 1955, Crouse 2016 as in ``scipy.optimize.linear_sum_assignment``). Cells and finds that no
    chain of near neighbours connects do not influence each other, so each such group is solved by itself.

    Args:
        truth: (N, 2), columns (x, y).
        found: (M, 2), columns (x, y).
        radius_px: largest distance of a pair, in the units of the points; the radius itself is near enough.
    """
    edges = _near_pairs(truth, found, radius_px)
    parts = [_solve(group, radius_px) for group in _groups(edges, len(truth), len(found))]
    pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *parts])
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    apart = np.linalg.norm(truth[pairs[:, 0]] - found[pairs[:, 1]], axis=1)
    return Matching(truth=pairs[:, 0], found=pairs[:, 1], distance_px=apart)


def point_scores(*, truth: int, found: int, matched: int) -> PointScores:
    """Score finds against cells: a pair is a true positive, a find left over a false one, a cell left over missed."""
    return PointScores(
        tp=matched,
        fp=found - matched,
        fn=truth - matched,
        precision=matched / found if found else 0.0,
        recall=matched / truth if truth else 0.0,
        f1=2 * matched / (truth + found) if truth + found else 0.0,
    )


def merge_near(points: Points, *, distance_px: float) -> Points:
    """Make one point, their mean, of each chain of points whose steps are at most a distance.

    Args:
        points: (N, 2), columns (x, y).
        distance_px: largest step; 0 merges nothing but points at one place, and a negative one nothing at all.
    """
    if distance_px < 0 or len(points) < 2:
        return points
    pairs = cKDTree(points).query_pairs(distance_px, output_type="ndarray")
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    count, group = connected_components(graph, directed=False)
    size = np.bincount(group, minlength=count)
    return np.column_stack([np.bincount(group, weights=column, minlength=count) / size for column in points.T])


def _near_pairs(truth: Points, found: Points, radius_px: float) -> _Edges:
    if not len(truth) or not len(found):
        return _Edges(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    near = cKDTree(truth).sparse_distance_matrix(cKDTree(found), radius_px, output_type="ndarray")
    near = near[np.lexsort((near["j"], near["i"]))]
    return _Edges(near["i"], near["j"], near["v"])


def _groups(edges: _Edges, cells: int, finds: int) -> Iterator[_Edges]:
    """Give the edges of each group that near neighbours connect."""
    if not len(edges.truth):
        return
    ones = np.ones(len(edges.truth), dtype=np.int8)
    graph = coo_array((ones, (edges.truth, cells + edges.found)), shape=(cells + finds, cells + finds))
    _, group = connected_components(graph, directed=False)
    of_edge = group[edges.truth]
    order = np.argsort(of_edge, kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(of_edge[order])) + 1):
        yield edges[chosen]


def _solve(edges: _Edges, radius_px: float) -> NDArray[np.int64]:
    """Pair the cells and finds of one group; int64 (N, 2), columns cell, find."""
    if len(edges.truth) == 1:
        return np.column_stack([edges.truth, edges.found])
    cells, cell_at = np.unique(edges.truth, return_inverse=True)
    finds, find_at = np.unique(edges.found, return_inverse=True)
    # A cell without a find costs more than all distances together, so that the most pairs win.
    alone = radius_px * (min(len(cells), len(finds)) + 1) + 1
    rows: NDArray[np.integer]
    cols: NDArray[np.integer]
    if len(cells) * len(finds) <= _DENSE_ENTRIES:
        costs = np.full((len(cells), len(finds)), alone)
        costs[cell_at, find_at] = edges.distance
        rows, cols = linear_sum_assignment(costs)
        paired = costs[rows, cols] < alone
    else:
        rows, cols = _solve_sparse(cell_at, find_at, edges.distance, alone)
        paired = cols < len(finds)
    return np.column_stack([cells[rows[paired]], finds[cols[paired]]])


def _solve_sparse(
    cell_at: NDArray[np.intp], find_at: NDArray[np.intp], distance: NDArray[np.float64], alone: float
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Solve the same without a full matrix: each cell may also take a find of its own that is none, at ``alone``."""
    cells, finds = int(cell_at.max()) + 1, int(find_at.max()) + 1
    each = np.arange(cells)
    # Zero would be no edge at all; one more on every edge changes no choice.
    costs = np.concatenate([distance, np.full(cells, alone)]) + 1
    places = np.concatenate([cell_at, each]), np.concatenate([find_at, finds + each])
    graph = csr_array((costs, places), shape=(cells, finds + cells))
    rows, cols = min_weight_full_bipartite_matching(graph)
    return rows, cols
