"""What a search tries and gives up depends on its seed and on what was found, on nothing else."""

import json
import math

import pytest

from detection.nn.config import PRESETS
from detection.nn.errors import TrainingError
from detection.nn.search import SearchSpace, propose, should_prune

BASE = PRESETS["paper"]
STEPS = range(100, 1001, 100)
SEARCHED = {"epochs", "max_steps", "learning_rate", "weight_decay", "patience_steps", "validate_every_steps"}


def falling(end: float, *, until: int = 1000) -> dict[int, float]:
    """A validation loss that falls from 1 to ``end`` at step 1000."""
    return {step: 1 + (end - 1) * step / 1000 for step in STEPS if step <= until}


FOUR = [falling(0.2), falling(0.3), falling(0.5), falling(0.6)]


def test_the_default_space_is_the_paper_s_table():
    space = SearchSpace()
    assert space.max_steps == (500, 18_000)
    assert [round(math.log10(end), 9) for end in space.learning_rate] == [-3.5, -1.5]
    assert [round(math.log10(end), 9) for end in space.weight_decay] == [-3.5, -2]
    assert space.patience_steps == (200, 300)


def test_a_space_survives_json():
    space = SearchSpace(max_steps=(10, 20), learning_rate=(1e-4, 1e-3))
    assert SearchSpace.from_json(json.loads(json.dumps(space.to_json()))) == space
    assert SearchSpace.from_json({}) == SearchSpace()
    assert SearchSpace.from_json({"max_steps": [5, 5]}).max_steps == (5, 5)


@pytest.mark.parametrize(
    "values",
    [
        {"max_steps": [0, 5]},
        {"max_steps": [20, 10]},
        {"max_steps": [1, 10**7]},
        {"max_steps": [1.5, 10]},
        {"max_steps": [True, 10]},
        {"max_steps": [1]},
        {"max_steps": 5},
        {"max_steps": None},
        {"learning_rate": [0, 0.1]},
        {"learning_rate": [0.1, float("nan")]},
        {"learning_rate": ["a", "b"]},
        {"weight_decay": [0.0, 1e-3]},
        {"patience_steps": [200, 300, 400]},
        {"patience": [1, 2]},
    ],
)
def test_impossible_spaces_are_refused(values):
    with pytest.raises(TrainingError) as caught:
        SearchSpace.from_json(values)
    assert caught.value.code == "space_invalid"


def test_a_trial_depends_on_seed_and_number_alone():
    space = SearchSpace()
    forwards = [propose(BASE, space, seed=7, number=number) for number in range(1, 6)]
    backwards = [propose(BASE, space, seed=7, number=number) for number in range(5, 0, -1)]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 5
    assert propose(BASE, space, seed=8, number=1) != forwards[0]


def test_trial_numbers_stay_what_they_are():
    """A search that was begun before an update goes on after it."""
    found = propose(BASE, SearchSpace(), seed=0, number=1)
    assert (found.max_steps, found.patience_steps) == (17_532, 210)
    assert found.learning_rate == pytest.approx(0.00167622434107597)


def test_trials_fill_the_space_evenly_and_keep_the_rest():
    space = SearchSpace()
    drawn = [propose(BASE, space, seed=1, number=number) for number in range(1, 121)]
    for name in ("max_steps", "learning_rate", "weight_decay", "patience_steps"):
        low, high = getattr(space, name)
        values = [getattr(config, name) for config in drawn]
        assert low <= min(values) <= max(values) <= high
    middle = 10**-2.5
    assert 40 <= sum(config.learning_rate < middle for config in drawn) <= 80
    kept = {name: value for name, value in BASE.to_json().items() if name not in SEARCHED}
    assert all(kept.items() <= config.to_json().items() for config in drawn)


def test_a_recipe_in_epochs_becomes_one_in_steps():
    config = propose(PRESETS["default"], SearchSpace(max_steps=(700, 700)), seed=1, number=1)
    assert config.planned_steps(31) == 700
    assert config.validate_every_steps == 50
    assert config.optimizer == PRESETS["default"].optimizer
    assert config.windows_beside == PRESETS["default"].windows_beside > 0


def test_worse_than_the_median_is_given_up():
    assert should_prune(falling(0.7, until=500), FOUR)
    assert not should_prune(falling(0.35, until=500), FOUR)


def test_the_best_so_far_counts_not_the_last():
    curve = falling(0.1, until=500) | {600: 5.0}
    assert not should_prune(curve, FOUR)


def test_nothing_is_given_up_early_or_without_company():
    assert not should_prune(falling(3.0, until=400), FOUR)
    assert not should_prune(falling(3.0, until=500), FOUR[:3])
    assert not should_prune({}, FOUR)
    assert not should_prune({999: 3.0}, FOUR)


def test_curves_that_ended_early_are_no_company_later():
    short = [falling(end, until=600) for end in (0.2, 0.3, 0.5, 0.6)]
    assert should_prune(falling(0.7, until=600), short)
    assert not should_prune(falling(0.7, until=700), short)


def test_losses_that_are_no_numbers_are_the_worst():
    broken = dict.fromkeys(STEPS, math.nan)
    assert should_prune(dict.fromkeys(range(100, 501, 100), math.inf), FOUR)
    assert not should_prune(falling(0.55, until=500), [*FOUR[2:], broken, broken, {}])
