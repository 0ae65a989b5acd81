"""A low-rank head says what the full one says, or there is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from detection.nn import low_rank
from detection.nn.checkpoint import load_checkpoint, save_checkpoint, weights_hash
from detection.nn.engine import Engine
from detection.nn.errors import CheckpointError, TrainingError
from detection.nn.evaluation import predict
from detection.nn.low_rank import LowRank, fit_head
from detection.nn.network import NetworkShape, PaperNet
from tests.detection.nn.test_checkpoint import model_and_meta, refused, tampered
from tests.detection.nn.test_network import network, noise
from tests.detection.nn.toys import TINY, toy_patches

WIDE = NetworkShape(features=(4, 6, 8), fc=128)


@pytest.fixture(scope="module")
def fitted():
    model = network(WIDE, 1)
    found = fit_head(model, toy_patches(80, 1), toy_patches(40, 2), threshold=0.5)
    assert found is not None
    return model, *found


def test_calls_every_patch_as_the_full_head_does(fitted):
    model, twin, described = fitted
    patches = toy_patches(40, 2)
    full = predict(model, patches.images)
    with torch.inference_mode():
        folded = twin.folded()
        assert folded.low_rank is not None
        features = folded.trunk(folded.prepare(patches.images)).flatten(1)
        low = torch.softmax(folded.fc3(folded.low_rank(features)), dim=1)[:, 1].numpy()
    assert ((low >= 0.5) == (full >= 0.5)).all()
    assert np.abs(low - full).max() <= described.largest_difference + 0.01
    assert described.flipped == 0
    assert described.patches == 80


def test_the_full_head_stays_as_it_was(fitted):
    model, twin, _ = fitted
    images = toy_patches(6, 3).images
    assert predict(twin, images).tolist() == predict(model, images).tolist()
    assert model.low_rank is None


def test_the_same_patches_give_the_same_head(fitted):
    model, twin, described = fitted
    again = fit_head(model, toy_patches(80, 1), toy_patches(40, 2), threshold=0.5)
    assert again is not None
    assert again[1] == described
    assert all(
        torch.equal(a, b) for a, b in zip(twin.state_dict().values(), again[0].state_dict().values(), strict=True)
    )


def test_none_is_given_where_none_comes_near(fitted, monkeypatch):
    monkeypatch.setattr(low_rank, "MAX_DIFFERENCE", -1.0)
    assert fit_head(fitted[0], toy_patches(20, 1), toy_patches(20, 2), threshold=0.5) is None


def test_a_narrow_network_needs_none():
    assert fit_head(network(TINY, 0), toy_patches(8, 1), toy_patches(8, 2), threshold=0.5) is None


def test_the_engine_uses_it_where_there_is_one(fitted):
    model, twin, _ = fitted
    image, chosen = noise(6, 9, 1), np.ones((7, 10), dtype=bool)
    full, low = (Engine(twin, head=head, precision="fp32") for head in ("full", "low_rank"))
    assert (full.head, low.head, Engine(model).head) == ("full", "low_rank", "full")
    assert np.allclose(full.score(image, chosen), Engine(model, precision="fp32").score(image, chosen), atol=1e-6)
    assert low.score(image, chosen).shape == chosen.shape
    assert low.spent.flop < full.spent.flop


def test_it_travels_in_the_checkpoint(tmp_path, fitted):
    _, twin, described = fitted
    _, meta = model_and_meta()
    meta = replace(meta, shape=WIDE, preprocessing=twin.preprocessing, low_rank=described)
    save_checkpoint(tmp_path / "m", twin, meta)
    found, told = load_checkpoint(tmp_path / "m")
    assert told == meta
    assert found.low_rank is not None
    assert weights_hash(found) == weights_hash(twin)


def test_a_description_of_another_head_is_not_written(tmp_path, fitted):
    _, twin, described = fitted
    _, meta = model_and_meta()
    meta = replace(meta, shape=WIDE, preprocessing=twin.preprocessing)
    for wrong in (None, replace(described, rank=described.rank + 1)):
        with pytest.raises(CheckpointError) as caught:
            save_checkpoint(tmp_path / "m", twin, replace(meta, low_rank=wrong))
        assert caught.value.code == "checkpoint_mismatch"
    assert not (tmp_path / "m").exists()


def test_a_head_that_is_told_of_but_missing_is_refused(tmp_path):
    told = LowRank(8, 0, 0.01, 20).to_json()
    assert refused(tampered(tmp_path / "m", low_rank=told)) == "checkpoint_mismatch"


@pytest.mark.parametrize(
    "told",
    [None, [], "8", {}, {"rank": 8}, {"rank": 0, "flipped": 0, "largest_difference": 0.0, "patches": 1},
     {"rank": True, "flipped": 0, "largest_difference": 0.0, "patches": 1},
     {"rank": 10**400, "flipped": 0, "largest_difference": 0.0, "patches": 1},
     {"rank": 8, "flipped": -1, "largest_difference": 0.0, "patches": 1},
     {"rank": 8, "flipped": 0, "largest_difference": 2, "patches": 1},
     {"rank": 8, "flipped": 0, "largest_difference": "0", "patches": 1},
     {"rank": 8, "flipped": 0, "largest_difference": 0.0, "patches": 1, "more": 1}],
)  # fmt: skip
def test_hostile_descriptions_are_refused(tmp_path, told):
    assert refused(tampered(tmp_path / "m", low_rank=told)) == "checkpoint_invalid"


def with_weights(fitted, value: float):
    """The fitted network with one number all over a layer of its low-rank head, and its description."""
    _, twin, described = fitted
    bad = PaperNet(WIDE, preprocessing=twin.preprocessing, rank=described.rank)
    bad.load_state_dict(twin.state_dict())
    assert bad.low_rank is not None
    with torch.no_grad():
        bad.low_rank.down2.weight.fill_(value)
    return bad, replace(model_and_meta()[1], shape=WIDE, preprocessing=twin.preprocessing, low_rank=described)


def test_weights_that_are_no_numbers_are_not_written(tmp_path, fitted):
    with pytest.raises(CheckpointError) as caught:
        save_checkpoint(tmp_path / "m", *with_weights(fitted, float("nan")))
    assert caught.value.code == "checkpoint_not_finite"


def test_weights_too_large_to_add_up_are_refused(tmp_path, fitted):
    save_checkpoint(tmp_path / "m", *with_weights(fitted, 3e38))
    assert refused(tmp_path / "m") == "checkpoint_not_finite"


def test_survives_json():
    told = LowRank(16, 0, 0.003, 400)
    assert LowRank.from_json(told.to_json()) == told
    with pytest.raises(TrainingError):
        LowRank.from_json({"rank": 16})
