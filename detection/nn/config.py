"""How a network is trained: one validated, JSON-ready value, and the presets people choose from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args

from detection.nn.errors import TrainingError
from detection.nn.shape import FORMS, NetworkShape

Precision = Literal["auto", "fp32", "bf16"]
Optimizer = Literal["adamw", "adam"]
Schedule = Literal["one_cycle", "constant"]

MOST_BESIDE = 8

_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (0, 500),
    "max_steps": (0, 1_000_000),
    "batch_size": (2, 1024),
    "learning_rate": (1e-7, 1.0),
    "weight_decay": (0.0, 1.0),
    "label_smoothing": (0.0, 0.4),
    "dropout": (0.0, 0.9),
    "ema_decay": (0.0, 0.9999),
    "balance": (0.0, 1.0),
    "windows_beside": (0, MOST_BESIDE),
    "rotation": (0.0, 1.0),
    "shift_px": (0, 12),
    "stain_jitter": (0.0, 0.5),
    "patience": (1, 500),
    "patience_steps": (0, 1_000_000),
    "validate_every_steps": (0, 1_000_000),
    "tolerance": (0.0, 5.0),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "precision": get_args(Precision),
}
_SWITCHES = ("symmetric", "mirror", "quarter_turns", "deterministic")


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of a training run.

    Args:
        epochs: passes over the training patches, 0 where ``max_steps`` alone says how long.
        max_steps: upper limit of optimiser steps, 0 for none.
        batch_size: patches per step.
        optimizer: "adamw" decays weights apart from the gradient, "adam" adds the decay to it (L2).
        schedule: "one_cycle" over all steps, or a "constant" learning rate.
        learning_rate: the constant one, or the peak of the cycle.
        weight_decay: regularisation of the matrices.
        label_smoothing: share of the target given to the other class.
        dropout: share of hidden units dropped in the fully connected layers.
        ema_decay: decay per step of the averaged weights that are validated and kept; 0 for the weights themselves.
        balance: how far the kinds of negatives, stained or not, are drawn equally often, 0 (not at all) to 1.
        windows_beside: windows cut beside each positive cell of a slide, as negatives to learn from (see ``beside``).
        symmetric: whether weights are tied so that a cell scores the same however it is turned by quarter turns or
            mirrored; widths are multiples of eight then.
        mirror: whether patches are reflected by chance.
        quarter_turns: whether patches are turned by quarter turns by chance.
        rotation: share of patches that are turned by up to ±45° more.
        shift_px: largest shift in pixels; small, so that the score stays peaked at a cell's centre.
        stain_jitter: standard deviation of each stain's strength.
        patience: validations without improvement after which training stops.
        patience_steps: steps without improvement after which it stops instead, 0 for ``patience``.
        validate_every_steps: steps between validations, 0 for each epoch's end.
        tolerance: standard errors by which a validation loss may exceed the best and still be no worse.
        precision: "bf16" for mixed precision, "fp32", or "auto": bf16 where the processor computes it natively.
        deterministic: ask a GPU, too, for arithmetic that always gives the same weights; slower there.
        shape: widths of the network.
    """

    epochs: int = 18
    max_steps: int = 0
    batch_size: int = 64
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "one_cycle"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    dropout: float = 0.5
    ema_decay: float = 0.99
    balance: float = 0.0
    windows_beside: int = 0
    symmetric: bool = False
    mirror: bool = True
    quarter_turns: bool = True
    rotation: float = 0.5
    shift_px: int = 4
    stain_jitter: float = 0.1
    patience: int = 18
    patience_steps: int = 0
    validate_every_steps: int = 0
    tolerance: float = 1.0
    precision: Precision = "auto"
    deterministic: bool = False
    shape: NetworkShape = field(default_factory=NetworkShape)

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            _require_number(name, getattr(self, name), low, high)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise TrainingError(f"{name} is one of {', '.join(choices)}.", code="config_invalid")
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise TrainingError(f"{name} is true or false.", code="config_invalid")
        if not self.epochs and not self.max_steps:
            raise TrainingError("Say how long to train: epochs or max_steps.", code="config_invalid")
        if self.symmetric and any(width % FORMS for width in (*self.shape.features, self.shape.fc)):
            raise TrainingError(f"A symmetric network's widths are multiples of {FORMS}.", code="config_invalid")

    def planned_steps(self, per_epoch: int) -> int:
        """Tell how many steps a training takes that nothing stops early, ``per_epoch`` being the steps of one pass."""
        if not self.epochs:
            return self.max_steps
        planned = per_epoch * self.epochs
        return min(planned, self.max_steps) if self.max_steps else planned

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values."""
        values = asdict(self)
        values["shape"] = {"features": list(self.shape.features), "fc": self.shape.fc}
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingConfig":
        """Read a recipe back; unknown names and wrong kinds are refused."""
        if not isinstance(values, Mapping):
            raise TrainingError("A recipe is a set of named settings.", code="config_invalid")
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise TrainingError(f"Unknown training settings: {', '.join(unknown)}.", code="config_invalid")
        plain = dict(values)
        if "shape" in plain:
            plain["shape"] = shape_from_json(plain["shape"])
        return cls(**plain)

    def changed(self, **values: Any) -> "TrainingConfig":
        """Return the recipe with some values replaced, validated again."""
        return replace(self, **values)


def _require_number(name: str, value: object, low: float, high: float) -> None:
    whole = isinstance(low, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise TrainingError(f"{name} must be a {'whole ' if whole else ''}number.", code="config_invalid")
    if not low <= value <= high:
        raise TrainingError(f"{name} must lie between {low} and {high}, got {value}.", code="config_invalid")


def shape_from_json(value: object) -> NetworkShape:
    """Read the widths of a network."""
    if not isinstance(value, Mapping) or set(value) != {"features", "fc"} or not isinstance(value["features"], list):
        raise TrainingError("The network's shape needs features and fc.", code="config_invalid")
    return NetworkShape(features=cast("tuple[int, int, int]", tuple(value["features"])), fc=value["fc"])


NO_AUGMENTATION: dict[str, Any] = {
    "symmetric": False,
    "mirror": False,
    "quarter_turns": False,
    "rotation": 0.0,
    "shift_px": 0,
    "stain_jitter": 0.0,
}
"""Changes that switch every augmentation off, built in or drawn: each patch is seen as it is, to the bit."""

_DEFAULT = TrainingConfig(balance=0.75, windows_beside=2, symmetric=True)

PRESETS: dict[str, TrainingConfig] = {
    "default": _DEFAULT,
    "light": _DEFAULT.changed(shape=NetworkShape((32, 64, 128), 512)),
    "quick": TrainingConfig(epochs=8, max_steps=100, batch_size=32, learning_rate=5e-4, ema_decay=0.9, patience=8),
    "paper": TrainingConfig(
        epochs=0,
        max_steps=18_000,
        optimizer="adam",
        schedule="constant",
        learning_rate=1e-3,
        weight_decay=1e-3,
        label_smoothing=0.0,
        dropout=0.0,
        ema_decay=0.0,
        shift_px=0,
        stain_jitter=0.0,
        patience_steps=250,
        validate_every_steps=25,
        tolerance=0.0,
    ),
    "model-b": _DEFAULT.changed(**NO_AUGMENTATION),
}
"""What the training page offers: the recipe for a model to be used, the same with half of the paper's features for
computers without a GPU, one for a first look, the paper's (Adam, plain cross-entropy, a constant learning rate,
rotation and reflection, a stop after 200–300 steps without improvement), and the default without any augmentation, the
paper's model B, to compare with."""
