"""Splits: nothing lies on two sides, classes stay in proportion, a seed decides everything."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.choices import Split
from labeling.looks import LENGTH
from labeling.splits import NONE, SAME_CELL_PX, SIDES, Items, groups_of, leaks, overlaps, refused, split, taken_back
from tests.factories import digest

BOX = 70.0
TRAIN, VALIDATION, TEST = range(3)


def looks_of(kinds):
    """Looks of noise, the same for the same kind."""
    return np.stack([np.random.default_rng(kind).integers(0, 255, LENGTH) for kind in kinds]).astype(np.uint8)


def make(rows, **columns):
    """Items of (class, place or None), with pixels of their own unless ``pixels`` or ``looks`` name them."""
    count = len(rows)
    places = [place or (0, 0) for _, place in rows]
    values = {
        "patch_ids": np.arange(count),
        "pixels": range(count),
        "slide_ids": np.array([NONE if place is None else 1 for _, place in rows], dtype=np.int64),
        "looks": looks_of(columns.get("pixels", range(count))),
    } | columns
    values["sha256"] = np.array([digest(f"pixels {name}") for name in values.pop("pixels")], dtype="S64")
    return Items(
        class_ids=np.array([class_id for class_id, _ in rows], dtype=np.int64),
        cases=values.pop("cases", values["slide_ids"]),
        x_l0=np.array([x for x, _ in places], dtype=np.int64),
        y_l0=np.array([y for _, y in places], dtype=np.int64),
        box_px=np.full(count, BOX),
        **values,
    )


def placed(places, **columns):
    return make([(1 + n % 2, place) for n, place in enumerate(places)], **columns)


def imported(count, **columns):
    return make([(1 + n % 2, None) for n in range(count)], **columns)


def same_group(items, kind=Split.CLUSTER, **options):
    """Groups as lists of positions."""
    groups = groups_of(items, kind, **options).tolist()
    return [[n for n, group in enumerate(groups) if group == g] for g in sorted(set(groups))]


PLACES = st.tuples(st.integers(0, 4000), st.integers(0, 4000))
ROWS = st.lists(st.tuples(PLACES, st.integers(1, 2), st.integers(0, 30)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 5))
def test_overlaps_and_duplicates_lie_on_one_side(rows, seed):
    items = make([(c, place) for place, c, _ in rows], pixels=[pixels for _, _, pixels in rows]).in_order()
    sides = split(items, Split.CLUSTER, seed=seed)
    assert leaks(items, sides, Split.CLUSTER) == {}
    for a in range(len(items)):
        near = (abs(items.x_l0 - items.x_l0[a]) < BOX) & (abs(items.y_l0 - items.y_l0[a]) < BOX)
        alike = near | (items.sha256 == items.sha256[a])
        assert (sides[alike] == sides[a]).all()


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 5), band=st.integers(0, 100))
def test_behind_a_guard_band_no_box_comes_near_another_side(rows, seed, band):
    items = make([(c, place) for place, c, _ in rows], pixels=[pixels for _, _, pixels in rows]).in_order()
    sides = split(items, Split.PLACE, seed=seed, tile_px=500)
    keep = ~refused(items, sides, band_px=band)
    kept, sides = items.take(keep), sides[keep]
    assert leaks(kept, sides, Split.PLACE) == {}
    for a in range(len(kept)):
        near = (abs(kept.x_l0 - kept.x_l0[a]) < BOX + band) & (abs(kept.y_l0 - kept.y_l0[a]) < BOX + band)
        assert (sides[near] == sides[a]).all()


@pytest.mark.parametrize("kind", Split.values)
def test_the_order_of_the_rows_does_not_matter(kind):
    items = placed([(n * 977 % 6000, n * 613 % 6000) for n in range(200)]) if kind != Split.RANDOM else imported(200)
    shuffled = items.take(np.random.default_rng(3).permutation(200))
    one, other = items.in_order(), shuffled.in_order()
    assert (one.patch_ids == other.patch_ids).all()
    assert (split(one, kind, seed=4) == split(other, kind, seed=4)).all()


def test_patches_of_one_tile_go_together():
    items = placed([(x, 500) for x in [100, 400, 900, 1200, 1900, 2500]])
    assert same_group(items) == same_group(items, Split.PLACE) == [[0, 1, 2], [3, 4], [5]]


def test_an_overlap_across_a_border_belongs_to_one_tile():
    items = placed([(980, 500), (1030, 500), (1800, 500)])
    assert same_group(items) == [[0, 1], [2]]
    assert same_group(items, Split.PLACE) == [[0], [1, 2]]


def test_boxes_that_only_touch_do_not_overlap():
    assert len(overlaps(placed([(100, 100), (170, 100)]))) == 0
    assert overlaps(placed([(100, 100), (169, 100)])).tolist() == [[0, 1]]
    assert len(overlaps(placed([(100, 100), (204, 100)]), band_px=35)) == 1
    assert len(overlaps(placed([(100, 100), (205, 100)]), band_px=35)) == 0


def test_the_same_place_on_another_slide_is_another_place():
    items = placed([(100, 100), (100, 100)], slide_ids=np.array([1, 2]))
    for kind in (Split.CLUSTER, Split.PLACE, Split.SLIDE):
        assert same_group(items, kind) == [[0], [1]]


def test_slides_and_cases_stay_whole():
    slides = np.array([1, 1, 2, 2, 3])
    items = placed([(n * 900, n * 900) for n in range(5)], slide_ids=slides, cases=np.array([1, 1, 1, 1, 3]))
    assert same_group(items, Split.SLIDE) == [[0, 1], [2, 3], [4]]
    assert same_group(items, Split.CASE) == [[0, 1, 2, 3], [4]]


def test_imported_patches_go_by_themselves_but_with_their_copies():
    items = imported(5, pixels=[0, 1, 0, 2, 3], looks=looks_of([0, 1, 0, 2, 2]))
    for kind in Split.values:
        assert same_group(items, kind) == [[0, 2], [1], [3, 4]]


def test_copies_join_the_slides_they_lie_on():
    items = placed([(n * 900, 0) for n in range(4)], slide_ids=np.array([1, 2, 3, 3]), looks=looks_of([0, 1, 1, 2]))
    assert same_group(items, Split.SLIDE) == [[0], [1, 2, 3]]


def test_of_two_too_near_the_test_patch_stays():
    items = placed([(100, 100), (150, 100), (200, 100), (900, 900)])
    sides = np.array([TRAIN, VALIDATION, TEST, TRAIN], dtype=np.int8)
    assert refused(items, sides, band_px=0).tolist() == [True, True, False, False]
    assert not refused(items, np.zeros(4, dtype=np.int8), band_px=500).any()


@pytest.mark.parametrize(
    ("kind", "change", "found"),
    [
        (Split.CLUSTER, {}, {}),
        (Split.CLUSTER, {"pixels": [0, 1, 1, 3]}, {"duplicates", "near_duplicates"}),
        (Split.CLUSTER, {"looks": looks_of([0, 1, 1, 3])}, {"near_duplicates"}),
        (Split.CLUSTER, {"x_l0": np.array([0, 1000, 1040, 3000])}, {"overlaps"}),
        (Split.CLUSTER, {"cases": np.array([5, 5, 5, 5])}, set()),
        (Split.CASE, {}, {"slides", "cases"}),
        (Split.CASE, {"slide_ids": np.array([1, 1, 2, 3])}, {"cases"}),
        (Split.SLIDE, {}, {"slides"}),
        (Split.SLIDE, {"slide_ids": np.array([1, 1, 2, 2])}, {}),
        (Split.SLIDE, {"slide_ids": np.full(4, NONE)}, {}),
    ],
)
def test_a_planted_leak_is_found(kind, change, found):
    items = placed([(n * 1000, 0) for n in range(4)], cases=np.ones(4, dtype=np.int64))
    names = change.pop("pixels", None)
    if names:
        items = placed([(n * 1000, 0) for n in range(4)], pixels=names)
    items = Items(**{**vars(items), **change})
    assert set(leaks(items, np.array([TRAIN, TRAIN, TEST, TEST], dtype=np.int8), kind)) == set(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [Split.CLUSTER, Split.RANDOM])
def test_single_patches_are_dealt_in_proportion(seed, kind):
    items = make([(1 if n < 1395 else 2, None) for n in range(2717)]).in_order()
    sides = split(items, kind, seed=seed)
    counts = Counter(zip(sides.tolist(), items.class_ids.tolist(), strict=True))
    for class_id, total in ((1, 1395), (2, 1322)):
        for side, share in enumerate((0.8, 0.1, 0.1)):
            assert abs(counts[side, class_id] - share * total) <= 2


def test_tiles_are_dealt_nearly_in_proportion():
    items = placed([(n * 977 % 12_000, n * 613 % 9_000) for n in range(400)]).in_order()
    counts = Counter(split(items, Split.CLUSTER, seed=3).tolist())
    assert 290 <= counts[TRAIN] <= 350
    assert min(counts[VALIDATION], counts[TEST]) >= 25


def test_another_seed_is_another_split():
    items = imported(100).in_order()
    assert (split(items, Split.RANDOM, seed=1) != split(items, Split.RANDOM, seed=2)).any()


def test_looks_must_fit_the_patches():
    with pytest.raises(ValueError, match="3 patches"):
        imported(3, looks=np.zeros((2, LENGTH), dtype=np.uint8))


def test_many_patches_are_split_within_seconds():
    count = 50_000
    rng = np.random.default_rng(1)
    items = make(
        [(1 + n % 2, (n * 7919 % 90_000, n * 104_729 % 90_000)) for n in range(count)],
        looks=rng.integers(0, 255, (count, LENGTH), dtype=np.uint8),
    ).in_order()
    began = time.monotonic()
    assert set(split(items, Split.CLUSTER, seed=1).tolist()) == set(range(len(SIDES)))
    assert time.monotonic() - began < 20


def gone(tellers, points, classes, order):
    columns = (np.array(column, dtype=np.int64) for column in (tellers, points, classes, order))
    return taken_back(*columns).tolist()


def test_the_earlier_of_two_labels_of_one_cell_was_taken_back():
    points = [(0, 0), (SAME_CELL_PX, 0), (900, 0), (900, SAME_CELL_PX + 1)]
    assert gone([1] * 4, points, [1, 2, 1, 2], [1, 2, 3, 4]) == [True, False, False, False]
    assert gone([1] * 4, points, [1, 2, 1, 2], [4, 3, 2, 1]) == [False, True, False, False]
    assert gone([1] * 4, points, [1, 1, 2, 2], [1, 2, 3, 4]) == [False] * 4
    assert gone([1], [(0, 0)], [1], [1]) == [False]


def test_a_label_is_taken_back_by_its_own_teller_and_never_without_a_place():
    points = [(5, 5), (6, 5), (5, 5), (6, 5)]
    assert gone([1, 2, NONE, NONE], points, [1, 2, 1, 2], [1, 2, 3, 4]) == [False] * 4
    assert gone([1, 2, 1, 2], points, [1, 1, 2, 2], [1, 2, 3, 4]) == [True, True, False, False]


def test_whoever_changes_their_mind_twice_keeps_the_last_word():
    assert gone([1] * 3, [(0, 0), (5, 0), (10, 0)], [1, 2, 1], [1, 2, 3]) == [True, True, False]
    assert gone([1] * 3, [(0, 0), (10, 0), (20, 0)], [1, 2, 3], [1, 2, 3]) == [True, True, False]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 3), st.integers(0, 2)), max_size=40)
)
def test_taken_back_is_what_it_says(rows):
    order = np.random.default_rng(len(rows)).permutation(len(rows)).tolist()
    tellers = [teller or NONE for *_, teller in rows]
    found = gone(tellers, np.reshape([row[:2] for row in rows], (-1, 2)), [row[2] for row in rows], order)
    for n, (x, y, kind, teller) in enumerate(rows):
        assert found[n] == any(
            teller and teller == t and kind != k and order[m] > order[n] and (x - a) ** 2 + (y - b) ** 2 <= 14**2
            for m, (a, b, k, t) in enumerate(rows)
        )


def test_a_million_labels_are_looked_through_in_seconds():
    rng = np.random.default_rng(5)
    count = 1_000_000
    points, tellers = rng.integers(0, 50_000, (count, 2)), rng.integers(0, 100, count)
    began = time.monotonic()
    found = taken_back(tellers, points, rng.integers(1, 3, count), rng.permutation(count))
    assert time.monotonic() - began < 20
    assert 0 < found.sum() < count / 100
