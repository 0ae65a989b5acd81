from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from labeling.drawn.sample import FIELDS, NEGATIVE, POSITIVE, SLIDE, labelled_points, lymphocytes_in, sections
from labeling.drawn.tissue import Tissue


@pytest.fixture(scope="module")
def tissue():
    return SLIDE.tissue()


@pytest.fixture(scope="module")
def points(tissue):
    return labelled_points(tissue)


@pytest.fixture(scope="module")
def nearest(tissue):
    """For each kind a function from points to the distance of the nearest cell of that kind."""
    trees = {}
    for kind in ("lymphocyte", "nucleus", "debris"):
        cells = tissue.cells[tissue.cells["kind"] == kind]
        trees[kind] = cKDTree(np.column_stack([cells["x"], cells["y"]]))
    return lambda kind, places: trees[kind].query(places)[0]


def _named(points, name):
    return np.array([(x, y) for x, y, found in points if found == name])


def test_the_slide_is_the_one_promised(tissue):
    assert (tissue.width, tissue.height, tissue.mpp) == (12_000, 9_000, 0.1)


def test_half_of_four_hundred_points_are_positive(points):
    assert Counter(name for *_, name in points) == {POSITIVE: 200, NEGATIVE: 200}
    assert len({(x, y) for x, y, _ in points}) == 400


def test_every_patch_lies_whole_on_the_slide(points, tissue):
    for x, y, _ in points:
        assert 35 <= x <= tissue.width - 35
        assert 35 <= y <= tissue.height - 35
        assert type(x) is int


def test_positives_are_lymphocytes(points, nearest):
    assert nearest("lymphocyte", _named(points, POSITIVE)).max() < 2


def test_no_negative_is_a_lymphocyte(points, nearest):
    assert nearest("lymphocyte", _named(points, NEGATIVE)).min() > 14


def test_negatives_are_of_every_sort(points, nearest):
    places = _named(points, NEGATIVE)
    blue, brown, positive = (nearest(kind, places) for kind in ("nucleus", "debris", "lymphocyte"))
    assert (blue < 2).sum() >= 60
    assert (brown < 2).sum() >= 40
    assert ((positive > 19) & (positive < 36)).sum() >= 45
    assert (np.minimum(np.minimum(blue, brown), positive) > 44).sum() >= 20


def test_the_choice_depends_on_its_seed_only(tissue, points):
    assert labelled_points(SLIDE.tissue()) == points
    assert labelled_points(tissue, seed=2) != points


def test_points_come_mixed(points):
    changes = sum(a != b for (*_, a), (*_, b) in pairwise(points))
    assert 150 < changes < 250


def test_a_section_without_enough_gives_fewer():
    found = labelled_points(Tissue(300, 250, seed=2), n=400)
    assert len(found) < 400
    assert all(35 <= x <= 265 and 35 <= y <= 215 for x, y, _ in found)


def test_a_slide_smaller_than_a_patch_gives_none_that_hold():
    assert labelled_points(Tissue(40, 40, seed=2), n=10) == []


def test_six_fields_from_six_other_seeds():
    assert len(FIELDS) == 6
    assert len({field.section.seed for field in FIELDS} | {SLIDE.seed}) == 7
    assert len({field.name for field in FIELDS}) == len({field.case_code for field in FIELDS}) == 6


def test_fields_hold_from_few_to_many_lymphocytes():
    counts = []
    for field, section in sections():
        x, y, w, h = box = field.box(section)
        assert (w, h) == (600, 500)
        assert 0 <= x <= section.width - w
        assert 0 <= y <= section.height - h
        inside = lymphocytes_in(section, box)
        assert inside.shape == (len(inside), 2)
        assert (inside >= 0).all()
        assert (inside < (600, 500)).all()
        counts.append(len(inside))
    assert max(counts) >= 20
    assert min(counts) <= 8
    assert sum(counts) >= 60
