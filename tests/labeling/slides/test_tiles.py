"""Deep-zoom geometry and tiles."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeling.slides.errors import SlideError
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import TILE_PX, TilePyramid, render_tile, thumbnail
from tests.labeling.slides.files import noise, smooth, write_svs, zero_tiles


def decoded(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        assert not image.getexif()
        return np.asarray(image)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with SlideReader(write_svs(tmp_path_factory.mktemp("tiles") / "s.svs", smooth(1001, 601))) as opened:
        yield opened


def test_levels_of_a_known_slide():
    pyramid = TilePyramid(12_000, 9_000)
    assert pyramid.max_level == 14
    assert pyramid.level_size(14) == (12_000, 9_000)
    assert pyramid.level_size(13) == (6_000, 4_500)
    assert pyramid.level_size(0) == (1, 1)
    assert pyramid.grid(14) == (47, 36)


@given(width=st.integers(1, 300_000), height=st.integers(1, 300_000))
def test_tiles_cover_each_level_once(width, height):
    pyramid = TilePyramid(width, height)
    assert max(pyramid.level_size(0)) == 1
    for level in range(pyramid.max_level + 1):
        columns, rows = pyramid.grid(level)
        x, y, w, h = pyramid.box(level, columns - 1, rows - 1)
        assert (x + w, y + h) == pyramid.level_size(level)
        assert 1 <= w <= TILE_PX
        assert 1 <= h <= TILE_PX


@pytest.mark.parametrize("place", [(-1, 0, 0), (11, 0, 0), (10, 4, 0), (10, 0, 3), (10, -1, 0), (0, 1, 0)])
def test_absent_tiles_are_refused(reader, place):
    with pytest.raises(SlideError) as refusal:
        render_tile(reader, *place)
    assert refusal.value.code == "tile_not_found"


def test_every_tile_of_every_level_has_its_size(reader):
    pyramid = TilePyramid(*reader.size)
    for level in range(pyramid.max_level + 1):
        columns, rows = pyramid.grid(level)
        for col in range(columns):
            for row in range(rows):
                tile = decoded(render_tile(reader, level, col, row))
                _, _, w, h = pyramid.box(level, col, row)
                assert tile.shape == (h, w, 3)
                assert tile.max() < 245  # the drawn waves are never as light as glass or as a hatch


def test_tile_shows_the_slide(reader):
    pixels, _ = reader.read(256, 256, 256, 256)
    tile = decoded(render_tile(reader, 10, 1, 1, quality=95))
    assert np.abs(tile.astype(int) - pixels.astype(int)).mean() < 2


def test_long_thin_slide_has_all_its_levels(tmp_path):
    with SlideReader(write_svs(tmp_path / "thin.svs", smooth(3000, 70), levels=1)) as reader:
        for level in range(TilePyramid(3000, 70).max_level + 1):
            assert decoded(render_tile(reader, level, 0, 0)).size


def test_unreadable_pixels_are_hatched_never_black(tmp_path):
    path = zero_tiles(write_svs(tmp_path / "zero.svs", noise(512, 512) // 4, levels=1, tile=256), [0])
    with SlideReader(path) as reader:
        tile = decoded(render_tile(reader, 9, 0, 0, quality=95))
    assert tile.min() > 170
    assert np.ptp(tile[128]) > 20


def test_thumbnail_fits_and_keeps_the_shape(reader):
    small = decoded(thumbnail(reader, max_px=200))
    assert small.shape == (120, 200, 3)
    assert decoded(thumbnail(reader, max_px=5000)).shape == (601, 1001, 3)


def test_the_first_tile_need_not_wait_for_pillows_formats():
    code = "import labeling.slides.tiles; from PIL import Image; assert Image.SAVE.keys() >= {'JPEG', 'PNG'}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
