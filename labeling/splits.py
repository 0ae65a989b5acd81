"""Splits a data set before anything is augmented, so that no cell, and no pixel, lies on two sides."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from labeling.choices import Side, Split
from labeling.looks import LENGTH, near_duplicates
from labeling.progress import Tell

FRACTIONS: dict[str, float] = {Side.TRAIN: 0.8, Side.VALIDATION: 0.1, Side.TEST: 0.1}
SIDES: tuple[str, ...] = tuple(FRACTIONS)
TILE_PX = 1000
GUARD_PX = 35
SAME_CELL_PX = 14
"""Two labels at most this far apart are of one cell; in pixels of the model's scale."""
NONE = -1

Pairs = NDArray[np.int64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Items:
    """Patches to be put on sides, as columns of one length N, in the order of ``in_order``.

    Args:
        patch_ids: int64.
        sha256: of the PNG, bytes of 64 characters.
        class_ids: int64.
        slide_ids: int64; ``NONE`` for imported patches.
        cases: number of the case, int64; a slide without a case code has one of its own, imported patches ``NONE``.
        x_l0: centre pixel, level 0, int64; so ``y_l0``.
        y_l0: see ``x_l0``.
        box_px: side of the patch's box in level-0 pixels, float64.
        looks: uint8 (N, looks.LENGTH), see ``labeling.looks``.
    """

    patch_ids: Numbers
    sha256: NDArray[np.bytes_]
    class_ids: Numbers
    slide_ids: Numbers
    cases: Numbers
    x_l0: Numbers
    y_l0: Numbers
    box_px: NDArray[np.float64]
    looks: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.looks.shape != (len(self), LENGTH):
            raise ValueError(f"{len(self)} patches with looks of shape {self.looks.shape}")

    def __len__(self) -> int:
        return len(self.patch_ids)

    @cached_property
    def near(self) -> Pairs:
        """Near duplicates, looked for once."""
        return near_duplicates(self.looks)

    def compare(self, tell: Tell) -> None:
        """Look for near duplicates now, telling how far it is, unless they are known."""
        if "near" not in vars(self):
            vars(self)["near"] = near_duplicates(self.looks, tell=tell)  # where the cached property keeps them

    def take(self, chosen: NDArray[Any]) -> "Items":
        """Return the chosen items, by mask or index."""
        return Items(*(getattr(self, column.name)[chosen] for column in fields(self)))

    def in_order(self) -> "Items":
        """Sort by pixels, then id, so that nothing depends on how the rows came."""
        return self.take(np.lexsort((self.patch_ids, self.sha256)))


def same_pixels(items: Items) -> Pairs:
    """Pair every exact duplicate with the first of its kind."""
    _, first, kind = np.unique(items.sha256, return_index=True, return_inverse=True)
    pairs = np.column_stack([first[kind], np.arange(len(items))])
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])


