"""One pass over an image equals the network on every window."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from detection.nn.errors import TrainingError
from detection.nn.network import (
    PATCH_PX,
    STRIDE_PX,
    NetworkShape,
    PaperNet,
    Preprocessing,
    phase_offsets,
)
from tests.detection.nn.toys import TINY, toy_patches


def network(shape: NetworkShape, seed: int) -> PaperNet:
    """Random weights and random batch-norm statistics, as after a training."""
    torch.manual_seed(seed)
    model = PaperNet(shape).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.3, 3.0)
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.normal_(module.bias, std=0.3)
    return model


def one_by_one(model: PaperNet, image: np.ndarray, stride_px: int = STRIDE_PX) -> torch.Tensor:
    rows = range(0, image.shape[0] - PATCH_PX + 1, stride_px)
    cols = range(0, image.shape[1] - PATCH_PX + 1, stride_px)
    patches = np.stack([image[y : y + PATCH_PX, x : x + PATCH_PX] for y in rows for x in cols])
    with torch.inference_mode():
        return torch.softmax(model(model.prepare(patches)), dim=1)[:, 1].view(len(rows), len(cols))


def noise(a: int, b: int, seed: int, stride_px: int = STRIDE_PX) -> np.ndarray:
    """An image of a + 1 by b + 1 windows of stride 8, and of whatever finer ones lie between."""
    size = (70 + 8 * a + 8 - stride_px, 70 + 8 * b + 8 - stride_px, 3)
    return np.random.default_rng(seed).integers(0, 256, size=size, dtype=np.uint8)


def assert_dense_equals_windows(model: PaperNet, image: np.ndarray, stride_px: int = STRIDE_PX) -> None:
    wanted = one_by_one(model, image, stride_px)
    with torch.inference_mode():
        for candidate in (model, model.folded()):
            found = candidate.dense(candidate.prepare(image[None]), stride_px=stride_px)
            assert found.shape == wanted.shape
            assert float((found - wanted).abs().max()) <= 1e-5


def test_the_paper_s_layers():
    model = PaperNet()
    assert [tuple(p.shape) for n, p in model.stages.named_parameters() if n.endswith("conv.weight")] == [
        (64, 3, 3, 3),
        (128, 64, 3, 3),
        (256, 128, 3, 3),
    ]
    assert (model.fc1.in_features, model.fc1.out_features) == (256 * 49, 2048)
    assert (model.fc2.out_features, model.fc3.out_features) == (2048, 2)
    with torch.inference_mode():
        assert model.trunk(torch.zeros(1, 3, 70, 70)).shape == (1, 256, 7, 7)


def test_dense_equals_windows_at_the_paper_s_size():
    assert_dense_equals_windows(network(NetworkShape(), 1), noise(2, 3, 0))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 1000))
def test_dense_equals_windows_on_noise(a, b, seed):
    assert_dense_equals_windows(network(TINY, seed), noise(a, b, seed))


@pytest.mark.parametrize("stride_px", [4, 2, 1])
@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 3), (4, 2)])
def test_finer_strides_equal_windows(stride_px, a, b):
    assert_dense_equals_windows(network(TINY, a), noise(a, b, b, stride_px), stride_px)


def test_each_phase_begins_somewhere_else():
    for stride_px in (8, 4, 2, 1):
        step = 8 // stride_px
        offsets = phase_offsets(stride_px)
        assert offsets[0] == (0, 0)
        assert sorted(offsets) == [(y, x) for y in range(step) for x in range(step)]


@pytest.mark.real_data
def test_dense_equals_windows_on_a_real_image(real_data):
    from PIL import Image

    with Image.open(real_data / "slides" / "ihc.png") as picture:
        image = np.asarray(picture.convert("RGB"))[100:194, 60:154]
    assert_dense_equals_windows(network(NetworkShape(), 2), image)


def test_folding_leaves_the_original_alone():
    model = network(TINY, 5)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folded = model.folded()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_read_only_and_cut_out_arrays_are_taken():
    model = PaperNet(TINY)
    images = toy_patches(2, 0).images[:, ::-1, :, ::-1]
    images.setflags(write=False)
    assert model.prepare(images).shape == (2, 3, 70, 70)


def test_preprocessing_is_measured_from_the_patches():
    images = np.zeros((4, 70, 70, 3), dtype=np.uint8)
    images[..., 1] = 100
    images[:2, ..., 2] = 200
    found = Preprocessing.of(images)
    assert found.mean == (0.0, 100.0, 100.0)
    assert found.std == (1.0, 1.0, 100.0)


@pytest.mark.parametrize(
    ("features", "fc"), [((0, 1, 1), 8), ((1, 1), 8), ((1, 1, 5000), 8), ((1, 1, 1), 0), ((1, 1, "a"), 1)]
)
def test_impossible_widths_are_refused(features, fc):
    with pytest.raises(TrainingError):
        NetworkShape(features=features, fc=fc)


@pytest.mark.parametrize("std", [(0.0, 1.0, 1.0), (float("nan"), 1.0, 1.0), (1.0, 1.0)])
def test_impossible_preprocessing_is_refused(std):
    with pytest.raises(TrainingError):
        Preprocessing(std=std)
