"""Splits: nothing lies on two sides, classes stay in proportion, a seed decides everything."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.splits import Item, Place, groups_of, split
from tests.factories import digest

BOX = 70.0


def item(n, class_id=1, place=None, sha256=None):
    where = Place(1, place[0], place[1], BOX) if place else None
    return Item(n, sha256 or digest(str(n)), class_id, where)


PLACES = st.tuples(st.integers(0, 4000), st.integers(0, 4000))
ITEMS = st.lists(st.tuples(PLACES, st.integers(1, 2), st.integers(0, 30)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows=ITEMS, seed=st.integers(0, 5))
def test_overlaps_and_duplicates_lie_on_one_side(rows, seed):
    items = [item(n, c, place, digest(f"pixels {pixels}")) for n, (place, c, pixels) in enumerate(rows)]
    sides = split(items, seed=seed)
    assert sides == split(reversed(items), seed=seed)
    for a in items:
        for b in items:
            near = abs(a.place.x_l0 - b.place.x_l0) < BOX and abs(a.place.y_l0 - b.place.y_l0) < BOX
            if near or a.sha256 == b.sha256:
                assert sides[a.patch_id] == sides[b.patch_id]


def test_patches_of_one_tile_go_together():
    items = [item(n, place=(x, 500)) for n, x in enumerate([100, 400, 900, 1200, 1900, 2500])]
    groups = groups_of(items)
    assert groups == [(1, 0, 0)] * 3 + [(1, 1, 0)] * 2 + [(1, 2, 0)]


def test_an_overlap_across_a_border_belongs_to_one_tile():
    items = [item(0, place=(980, 500)), item(1, place=(1030, 500)), item(2, place=(1800, 500))]
    home = groups_of(items)
    assert home[0] == home[1] != home[2]


def test_boxes_that_only_touch_do_not_overlap():
    apart = [item(0, place=(100, 100)), item(1, place=(170, 100))]
    near = [item(0, place=(100, 100)), item(1, place=(169, 100))]
    assert len(set(groups_of(apart, tile_px=1))) == 2
    assert len(set(groups_of(near, tile_px=1))) == 1


def test_the_same_place_on_another_slide_is_another_place():
    items = [item(0, place=(100, 100)), Item(1, digest("1"), 1, Place(2, 100, 100, BOX))]
    assert len(set(groups_of(items, tile_px=1))) == 2


@pytest.mark.parametrize("seed", range(4))
def test_single_patches_are_dealt_in_proportion(seed):
    items = [item(n, 1 if n < 1395 else 2) for n in range(2717)]
    sides = split(items, seed=seed)
    counts = Counter((sides[i.patch_id], i.class_id) for i in items)
    for class_id, total in ((1, 1395), (2, 1322)):
        for side, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
            assert abs(counts[side, class_id] - share * total) <= 2


def test_tiles_are_dealt_nearly_in_proportion():
    items = [item(n, 1 + n % 2, (n * 977 % 12_000, n * 613 % 9_000)) for n in range(400)]
    counts = Counter(split(items, seed=3).values())
    assert 290 <= counts["train"] <= 350
    assert min(counts["validation"], counts["test"]) >= 25


def test_another_seed_is_another_split():
    items = [item(n, 1 + n % 2) for n in range(100)]
    assert split(items, seed=1) != split(items, seed=2)


def test_many_patches_are_split_within_seconds():
    items = [item(n, 1 + n % 2, (n * 7919 % 60_000, n * 104_729 % 60_000)) for n in range(20_000)]
    counts = Counter(split(items, seed=1).values())
    assert counts.total() == 20_000
    assert len(counts) == 3
