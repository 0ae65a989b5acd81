"""Models on disk: whole, ours, finite, or refused with the reason."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from detection.nn.checkpoint import CheckpointMeta, load_checkpoint, save_checkpoint, weights_hash
from detection.nn.config import PRESETS
from detection.nn.errors import CheckpointError
from detection.nn.evaluation import predict
from detection.nn.gate import Gate
from detection.nn.network import NetworkShape, PaperNet, Preprocessing
from tests.detection.nn.toys import TINY, toy_patches

PREPROCESSING = Preprocessing((181.5, 160.25, 158.0), (40.0, 41.5, 39.125))


def model_and_meta():
    torch.manual_seed(0)
    model = PaperNet(TINY, preprocessing=PREPROCESSING).eval()
    meta = CheckpointMeta(
        shape=TINY,
        preprocessing=PREPROCESSING,
        class_names=("not counted", "lymphocyte"),
        threshold=0.47,
        gate=Gate(0.21, 0.3, 0.9995, 0.12),
        dataset_hash="ab" * 32,
        config=PRESETS["default"].changed(shape=TINY, symmetric=False),
        model_mpp=0.1,
    )
    return model, meta


@pytest.fixture
def saved(tmp_path) -> Path:
    path = Path(tmp_path) / "model.safetensors"
    save_checkpoint(path, *model_and_meta())
    return path


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert caught.value.message
    return caught.value.code


def plain(model: PaperNet) -> dict[str, torch.Tensor]:
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


def tampered(path: Path, *, tensors=None, **values) -> Path:
    """Write the model again with another description or other weights."""
    model, meta = model_and_meta()
    text = json.dumps({**meta.to_json(), **values})
    save_file({**plain(model), **(tensors or {})}, path, metadata={"tilscope": text})
    return path


def test_comes_back_as_it_was(saved):
    model, meta = model_and_meta()
    found, description = load_checkpoint(saved)
    assert description == meta
    assert not found.training
    images = toy_patches(5, 0).images
    assert predict(found, images).tolist() == predict(model, images).tolist()


def test_the_same_model_has_the_same_hash_and_leaves_nothing_beside(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    one, two = (save_checkpoint(folder / name, *model_and_meta()) for name in ("a", "b"))
    assert one == two
    assert len(one) == 64
    assert {path.name for path in folder.iterdir()} == {"a", "b"}


def test_without_gate_and_scale(tmp_path):
    model, meta = model_and_meta()
    meta = replace(meta, gate=None, model_mpp=None)
    save_checkpoint(tmp_path / "m", model, meta)
    assert load_checkpoint(tmp_path / "m")[1] == meta


def test_no_weights_that_are_no_numbers_are_written(tmp_path):
    model, meta = model_and_meta()
    with torch.no_grad():
        model.fc2.weight[0, 0] = float("nan")
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(CheckpointError) as caught:
        save_checkpoint(folder / "m", model, meta)
    assert caught.value.code == "checkpoint_not_finite"
    assert list(folder.iterdir()) == []


def test_the_description_must_be_of_the_model(tmp_path):
    model, meta = model_and_meta()
    with pytest.raises(CheckpointError) as caught:
        save_checkpoint(tmp_path / "m", model, replace(meta, preprocessing=Preprocessing()))
    assert caught.value.code == "checkpoint_mismatch"


def test_absent(tmp_path):
    assert refused(tmp_path / "nothing") == "checkpoint_missing"
    assert refused(tmp_path) == "checkpoint_missing"


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.999))
def test_truncated_anywhere(tmp_path_factory, share):
    path = tmp_path_factory.mktemp("cut") / "model"
    save_checkpoint(path, *model_and_meta())
    os.truncate(path, int(path.stat().st_size * share))
    assert refused(path) == "checkpoint_damaged"


def test_one_byte_short_and_one_too_many(saved):
    size = saved.stat().st_size
    os.truncate(saved, size - 1)
    assert refused(saved) == "checkpoint_damaged"
    os.truncate(saved, size + 1)
    assert refused(saved) == "checkpoint_damaged"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95pickle",
        b"PK\x03\x04" + b"\0" * 100,
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 40) + b"{" * 40,
    ],
)
def test_no_safetensors_at_all(tmp_path, content):
    (tmp_path / "m").write_bytes(content)
    assert refused(tmp_path / "m") == "checkpoint_damaged"


def test_far_too_large(saved):
    os.truncate(saved, (1 << 30) + 1)
    assert refused(saved) == "checkpoint_too_large"


def test_somebody_else_s_weights(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "m")
    assert refused(tmp_path / "m") == "checkpoint_foreign"
    assert refused(tampered(tmp_path / "m", format="other")) == "checkpoint_foreign"


@pytest.mark.parametrize("values", [{"format_version": 0}, {"format_version": 2}, {"architecture": "resnet"}])
def test_stale(tmp_path, values):
    assert refused(tampered(tmp_path / "m", **values)) == "checkpoint_stale"


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"threshold": "0.5"},
        {"threshold": True},
        {"class_names": ["one"]},
        {"class_names": "no"},
        {"class_names": ["a", 5]},
        {"patch_px": 64},
        {"model_mpp": -1},
        {"model_mpp": float("inf")},
        {"preprocessing": None},
        {"preprocessing": {"mean": [0, 0, 0], "std": [0, 0, 0]}},
        {"gate": {"dab_min": None, "tissue_min": 0}},
        {"gate": [1]},
        {"config": {"epochs": -1}},
        {"config": None},
        {"shape": {"features": [4, 6], "fc": 16}},
        {"dataset_hash": 7},
        {"versions": {"torch": 2}},
        {"versions": 5},
        {"versions": []},
        {"versions": {"torch": "2\0"}},
        {"versions": {str(n): "1" for n in range(101)}},
        {"class_names": ["a", ""]},
        {"class_names": ["a", "b\0"]},
        {"class_names": ["a", "\ud800"]},
        {"class_names": ["a", "b" * 201]},
        {"dataset_hash": "\udfff"},
        {"preprocessing": {"mean": [10**400, 0, 0], "std": [1, 1, 1]}},
        {"preprocessing": {"mean": [0, 0, 0], "std": [1e-300, 1, 1]}},
        {"preprocessing": {"mean": [300, 0, 0], "std": [1, 1, 1]}},
        {"preprocessing": {"mean": "123", "std": [1, 1, 1]}},
        {"preprocessing": {"mean": [True, 0, 0], "std": [1, 1, 1]}},
        {"model_mpp": 10**400},
        {"threshold": 10**400},
        {"config": ""},
        {"config": {"learning_rate": 10**400}},
        {"shape": {"features": [10**400, 6, 8], "fc": 16}},
        {"shape": {"features": [True, 6, 8], "fc": 16}},
    ],
)
def test_hostile_descriptions(tmp_path, values):
    assert refused(tampered(tmp_path / "m", **values)) == "checkpoint_invalid"


@pytest.mark.parametrize("text", ["", "[]", "7", "[" * 100_000, '{"format": "tilscope-checkpoint"', "null"])
def test_descriptions_that_are_none(tmp_path, text):
    save_file(plain(model_and_meta()[0]), tmp_path / "m", metadata={"tilscope": text})
    assert refused(tmp_path / "m") == "checkpoint_invalid"


def test_a_description_that_lacks_a_part(tmp_path):
    model, meta = model_and_meta()
    values = meta.to_json()
    del values["gate"]
    save_file(plain(model), tmp_path / "m", metadata={"tilscope": json.dumps(values)})
    assert refused(tmp_path / "m") == "checkpoint_invalid"


@pytest.mark.parametrize(
    "tensors",
    [
        {"extra": torch.zeros(2)},
        {"fc3.bias": torch.zeros(3)},
        {"fc3.bias": torch.zeros(2, dtype=torch.float64)},
        {"fc1.weight": torch.zeros(16)},
    ],
)
def test_weights_that_do_not_fit(tmp_path, tensors):
    assert refused(tampered(tmp_path / "m", tensors=tensors)) == "checkpoint_mismatch"


def test_a_network_too_big_for_its_file(tmp_path):
    big = {"features": [4096, 4096, 4096], "fc": 4096}
    assert refused(tampered(tmp_path / "m", shape=big)) == "checkpoint_mismatch"


@pytest.mark.parametrize(
    ("name", "value"), [("fc3.bias", float("nan")), ("fc3.bias", float("inf")), ("stages.0.norm.running_var", -1.0)]
)
def test_weights_that_are_no_numbers(tmp_path, name, value):
    tensor = model_and_meta()[0].state_dict()[name].clone()
    tensor[0] = value
    assert refused(tampered(tmp_path / "m", tensors={name: tensor})) == "checkpoint_not_finite"


def test_weights_too_large_to_add_up(tmp_path):
    tensors = {
        name: torch.full_like(model_and_meta()[0].state_dict()[name], 3e38) for name in ("fc1.weight", "fc2.weight")
    }
    assert refused(tampered(tmp_path / "m", tensors=tensors)) == "checkpoint_not_finite"


def with_header(path: Path, edit) -> Path:
    """Rewrite the header's text."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = edit(content[8 : 8 + length].decode()).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
    return path


