"""Search over recipes: what to try and what to give up, from plain data alone, so that a restart changes nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from detection.nn.config import TrainingConfig
from detection.nn.errors import TrainingError

VALIDATE_EVERY_STEPS = 50
STARTUP_CURVES = 4
WARMUP_STEPS = 500

_LIMITS: dict[str, tuple[float, float]] = {
    "max_steps": (1, 1_000_000),
    "learning_rate": (1e-7, 1.0),
    "weight_decay": (1e-9, 1.0),
    "patience_steps": (1, 1_000_000),
}
_LOGARITHMIC = ("learning_rate", "weight_decay")


@dataclass(frozen=True)
class SearchSpace:
    """From where to where a search looks, both ends included; the defaults are the paper's Table II.

    Args:
        max_steps: optimiser steps, drawn evenly.
        learning_rate: drawn evenly by its logarithm.
        weight_decay: regularisation, drawn evenly by its logarithm.
        patience_steps: steps without improvement after which a training stops, drawn evenly.
    """

    max_steps: tuple[int, int] = (500, 18_000)
    learning_rate: tuple[float, float] = (10**-3.5, 10**-1.5)
    weight_decay: tuple[float, float] = (10**-3.5, 10**-2)
    patience_steps: tuple[int, int] = (200, 300)

    def __post_init__(self) -> None:
        for name, limits in _LIMITS.items():
            _require_range(name, getattr(self, name), limits)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: ``[low, high]`` by name."""
        return {name: list(pair) for name, pair in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SearchSpace":
        """Read a space back; what is not named is the paper's, unknown names are refused."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise TrainingError(f"Unknown parts of a search: {', '.join(unknown)}.", code="space_invalid")
        return cls(**{name: tuple(pair) if isinstance(pair, list) else pair for name, pair in values.items()})


def propose(base: TrainingConfig, space: SearchSpace, *, seed: int, number: int) -> TrainingConfig:
    """Draw the recipe of one trial.

    Args:
        base: the recipe whose other settings are kept.
        space: where to look.
        seed: of the search, at least 0.
        number: of the trial, from 1.

    Returns:
        Always the same recipe for the same arguments, whatever was tried before.

    Source: Bergstra and Bengio 2012 (random search), by Optuna's sampler.
    """
    # Optuna costs the web process, which only reads spaces, a second and a database toolkit.
    import optuna

    chance = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=chance))
    drawn = study.ask(
        {
            "max_steps": optuna.distributions.IntDistribution(*space.max_steps),
            "learning_rate": optuna.distributions.FloatDistribution(*space.learning_rate, log=True),
            "weight_decay": optuna.distributions.FloatDistribution(*space.weight_decay, log=True),
            "patience_steps": optuna.distributions.IntDistribution(*space.patience_steps),
        }
    ).params
    every = base.validate_every_steps or VALIDATE_EVERY_STEPS
    return base.changed(epochs=0, validate_every_steps=every, **drawn)


def should_prune(curve: Mapping[int, float], finished: Sequence[Mapping[int, float]]) -> bool:
    """Tell whether a training is worth no more steps: its best is worse than the median of the others at this step.

    Args:
        curve: validation loss by step, so far.
        finished: the same of trainings that ran to their own end; those that were pruned are left out by the caller.

    Returns:
        False for the first 500 steps, and until four others have ended and one of them got as far.

    Source: Golovin et al. 2017 (median stopping rule), by Optuna's pruner.
    """
    if len(finished) < STARTUP_CURVES or not curve:
        return False
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_CURVES, n_warmup_steps=WARMUP_STEPS)
    study = optuna.create_study(pruner=pruner)
    ended = [
        optuna.trial.create_trial(value=_last(losses), intermediate_values=_finite(losses))
        for losses in finished
        if losses
    ]
    study.add_trials(ended)
    trial = study.ask()
    for step in sorted(curve):
        trial.report(_comparable(curve[step]), step)
    return trial.should_prune()


def _finite(losses: Mapping[int, float]) -> dict[int, float]:
    return {step: _comparable(loss) for step, loss in losses.items()}


def _last(losses: Mapping[int, float]) -> float:
    return _comparable(losses[max(losses)])


def _comparable(loss: float) -> float:
    """A loss that is no number is worse than any."""
    return loss if math.isfinite(loss) else 1e9


def _require_range(name: str, pair: object, limits: tuple[float, float]) -> None:
    whole = isinstance(getattr(SearchSpace, name)[0], int)
    kinds = int if whole else (int, float)
    if (
        not isinstance(pair, tuple)
        or len(pair) != 2
        or not all(isinstance(end, kinds) and not isinstance(end, bool) for end in pair)
    ):
        raise TrainingError(f"{name} needs two {'whole ' if whole else ''}numbers.", code="space_invalid")
    low, high = pair
    if not limits[0] <= low <= high <= limits[1]:
        raise TrainingError(
            f"{name} must go upwards between {limits[0]} and {limits[1]}, got {low} to {high}.", code="space_invalid"
        )
