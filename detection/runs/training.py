"""The training worker's work: from frozen labels to a model version."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from config.errors import DomainError
from detection import leases
from detection.choices import RunState
from detection.models import ModelVersion, TrainingRun, Trial
from detection.nn import training as nn_training
from detection.nn.checkpoint import CheckpointMeta, save_checkpoint
from detection.nn.config import TrainingConfig
from detection.nn.evaluation import evaluate
from detection.nn.metrics import Scores
from detection.nn.training import CurvePoint, TrainingOutcome
from detection.runs.devices import device, device_name, tell_device, versions
from detection.runs.patch_cache import load_sides
from labeling import media
from labeling.choices import Side
from labeling.models import LabelClass, Study

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0


def train(run_id: int) -> None:
    """Train, if the run waits for a worker; whatever happens ends on its row.

    Args:
        run_id: a training run; one that has ended, or that another worker has, is left alone.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row.
    """
    lease = leases.claim(TrainingRun.objects.filter(pk=run_id))
    if lease is None:
        return
    tell_device()
    try:
        with leases.Heartbeat(lease) as beat:
            _train(lease, beat)
    except DomainError as error:
        _fail(lease, error.code, error.message)
    except Exception as error:
        words = f"The training stopped by itself ({type(error).__name__}). It is tried three times."
        lease.give_back(error=words, error_code="training_crashed", message="", finished_at=Now())
        raise


def _fail(lease: leases.Lease, code: str, words: str) -> None:
    lease.finish(state=RunState.FAILED, error_code=code, error=words, message="", finished_at=Now())


def _train(lease: leases.Lease, beat: leases.Heartbeat) -> None:
    place = device()
    lease.update(started_at=Now(), device=device_name(place), versions=versions(), done=0, message="Loading patches")
    run = TrainingRun.objects.select_related("dataset", "study").get(pk=lease.pk)
    sides = load_sides(run.dataset)
    config = TrainingConfig.from_json(run.config)
    outcome = nn_training.train(
        sides[Side.TRAIN],
        sides[Side.VALIDATION],
        config,
        seed=run.seed,
        device=place,
        on_point=_Teller(lease),
        should_stop=beat.lost.is_set,
    )
    if beat.lost.is_set():
        logger.info("training run %s was cancelled or taken over", run.pk)
        return
    lease.update(message="Judging the test patches")
    test = evaluate(outcome.model, sides[Side.TEST], outcome.threshold)
    _finish(lease, run, _Result(outcome, test, *_store(run, config, outcome)))


@dataclass(frozen=True)
class _Result:
    outcome: TrainingOutcome
    test: Scores
    sha256: str
    size_bytes: int

    @property
    def metrics(self) -> dict[str, Any]:
        return {"validation": self.outcome.metrics.to_json(), "test": self.test.to_json()}


class _Teller:
    """Puts the curve and the progress on the rows, about once a second."""

    def __init__(self, lease: leases.Lease) -> None:
        self.lease, self.written_at = lease, 0.0
        self.curve: list[dict[str, Any]] = []

    def __call__(self, point: CurvePoint) -> None:
        self.curve.append(curve_point(point))
        now = time.monotonic()
        if now - self.written_at < WRITE_EVERY_S:
            return
        self.written_at = now
        if self.lease.update(done=point.step, total=point.steps, message="Learning"):
            Trial.objects.filter(run_id=self.lease.pk).update(curve=self.curve)


def curve_point(point: CurvePoint) -> dict[str, Any]:
    """Spell a point as the API shows it."""
    kept = ("step", "loss", "accuracy", "precision", "recall")
    return {name: value for name, value in point.to_json().items() if name in kept}


def _store(run: TrainingRun, config: TrainingConfig, outcome: TrainingOutcome) -> tuple[str, int]:
    """Write the checkpoint into the media store; returns its SHA-256 and size."""
    model = outcome.model
    meta = CheckpointMeta(
        shape=model.shape,
        preprocessing=model.preprocessing,
        class_names=_class_names(run.study),
        threshold=outcome.threshold,
        gate=outcome.gate,
        dataset_hash=run.dataset.content_hash,
        config=config,
        model_mpp=run.study.model_mpp,
        versions=run.versions,
    )
    with media.temp_file() as path:
        sha256 = save_checkpoint(path, model, meta)
        size_bytes = path.stat().st_size
        media.store_file(path, sha256=sha256)
    return sha256, size_bytes


def _class_names(study: Study) -> tuple[str, str]:
    classes = list(LabelClass.objects.filter(study=study))
    names = [" / ".join(c.name for c in classes if c.counted is counted)[:200] for counted in (False, True)]
    return names[0] or "Negative", names[1] or "Positive"


def _finish(lease: leases.Lease, run: TrainingRun, result: _Result) -> None:
    """End the run and register the model in one transaction, unless the run is not ours any more."""
    outcome = result.outcome
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=run.study_id)
        ended = lease.finish(
            state=RunState.DONE,
            done=outcome.steps,
            total=outcome.steps,
            message="",
            error="",
            error_code="",
            finished_at=Now(),
        )
        if not ended:
            return
        trial = Trial.objects.get(run=run, number=1)
        trial.curve = [curve_point(point) for point in outcome.curve]
        trial.metrics, trial.stopped_because = result.metrics, outcome.stopped_because
        trial.save()
        last = ModelVersion.objects.filter(study=run.study).aggregate(last=Max("number"))["last"] or 0
        ModelVersion.objects.create(
            study=run.study,
            number=last + 1,
            trial=trial,
            sha256=result.sha256,
            size_bytes=result.size_bytes,
            metrics=result.metrics,
            threshold=outcome.threshold,
        )
