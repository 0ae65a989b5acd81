"""Crops of one tissue are found by their pixels, others are left apart."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from bench.overlaps import groups_of
from bench.protocols import paper_patches
from detection.nn.shape import PATCH_PX
from labeling.splits import SAME_CELL_PX


def tissue(seed: int):
    """Draw a blurred picture with some contrast, uint8 (200, 200, 3)."""
    noise = np.random.default_rng(seed).normal(size=(200, 200, 3))
    blurred = gaussian_filter(noise, (4, 4, 0))
    return (128 + 45 * blurred / blurred.std()).clip(0, 255).astype(np.uint8)


def stored(image):
    """Write a JPEG and read it back."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=90)
    return np.asarray(Image.open(stream))


def crop(picture, y: int, x: int):
    return stored(picture[y : y + PATCH_PX, x : x + PATCH_PX])


@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (-3, 8), (SAME_CELL_PX, -SAME_CELL_PX), (-13, -13)])
def test_crops_of_one_tissue_are_one_group(offset):
    picture = tissue(0)
    others = [crop(tissue(seed), 60, 60) for seed in range(1, 6)]
    groups = groups_of(np.stack([crop(picture, 60, 60), *others, crop(picture, 60 + offset[0], 60 + offset[1])]))
    assert groups[0] == groups[-1]
    assert len(set(groups)) == 6


def test_crops_farther_apart_are_other_cells():
    picture = tissue(0)
    groups = groups_of(np.stack([crop(picture, 60, 60), crop(picture, 60, 60 + 2 * SAME_CELL_PX)]))
    assert groups[0] != groups[1]


def test_chains_go_together():
    picture = tissue(0)
    assert len(set(groups_of(np.stack([crop(picture, 60, 60 + 12 * step) for step in range(4)])))) == 1


def test_glass_is_told_apart_unless_equal():
    grey = [np.full((PATCH_PX, PATCH_PX, 3), value, dtype=np.uint8) for value in (200, 210, 200)]
    groups = groups_of(np.stack(grey))
    assert groups[0] == groups[2] != groups[1]


@pytest.mark.real_data
def test_cells_that_the_paper_cut_twice_are_found(real_data):
    patches = paper_patches(real_data)
    groups = np.array(groups_of(patches.images))
    sizes = np.bincount(groups)
    assert 80 <= (sizes > 1).sum() <= 95
    for group in np.flatnonzero(sizes > 1):
        assert len(set(patches.labels[groups == group])) == 1
