"""A tiny network learns in seconds, the same way each time, and stops when it should."""

import itertools

import numpy as np
import pytest
import torch

from detection.nn import training as module
from detection.nn.data import PatchSet
from detection.nn.errors import TrainingError
from detection.nn.evaluation import evaluate, predict
from detection.nn.training import CurvePoint, train
from tests.detection.nn.toys import tiny_config, toy_patches


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def outcome():
    return train(toy_patches(64, 0), toy_patches(32, 1), tiny_config(), seed=1, device="cpu")


def test_a_tiny_set_is_learned(outcome):
    assert outcome.metrics.accuracy == 1.0
    assert outcome.metrics.confusion == ((16, 0), (0, 16))
    assert evaluate(outcome.model, toy_patches(32, 2), outcome.threshold).accuracy == 1.0


def test_the_outcome_carries_what_a_page_shows(outcome):
    assert outcome.stopped_because == "finished"
    assert outcome.steps == 40
    assert 0 < outcome.best_step <= 40
    assert 0.05 <= outcome.threshold <= 0.95
    assert outcome.gate.positives_kept >= 0.999
    assert not outcome.model.training
    measured = [point for point in outcome.curve if point.accuracy is not None]
    assert len(measured) == 10
    assert [point.step for point in measured] == list(range(4, 41, 4))
    assert all(point.steps == 40 for point in outcome.curve)
    assert measured[-1].loss < measured[0].loss


def weights(outcome):
    return {name: tensor.numpy() for name, tensor in outcome.model.state_dict().items()}


def test_the_same_seed_gives_the_same_weights_whatever_happened_before():
    config = tiny_config(epochs=2, dropout=0.5, rotation=0.5)
    runs = []
    for seed in (7, 7, 8):
        torch.rand(3)
        runs.append(weights(train(toy_patches(32, 0), toy_patches(8, 1), config, seed=seed, device="cpu")))
    assert all(np.array_equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert not all(np.array_equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_training_leaves_the_caller_s_chance_alone():
    torch.manual_seed(5)
    wanted = torch.rand(4)
    torch.manual_seed(5)
    train(toy_patches(16, 0), toy_patches(8, 1), tiny_config(epochs=1), seed=1, device="cpu")
    assert torch.equal(torch.rand(4), wanted)


def test_stops_when_validation_gets_no_better():
    wrong = toy_patches(16, 1)
    wrong = PatchSet(wrong.images, 1 - wrong.labels)
    found = train(toy_patches(64, 0), wrong, tiny_config(epochs=60, patience=2), seed=1, device="cpu")
    assert found.stopped_because == "no_improvement"
    assert found.steps < 60 * 4
    assert found.best_step <= found.steps - 8


def test_keeps_the_newest_weights_within_a_standard_error_of_the_best(monkeypatch):
    said = iter([(1.0, 0.5), (0.8, 0.1), (0.85, 0.1), (0.95, 0.3), (1.2, 0.1)])
    monkeypatch.setattr("detection.nn.training.log_loss", lambda labels, probabilities: next(said))
    found = train(toy_patches(16, 0), toy_patches(8, 1), tiny_config(epochs=5, patience=5), seed=1, device="cpu")
    assert found.stopped_because == "finished"
    assert found.best_step == found.steps * 3 // 5


def test_stops_when_asked():
    asked = []

    def enough() -> bool:
        asked.append(1)
        return len(asked) > 3

    found = train(toy_patches(64, 0), toy_patches(8, 1), tiny_config(), seed=1, device="cpu", should_stop=enough)
    assert found.stopped_because == "asked"
    assert found.steps == 3


def test_max_steps_is_an_upper_limit():
    found = train(toy_patches(64, 0), toy_patches(8, 1), tiny_config(max_steps=6), seed=1, device="cpu")
    assert found.steps == 6
    assert found.curve[-1].steps == 6


def test_signs_of_life_between_validations(monkeypatch):
    monkeypatch.setattr(module, "_POINT_EVERY_S", 0.0)
    points: list[CurvePoint] = []
    train(toy_patches(64, 0), toy_patches(8, 1), tiny_config(epochs=1), seed=1, device="cpu", on_point=points.append)
    assert {1, 2, 3, 4} <= {point.step for point in points}
    assert all(later.elapsed_s >= earlier.elapsed_s for earlier, later in itertools.pairwise(points))


@pytest.mark.parametrize("side", ["training", "validation"])
def test_one_class_teaches_nothing(side):
    both = toy_patches(16, 0)
    one = both.take(both.labels == 1)
    sides = {"training": both, "validation": both, side: one}
    with pytest.raises(TrainingError) as caught:
        train(sides["training"], sides["validation"], tiny_config(), seed=1, device="cpu")
    assert caught.value.code == "training_one_class"
    assert caught.value.extra == {"side": side, "positive": 8, "negative": 0}


def test_a_loss_that_is_no_number_ends_the_run(monkeypatch):
    monkeypatch.setattr(module, "augment", lambda images, *_, **__: torch.full(images.shape, float("nan")))
    with pytest.raises(TrainingError) as caught:
        train(toy_patches(16, 0), toy_patches(8, 1), tiny_config(), seed=1, device="cpu")
    assert caught.value.code == "training_diverged"


def test_mixed_precision_learns_too():
    found = train(toy_patches(64, 0), toy_patches(16, 1), tiny_config(precision="bf16"), seed=1, device="cpu")
    assert found.metrics.accuracy == 1.0
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in found.model.state_dict().values())


def test_predict_keeps_the_mode_and_takes_nothing(outcome):
    outcome.model.train()
    assert predict(outcome.model, np.zeros((0, 70, 70, 3), dtype=np.uint8)).shape == (0,)
    assert outcome.model.training
    outcome.model.eval()


@pytest.mark.gpu
def test_learns_on_the_gpu():
    found = train(toy_patches(64, 0), toy_patches(16, 1), tiny_config(precision="auto"), seed=1, device="cuda")
    assert found.metrics.accuracy == 1.0
    assert next(found.model.parameters()).device.type == "cpu"


@pytest.mark.slow
@pytest.mark.real_data
def test_the_default_recipe_reaches_97_percent(real_data):
    from detection.nn.config import PRESETS
    from detection.nn.data import pixel_hash, split_sides
    from tests.detection.nn.real_patches import paper_patches

    torch.set_num_threads(2)
    patches = paper_patches(real_data)
    names = [pixel_hash(image) for image in patches.images]
    sides = split_sides(range(len(patches)), patches.labels, fractions=(0.72, 0.08, 0.2), seed=1, duplicates=names)
    parts = [patches.take(sides == side) for side in range(3)]
    found = train(parts[0], parts[1], PRESETS["default"], seed=1)
    assert evaluate(found.model, parts[2], found.threshold).accuracy >= 0.97
    assert found.elapsed_s < 900


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_the_shortest_trainings_end(steps):
    toys = toy_patches(16, 0)
    outcome = train(toys, toys, tiny_config(epochs=0, max_steps=steps, batch_size=8), seed=0)
    assert outcome.steps == steps
