"""How a network is trained: one validated, JSON-ready value, and the presets people choose from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast

from detection.nn.errors import TrainingError
from detection.nn.shape import NetworkShape

Precision = Literal["auto", "fp32", "bf16"]

_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 500),
    "max_steps": (0, 1_000_000),
    "batch_size": (2, 1024),
    "learning_rate": (1e-7, 1.0),
    "weight_decay": (0.0, 1.0),
    "label_smoothing": (0.0, 0.4),
    "dropout": (0.0, 0.9),
    "ema_decay": (0.0, 0.9999),
    "rotation": (0.0, 1.0),
    "shift_px": (0, 12),
    "stain_jitter": (0.0, 0.5),
    "patience": (1, 500),
}


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of a training run.

    Args:
        epochs: passes over the training patches; the learning rate's cycle is laid over all of them.
        max_steps: upper limit of optimiser steps, 0 for none.
        batch_size: patches per step.
        learning_rate: peak of the one-cycle schedule of AdamW.
        weight_decay: decoupled weight decay.
        label_smoothing: share of the target given to the other class.
        dropout: share of hidden units dropped in the fully connected layers.
        ema_decay: decay per step of the averaged weights that are validated and kept.
        rotation: share of patches turned by any angle; the rest turns by quarter turns only.
        shift_px: largest shift in pixels; small, so that the score stays peaked at a cell's centre.
        stain_jitter: standard deviation of each stain's strength.
        patience: epochs of clearly worse validation after which training stops.
        precision: "bf16" for mixed precision, "fp32", or "auto": bf16 where the processor computes it natively.
        shape: widths of the network.
    """

    epochs: int = 36
    max_steps: int = 0
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    dropout: float = 0.5
    ema_decay: float = 0.99
    rotation: float = 0.5
    shift_px: int = 4
    stain_jitter: float = 0.1
    patience: int = 10
    precision: Precision = "auto"
    shape: NetworkShape = field(default_factory=NetworkShape)

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            whole = isinstance(low, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise TrainingError(f"{name} must be a {'whole ' if whole else ''}number.", code="config_invalid")
            if not low <= value <= high:
                raise TrainingError(f"{name} must lie between {low} and {high}, got {value}.", code="config_invalid")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise TrainingError("precision is auto, fp32 or bf16.", code="config_invalid")

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values."""
        values = asdict(self)
        values["shape"] = {"features": list(self.shape.features), "fc": self.shape.fc}
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingConfig":
        """Read a recipe back; unknown names and wrong kinds are refused."""
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


def shape_from_json(value: object) -> NetworkShape:
    """Read the widths of a network."""
    if not isinstance(value, Mapping) or set(value) != {"features", "fc"} or not isinstance(value["features"], list):
        raise TrainingError("The network's shape needs features and fc.", code="config_invalid")
    return NetworkShape(features=cast("tuple[int, int, int]", tuple(value["features"])), fc=value["fc"])


PRESETS: dict[str, TrainingConfig] = {
    "default": TrainingConfig(),
    "quick": TrainingConfig(epochs=8, max_steps=100, batch_size=32, learning_rate=5e-4, ema_decay=0.9, patience=8),
}
"""What the training page offers: the recipe for a model to be used, and one for a first look."""