def test_names_given_twice_are_refused(saved):
    twice = '"fc3.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
    assert refused(with_header(saved, lambda text: "{" + twice + text[1:])) == "checkpoint_damaged"


@pytest.mark.parametrize("place", ["start", "end"])
def test_settings_given_twice_are_refused(tmp_path, place):
    model, meta = model_and_meta()
    text = json.dumps(meta.to_json())
    twice = '{"threshold": 0.9, ' + text[1:] if place == "start" else text[:-1] + ', "threshold": 0.9}'
    save_file(plain(model), tmp_path / "m", metadata={"tilscope": twice})
    assert refused(tmp_path / "m") == "checkpoint_invalid"


def test_a_header_in_another_alphabet_is_refused(saved):
    content = saved.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length].decode().encode("utf-16")
    saved.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
    assert refused(saved) == "checkpoint_damaged"


@pytest.mark.parametrize("where", ["weights", "threshold"])
def test_a_flipped_bit_is_seen(saved, where):
    content = bytearray(saved.read_bytes())
    place = len(content) - 3 if where == "weights" else content.index(b"0.47") + 3
    content[place] ^= 1
    saved.write_bytes(content)
    assert refused(saved) == "checkpoint_damaged"


def test_models_from_before_the_seal_are_read(tmp_path):
    found, meta = load_checkpoint(tampered(tmp_path / "m"))
    assert meta == model_and_meta()[1]
    assert weights_hash(found) == weights_hash(model_and_meta()[0])


