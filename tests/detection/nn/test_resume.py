"""A training that was interrupted anywhere ends exactly as the unbroken one; a state that does not fit is ignored."""

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from detection.nn import training as module
from detection.nn.checkpoint import weights_hash
from detection.nn.config import NO_AUGMENTATION
from detection.nn.data import PatchSet
from detection.nn.shape import NetworkShape
from detection.nn.state import write_state
from detection.nn.training import CurvePoint, train
from tests.detection.nn.toys import tiny_config, toy_patches

TRAINING, VALIDATION = toy_patches(36, 0), toy_patches(14, 1)
CONFIG = tiny_config(
    epochs=4, batch_size=8, dropout=0.5, rotation=0.5, shift_px=3, stain_jitter=0.1, ema_decay=0.9, patience=9
)
"""Four steps an epoch (the last four patches of each order stay out), sixteen in all."""
PAPER = CONFIG.changed(
    epochs=0, max_steps=15, optimizer="adam", schedule="constant", validate_every_steps=3, patience_steps=200
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Stop:
    """Says no so many times, then yes."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def learn(config=CONFIG, *, seed=3, training=TRAINING, **more):
    return train(training, VALIDATION, config, seed=seed, device="cpu", **more)


def judged(outcome):
    return [(p.step, p.loss, p.accuracy, p.validation_loss) for p in outcome.curve if p.validation_loss is not None]


def assert_same(found, wanted):
    pairs = zip(found.model.state_dict().items(), wanted.model.state_dict().items(), strict=True)
    assert all(name == other and torch.equal(a, b) for (name, a), (other, b) in pairs)
    assert judged(found) == judged(wanted)
    assert (found.threshold, found.steps, found.best_step) == (wanted.threshold, wanted.steps, wanted.best_step)
    assert (found.stopped_because, found.metrics, found.gate) == (wanted.stopped_because, wanted.metrics, wanted.gate)


def interrupted(path: Path, stops, config=CONFIG):
    """Stop a training at each of some questions, and go on each time; then let it end."""
    for after in stops:
        assert learn(config, state_path=path, should_stop=Stop(after)).stopped_because == "asked"
    return learn(config, state_path=path)


EIGHTS = NetworkShape(features=(8, 8, 8), fc=16)


@pytest.fixture(
    scope="module",
    params=[{"precision": "fp32"}, {"precision": "bf16"}, {"symmetric": True, "shape": EIGHTS}],
    ids=["fp32", "bf16", "symmetric"],
)
def recipe(request):
    torch.set_num_threads(1)
    config = CONFIG.changed(**request.param)
    return config, learn(config)


# Questions are asked before each step and once in each validation (of one batch): 5 an epoch, the fifth in the middle
# of a validation; stopping at the sixth leaves a state of right after it.
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5, 9, 10, 13, 18, 19])
def test_goes_on_where_it_was_stopped(recipe, tmp_path, after):
    config, unbroken = recipe
    assert_same(interrupted(tmp_path / "state", [after], config), unbroken)


def test_goes_on_after_many_stops(recipe, tmp_path):
    config, unbroken = recipe
    assert_same(interrupted(tmp_path / "state", [2, 1, 1, 4, 1, 1, 1, 2], config), unbroken)


@pytest.mark.parametrize("after", [1, 3, 4, 7, 12])
def test_goes_on_between_validations_by_steps(tmp_path, after):
    assert_same(interrupted(tmp_path / "state", [after], PAPER), learn(PAPER))


def test_stops_for_want_of_improvement_as_the_unbroken_one_does(tmp_path):
    wrong = PatchSet(VALIDATION.images, 1 - VALIDATION.labels)
    config = CONFIG.changed(epochs=40, patience=3)
    unbroken = train(TRAINING, wrong, config, seed=3, device="cpu")
    assert unbroken.stopped_because == "no_improvement"
    path, left = tmp_path / "state", unbroken.steps - 3
    train(TRAINING, wrong, config, seed=3, device="cpu", state_path=path, should_stop=Stop(left))
    assert_same(train(TRAINING, wrong, config, seed=3, device="cpu", state_path=path), unbroken)


def test_a_state_written_on_the_way_serves_as_well(tmp_path, monkeypatch):
    """A killed process leaves what was last written between two steps, not what it writes when asked to stop."""
    monkeypatch.setattr(module, "_STATE_EVERY_S", 0.0)
    monkeypatch.setattr(module, "_STATE_COST", 0)
    path, kept = tmp_path / "state", []
    write = write_state

    def copying(path, state, *, run):
        written = write(path, state, run=run)
        kept.append(path.read_bytes())
        return written

    monkeypatch.setattr(module, "write_state", copying)
    unbroken = learn(state_path=path)
    assert len(kept) >= 16 + 4
    for content in kept[1::4]:
        path.write_bytes(content)
        assert_same(learn(state_path=path), unbroken)


def test_writing_never_takes_most_of_the_time(tmp_path, monkeypatch):
    clock, written = [0.0], []

    class Time:
        @staticmethod
        def monotonic():
            clock[0] += 0.01
            return clock[0]

    def slow(path, state, *, run):
        clock[0] += 30
        written.append(clock[0])
        return True

    monkeypatch.setattr(module, "time", Time)
    monkeypatch.setattr(module, "write_state", slow)
    learn(state_path=tmp_path / "state")
    assert len(written) == 2  # after the first validation, and at the end


def test_an_ended_training_is_not_trained_again(tmp_path):
    path = tmp_path / "state"
    first = learn(state_path=path)
    told: list[CurvePoint] = []
    never = Stop(0)
    again = learn(state_path=path, on_point=told.append, should_stop=never)
    assert_same(again, first)
    assert never.left == 0
    assert told == again.curve
    assert again.elapsed_s >= first.curve[-1].elapsed_s


def test_the_earlier_points_are_told_first(tmp_path):
    told: list[CurvePoint] = []
    path = tmp_path / "state"
    part = learn(state_path=path, should_stop=Stop(7))
    whole = learn(state_path=path, on_point=told.append)
    assert told == whole.curve
    assert whole.curve[: len(part.curve)] == part.curve
    times = [point.elapsed_s for point in whole.curve]
    assert times == sorted(times)


def test_the_state_stays_and_nothing_lies_beside_it(tmp_path):
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / ".state-killed.part").write_bytes(b"half a state")
    learn(state_path=folder / "state")
    assert [path.name for path in folder.iterdir()] == ["state"]


def test_the_state_is_plain(tmp_path):
    learn(state_path=tmp_path / "state")
    with safe_open(tmp_path / "state", framework="pt") as file:
        description = json.loads(file.metadata()["tilscope"])
        names = set(file.keys())
    assert description["run"]["seed"] == 3
    assert description["values"]["counters"]["step"] == 16
    assert {"order", "chance.cpu", "chance.views", "model.fc1.weight", "average.fc1.weight", "best.fc1.weight"} <= names
    assert {"optimizer.fc1.weight.exp_avg", "optimizer.fc1.weight.exp_avg_sq", "optimizer.fc1.weight.step"} <= names


def afresh(path: Path, caplog) -> str:
    """Train beside a state that must not be used; returns the reason in the log."""
    with caplog.at_level(logging.WARNING, logger="detection.nn.state"):
        assert_same(learn(state_path=path), learn())
    [record] = caplog.records
    return str(record.getMessage())


@pytest.fixture
def stopped(tmp_path):
    path = tmp_path / "state"
    learn(state_path=path, should_stop=Stop(7))
    return path


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.9, 0.9999])
def test_a_truncated_state_is_ignored(stopped, caplog, share):
    os.truncate(stopped, int(stopped.stat().st_size * share))
    assert "starts afresh" in afresh(stopped, caplog)


@pytest.mark.parametrize("content", [b"\x80\x04\x95pickle", b"PK\x03\x04" + b"\0" * 99, b"\xff" * 64])
def test_a_file_of_another_kind_is_ignored(stopped, caplog, content):
    stopped.write_bytes(content)
    assert "starts afresh" in afresh(stopped, caplog)


def test_somebody_else_s_tensors_are_ignored(stopped, caplog):
    save_file({"order": torch.zeros(3)}, stopped)
    assert "no training state" in afresh(stopped, caplog)


def test_a_state_of_another_seed_is_ignored(tmp_path, caplog):
    learn(seed=4, state_path=tmp_path / "state", should_stop=Stop(7))
    assert "another seed" in afresh(tmp_path / "state", caplog)


def test_a_state_of_another_recipe_is_ignored(tmp_path, caplog):
    learn(CONFIG.changed(weight_decay=0.01), state_path=tmp_path / "state", should_stop=Stop(7))
    assert "another recipe" in afresh(tmp_path / "state", caplog)


@pytest.mark.parametrize("change", ["pixel", "label", "order"])
def test_a_state_of_other_data_is_ignored(tmp_path, caplog, change):
    images, labels = TRAINING.images.copy(), TRAINING.labels.copy()
    if change == "pixel":
        images[5, 0, 0, 0] ^= 1
    elif change == "label":
        labels[5] ^= 1
    else:
        images, labels = images[::-1].copy(), labels[::-1].copy()
    learn(training=PatchSet(images, labels), state_path=tmp_path / "state", should_stop=Stop(7))
    assert "another data" in afresh(tmp_path / "state", caplog)


def test_a_state_of_another_network_is_ignored(stopped, caplog):
    with safe_open(stopped, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["model.fc3.bias"] = torch.zeros(3)
    save_file(tensors, stopped, metadata=metadata)
    assert "another network" in afresh(stopped, caplog)


@pytest.mark.parametrize("text", ["", "[]", "7", "[" * 100_000, '{"format": "tilscope-training-state-1"}'])
def test_a_state_with_a_damaged_description_is_ignored(stopped, caplog, text):
    with safe_open(stopped, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, stopped, metadata={"tilscope": text})
    assert "starts afresh" in afresh(stopped, caplog)


def test_a_state_that_cannot_be_written_costs_only_the_resumption(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="detection.nn.state"):
        found = learn(state_path=tmp_path / "no such folder" / "state")
    assert_same(found, learn())
    assert "was not written" in caplog.text


def test_the_same_seed_gives_the_same_hash_and_another_another():
    hashes = [weights_hash(learn(seed=seed).model) for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0]) == 64


def test_images_on_disk_teach_the_same(tmp_path):
    np.save(tmp_path / "images.npy", TRAINING.images)
    mapped = PatchSet(np.load(tmp_path / "images.npy", mmap_mode="r"), TRAINING.labels)
    assert_same(learn(training=mapped), learn())


@pytest.mark.parametrize("changes", [NO_AUGMENTATION, {"optimizer": "adam", "schedule": "constant"}])
def test_other_recipes_give_other_weights_and_learn_too(changes):
    found = train(toy_patches(64, 0), VALIDATION, tiny_config(**changes), seed=1, device="cpu")
    assert found.metrics.accuracy == 1.0
    plain = train(toy_patches(64, 0), VALIDATION, tiny_config(), seed=1, device="cpu")
    assert weights_hash(found.model) != weights_hash(plain.model)


def test_patience_in_steps(monkeypatch):
    losses = iter([0.5, 0.4, 0.45, 0.41, 0.4001, *[0.6] * 20])
    monkeypatch.setattr(module, "log_loss", lambda labels, probabilities: (next(losses), 0.1))
    config = tiny_config(epochs=0, max_steps=300, batch_size=8, validate_every_steps=2, patience_steps=6, tolerance=0.0)
    found = learn(config)
    assert found.stopped_because == "no_improvement"
    assert (found.best_step, found.steps) == (4, 10)
    assert [step for step, *_ in judged(found)] == [2, 4, 6, 8, 10]
