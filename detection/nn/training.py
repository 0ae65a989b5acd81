"""The whole training: AdamW under a one-cycle schedule, averaged weights, early stopping; read it top to bottom."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detection.nn.augmentation import Augmentation, augment
from detection.nn.config import TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.devices import chance_of, default_device, determinism, own_chance, set_chance, uses_bf16
from detection.nn.errors import TrainingError
from detection.nn.evaluation import Interrupted, predict
from detection.nn.gate import Gate, calibrate_gate
from detection.nn.metrics import Scores, best_threshold, log_loss, scores
from detection.nn.network import PaperNet, Preprocessing
from detection.nn.optimization import blend, new_optimizer, new_schedule
from detection.nn.sampling import draw_weights
from detection.nn.state import State, read_state, write_state

_POINT_EVERY_S = 1.5
_STATE_EVERY_S = 20.0
_STATE_COST = 9
"""Writing the state takes no more than a tenth of the time, however slow the disk and however quick the steps."""


@dataclass(frozen=True)
class CurvePoint:
    """One point of the curve; what is of the validation (scores at 0.5) only where it was measured."""

    step: int
    steps: int
    loss: float
    accuracy: float | None
    precision: float | None
    recall: float | None
    elapsed_s: float
    validation_loss: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training leaves behind.

    Args:
        model: the averaged weights of the best validation, in evaluation mode, on the CPU.
        curve: every point that was reported, those before an interruption too.
        metrics: validation scores of ``model`` at ``threshold``.
        threshold: operating threshold, chosen on the validation patches.
        gate: stain gate calibrated from the training positives.
        stopped_because: "finished", "no_improvement" or "asked".
        steps: optimiser steps taken.
        best_step: the step whose weights were kept.
        elapsed_s: wall time spent training, before an interruption too.
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


def train(  # noqa: PLR0913
    training: PatchSet,
    validation: PatchSet,
    config: TrainingConfig,
    *,
    seed: int,
    device: torch.device | str | None = None,
    on_point: Callable[[CurvePoint], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    state_path: Path | None = None,
) -> TrainingOutcome:
    """Train a network from nothing, or go on where an interrupted training of the same kind stood.

    Args:
        training: patches to learn from; split from the others before this call, never after augmentation.
        validation: patches that choose the stopping point and the threshold.
        config: the recipe.
        seed: same seed, patches, recipe, device and thread count give the same weights, interrupted or not.
        device: "cpu", "cuda" …; CUDA where there is one by default.
        on_point: told at least about every two seconds of work; a training that goes on tells its earlier points first.
        should_stop: asked at every step; when true, the best weights so far are returned.
        state_path: where the training's state is kept: written about every 20 s, after validations, when asked to stop
            and at the end. A file of another recipe, seed or data, or a damaged one, is ignored. Never deleted.

    Raises:
        TrainingError: if a class is missing, or the loss is no number any more.
    """
    _require_both_classes(training, validation)
    place = torch.device(device) if device is not None else default_device()
    with own_chance(place), determinism(wanted=config.deterministic and place.type == "cuda"):
        torch.manual_seed(seed)
        run = _Run(training, validation, config, seed, place, on_point, should_stop or (lambda: False), state_path)
        run.resume()
        stopped_because = run.train()
        return run.outcome(stopped_because)


@dataclass
class _Counters:
    """Where a run stands; plain JSON values."""

    step: int = 0
    batches: int = 0
    judged_step: int = 0
    waited: int = 0
    best_step: int = 0
    best_loss: float = float("inf")
    best_error: float = 0.0
    last_loss: float = 0.0


@dataclass
class _Run:
    training: PatchSet
    validation: PatchSet
    config: TrainingConfig
    seed: int
    device: torch.device
    on_point: Callable[[CurvePoint], None] | None
    should_stop: Callable[[], bool]
    state_path: Path | None
    curve: list[CurvePoint] = field(default_factory=list)
    at: _Counters = field(default_factory=_Counters)

    def __post_init__(self) -> None:
        config = self.config
        self.began = self.reported = self.kept = time.monotonic()
        self.keeping_s = 0.0
        self.batch = min(config.batch_size, len(self.training))
        self.per_epoch = len(self.training) // self.batch
        self.steps = config.planned_steps(self.per_epoch)
        self.generator = torch.Generator().manual_seed(self.seed)
        self.views = Augmentation(
            config.mirror, config.quarter_turns, config.rotation, config.shift_px, config.stain_jitter
        )
        preprocessing = Preprocessing.of(self.training.images)
        self.model = PaperNet(config.shape, preprocessing=preprocessing, dropout=config.dropout)
        self.model.to(self.device).train()
        self.average = copy.deepcopy(self.model).eval()
        self.best = copy.deepcopy(self.average)
        self.optimizer = new_optimizer(self.model, config)
        self.schedule = new_schedule(self.optimizer, config, self.steps)
        weights = draw_weights(self.training, config.balance)
        self.weights = None if weights is None else torch.from_numpy(weights)
        self.order = torch.zeros(len(self.training), dtype=torch.int64)
        self.bf16 = uses_bf16(config, self.device)

    def train(self) -> str:
        """Step until the schedule ends, validation stops improving, or somebody asks."""
        try:
            while True:
                if self._is_validation_due():
                    self._validate()
                    self._keep(after_s=0)
                ended = self._ended()
                if ended:
                    break
                if self._asked_to_stop():
                    raise Interrupted
                self._keep(after_s=_STATE_EVERY_S)
                self._step()
        except Interrupted:
            ended = "asked"
        self._keep()
        return ended

    def _is_validation_due(self) -> bool:
        at, every = self.at, self.config.validate_every_steps
        if at.step == at.judged_step:
            return False
        return at.step >= self.steps or (at.step % every == 0 if every else at.batches == self.per_epoch)

    def _ended(self) -> str:
        """Name the reason to end, empty for none."""
        at, patience = self.at, self.config.patience_steps
        waited = at.step - at.best_step >= patience if patience else at.waited >= self.config.patience
        if waited and at.judged_step:
            return "no_improvement"
        return "finished" if at.step >= self.steps else ""

    def _step(self) -> None:
        at = self.at
        if at.step == 0 or at.batches == self.per_epoch:
            self.order.copy_(self._drawn())
            at.batches = 0
        start = at.batches * self.batch
        at.last_loss = self._learn(self.order[start : start + self.batch].numpy())
        at.batches += 1

    def _drawn(self) -> Tensor:
        """Order the patches of one pass: each once, or by chance where rare kinds are to be seen more often."""
        if self.weights is None:
            return torch.randperm(len(self.order), generator=self.generator)
        return torch.multinomial(self.weights, len(self.order), replacement=True, generator=self.generator)

    def _asked_to_stop(self) -> bool:
        """Ask, and give a sign of life if the last one is long ago."""
        if self.at.step and time.monotonic() - self.reported >= _POINT_EVERY_S:
            self._report(None, None)
        return self.should_stop()

    def _learn(self, chosen: NDArray[np.int64]) -> float:
        images = torch.from_numpy(self.training.images[chosen]).to(self.device)
        labels = torch.from_numpy(self.training.labels[chosen]).to(self.device)
        views = augment(images, self.views, generator=self.generator)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.model(self.model.prepare(views))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=self.config.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.at.step += 1
        blend(self.average, self.model, min(self.config.ema_decay, self.at.step / (self.at.step + 9)))
        value = float(loss.detach())
        if value != value or value == float("inf"):
            raise TrainingError("The loss is no number any more: lower the learning rate.", code="training_diverged")
        return value

    def _validate(self) -> None:
        """Judge the averaged weights; keep them unless they are worse than the best by more than its standard error.

        Source: the one-standard-error rule (Breiman et al. 1984). On a few hundred patches the lowest loss of a run is
        mostly luck, and the end of the schedule, where the learning rate is low, carries over better.
        """
        at = self.at
        probabilities = predict(self.average, self.validation.images, should_stop=self._asked_to_stop)
        loss, error = log_loss(self.validation.labels, probabilities)
        at.judged_step = at.step
        at.waited += 1
        if loss <= at.best_loss + at.best_error * self.config.tolerance:
            at.waited, at.best_step = 0, at.step
            self.best.load_state_dict(self.average.state_dict())
        if loss < at.best_loss:
            at.best_loss, at.best_error = loss, error
        self._report(scores(self.validation.labels, probabilities, 0.5), loss)

    def _report(self, found: Scores | None, validation_loss: float | None) -> None:
        self.reported = time.monotonic()
        point = CurvePoint(
            step=self.at.step,
            steps=self.steps,
            loss=self.at.last_loss,
            accuracy=found.accuracy if found else None,
            precision=found.precision if found else None,
            recall=found.recall if found else None,
            elapsed_s=self.reported - self.began,
            validation_loss=validation_loss,
        )
        self.curve.append(point)
        if self.on_point is not None:
            self.on_point(point)

    def _keep(self, *, after_s: float | None = None) -> None:
        """Write the state: now, or where the last one is so long ago, and writing has not taken too much time."""
        if self.state_path is None:
            return
        began = time.monotonic()
        if after_s is not None and began - self.kept < max(after_s, _STATE_COST * self.keeping_s):
            return
        write_state(self.state_path, self._state(), run=self._identity)
        self.kept = time.monotonic()
        self.keeping_s = self.kept - began

    def resume(self) -> None:
        """Go on from the state on disk, if there is one of this very training."""
        if self.state_path is None:
            return
        state = read_state(self.state_path, run=self._identity, like=self._state().tensors)
        if state is None:
            return
        live = self._tensors()
        with torch.no_grad():
            for name, tensor in live.items():
                tensor.copy_(state.tensors[name])
        chance = {name.removeprefix("chance."): tensor for name, tensor in state.tensors.items()}
        self.generator.set_state(chance["views"])
        set_chance(self.device, chance)
        self.schedule.load_state_dict(state.values["schedule"])
        for group, rate in zip(self.optimizer.param_groups, self.schedule.get_last_lr(), strict=True):
            group["lr"] = rate
        self.at = _Counters(**state.values["counters"])
        self.began = self.reported - state.values["elapsed_s"]
        for values in state.values["curve"]:
            self.curve.append(CurvePoint(**values))
            if self.on_point is not None:
                self.on_point(self.curve[-1])

    @cached_property
    def _identity(self) -> dict[str, Any]:
        data = [self.training.content_hash(), self.validation.content_hash()]
        return {"recipe": self.config.to_json(), "seed": self.seed, "data": data}

    def _tensors(self) -> dict[str, Tensor]:
        """Name every tensor that the next steps depend on."""
        found = {"order": self.order}
        for title, network in (("model", self.model), ("average", self.average), ("best", self.best)):
            found |= {f"{title}.{name}": tensor for name, tensor in network.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            found |= {f"optimizer.{name}.{key}": value for key, value in self.optimizer.state[parameter].items()}
        return found

    def _state(self) -> State:
        chance = {"views": self.generator.get_state(), **chance_of(self.device)}
        schedule = self.schedule.state_dict()
        values = {
            "counters": asdict(self.at),
            "curve": [point.to_json() for point in self.curve],
            "elapsed_s": time.monotonic() - self.began,
            "schedule": {name: schedule[name] for name in ("last_epoch", "_step_count", "_last_lr")},
        }
        return State(self._tensors() | {f"chance.{name}": tensor for name, tensor in chance.items()}, values)

    def outcome(self, stopped_because: str) -> TrainingOutcome:
        """Take the best weights and choose the threshold and the gate."""
        model = (self.best if self.at.best_step else self.average).cpu().eval()
        probabilities = predict(model, self.validation.images)
        threshold = best_threshold(self.validation.labels, probabilities)
        return TrainingOutcome(
            model=model,
            curve=self.curve,
            metrics=scores(self.validation.labels, probabilities, threshold),
            threshold=threshold,
            gate=calibrate_gate(self.training),
            stopped_because=stopped_because,
            steps=self.at.step,
            best_step=self.at.best_step or self.at.step,
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
