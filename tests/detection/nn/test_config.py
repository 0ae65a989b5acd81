"""Recipes and parameters are refused before they cost anything."""

import json

import pytest

from detection.nn.config import NO_AUGMENTATION, PRESETS, TrainingConfig
from detection.nn.errors import TrainingError
from detection.nn.network import NetworkShape


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = PRESETS[name]
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_changed_shape_survives_json():
    config = PRESETS["quick"].changed(shape=NetworkShape((4, 4, 4), 8), epochs=1)
    assert TrainingConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"epochs": True},
        {"epochs": "3"},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"batch_size": 1},
        {"dropout": 1},
        {"shift_px": 13},
        {"precision": "fp16"},
        {"precision": None},
        {"precision": ["fp32"]},
        {"optimizer": "sgd"},
        {"schedule": "cosine"},
        {"schedule": 1},
        {"mirror": 1},
        {"quarter_turns": None},
        {"deterministic": "yes"},
        {"epochs": 0, "max_steps": 0},
        {"epochs": 0, "max_steps": -5},
        {"patience_steps": -1},
        {"patience_steps": 2.5},
        {"validate_every_steps": True},
        {"tolerance": -0.1},
        {"balance": 1.1},
        {"balance": "much"},
        {"windows_beside": 9},
        {"windows_beside": -1},
        {"windows_beside": 1.5},
        {"windows_beside": True},
        {"shape": {"features": [1, 2], "fc": 3}},
        {"shape": {"features": "abc", "fc": 3}},
        {"shape": {"features": [True, 2, 3], "fc": 4}},
        {"shape": {"features": [1, 2, 3], "fc": True}},
        {"shape": 5},
        {"surprise": 1},
    ],
)
def test_impossible_recipes_are_refused(values):
    with pytest.raises(TrainingError):
        TrainingConfig.from_json(values)


def test_recipes_written_before_there_were_these_settings_mean_what_they_meant():
    old = {
        "epochs": 36,
        "max_steps": 0,
        "batch_size": 64,
        "learning_rate": 0.001,
        "weight_decay": 0.05,
        "label_smoothing": 0.05,
        "dropout": 0.5,
        "ema_decay": 0.99,
        "rotation": 0.5,
        "shift_px": 4,
        "stain_jitter": 0.1,
        "patience": 10,
        "precision": "auto",
        "shape": {"features": [64, 128, 256], "fc": 2048},
    }
    found = TrainingConfig.from_json(old)
    assert found.to_json() == {**TrainingConfig().to_json(), **old}
    assert (found.balance, found.windows_beside) == (0, 0)
    assert (found.optimizer, found.schedule, found.mirror, found.quarter_turns) == ("adamw", "one_cycle", True, True)
    assert (found.patience_steps, found.validate_every_steps, found.tolerance) == (0, 0, 1.0)
    assert found.deterministic is False


def test_model_b_is_the_default_without_any_augmentation():
    different = {
        name for name, value in PRESETS["model-b"].to_json().items() if value != PRESETS["default"].to_json()[name]
    }
    assert different == set(NO_AUGMENTATION)
    assert not any(NO_AUGMENTATION.values())


def test_light_is_the_default_with_a_smaller_network():
    light, default = PRESETS["light"], PRESETS["default"]
    assert light.changed(shape=default.shape) == default
    assert light.shape == NetworkShape((32, 64, 128), 512)


def test_who_cuts_windows_beside_cells():
    assert {name: preset.windows_beside for name, preset in PRESETS.items()} == {
        "default": 2,
        "light": 2,
        "quick": 0,
        "paper": 0,
        "model-b": 2,
    }


def test_the_paper_s_recipe():
    paper = PRESETS["paper"]
    assert (paper.optimizer, paper.schedule) == ("adam", "constant")
    assert (paper.label_smoothing, paper.ema_decay, paper.tolerance) == (0.0, 0.0, 0.0)
    assert paper.mirror
    assert paper.rotation > 0
    assert 200 <= paper.patience_steps <= 300
    assert 10**-3.5 <= paper.learning_rate <= 10**-1.5
    assert 10**-3.5 <= paper.weight_decay <= 10**-2
    assert 500 <= paper.max_steps <= 18_000


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({"epochs": 3}, 30),
        ({"epochs": 3, "max_steps": 7}, 7),
        ({"epochs": 3, "max_steps": 70}, 30),
        ({"epochs": 0, "max_steps": 700}, 700),
    ],
)
def test_how_long_a_training_takes(values, steps):
    assert TrainingConfig(**values).planned_steps(10) == steps
