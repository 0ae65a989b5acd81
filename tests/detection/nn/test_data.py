"""Patch sets, and splits without leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.nn.data import PatchSet, folds, pixel_hash, place_groups, split_sides
from detection.nn.errors import TrainingError
from tests.detection.nn.toys import toy_patches


def test_counts_and_choices():
    patches = toy_patches(6, 0)
    assert patches.counts() == {"positive": 3, "negative": 3}
    assert len(patches.take(patches.labels == 1)) == 3


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 69, 70, 3), dtype=np.uint8), [0, 1]),
        (np.zeros((2, 70, 70, 3), dtype=np.float32), [0, 1]),
        (np.zeros((2, 70, 70), dtype=np.uint8), [0, 1]),
        (np.zeros((2, 70, 70, 3), dtype=np.uint8), [0]),
        (np.zeros((2, 70, 70, 3), dtype=np.uint8), [0, 2]),
    ],
)
def test_what_is_no_patch_set_is_refused(images, labels):
    with pytest.raises(TrainingError) as caught:
        PatchSet(images, np.array(labels, dtype=np.int64))
    assert caught.value.code == "patches_invalid"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 1), st.integers(0, 60)), min_size=60, max_size=200),
    st.integers(0, 100),
)
def test_groups_and_duplicates_stand_on_one_side(rows, seed):
    groups, labels, copies = (list(column) for column in zip(*rows, strict=True))
    groups += [1000, 1001, 1002]  # enough that no side stays empty
    labels += [0, 1, 0]
    copies += [1000, 1001, 1002]
    sides = split_sides(groups, labels, fractions=(0.6, 0.2, 0.2), seed=seed, duplicates=copies)
    for names in (groups, copies):
        for name in set(names):
            assert len({int(side) for side, other in zip(sides, names, strict=True) if other == name}) == 1


def test_shares_of_both_classes():
    rng = np.random.default_rng(0)
    labels = (rng.random(2000) < 0.3).astype(np.int64)
    sides = split_sides(range(2000), labels, fractions=(0.7, 0.1, 0.2), seed=3)
    for side, share in enumerate((0.7, 0.1, 0.2)):
        for label in (0, 1):
            found = (sides[labels == label] == side).mean()
            assert found == pytest.approx(share, abs=0.01)


def test_the_seed_decides():
    labels = np.arange(100) % 2
    one, same, other = (split_sides(range(100), labels, fractions=(0.8, 0.2), seed=s) for s in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize("fractions", [(1.0,), (0.5, 0.6), (1.2, -0.2), (1.0, 0.0)])
def test_shares_that_are_none_are_refused(fractions):
    with pytest.raises(TrainingError, match="shares"):
        split_sides([1, 2, 3], [0, 1, 0], fractions=fractions, seed=0)


def test_one_group_cannot_be_split():
    with pytest.raises(TrainingError) as caught:
        split_sides(["a"] * 10, [0, 1] * 5, fractions=(0.8, 0.2), seed=0)
    assert caught.value.code == "split_invalid"
    assert caught.value.extra == {"groups": 1, "sides": 2}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), max_size=150), st.integers(2, 6), st.integers(0, 100))
def test_a_group_stands_in_one_fold_and_each_fold_has_both_classes(rows, k, seed):
    rows = [*rows, *((100 + n, n % 2) for n in range(4 * k))]
    groups, labels = (list(column) for column in zip(*rows, strict=True))
    found = folds(groups, labels, k=k, seed=seed)
    assert {len(set(found[np.array(groups) == group])) for group in set(groups)} == {1}
    assert {(int(fold), label) for fold, label in zip(found, labels, strict=True)} == {
        (fold, label) for fold in range(k) for label in (0, 1)
    }


def test_folds_are_of_one_size_and_the_seed_decides():
    labels = np.arange(100) % 2
    one, same, other = (folds(range(100), labels, k=5, seed=seed) for seed in (1, 1, 2))
    assert np.bincount(one * 2 + labels).tolist() == [10] * 10
    assert one.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize(("groups", "k"), [([1, 1, 2, 2], 3), ([1, 2, 3, 4], 3), ([1, 2, 3, 4], 1), ([], 2)])
def test_folds_that_cannot_be_filled_are_refused(groups, k):
    with pytest.raises(TrainingError) as caught:
        folds(groups, [0, 1, 0, 1][: len(groups)], k=k, seed=0)
    assert caught.value.code == "folds_invalid"


def test_overlapping_patches_of_one_slide_are_one_place():
    points = np.array([[0, 0], [60, 10], [120, 70], [400, 0], [0, 0]])
    groups = place_groups(["a", "a", "a", "a", "b"], points)
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3


def test_pixels_name_a_patch():
    images = toy_patches(2, 0).images
    assert pixel_hash(images[0]) == pixel_hash(images[0][::-1][::-1]) != pixel_hash(images[1])
