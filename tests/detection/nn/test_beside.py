"""Places beside cells: as far as said, on no cell, over no other window, the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from detection.nn.beside import FAR_PX, NEAR_PX, cell_like_from, core_density, draw_beside, is_clear, is_off
from tests.detection.nn.toys import BROWN, GLASS, disc

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(0, 40)
scales = st.floats(0.3, 4.0)


def scattered(count, seed, size=400):
    return np.random.default_rng(seed).integers(0, size, (count, 2)).astype(np.float64)


def drawn(cells, seed, *, each=3, scale=1.0):
    return draw_beside(cells, each=each, chance=np.random.default_rng(seed), scale=scale)


@given(counts, seeds, scales, st.integers(0, 8))
def test_each_place_lies_some_way_off_its_own_cell(count, seed, scale, each):
    cells = scattered(count, seed)
    places = drawn(cells, seed, each=each, scale=scale)
    assert places.shape == (count * each, 2)
    away = np.linalg.norm(places - np.repeat(cells, each, axis=0), axis=1) / scale
    assert ((away > NEAR_PX - 1e-9) & (away < FAR_PX + 1e-9)).all()


@given(counts, seeds)
def test_the_same_chance_draws_the_same_places(count, seed):
    cells = scattered(count, seed)
    assert np.array_equal(drawn(cells, seed), drawn(cells, seed))
    if count:
        assert not np.array_equal(drawn(cells, seed), drawn(cells, seed + 1))


@given(counts, counts, seeds, scales)
def test_a_place_is_off_where_every_cell_is_far_enough(count, others, seed, scale):
    places, cells = scattered(count, seed), scattered(others, seed + 1)
    nearest = cdist(places, cells).min(axis=1, initial=np.inf)
    assert np.array_equal(is_off(places, cells, scale=scale), nearest >= NEAR_PX * scale)


@settings(max_examples=50)
@given(counts, counts, seeds)
def test_a_window_is_clear_where_it_shares_no_pixel_with_another(count, others, seed):
    places, patches = scattered(count, seed).astype(np.int64), scattered(others, seed + 1).astype(np.int64)
    painted = np.zeros((480, 480), dtype=bool)
    for x, y in patches:
        painted[y : y + 70, x : x + 70] = True
    shares = [painted[y : y + 70, x : x + 70].any() for x, y in places]
    assert np.array_equal(~is_clear(places, patches, reach=70), np.array(shares, dtype=bool))


def test_in_all_directions_alike():
    places = drawn(np.zeros((1000, 2)), 1)
    quarters = np.histogram(np.arctan2(*places.T), bins=4, range=(-np.pi, np.pi))[0]
    assert (abs(quarters - 750) < 100).all()


def patch(colour, size):
    """A patch of glass with a disc in its middle."""
    image = np.full((70, 70, 3), GLASS, dtype=np.uint8)
    disc(image, 35, 35, size, colour)
    return image


def test_the_density_of_the_middle_sees_nothing_of_a_cell_twenty_pixels_off():
    beside = np.full((70, 70, 3), GLASS, dtype=np.uint8)
    disc(beside, 15, 35, 12, BROWN)
    cell, glass, off = core_density(np.stack([patch(BROWN, 12), patch(GLASS, 12), beside]))
    assert cell > glass + 0.1
    assert off == glass


def test_what_is_as_dark_as_nine_of_ten_cells_looks_like_one():
    cells = np.linspace(0.5, 0.6, 11)
    assert cell_like_from(cells, np.array([0.1, 0.2, 0.55])) == pytest.approx(0.51)


@pytest.mark.parametrize(("cells", "windows"), [([0.5, 0.6], [0.55, 0.6, 0.1]), ([], [0.1]), ([0.5], [])])
def test_where_the_stain_does_not_tell_nothing_looks_like_a_cell(cells, windows):
    assert cell_like_from(np.array(cells), np.array(windows)) == np.inf
