"""A patch is the slide's own pixels, or nothing."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from labeling.slides.crop import crop_patch
from labeling.slides.errors import SlideError
from labeling.slides.reader import SlideReader
from tests.labeling.slides.files import noise, write_svs, zero_tiles

PIXELS = noise(400, 300, seed=5)


@pytest.fixture
def slide(tmp_path):
    return write_svs(tmp_path / "s.svs", PIXELS, levels=1)


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(
    ("point", "centre"), [((200, 150), (200, 150)), ((0, 0), (35, 35)), ((399, 299), (365, 265)), ((127, 0), (127, 35))]
)
def test_patch_equals_the_slide_byte_for_byte(slide, point, centre):
    with SlideReader(slide) as reader:
        crop = crop_patch(reader, *point)
    x, y = centre
    assert (crop.x_l0, crop.y_l0) == centre
    assert np.array_equal(decoded(crop.png), PIXELS[y - 35 : y + 35, x - 35 : x + 35])
    assert crop.sha256 == hashlib.sha256(crop.png).hexdigest()


def test_the_same_patch_has_the_same_hash(slide):
    with SlideReader(slide) as one, SlideReader(slide) as two:
        assert crop_patch(one, 111, 122) == crop_patch(two, 111, 122)


def test_patch_at_a_model_scale_is_read_at_that_scale(slide):
    with SlideReader(slide) as reader:
        crop = crop_patch(reader, 200, 150, scale=0.5)
        region, _ = reader.read(400 - 35, 300 - 35, 70, 70, 0.5)
    assert (crop.x_l0, crop.y_l0) == (200, 150)
    assert np.array_equal(decoded(crop.png), region)


def test_other_patch_sizes(slide):
    with SlideReader(slide) as reader:
        assert decoded(crop_patch(reader, 200, 150, patch_px=33).png).shape == (33, 33, 3)


@pytest.mark.parametrize("point", [(-1, 10), (400, 10), (10, 300), (10, -5)])
def test_points_off_the_slide_are_refused(slide, point):
    with SlideReader(slide) as reader, pytest.raises(SlideError) as refusal:
        crop_patch(reader, *point)
    assert refusal.value.code == "patch_off_slide"


def test_patch_that_touches_an_unreadable_tile_is_refused(slide):
    zero_tiles(slide, [0])
    with SlideReader(slide) as reader:
        with pytest.raises(SlideError) as refusal:
            crop_patch(reader, 150, 60)
        assert refusal.value.code == "patch_unreadable"
        assert refusal.value.extra["unreadable_px"] == 13 * 70
        assert crop_patch(reader, 163, 60).x_l0 == 163
