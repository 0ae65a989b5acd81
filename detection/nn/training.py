"""The whole training: AdamW under a one-cycle schedule, averaged weights, early stopping; read it top to bottom."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from detection.nn.augmentation import augment
from detection.nn.config import TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.errors import TrainingError
from detection.nn.evaluation import Interrupted, predict
from detection.nn.gate import Gate, calibrate_gate
from detection.nn.metrics import Scores, best_threshold, log_loss, scores
from detection.nn.network import PaperNet, Preprocessing

_POINT_EVERY_S = 1.5


@dataclass(frozen=True)
class CurvePoint:
    """One point of the curve; accuracy, precision and recall (validation, at 0.5) only where they were measured."""

    step: int
    steps: int
    loss: float
    accuracy: float | None
    precision: float | None
    recall: float | None
    elapsed_s: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training leaves behind.

    Args:
        model: the averaged weights of the best validation, in evaluation mode, on the CPU.
        curve: every point that was reported.
        metrics: validation scores of ``model`` at ``threshold``.
        threshold: operating threshold, chosen on the validation patches.
        gate: stain gate calibrated from the training positives.
        stopped_because: "finished", "no_improvement" or "asked".
        steps: optimiser steps taken.
        best_step: the step whose weights were kept.
        elapsed_s: wall time.
    """

    model: PaperNet
    curve: list[CurvePoint]
    metrics: Scores
    threshold: float
    gate: Gate
    stopped_because: str
    steps: int
    best_step: int
    elapsed_s: float


