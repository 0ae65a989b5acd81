import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from skimage.color import rgb2hed

from labeling.drawn.cells import KINDS
from labeling.drawn.sprites import Variety, sprite
from labeling.drawn.tissue import Tissue


def test_the_same_seed_gives_the_same_pixels_and_cells(section):
    again = Tissue(section.width, section.height, section.seed)
    assert np.array_equal(again.cells, section.cells)
    assert np.array_equal(again.render(900, 700, 400, 300), section.render(900, 700, 400, 300))


def test_another_seed_gives_another_section(section):
    other = Tissue(section.width, section.height, section.seed + 1)
    assert not np.array_equal(other.render(900, 700, 400, 300), section.render(900, 700, 400, 300))
    assert len(other.cells) != len(section.cells) or not np.array_equal(other.cells, section.cells)


def test_drawing_leaves_the_global_random_state_alone():
    random.seed(5)
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    Tissue(300, 300, seed=1).render(0, 0, 300, 300)
    assert random.getstate() == state
    assert str(np.random.get_state()) == str(numpy_state)  # noqa: NPY002


@pytest.fixture(scope="module")
def whole(section):
    return section.render(0, 0, section.width, section.height)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_window_equals_the_same_part_of_the_whole(section, whole, data):
    x, y = data.draw(st.integers(0, section.width - 1)), data.draw(st.integers(0, section.height - 1))
    w = data.draw(st.integers(1, min(700, section.width - x)))
    h = data.draw(st.integers(1, min(700, section.height - y)))
    assert np.array_equal(section.render(x, y, w, h), whole[y : y + h, x : x + w])


@pytest.mark.parametrize(("tile_w", "tile_h"), [(256, 256), (997, 313), (3000, 64)])
def test_any_tiling_by_a_fresh_section_equals_the_whole(section, whole, tile_w, tile_h):
    fresh = Tissue(section.width, section.height, section.seed)
    height = 1100  # across the border of the canonical tiles at 1,024
    tiled = np.zeros_like(whole[:height])
    for y in range(0, height, tile_h):
        for x in range(0, section.width, tile_w):
            w, h = min(tile_w, section.width - x), min(tile_h, height - y)
            tiled[y : y + h, x : x + w] = fresh.render(x, y, w, h)
    assert np.array_equal(tiled, whole[:height])


def test_no_seam_shows_where_canonical_tiles_meet(whole):
    seam = 1024
    steps = np.abs(np.diff(whole.astype(np.int16), axis=1)).mean(axis=(0, 2))
    assert steps[seam - 1] <= steps[seam - 40 : seam + 40].max()
    assert steps[seam - 1] < 1.2 * np.median(steps[seam - 200 : seam + 200])


def test_canonical_tiles_of_another_size_give_the_same_picture(section, whole):
    fresh = Tissue(section.width, section.height, section.seed)
    fresh.__dict__["tile_px"] = 320  # its borders lie elsewhere, so that each seam of one is the inside of the other
    other = fresh.render(700, 700, 700, 700).astype(np.int16)
    assert np.abs(other - whole[700:1400, 700:1400]).max() <= 1


def test_the_order_of_drawing_does_not_matter(section, whole):
    fresh = Tissue(section.width, section.height, section.seed)
    for x, y in ((2000, 2000), (0, 0), (1500, 900), (2000, 2000)):
        assert np.array_equal(fresh.render(x, y, 300, 300), whole[y : y + 300, x : x + 300])


def test_every_kind_and_variety_is_there():
    section = Tissue(8000, 6000, seed=3)
    assert set(section.cells["kind"]) == set(KINDS)
    assert set(section.cells["variety"]) == {variety.name.lower() for variety in Variety}


def test_cells_lie_on_the_slide_in_tissue_and_do_not_cover_each_other(section):
    cells = section.cells
    assert ((cells["x"] >= 0) & (cells["x"] < section.width)).all()
    assert ((cells["y"] >= 0) & (cells["y"] < section.height)).all()
    places = np.column_stack([cells["x"], cells["y"]])
    pairs = cKDTree(places).query_pairs(80, output_type="ndarray")
    apart = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
    reach = cells["radius_px"][pairs].sum(1)
    assert (apart >= 2 / 3 * reach).all()
    assert (apart < reach).sum() > 20, "some cells should be crowded"


def test_infiltrates_are_as_dense_as_described():
    cells = Tissue(12_000, 9_000, seed=20170301).cells
    lymphocytes = cells[cells["kind"] == "lymphocyte"]
    counts, _, _ = np.histogram2d(lymphocytes["x"], lymphocytes["y"], bins=[20, 18], range=[[0, 12_000], [0, 9_000]])
    infiltrated = np.sort(counts.ravel())[-20:]
    assert 15 <= infiltrated.mean() <= 30
    assert np.median(counts) < 6
    assert (counts == 0).mean() > 0.15


