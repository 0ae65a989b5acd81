"""Splits a data set before anything is augmented, so that no cell, and no pixel, lies on two sides."""

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from labeling.choices import Side

FRACTIONS: dict[str, float] = {Side.TRAIN: 0.8, Side.VALIDATION: 0.1, Side.TEST: 0.1}
TILE_PX = 1000


@dataclass(frozen=True)
class Place:
    """Where a patch lies: slide, centre pixel and side of its box in level-0 pixels."""

    slide_id: int
    x_l0: int
    y_l0: int
    box_px: float


@dataclass(frozen=True)
class Item:
    """One patch to be put on a side."""

    patch_id: int
    sha256: str
    class_id: int
    place: Place | None = None


class _Clusters:
    """Union-find over item positions."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, i: int) -> int:
        """Give the representative of an item's cluster."""
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Put two items into one cluster; the smaller position represents it."""
        a, b = sorted((self.find(i), self.find(j)))
        self._parent[b] = a


def _join_duplicates(items: Sequence[Item], clusters: _Clusters) -> None:
    first: dict[str, int] = {}
    for i, item in enumerate(items):
        clusters.join(first.setdefault(item.sha256, i), i)


def _join_overlaps(items: Sequence[Item], clusters: _Clusters) -> None:
    """Join patches whose boxes share a pixel, found through a grid of box-sized cells."""
    cells: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        if item.place is None:
            continue
        place = item.place
        column, row = int(place.x_l0 // place.box_px), int(place.y_l0 // place.box_px)
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                for j in cells.get((place.slide_id, column + dx, row + dy), ()):
                    if _overlap(place, items[j].place):
                        clusters.join(i, j)
        cells[(place.slide_id, column, row)].append(i)


def _overlap(a: Place, b: Place | None) -> bool:
    return b is not None and abs(a.x_l0 - b.x_l0) < a.box_px and abs(a.y_l0 - b.y_l0) < a.box_px


def groups_of(items: Sequence[Item], *, tile_px: int = TILE_PX) -> list[Hashable]:
    """Name the group of each item; a group never comes apart.

    Overlapping crops and exact duplicates form clusters; a cluster belongs to the tile of the slide where its first
    item lies, and a tile's clusters go together. Patches without a place group with their duplicates only.

    Args:
        items: the patches.
        tile_px: side of the tiles, level-0 pixels.

    Returns:
        One group key per item, in their order.
    """
    clusters = _Clusters(len(items))
    _join_duplicates(items, clusters)
    _join_overlaps(items, clusters)
    home: dict[int, Hashable] = {}
    for i, item in enumerate(items):
        root = clusters.find(i)
        if item.place is not None and root not in home:
            place = item.place
            home[root] = (place.slide_id, place.x_l0 // tile_px, place.y_l0 // tile_px)
    return [home.get(clusters.find(i), ("alone", clusters.find(i))) for i in range(len(items))]


def split(items: Iterable[Item], *, seed: int, tile_px: int = TILE_PX) -> dict[int, str]:
    """Put every patch on a side: whole groups, classes in proportion, the same for the same seed.

    Args:
        items: the patches; their order does not matter.
        seed: of the shuffle.
        tile_px: side of the tiles that stay together, level-0 pixels.

    Returns:
        Side by patch id; 80 % training, 10 % validation, 10 % test as nearly as whole groups allow.
    """
    ordered = sorted(items, key=lambda item: (item.sha256, item.patch_id))
    members: dict[Hashable, list[Item]] = defaultdict(list)
    for item, group in zip(ordered, groups_of(ordered, tile_px=tile_px), strict=True):
        members[group].append(item)
    groups = list(members.values())
    random.Random(seed).shuffle(groups)  # noqa: S311
    groups.sort(key=len, reverse=True)
    return _deal(groups, Counter(item.class_id for item in ordered))


def _deal(groups: Sequence[Sequence[Item]], totals: Counter[int]) -> dict[int, str]:
    """Give each group, the largest first, to the side that lacks its classes most."""
    have: dict[str, Counter[int]] = {side: Counter() for side in FRACTIONS}
    sides: dict[int, str] = {}
    for group in groups:
        classes = Counter(item.class_id for item in group)

        def lack(side: str, classes: Counter[int] = classes) -> float:
            share = FRACTIONS[side]
            return sum(n * (1 - (have[side][c] + n / 2) / (share * totals[c])) for c, n in classes.items())

        side = max(FRACTIONS, key=lack)
        have[side] += classes
        sides.update((item.patch_id, side) for item in group)
    return sides