@pytest.mark.parametrize("seal", ["", None, 5, {}, "00" * 32])
def test_a_seal_that_does_not_fit(tmp_path, seal):
    assert refused(tampered(tmp_path / "m", seal=seal)) == "checkpoint_damaged"


@pytest.mark.parametrize("depth", [700, 850, 900, 950, 1000, 5000])
def test_deep_settings_that_nobody_knows(tmp_path, depth):
    model, meta = model_and_meta()
    text = json.dumps({**meta.to_json(), "seal": "00"})[:-1] + ', "deep": ' + "[" * depth + "]" * depth + "}"
    save_file(plain(model), tmp_path / "m", metadata={"tilscope": text})
    assert refused(tmp_path / "m") in ("checkpoint_damaged", "checkpoint_invalid")


def test_a_name_that_no_disk_takes(tmp_path):
    assert refused(tmp_path / ("m" * 300)) in ("checkpoint_missing", "checkpoint_damaged")
    assert refused(tmp_path / "m\0") in ("checkpoint_missing", "checkpoint_damaged")


def test_the_paper_s_size_survives(tmp_path):
    model = PaperNet(NetworkShape(features=(64, 128, 256), fc=32))
    meta = replace(model_and_meta()[1], shape=model.shape, preprocessing=model.preprocessing)
    save_checkpoint(tmp_path / "m", model, meta)
    found, _ = load_checkpoint(tmp_path / "m")
    assert all(torch.equal(a, b) for a, b in zip(found.state_dict().values(), model.state_dict().values(), strict=True))
