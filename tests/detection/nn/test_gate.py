"""The stain gate keeps what it was calibrated to keep, and says the same for patches and grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2hed

from detection.nn.data import PatchSet
from detection.nn.errors import TrainingError
from detection.nn.gate import Gate, calibrate_gate
from detection.nn.stain import UNITS_PER_OD, dab_density, total_density
from tests.detection.nn.toys import toy_patches


def test_dab_follows_the_reference():
    image = np.random.default_rng(0).integers(0, 256, size=(40, 40, 3), dtype=np.uint8)
    reference = rgb2hed((image.astype(np.float64) + 1) / 256)[..., 2] * -np.log10(1e-6)
    assert np.allclose(np.maximum(dab_density(image) / UNITS_PER_OD, 0), reference, atol=1e-3)


def test_glass_has_no_density():
    assert total_density(np.full((1, 1, 3), 255, dtype=np.uint8)).tolist() == [[0]]


def test_keeps_the_positives_and_refuses_most_others():
    gate = calibrate_gate(toy_patches(400, 0))
    assert gate.positives_kept >= 0.999
    assert gate.negatives_passed <= 0.05
    fresh = toy_patches(400, 1)
    assert gate.passes_patches(fresh.images)[fresh.labels == 1].mean() >= 0.999


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1000))
def test_grid_and_patches_agree(a, b, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, size=(70 + 8 * a, 70 + 8 * b, 3), dtype=np.uint8)
    patches = np.stack([image[8 * i : 8 * i + 70, 8 * j : 8 * j + 70] for i in range(a + 1) for j in range(b + 1)])
    gate = Gate(dab_min=0.13, tissue_min=0.35)
    assert gate.passes_grid(image).flatten().tolist() == gate.passes_patches(patches).tolist()


def test_without_positives_it_stays_open():
    patches = toy_patches(10, 0)
    gate = calibrate_gate(PatchSet(patches.images, np.zeros(10, dtype=np.int64)))
    assert gate.passes_patches(np.full((1, 70, 70, 3), 255, dtype=np.uint8)).all()


def test_survives_json():
    gate = calibrate_gate(toy_patches(20, 0))
    assert Gate.from_json(gate.to_json()) == gate


@pytest.mark.parametrize(
    "values", [{}, {"dab_min": 0.1}, {"dab_min": float("nan"), "tissue_min": 0.1}, {"dab_min": "a", "tissue_min": 1}]
)
def test_hostile_descriptions_are_refused(values):
    with pytest.raises(TrainingError) as caught:
        Gate.from_json(values)
    assert caught.value.code == "gate_invalid"


@pytest.mark.real_data
def test_keeps_999_of_1000_of_the_paper_s_positives(real_data):
    from tests.detection.nn.real_patches import paper_patches

    patches = paper_patches(real_data)
    half = np.arange(len(patches)) % 2 == 0
    gate = calibrate_gate(patches.take(half))
    assert gate.positives_kept >= 0.999
    rest = patches.take(~half)
    passed = gate.passes_patches(rest.images)
    assert passed[rest.labels == 1].mean() >= 0.998
    assert passed[rest.labels == 0].mean() <= 0.5
