"""Regions equal the slide's pixels; the request never changes a value; what cannot be read is said."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openslide
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from labeling.slides.errors import SlideError
from labeling.slides.geometry import frame_size
from labeling.slides.reader import SlideReader
from tests.labeling.slides.files import break_tiles, noise, smooth, write_svs, write_tiff, zero_tiles

WIDTH, HEIGHT = 900, 700


@pytest.fixture(scope="module")
def pixels():
    return noise(WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def reader(tmp_path_factory, pixels):
    with SlideReader(write_svs(tmp_path_factory.mktemp("slides") / "noise.svs", pixels)) as opened:
        yield opened


def test_size_and_scale_come_from_the_file(reader):
    assert reader.size == (WIDTH, HEIGHT)
    assert reader.mpp == 0.499


@pytest.mark.parametrize("box", [(0, 0, WIDTH, HEIGHT), (0, 0, 1, 1), (127, 129, 300, 257), (830, 630, 70, 70)])
def test_scale_1_gives_the_files_own_pixels(reader, pixels, box):
    x, y, w, h = box
    read, mask = reader.read(x, y, w, h)
    assert read.dtype == np.uint8
    assert mask.dtype == np.bool_
    assert mask.all()
    assert np.array_equal(read, pixels[y : y + h, x : x + w])


def test_large_regions_join_without_seams(tmp_path):
    pixels = noise(2300, 2200, seed=3)
    with SlideReader(write_tiff(tmp_path / "large.tif", pixels, tile=(256, 256))) as reader:
        read, mask = reader.read(17, 5, 2283, 2195)
    assert mask.all()
    assert np.array_equal(read, pixels[5:, 17:])


def test_outside_the_slide_is_glass_and_masked(reader, pixels):
    read, mask = reader.read(-20, -10, 60, 50)
    assert not mask[:10].any()
    assert not mask[:, :20].any()
    assert mask[10:, 20:].all()
    assert (read[~mask] == 255).all()
    assert np.array_equal(read[10:, 20:], pixels[:40, :40])


@pytest.mark.parametrize("box", [(-500, 0, 100, 100), (WIDTH, 0, 10, 10), (10_000, 10_000, 5, 5)])
def test_wholly_outside_is_all_masked(reader, box):
    read, mask = reader.read(*box)
    assert not mask.any()
    assert (read == 255).all()


@pytest.mark.parametrize("box", [(0, 0, 0, 10), (0, 0, 10, -1)])
def test_empty_region_is_refused(reader, box):
    with pytest.raises(SlideError) as refusal:
        reader.read(*box)
    assert refusal.value.code == "slide_bad_region"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scale=st.sampled_from([0.5, 1.0, 1.7, 2.0, 4.0]),
    first=st.tuples(st.integers(-50, 500), st.integers(-50, 400), st.integers(1, 400), st.integers(1, 400)),
    shift=st.tuples(st.integers(-200, 200), st.integers(-200, 200)),
)
def test_two_requests_agree_where_they_overlap(reader, scale, first, shift):
    x, y, w, h = first
    left, top = max(x, x + shift[0]), max(y, y + shift[1])
    right, bottom = min(x, x + shift[0]) + w, min(y, y + shift[1]) + h
    if right <= left or bottom <= top:
        return
    one, one_mask = reader.read(x, y, w, h, scale)
    with SlideReader(reader.path) as other:
        two, two_mask = other.read(x + shift[0], y + shift[1], w, h, scale)
    a = slice(top - y, bottom - y), slice(left - x, right - x)
    b = (
        slice(top - y - shift[1], bottom - y - shift[1]),
        slice(left - x - shift[0], right - x - shift[0]),
    )
    assert np.array_equal(one[a], two[b])
    assert np.array_equal(one_mask[a], two_mask[b])


@pytest.mark.parametrize("scale", [0.5, 1.7, 2.0, 3.3])
def test_tiled_resampling_equals_resampling_the_whole(tmp_path, scale):
    pixels = smooth(1100, 800)
    path = write_svs(tmp_path / "smooth.svs", pixels, levels=1)
    width, height = frame_size((1100, 800), scale=scale)
    with SlideReader(path) as reader:
        read, mask = reader.read(0, 0, width, height, scale)
    box = (0, 0, width * scale, height * scale)
    whole = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC, box))
    assert mask.all()
    difference = np.abs(read.astype(int) - whole.astype(int))
    # Pillow rounds between the filter's two passes, whose order it chooses by the shape.
    assert difference.max() <= 2
    assert difference.mean() < 0.02


def test_coarser_levels_are_used_and_agree_with_the_finest(tmp_path):
    path = write_svs(tmp_path / "levels.svs", smooth(1600, 1200), levels=2)
    flat = write_svs(tmp_path / "flat.svs", smooth(1600, 1200), levels=1)
    with SlideReader(path) as levels, SlideReader(flat) as only:
        coarse, _ = levels.read(0, 0, 200, 150, 8.0)
        exact, _ = only.read(0, 0, 200, 150, 8.0)
    assert np.abs(coarse.astype(int) - exact.astype(int)).mean() < 12


def test_mask_covers_the_frame_at_every_scale(reader):
    for scale in (0.5, 1.0, 1.7, 2.0, 4.0, 7.3, 300.0):
        width, height = frame_size(reader.size, scale=scale)
        _, mask = reader.read(0, 0, width + 1, height + 1, scale)
        assert mask[:height, :width].all()
        assert not mask[height:].any()
        assert not mask[:, width:].any()


def test_tile_of_zero_bytes_is_unreadable_not_black(tmp_path, pixels):
    path = zero_tiles(write_svs(tmp_path / "zero.svs", pixels, levels=1), [9])
    with openslide.OpenSlide(path) as slide:
        assert np.asarray(slide.read_region((128, 128), 0, (128, 128)).convert("RGB")).max() == 0
    with SlideReader(path) as reader:
        read, mask = reader.read(0, 0, WIDTH, HEIGHT)
    expected = np.ones((HEIGHT, WIDTH), dtype=bool)
    expected[128:256, 128:256] = False
    assert np.array_equal(mask, expected)
    assert np.array_equal(read[mask], pixels[mask])
    assert (read[~mask] == 255).all()


@pytest.fixture
def broken(tmp_path, pixels):
    path = write_tiff(tmp_path / "broken.tif", pixels, tile=(128, 128), compression="zlib")
    return break_tiles(path, [9])


def test_one_bad_tile_costs_only_its_own_pixels(broken, pixels):
    with openslide.OpenSlide(broken) as slide, pytest.raises(openslide.OpenSlideError):
        slide.read_region((0, 0), 0, (WIDTH, HEIGHT))
    expected = np.ones((HEIGHT, WIDTH), dtype=bool)
    expected[128:256, 128:256] = False
    with SlideReader(broken) as reader:
        for _ in range(2):
            read, mask = reader.read(0, 0, WIDTH, HEIGHT)
            assert np.array_equal(mask, expected)
            assert np.array_equal(read[mask], pixels[mask])
        corner, corner_mask = reader.read(200, 200, 100, 100)
    assert np.array_equal(corner_mask, expected[200:300, 200:300])
    assert np.array_equal(corner[corner_mask], pixels[200:300, 200:300][corner_mask])


@pytest.mark.parametrize("scale", [0.5, 1.7])
def test_resampled_pixels_owe_nothing_to_a_bad_tile(broken, pixels, tmp_path, scale):
    sound = write_tiff(tmp_path / "sound.tif", pixels, tile=(128, 128), compression="zlib")
    size = frame_size((WIDTH, HEIGHT), scale=scale)
    with SlideReader(broken) as damaged, SlideReader(sound) as whole:
        read, mask = damaged.read(0, 0, *size, scale)
        true, _ = whole.read(0, 0, *size, scale)
    bad = slice(int(128 / scale), int(256 / scale) - 1)
    assert not mask[bad, bad].any()
    assert (~mask).sum() < (128 / scale + 14) ** 2
    assert np.array_equal(read[mask], true[mask])


def test_threads_with_a_reader_each_see_the_same(reader, pixels):
    def look(n: int) -> bool:
        with SlideReader(reader.path) as own:
            x, y = 37 * n, 29 * n
            own.read(x, y, 200, 200, 1.7)
            return np.array_equal(own.read(x, y, 300, 200)[0], pixels[y : y + 200, x : x + 300])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(look, range(16)))


def test_a_file_that_vanishes_is_said(tmp_path, pixels):
    path = break_tiles(write_tiff(tmp_path / "gone.tif", pixels, tile=(128, 128), compression="zlib"), [9])
    with SlideReader(path) as reader:
        path.unlink()
        with pytest.raises(SlideError) as refusal:
            reader.read(0, 0, WIDTH, HEIGHT)
    assert refusal.value.code == "slide_damaged"


def test_absent_and_foreign_files_are_refused(tmp_path):
    (tmp_path / "text.svs").write_text("no slide")
    for name in ("absent.svs", "text.svs"):
        with pytest.raises(SlideError) as refusal:
            SlideReader(tmp_path / name)
        assert refusal.value.code == "slide_damaged"
