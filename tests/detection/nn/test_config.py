"""Recipes and parameters are refused before they cost anything."""

import json

import pytest

from detection.nn.config import PRESETS, TrainingConfig
from detection.nn.errors import TrainingError
from detection.nn.network import NetworkShape


@pytest.mark.parametrize("name", ["default", "quick"])
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
        {"shape": {"features": [1, 2], "fc": 3}},
        {"shape": {"features": "abc", "fc": 3}},
        {"shape": 5},
        {"surprise": 1},
    ],
)
def test_impossible_recipes_are_refused(values):
    with pytest.raises(TrainingError):
        TrainingConfig.from_json(values)
