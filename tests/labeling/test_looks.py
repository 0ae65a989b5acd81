"""Near duplicates: what shows the same pixels again is found, what only looks alike is not."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from labeling.looks import SIDE, look_of, look_of_png, looks_of_pngs, near_duplicates
from tests.factories import png_of


def picture(seed, size=70):
    """Smooth noise, as tissue is: coarse shapes with finer ones on them."""
    rng = np.random.default_rng(seed)
    layers = [rng.normal(0, 60 / n, (n, n, 3)) for n in (3, 5, 9, 18)]
    sheets = [
        np.asarray(Image.fromarray((layer * 2 + 128).clip(0, 255).astype(np.uint8)).resize((size, size)), dtype=float)
        for layer in layers
    ]
    return (np.sum(sheets, axis=0) / 2 - 128).clip(0, 255).astype(np.uint8)


def again_as_jpeg(pixels, quality=75):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out))


def pairs_of(pictures):
    return near_duplicates(np.stack([look_of(pixels) for pixels in pictures])).tolist()


def test_a_look_is_the_grey_means():
    pixels = np.zeros((70, 70, 3), dtype=np.uint8)
    pixels[:7, 7:14] = (200, 100, 50)
    look = look_of(pixels).reshape(SIDE, SIDE)
    assert look[0, 1] == round(200 * 0.299 + 100 * 0.587 + 50 * 0.114)
    assert look.sum() == look[0, 1]


@pytest.mark.parametrize("size", [70, 73, 32])
def test_a_look_fits_patches_of_any_size(size):
    pixels = np.full((size, size, 3), 90, dtype=np.uint8)
    assert set(look_of(pixels).tolist()) == {90}


def test_stored_pngs_are_decoded():
    png = png_of(3)
    assert (look_of_png(png) == look_of(np.asarray(Image.open(io.BytesIO(png))))).all()
    assert looks_of_pngs([png, png], 2).shape == (2, SIDE * SIDE)
    assert looks_of_pngs([], 0).shape == (0, SIDE * SIDE)


def test_the_same_pixels_written_again_are_found():
    originals = [picture(seed) for seed in range(60)]
    copies = [again_as_jpeg(pixels) for pixels in originals]
    found = pairs_of(originals + copies)
    assert all(b - a == 60 for a, b in found)
    assert len(found) >= 57


def test_another_brightness_is_found():
    originals = [picture(seed) for seed in range(60)]
    copies = [np.clip(pixels * 0.95 + 6, 0, 255).astype(np.uint8) for pixels in originals]
    found = pairs_of(originals + copies)
    assert all(b - a == 60 for a, b in found)
    assert len(found) >= 57


def test_three_copies_are_three_pairs():
    one, other = picture(1), picture(2)
    assert pairs_of([one, other, again_as_jpeg(one), again_as_jpeg(one, 85)]) == [[0, 2], [0, 3], [2, 3]]


def test_different_pictures_and_glass_are_no_duplicates():
    assert pairs_of([picture(seed) for seed in range(400)]) == []
    rng = np.random.default_rng(1)
    glass = [rng.integers(228, 238, (70, 70, 3)).astype(np.uint8) for _ in range(50)]
    assert pairs_of(glass) == []


def test_none_and_one_have_no_pairs():
    assert near_duplicates(np.zeros((0, SIDE * SIDE), dtype=np.uint8)).shape == (0, 2)
    assert pairs_of([picture(1)]) == []


def test_a_heap_of_copies_stays_cheap():
    looks = np.repeat(look_of(picture(1))[None], 3000, axis=0)
    pairs = near_duplicates(looks)
    assert set(pairs.ravel().tolist()) == set(range(3000))
    assert len(pairs) < 3000 * 129


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "among", "found_again"), [("lymphocytes_2017-03", 8, 0.98), ("slide3_west", 52, 0.995)]
)
def test_real_patches_are_told_apart_and_found_again(name, among, found_again, real_data):
    with tarfile.open(real_data / "prisma" / f"{name}.tar.gz") as archive:
        members = [m for m in archive if m.isfile() and m.name.endswith(".jpg")]
        files = [io.BytesIO((archive.extractfile(m) or io.BytesIO()).read()) for m in members]
    pictures = [np.asarray(Image.open(file).convert("RGB"))[-71:-1][-70:] for file in files]
    assert len(pairs_of(pictures)) <= among + 3
    some = pictures[:500]
    pairs = pairs_of(some + [again_as_jpeg(pixels) for pixels in some])
    assert sum(b - a == 500 for a, b in pairs) >= found_again * 500