def overlaps(items: Items, *, band_px: float = 0.0) -> Pairs:
    """Find patches of one slide whose boxes share a pixel, or come nearer to each other than ``band_px``."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    for members in _runs(items.slide_ids):
        if items.slide_ids[members[0]] == NONE:
            continue
        centres = np.column_stack([items.x_l0[members], items.y_l0[members]])
        reach = np.nextafter(items.box_px[members].max() + band_px, 0)
        near = cKDTree(centres).query_pairs(reach, p=np.inf, output_type="ndarray")
        found.append(members[near.reshape(-1, 2)])
    return np.concatenate(found)


def taken_back(tellers: Numbers, points: NDArray[Any], classes: NDArray[Any], order: Numbers) -> NDArray[np.bool_]:
    """Tell which labels were taken back: the same cell was called something else later.

    Args:
        tellers: number of who labelled where, e.g. of a reader on a slide, int64 (N,); ``NONE`` has no place.
        points: centres (N, 2), columns (x, y), pixels of the model's scale.
        classes: numbers or names of the classes (N,).
        order: in which the labels were given, int64 (N,), no two alike.

    Returns:
        Mask (N,).
    """
    mask = np.zeros(len(tellers), dtype=np.bool_)
    for members in _runs(tellers):
        if tellers[members[0]] == NONE:
            continue
        near = cKDTree(points[members]).query_pairs(SAME_CELL_PX, output_type="ndarray")
        pairs = members[near.reshape(-1, 2)]
        one, other = pairs[classes[pairs[:, 0]] != classes[pairs[:, 1]]].T
        mask[np.where(order[one] < order[other], one, other)] = True
    return mask


def groups_of(items: Items, kind: str, *, tile_px: int = TILE_PX) -> Numbers:
    """Number the group of each item; a group never comes apart.

    Whatever the kind, exact and near duplicates go together, and so do the groups that hold them.

    - ``cluster``: overlapping crops form clusters; a cluster goes with the tile of the slide where its first item lies.
    - ``place``: all patches of a tile of the slide. Crops that overlap across a border are left to ``refused``.
    - ``slide``, ``case``: all patches of it.
    - ``random``: each patch by itself.

    Imported patches, which have no place, go by themselves.

    Args:
        items: the patches, in order.
        kind: one of ``choices.Split``.
        tile_px: side of the tiles, level-0 pixels.

    Returns:
        Group numbers, int64 (N,), from 0 in the order of their first items.
    """
    copies = np.concatenate([same_pixels(items), items.near])
    if kind == Split.CLUSTER:
        clusters = _joined(_nobody(items), np.concatenate([copies, overlaps(items)]))
        return _joined(_homes(items, clusters, tile_px), _with_first(clusters))
    names = {Split.SLIDE: items.slide_ids, Split.CASE: items.cases, Split.RANDOM: _nobody(items)}
    return _joined(_tiles(items, tile_px) if kind == Split.PLACE else names[Split(kind)], copies)


def split(items: Items, kind: str, *, seed: int, tile_px: int = TILE_PX) -> NDArray[np.int8]:
    """Put every patch on a side: whole groups, see ``groups_of`` and ``deal``."""
    return deal(items, groups_of(items, kind, tile_px=tile_px), seed=seed)


def deal(items: Items, groups: Numbers, *, seed: int) -> NDArray[np.int8]:
    """Deal groups to sides: classes in proportion, the same for the same seed.

    Args:
        items: the patches, in order.
        groups: of each, see ``groups_of``.
        seed: of the shuffle.

    Returns:
        Position in ``SIDES`` of each item, int8 (N,); 80 % training, 10 % validation, 10 % test as nearly as whole
        groups allow.
    """
    tables = _tables(groups, items.class_ids)
    order = list(range(len(tables)))
    random.Random(seed).shuffle(order)  # noqa: S311
    order.sort(key=lambda group: sum(tables[group].values()), reverse=True)
    side_of_group = _deal(tables, order)
    return side_of_group[groups]


def fill_empty(sides: NDArray[np.int8], groups: Numbers, counted: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Give a test or validation side that lacks a kind of cells the smallest group of training that has both.

    Where there are only a few slides or cases, dealing by size alone leaves the small sides empty.

    Args:
        sides: see ``split``.
        groups: see ``groups_of``.
        counted: whether each patch is of a counted class.

    Returns:
        The sides; training keeps both kinds.
    """
    kinds = np.zeros((int(groups.max(initial=NONE)) + 1, 2), dtype=np.int64)
    np.add.at(kinds, (groups, counted.astype(np.int64)), 1)
    of_group = np.zeros(len(kinds), dtype=np.int8)
    of_group[groups] = sides
    train, small = SIDES.index(Side.TRAIN), [SIDES.index(side) for side in (Side.TEST, Side.VALIDATION)]
    for side in small:
        if kinds[of_group == side].sum(axis=0).all():
            continue
        left = kinds[of_group == train].sum(axis=0)
        spare = np.flatnonzero((of_group == train) & kinds.all(axis=1) & (kinds < left).all(axis=1))
        if len(spare):
            of_group[spare[np.argmin(kinds[spare].sum(axis=1))]] = side
    return of_group[groups]


