"""Blocks own every pixel once, and only what was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.nn.blocks import Block, DetectionParams, inside_regions, plan_blocks, region_mask
from detection.nn.errors import DetectionError

SQUARE = [[100, 100], [300, 100], [300, 200], [100, 200]]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4000))
def test_every_pixel_belongs_to_one_block(width, height, block_px):
    blocks = plan_blocks((width, height), None, block_px=block_px)
    assert [block.n for block in blocks] == list(range(len(blocks)))
    assert sum(block.w * block.h for block in blocks) == width * height
    owners = np.zeros(((height + 63) // 64, (width + 63) // 64), dtype=int)
    for block in blocks:
        assert block.x % 512 == block.y % 512 == 0
        assert block.w > 0
        assert block.h > 0
        owners[block.y // 64 : (block.y + block.h + 63) // 64, block.x // 64 : (block.x + block.w + 63) // 64] += 1
    assert (owners == 1).all()


def test_blocks_without_region_are_left_out():
    blocks = plan_blocks((3000, 2000), [[[600, 600], [700, 600], [700, 700]]], block_px=512)
    assert blocks == [Block(0, 512, 512, 512, 512)]


def test_a_bent_region_skips_the_block_in_its_elbow():
    bent = [[0, 0], [1500, 0], [1500, 100], [100, 100], [100, 1500], [0, 1500]]
    corners = {(block.x, block.y) for block in plan_blocks((1536, 1536), [bent], block_px=512)}
    assert corners == {(0, 0), (512, 0), (1024, 0), (0, 512), (0, 1024)}


def test_regions_are_in_level_0_pixels():
    at_half = plan_blocks((1000, 1000), [[[1100, 0], [1300, 0], [1300, 200], [1100, 200]]], block_px=512, scale=2.0)
    assert at_half == [Block(0, 512, 0, 488, 512)]


def test_union_of_regions_and_their_area():
    other = [[200, 150], [400, 150], [400, 250], [200, 250]]
    mask = region_mask((0, 0, 512, 512), [SQUARE, other], 1.0)
    assert abs(int(mask.sum()) - (200 * 100 + 200 * 100 - 100 * 50)) < 700
    assert region_mask((0, 0, 4, 3), None, 1.0).all()
    inside = inside_regions(np.array([[150.0, 150.0], [350.0, 240.0], [350.0, 120.0]]), [SQUARE, other])
    assert inside.tolist() == [True, True, False]


@pytest.mark.parametrize(
    "regions",
    [
        [],
        [[]],
        [[[0, 0], [1, 1]]],
        [[[0, 0], [1, 1], [2]]],
        [[[0, 0], [10, 0], [float("nan"), 5]]],
        [[[0, 0], [10, 0], [float("inf"), 5]]],
        [[[0, 0], [10, 10], [20, 20]]],
        [[["a", "b"], [1, 2], [3, 4]]],
        [[0, 1, 2]],
        [[[i % 100, i // 100] for i in range(10_001)]],
        [[[5000, 5000], [5100, 5000], [5100, 5100]]],
    ],
)
def test_what_is_no_region_is_refused(regions):
    with pytest.raises(DetectionError) as caught:
        plan_blocks((1000, 1000), regions, block_px=512)
    assert caught.value.code == "region_invalid"


def test_params_survive_json():
    params = DetectionParams(stride_px=4, gate=False, head="full", floor=0.2, radius_um=4, block_px=700)
    assert DetectionParams.from_json(params.to_json()) == params


@pytest.mark.parametrize(
    "values",
    [
        {"stride_px": 3},
        {"stride_px": True},
        {"stride_px": 8.0},
        {"stride_px": [8]},
        {"gate": 1},
        {"tissue_gate": None},
        {"head": "half"},
        {"head": {}},
        {"precision": "fp16"},
        {"floor": 0},
        {"floor": float("nan")},
        {"radius_um": -1},
        {"radius_px": "30"},
        {"block_px": 0},
        {"block_px": True},
        {"surprise": 1},
    ],
)
def test_impossible_params_are_refused(values):
    with pytest.raises(DetectionError) as caught:
        DetectionParams.from_json(values)
    assert caught.value.code == "params_invalid"


def test_radius_in_level_0_pixels():
    params = DetectionParams(radius_um=4.0, radius_px=30.0)
    assert params.radius_l0(mpp=0.25, scale=0.4) == 16.0
    assert params.radius_l0(mpp=None, scale=0.5) == 15.0
