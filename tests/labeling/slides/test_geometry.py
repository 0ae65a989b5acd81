"""Patches move inwards at the edges and stay where they are put elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.slides.errors import SlideError
from labeling.slides.geometry import frame_size, patch_box, patch_centre

SIZE = (200, 150)


@pytest.mark.parametrize(
    ("point", "centre"),
    [
        ((100, 75), (100, 75)),
        ((0, 0), (35, 35)),
        ((34, 35), (35, 35)),
        ((199, 149), (165, 115)),
        ((165, 115), (165, 115)),
        ((166, 116), (165, 115)),
    ],
)
def test_centre_moves_inwards_only_at_edges(point, centre):
    assert patch_centre(*point, size=SIZE, patch_px=70) == centre


def test_box_spans_35_pixels_before_the_centre():
    assert patch_box(100, 75, size=SIZE, patch_px=70) == (65, 40, 70, 70)
    assert patch_box(199, 149, size=SIZE, patch_px=70) == (130, 80, 70, 70)


def test_slide_of_one_patch_has_one_centre():
    assert {patch_centre(x, y, size=(70, 70), patch_px=70) for x in (0, 69) for y in (0, 69)} == {(35, 35)}


def test_slide_smaller_than_a_patch_is_refused():
    with pytest.raises(SlideError) as refusal:
        patch_centre(10, 10, size=(69, 70), patch_px=70)
    assert refusal.value.code == "slide_too_small"


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_must_be_positive(scale):
    with pytest.raises(SlideError) as refusal:
        frame_size(SIZE, scale=scale)
    assert refusal.value.code == "slide_bad_scale"


def test_frame_size_ignores_rounding_of_the_division():
    assert frame_size((35, 3), scale=0.1) == (350, 30)
    assert frame_size((12_000, 9_000), scale=0.1) == (120_000, 90_000)
    assert frame_size((3, 3), scale=8.0) == (1, 1)


@given(
    width=st.integers(150, 5000),
    height=st.integers(150, 5000),
    x=st.integers(0, 4999),
    y=st.integers(0, 4999),
    scale=st.sampled_from([0.4, 0.5, 1.0, 1.7, 2.0]),
)
def test_stored_centre_gives_the_same_box_again(width, height, x, y, scale):
    size = (width, height)
    x, y = min(x, width - 1), min(y, height - 1)
    centre = patch_centre(x, y, size=size, patch_px=70, scale=scale)
    box = patch_box(x, y, size=size, patch_px=70, scale=scale)
    frame = frame_size(size, scale=scale)
    assert patch_centre(*centre, size=size, patch_px=70, scale=scale) == centre
    assert patch_box(*centre, size=size, patch_px=70, scale=scale) == box
    assert 0 <= box[0] <= frame[0] - 70
    assert 0 <= box[1] <= frame[1] - 70
    assert 0 <= centre[0] < width
    assert 0 <= centre[1] < height