def refused(items: Items, sides: NDArray[np.int8], *, band_px: float) -> NDArray[np.bool_]:
    """Tell which patches to leave out so that no box comes nearer than ``band_px`` to one of another side.

    Of two that come too near, the one for training goes before the one for validation, and that before the test's.

    Returns:
        Mask (N,).
    """
    pairs = _across(overlaps(items, band_px=band_px), sides)
    goes = np.where(sides[pairs[:, 0]] < sides[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    mask = np.zeros(len(items), dtype=np.bool_)
    mask[goes] = True
    return mask


def leaks(items: Items, sides: NDArray[np.int8], kind: str) -> dict[str, Pairs]:
    """Find what lies on two sides.

    Args:
        items: the patches, in order.
        sides: positions in ``SIDES``.
        kind: the split; it says whether slides and cases may lie on several sides.

    Returns:
        Pairs of positions by kind of leak: ``duplicates``, ``near_duplicates``, ``overlaps``, ``slides``, ``cases``;
        kinds without a leak are left out.
    """
    names = {"slides": items.slide_ids} if kind == Split.SLIDE else {}
    names |= {"slides": items.slide_ids, "cases": items.cases} if kind == Split.CASE else {}
    found = {
        "duplicates": same_pixels(items),
        "near_duplicates": items.near,
        "overlaps": overlaps(items),
        **{what: _with_first(numbers)[numbers != NONE] for what, numbers in names.items()},
    }
    across = {what: _across(pairs, sides) for what, pairs in found.items()}
    return {what: pairs for what, pairs in across.items() if len(pairs)}


def _across(pairs: Pairs, sides: NDArray[np.int8]) -> Pairs:
    return np.asarray(pairs[sides[pairs[:, 0]] != sides[pairs[:, 1]]])


def _runs(names: Numbers) -> Iterator[Numbers]:
    """Give the positions of each name in turn."""
    order = np.argsort(names, kind="stable")
    cuts = np.flatnonzero(np.diff(names[order])) + 1
    return (part for part in np.split(order, cuts) if len(part))


def _nobody(items: Items) -> Numbers:
    return np.full(len(items), NONE, dtype=np.int64)


def _tiles(items: Items, tile_px: int) -> Numbers:
    """Number the tile of each placed item."""
    places = np.column_stack([items.slide_ids, items.x_l0 // tile_px, items.y_l0 // tile_px])
    _, numbers = np.unique(places, axis=0, return_inverse=True)
    return np.where(items.slide_ids == NONE, NONE, numbers.reshape(-1))


def _homes(items: Items, clusters: Numbers, tile_px: int) -> Numbers:
    """Give each item the tile of its cluster's first placed item."""
    tiles = _tiles(items, tile_px)
    placed = np.flatnonzero(tiles != NONE)
    owners, first = np.unique(clusters[placed], return_index=True)
    home = np.full(int(clusters.max(initial=NONE)) + 1, NONE, dtype=np.int64)
    home[owners] = tiles[placed[first]]
    return home[clusters]


def _with_first(names: Numbers) -> Pairs:
    """Pair every item with the first of its name."""
    _, first, kind = np.unique(names, return_index=True, return_inverse=True)
    return np.column_stack([first[kind], np.arange(len(names))])


def _joined(names: Numbers, pairs: Pairs) -> Numbers:
    """Number the groups of items that share a name (not ``NONE``) or are paired, in order of their first items."""
    named = np.flatnonzero(names != NONE)
    same = _with_first(names[named])
    edges = np.concatenate([named[same], pairs])
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(len(names), len(names)))
    found = connected_components(graph, directed=False)[1].astype(np.int64)
    _, first, numbers = np.unique(found, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[numbers]


def _tables(groups: Numbers, class_ids: Numbers) -> list[dict[int, int]]:
    """Count the classes of each group."""
    tables: list[dict[int, int]] = [{} for _ in range(int(groups.max(initial=NONE)) + 1)]
    rows, counts = np.unique(np.column_stack([groups, class_ids]), axis=0, return_counts=True)
    for (group, class_id), count in zip(rows.tolist(), counts.tolist(), strict=True):
        tables[group][class_id] = count
    return tables


def _deal(tables: list[dict[int, int]], order: Iterable[int]) -> NDArray[np.int8]:
    """Give each group, the largest first, to the side that lacks its classes most."""
    totals: Counter[int] = Counter()
    for table in tables:
        totals.update(table)
    have = [dict.fromkeys(totals, 0) for _ in SIDES]
    wanted = [{c: FRACTIONS[side] * n for c, n in totals.items()} for side in SIDES]
    sides = np.zeros(len(tables), dtype=np.int8)
    for group in order:
        table = tables[group]
        lacks = [
            sum(n * (1 - (had[c] + n / 2) / wish[c]) for c, n in table.items())
            for had, wish in zip(have, wanted, strict=True)
        ]
        side = lacks.index(max(lacks))
        sides[group] = side
        for c, n in table.items():
            have[side][c] += n
    return sides