def train(
    training: PatchSet,
    validation: PatchSet,
    config: TrainingConfig,
    *,
    seed: int,
    device: torch.device | str | None = None,
    on_point: Callable[[CurvePoint], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingOutcome:
    """Train a network from nothing.

    Args:
        training: patches to learn from; split from the others before this call, never after augmentation.
        validation: patches that choose the stopping point and the threshold.
        config: the recipe.
        seed: same seed, patches, recipe, device and thread count give the same weights.
        device: "cpu", "cuda" …; CUDA where there is one by default.
        on_point: told at least about every two seconds of work.
        should_stop: asked at every step; when true, the best weights so far are returned.

    Raises:
        TrainingError: if a class is missing, or the loss is no number any more.
    """
    _require_both_classes(training, validation)
    place = torch.device(device) if device is not None else _default_device()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if place.type == "cuda" else []):
        torch.manual_seed(seed)
        run = _Run(training, validation, config, seed, place, on_point, should_stop or (lambda: False))
        stopped_because = run.train()
        return run.outcome(stopped_because)


@dataclass
class _Run:
    training: PatchSet
    validation: PatchSet
    config: TrainingConfig
    seed: int
    device: torch.device
    on_point: Callable[[CurvePoint], None] | None
    should_stop: Callable[[], bool]
    curve: list[CurvePoint] = field(default_factory=list)
    step: int = 0
    best_step: int = 0
    best_loss: float = float("inf")
    best_error: float = 0.0
    last_loss: float = 0.0

    def __post_init__(self) -> None:
        self.began = self.reported = time.monotonic()
        self.batch = min(self.config.batch_size, len(self.training))
        self.per_epoch = len(self.training) // self.batch
        planned = self.per_epoch * self.config.epochs
        self.steps = min(planned, self.config.max_steps) if self.config.max_steps else planned
        self.generator = torch.Generator().manual_seed(self.seed)
        preprocessing = Preprocessing.of(self.training.images)
        self.model = PaperNet(self.config.shape, preprocessing=preprocessing, dropout=self.config.dropout)
        self.model.to(self.device).train()
        self.average = copy.deepcopy(self.model).eval()
        self.best: dict[str, Tensor] | None = None
        self.optimizer = AdamW(_decayed(self.model, self.config.weight_decay), lr=self.config.learning_rate, fused=True)
        self.schedule = OneCycleLR(
            self.optimizer, self.config.learning_rate, total_steps=self.steps + 1, pct_start=0.25, cycle_momentum=False
        )
        self.images = torch.from_numpy(self.training.images).to(self.device)
        self.labels = torch.from_numpy(self.training.labels).to(self.device)
        self.bf16 = _uses_bf16(self.config, self.device)

    def train(self) -> str:
        """Step until the schedule ends, validation stops improving, or somebody asks."""
        waited = 0
        try:
            while self.step < self.steps:
                self._epoch()
                waited = 0 if self._validate() else waited + 1
                if waited >= self.config.patience:
                    return "no_improvement"
        except Interrupted:
            return "asked"
        return "finished"

    def _epoch(self) -> None:
        order = torch.randperm(len(self.labels), generator=self.generator).to(self.device)
        for start in range(0, self.per_epoch * self.batch, self.batch):
            if self.step >= self.steps:
                return
            if self._asked_to_stop():
                raise Interrupted
            self.last_loss = self._learn(order[start : start + self.batch])

    def _asked_to_stop(self) -> bool:
        """Ask, and give a sign of life if the last one is long ago."""
        if self.step and time.monotonic() - self.reported >= _POINT_EVERY_S:
            self._report(self.last_loss, None)
        return self.should_stop()

    def _learn(self, chosen: Tensor) -> float:
        views = augment(
            self.images[chosen],
            generator=self.generator,
            rotation=self.config.rotation,
            shift_px=self.config.shift_px,
            stain_jitter=self.config.stain_jitter,
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.model(self.model.prepare(views))
        loss = functional.cross_entropy(
            logits.float(), self.labels[chosen], label_smoothing=self.config.label_smoothing
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        _blend(self.average, self.model, min(self.config.ema_decay, self.step / (self.step + 9)))
        value = float(loss.detach())
        if value != value or value == float("inf"):
            raise TrainingError("The loss is no number any more: lower the learning rate.", code="training_diverged")
        return value

    def _validate(self) -> bool:
        """Judge the averaged weights; keep them unless they are worse than the best by more than its standard error.

        Source: the one-standard-error rule (Breiman et al. 1984). On a few hundred patches the lowest loss of a run is
        mostly luck, and the end of the schedule, where the learning rate is low, carries over better.
        """
        probabilities = predict(self.average, self.validation.images, should_stop=self._asked_to_stop)
        loss, error = log_loss(self.validation.labels, probabilities)
        self._report(self.last_loss, scores(self.validation.labels, probabilities, 0.5))
        if loss > self.best_loss + self.best_error:
            return False
        if loss < self.best_loss:
            self.best_loss, self.best_error = loss, error
        self.best_step = self.step
        self.best = {name: tensor.detach().clone() for name, tensor in self.average.state_dict().items()}
        return True

    def _report(self, loss: float, found: Scores | None) -> None:
        self.reported = time.monotonic()
        point = CurvePoint(
            step=self.step,
            steps=self.steps,
            loss=loss,
            accuracy=found.accuracy if found else None,
            precision=found.precision if found else None,
            recall=found.recall if found else None,
            elapsed_s=self.reported - self.began,
        )
        self.curve.append(point)
        if self.on_point is not None:
            self.on_point(point)

    def outcome(self, stopped_because: str) -> TrainingOutcome:
        """Take the best weights and choose the threshold and the gate."""
        if self.best is not None:
            self.average.load_state_dict(self.best)
        model = self.average.cpu().eval()
        probabilities = predict(model, self.validation.images)
        threshold = best_threshold(self.validation.labels, probabilities)
        return TrainingOutcome(
            model=model,
            curve=self.curve,
            metrics=scores(self.validation.labels, probabilities, threshold),
            threshold=threshold,
            gate=calibrate_gate(self.training),
            stopped_because=stopped_because,
            steps=self.step,
            best_step=self.best_step or self.step,
            elapsed_s=time.monotonic() - self.began,
        )


def _require_both_classes(training: PatchSet, validation: PatchSet) -> None:
    for name, patches in (("training", training), ("validation", validation)):
        counts = patches.counts()
        if min(counts.values()) < 1:
            raise TrainingError(
                f"The {name} patches need both classes: label more cells.",
                code="training_one_class",
                extra={"side": name, **counts},
            )


def _decayed(model: PaperNet, weight_decay: float) -> list[dict[str, Any]]:
    """Decay the matrices, not the biases and norms."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


@torch.no_grad()
def _blend(average: PaperNet, model: PaperNet, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _uses_bf16(config: TrainingConfig, device: torch.device) -> bool:
    """Mixed precision where it is native (AVX-512 BF16, AMX, CUDA): up to twice as fast there, slower elsewhere."""
    if config.precision != "auto":
        return config.precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