def test_the_brown_ring_is_brown_and_the_nucleus_is_blue(section, whole):
    """Measured by colour deconvolution, as the counter does it."""
    dab = rgb2hed(whole)[..., 2]
    yy, xx = np.mgrid[-35:36, -35:36]
    ring = (np.hypot(xx, yy) > 14) & (np.hypot(xx, yy) < 24)
    means: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for x, y, kind, variety, _ in section.cells.tolist():
        x, y = int(x), int(y)
        if 35 <= x < section.width - 36 and 35 <= y < section.height - 36 and variety != "stromal":
            means[kind].append(dab[y - 35 : y + 36, x - 35 : x + 36][ring].mean())
    lymphocytes, nuclei = np.array(means["lymphocyte"]), np.array(means["nucleus"])
    assert len(lymphocytes) > 10
    assert len(nuclei) > 100
    assert np.median(lymphocytes) > 3 * np.median(nuclei)
    assert (lymphocytes > np.percentile(nuclei, 90)).mean() > 0.9


def test_nuclei_are_bluer_than_the_ground_they_lie_on(section, whole):
    blue = rgb2hed(whole)[..., 0]
    cells = section.cells[section.cells["variety"] == "oval"]
    at = blue[cells["y"].astype(int), cells["x"].astype(int)]
    assert np.median(at) > np.percentile(blue, 85)


def test_glass_has_the_colour_of_glass_and_a_little_noise():
    section = Tissue(12_000, 9_000, seed=20170301)
    corner = section.render(0, 0, 512, 512)
    assert np.abs(corner.reshape(-1, 3).mean(0) - (224, 220, 224)).max() < 6
    assert 0.3 < corner.std(axis=(0, 1)).mean() < 4


def test_a_section_has_glass_and_tissue_by_its_own_word(section, whole):
    y, x = np.mgrid[50 : section.height : 100, 50 : section.width : 100]
    tissue = section.is_tissue(x, y)
    assert 0.3 < tissue.mean() < 0.9
    brightness = whole[y, x].mean(-1)
    assert np.median(brightness[~tissue]) > np.median(brightness[tissue]) + 10


def test_cells_keep_their_size_in_micrometres_at_another_scale():
    fine, coarse = Tissue(4000, 3000, seed=9), Tissue(1600, 1200, seed=9, mpp=0.25)
    assert len(fine.cells) == len(coarse.cells)
    assert np.allclose(fine.cells["x"] * 0.1, coarse.cells["x"] * 0.25, atol=1e-2)
    assert np.allclose(fine.cells["radius_px"] * 0.1, coarse.cells["radius_px"] * 0.25, rtol=1e-5)
    small = coarse.render(300, 300, 500, 400)
    assert np.array_equal(small[100:200, 100:300], coarse.render(400, 400, 200, 100))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (69, 70), (5, 3000)])
def test_a_tiny_slide_is_drawn_too(width, height):
    section = Tissue(width, height, seed=1)
    assert section.render(0, 0, width, height).shape == (height, width, 3)
    assert section.cells.dtype.names == ("x", "y", "kind", "variety", "radius_px")


@pytest.mark.parametrize(
    "arguments", [(0, 10, 1), (10, -1, 1), (10, 10, 1, 0.0), (10, 10, 1, float("nan")), (10, 10, 1, 9.0)]
)
def test_a_slide_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match=r"pixel|scale"):
        Tissue(*arguments)


def test_glass_of_a_huge_sparse_slide_is_not_drawn_twice():
    section = Tissue(80_000, 100_000, seed=5)
    side = section.tile_px
    # Tiles of 1,024 px cut the camera frame of 2,048 px into four phases.
    first, again = (section.render(0, row * side, side, side) for row in (0, 2))
    assert not section.is_tissue(np.array([side / 2]), np.array([2.5 * side])).any()
    assert np.array_equal(first, again)


@pytest.mark.parametrize("variety", list(Variety))
def test_stamps_are_physical_and_end_inside_their_square(variety):
    for variant in range(4):
        stamp = sprite(variety, variant, 3, 1)
        side = 2 * stamp.half_px + 1
        for channel in (stamp.haematoxylin, stamp.dab, stamp.keep):
            assert channel.shape == (side, side)
            assert channel.dtype == np.float32
            assert np.isfinite(channel).all()
            assert (channel > -0.35).all(), "sharpening brightens a fringe, no more"
        assert stamp.dab[0].max() < 0.05
        assert stamp.haematoxylin[:, -1].max() < 0.05
        assert stamp.keep[0].min() > 0.95


def test_a_lymphocyte_is_the_only_nucleus_with_brown():
    ringed = [sprite(Variety.LYMPHOCYTE, variant, 0, 0) for variant in range(24)]
    blue = [sprite(kind, variant, 0, 0) for kind in range(1, Variety.MACROPHAGE) for variant in range(24)]
    assert min(stamp.dab.max() for stamp in ringed) > 0.3
    assert max(stamp.dab.max() for stamp in blue) == 0
    assert min(stamp.haematoxylin.max() for stamp in blue) > 0.2
