"""Near duplicates: what shows the same pixels again is found, what only looks alike is not."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from labeling.looks import LENGTH, SIDE, look_of, look_of_png, near_duplicates
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


def groups_in(pairs, count):
    return connected_components(coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count)), directed=False)


def test_a_look_is_the_grey_means():
    pixels = np.zeros((70, 70, 3), dtype=np.uint8)
    pixels[:7, 7:14] = (200, 100, 50)
    look = look_of(pixels).reshape(SIDE, SIDE)
    assert look[0, 1] == round(200 * 0.299 + 100 * 0.587 + 50 * 0.114)
    assert look.sum() == look[0, 1]


@pytest.mark.parametrize("size", [70, 73, 32])
def test_a_look_fits_patches_of_any_size(size):
    look = look_of(np.full((size, size, 3), 90, dtype=np.uint8))
    assert (look.shape, set(look.tolist())) == ((LENGTH,), {90})


def test_stored_pngs_are_decoded():
    png = png_of(3)
    assert (look_of_png(png) == look_of(np.asarray(Image.open(io.BytesIO(png))))).all()


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


def test_a_shift_by_a_pixel_is_found():
    originals = [picture(seed, 71) for seed in range(60)]
    found = pairs_of([pixels[:70, :70] for pixels in originals] + [pixels[1:, 1:] for pixels in originals])
    assert all(b - a == 60 for a, b in found)
    assert len(found) >= 50


def test_copies_turned_and_mirrored_are_found_as_one():
    originals = [picture(seed) for seed in range(60)]
    forms = [again_as_jpeg(np.rot90(side, turns)) for p in originals for side in (p, p[:, ::-1]) for turns in range(4)]
    pairs = near_duplicates(np.stack([look_of(pixels) for pixels in forms]))
    number, group = groups_in(pairs, 480)
    assert number == 60
    assert (group == np.arange(480) // 8).all()


def test_of_a_turned_copy_more_is_asked():
    pixels, other = picture(1), picture(2)
    mixed = (0.82 * pixels + 0.18 * other).astype(np.uint8)
    assert pairs_of([pixels, mixed]) == [[0, 1]]
    assert pairs_of([pixels, np.rot90(mixed)]) == []
    assert pairs_of([pixels, np.rot90(pixels)]) == [[0, 1]]


def test_what_is_the_same_turned_is_no_duplicate_of_itself():
    ring = np.hypot(*np.mgrid[-34.5:35, -34.5:35]) % 24 * 10
    pixels = np.repeat(ring.astype(np.uint8)[..., None], 3, axis=2)
    assert pairs_of([pixels, picture(1)]) == []
    assert pairs_of([pixels, picture(1), pixels]) == [[0, 2]]


def test_three_copies_are_joined():
    one, other = picture(1), picture(2)
    assert pairs_of([one, other, again_as_jpeg(one), again_as_jpeg(one, 85)]) == [[0, 2], [0, 3]]


def test_cut_into_leaves_the_same_are_found():
    originals = [picture(seed) for seed in range(300)]
    copies = [again_as_jpeg(np.rot90(pixels, seed)) for seed, pixels in enumerate(originals)]
    looks = np.stack([look_of(pixels) for pixels in originals + copies])
    whole = near_duplicates(looks)
    assert len(whole) >= 290
    for leaf in (16, 64):
        assert near_duplicates(looks, leaf=leaf).tolist() == whole.tolist()


def test_different_pictures_and_glass_are_no_duplicates():
    assert pairs_of([picture(seed) for seed in range(400)]) == []
    rng = np.random.default_rng(1)
    glass = [rng.integers(228, 238, (70, 70, 3)).astype(np.uint8) for _ in range(50)]
    assert pairs_of(glass) == []


def test_none_and_one_have_no_pairs():
    assert near_duplicates(np.zeros((0, LENGTH), dtype=np.uint8)).shape == (0, 2)
    assert pairs_of([picture(1)]) == []


def test_a_heap_of_copies_stays_cheap_and_whole():
    looks = np.repeat(look_of(picture(1))[None], 5000, axis=0)
    pairs = near_duplicates(looks)
    assert len(pairs) < 3 * 5000
    assert groups_in(pairs, 5000)[0] == 1


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "among", "found_again"), [("lymphocytes_2017-03", 8, 0.985), ("slide3_west", 47, 0.985)]
)
def test_real_patches_are_told_apart_and_found_again(name, among, found_again, real_data):
    with tarfile.open(real_data / "prisma" / f"{name}.tar.gz") as archive:
        members = [m for m in archive if m.isfile() and m.name.endswith(".jpg")]
        files = [io.BytesIO((archive.extractfile(m) or io.BytesIO()).read()) for m in members]
    pictures = [np.asarray(Image.open(file).convert("RGB"))[-71:-1][-70:] for file in files]
    assert len(pairs_of(pictures)) <= among + 3
    some = pictures[:500]
    pairs = pairs_of(some + [again_as_jpeg(pixels) for pixels in some])
    assert len({b for _, b in pairs if b >= 500}) >= found_again * 500
