"""Views of a patch: seeded, in range, and small enough that a centre stays a centre."""

import numpy as np
import torch

from detection.nn.augmentation import Augmentation, augment
from tests.detection.nn.toys import toy_patches


def views(images, *, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    return augment(torch.from_numpy(images), Augmentation(**settings), generator=generator).numpy()


def test_the_seed_decides():
    images = toy_patches(8, 0).images
    settings = {"rotation": 0.5, "shift_px": 4, "stain_jitter": 0.1}
    assert np.array_equal(views(images, seed=1, **settings), views(images, seed=1, **settings))
    assert not np.array_equal(views(images, seed=1, **settings), views(images, seed=2, **settings))


def test_quarter_turns_and_mirrors_only_move_pixels():
    images = np.random.default_rng(0).integers(0, 256, size=(40, 70, 70, 3), dtype=np.uint8)
    seen = set()
    for image, view in zip(images, views(images), strict=True):
        forms = [np.rot90(form, turn) for form in (image, image[:, ::-1]) for turn in range(4)]
        near = [i for i, form in enumerate(forms) if np.abs(form - view).max() < 0.1]
        assert len(near) == 1
        seen.add(near[0])
    assert len(seen) == 8


def test_shifts_are_whole_pixels_and_bounded():
    image = np.zeros((1, 70, 70, 3), dtype=np.uint8)
    image[0, 35, 35] = 255
    moved = [np.argwhere(view[..., 0] > 250) for seed in range(60) for view in views(image, seed=seed, shift_px=4)]
    places = np.array([found[0] for found in moved])
    assert all(len(found) == 1 for found in moved)
    assert (np.abs(places - 34.5) <= 4.5).all()
    assert np.ptp(places[:, 0]) >= 7
    assert np.ptp(places[:, 1]) >= 7


def test_stain_jitter_changes_colour_within_range_and_not_shape():
    images = toy_patches(20, 1).images
    found = views(images, seed=3, stain_jitter=0.1)
    assert found.min() >= 0
    assert found.max() <= 255
    change = np.abs(found.mean(axis=(1, 2)) - views(images, seed=3).mean(axis=(1, 2)))
    assert change.mean() > 0.5
    strong = views(images, seed=3, stain_jitter=0.5)
    assert np.isfinite(strong).all()


def test_without_jitter_colours_stay():
    images = np.full((3, 70, 70, 3), (10, 120, 250), dtype=np.uint8)
    assert np.allclose(views(images, rotation=1.0, shift_px=4), images, atol=0.01)


def test_without_turns_patches_are_only_mirrored():
    images = np.random.default_rng(0).integers(0, 256, size=(30, 70, 70, 3), dtype=np.uint8)
    mirrored = [
        np.abs(view - image[:, ::-1]).max() < 0.1
        for image, view in zip(images, views(images, quarter_turns=False), strict=True)
    ]
    same = [
        np.abs(view - image).max() < 0.1 for image, view in zip(images, views(images, quarter_turns=False), strict=True)
    ]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 0 < sum(mirrored) < 30


def test_without_mirrors_patches_are_only_turned():
    images = np.random.default_rng(0).integers(0, 256, size=(30, 70, 70, 3), dtype=np.uint8)
    for image, view in zip(images, views(images, mirror=False), strict=True):
        assert min(np.abs(np.rot90(image, turn) - view).max() for turn in range(4)) < 0.1


def test_with_everything_off_patches_stay_to_the_bit_and_no_chance_is_drawn():
    images = np.random.default_rng(0).integers(0, 256, size=(5, 70, 70, 3), dtype=np.uint8)
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    found = augment(torch.from_numpy(images), Augmentation(False, False), generator=generator)
    assert found.dtype == torch.float32
    assert np.array_equal(found.numpy(), images)
    assert torch.equal(generator.get_state(), before)
