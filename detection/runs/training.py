"""The training worker's work: from labels, which it freezes where no data set was named, to a model version."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from django.db import transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce, Now

from config.errors import DomainError, UnavailableError
from config.leases import LostError
from detection import leases, workspace
from detection.choices import FINAL_STATES, OPEN_STATES, RunState, TrialState
from detection.models import ModelVersion, TrainingRun, Trial
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint, save_checkpoint
from detection.nn.config import TrainingConfig
from detection.nn.errors import TrainingError
from detection.nn.low_rank import fit_head
from detection.nn.network import PaperNet
from detection.runs.devices import device, device_name, tell_device, versions
from detection.runs.folds import Folds, deal
from detection.runs.judging import judge_model
from detection.runs.patch_cache import Loaded, load
from detection.runs.reins import Reins, StoppedEmptyError
from detection.runs.search import Hold, Search, Work
from detection.runs.trials import WHOLE
from labeling import freezing, media
from labeling.choices import Side
from labeling.models import DatasetVersion, Study
from labeling.progress import Tell, silent
from labeling.services import dataset_check

logger = logging.getLogger(__name__)

FREEZING = "Freezing the labels"
LOADING = "Loading patches"
STOPPED = "Stopped when asked; the best so far was kept"
OUT_OF_TIME = "The time was over; the best so far was kept"
STOPPED_EMPTY = "Stopped before anything was validated, so there is nothing to keep"


def train(run_id: int) -> bool:
    """Train, if the run waits for a worker, or help whoever has it; whatever happens ends on its row.

    Args:
        run_id: a training run; one that has ended, or in which nobody can help, is left alone.

    Returns:
        Whether a trial was worked on for another worker: there may be more.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row.
    """
    lease = leases.claim(TrainingRun.objects.filter(pk=run_id))
    if lease is None:
        return _help(run_id)
    tell_device()
    try:
        with leases.Heartbeat(lease) as beat:
            _train(Hold(lease, beat))
    except LostError:
        logger.info("training run %s was cancelled or taken over", run_id)
    except UnavailableError as error:
        lease.postpone(message=error.message)
    except DomainError as error:
        _fail(lease, error.code, error.message)
    except Exception as error:
        words = f"The training stopped by itself ({type(error).__name__}). It is tried three times."
        lease.give_back(error=words, error_code="training_crashed", message="", finished_at=Now())
        raise
    finally:
        _tidy(run_id)
    return False


def _help(run_id: int) -> bool:
    """Work on one trial of a search that another worker has; what goes wrong, that one meets too and says."""
    if not leases.open_searches().filter(pk=run_id).exists():
        return False
    run = TrainingRun.objects.select_related("study").get(pk=run_id)
    dataset = DatasetVersion.objects.select_related("study").get(training_runs=run)
    try:
        loaded = load(dataset, beside=_windows(run))
        folds = _dealt(run, dataset, loaded)
        work = Work(run, dataset, Reins(run), loaded.sides, folds, device(), workspace.folder(run_id))
        return Search(work).work_on_next()
    except DomainError as error:
        logger.warning("a trial of training run %s was given back: %s", run_id, error.message)
    except OSError:
        # The folder of a run that has ended is removed under its helpers.
        if TrainingRun.objects.filter(pk=run_id, state__in=OPEN_STATES).exists():
            raise
    return False


def _tidy(run_id: int) -> None:
    """Remove the working folder of a run that has ended, and what others left."""
    if TrainingRun.objects.filter(pk=run_id, state__in=FINAL_STATES).exists():
        workspace.remove(run_id)
    workspace.sweep()


def _fail(lease: leases.Lease, code: str, words: str) -> None:
    lease.finish(state=RunState.FAILED, error_code=code, error=words, message="", finished_at=Now())


def _train(hold: Hold) -> None:
    lease, place = hold.lease, device()
    run = TrainingRun.objects.select_related("dataset__study", "study", "created_by").get(pk=lease.pk)
    lease.update(
        started_at=Coalesce("started_at", Now()),
        device=device_name(place),
        versions=versions(),
        message=LOADING if run.dataset else FREEZING,
    )
    try:
        work = _prepared(run, hold, place)
    except StoppedEmptyError:
        _end_stopped(lease)
        return
    search = Search(work)
    search.go()
    best = search.best()
    if best is None:
        _end_empty(lease, work)
        return
    if run.folds and not work.reins.asked():
        search.fit(best, WHOLE, hold)
    lease.update(message="Judging the test patches")
    _finish(lease, work, _judged(work, best, search.kept_network(best)))


def _prepared(run: TrainingRun, hold: Hold, place: torch.device) -> Work:
    """Freeze the labels if they are not, check the frozen patches, decode them and deal them, saying how far that is.

    In words alone: ``done`` counts the steps of earlier attempts, which must not be forgotten.

    Raises:
        LostError: the run is not ours any more.
        StoppedEmptyError: somebody asked to stop, and neither earlier attempts nor helpers have anything to keep.
        DomainError: the labels cannot be frozen, or the version is not what it was.
    """
    reins = Reins(run, hold.beat)
    worth = run.trials.filter(Q(validation_loss__isnull=False) | Q(state=TrialState.RUNNING, lease_until__gte=Now()))

    def tell(message: str, done: int, total: int) -> None:
        hold.beat.say(message=f"{message}: {done:,} of {total:,}" if total else message)
        if reins.asked() and not worth.exists():
            raise StoppedEmptyError

    dataset = run.dataset or _frozen(run, hold.lease, tell)
    dataset_check(dataset, tell=tell)
    loaded = load(dataset, beside=_windows(run), tell=tell)
    hold.lease.update(windows_beside=loaded.beside)
    folds = _dealt(run, dataset, loaded, tell)
    hold.beat.hush()
    return Work(run, dataset, reins, loaded.sides, folds, place, workspace.folder(run.pk), hold)


def _windows(run: TrainingRun) -> int:
    """Tell how many windows the recipe wants beside each counted cell; no trial of a search varies that."""
    return TrainingConfig.from_json(run.config).windows_beside


def _frozen(run: TrainingRun, lease: leases.Lease, tell: Tell) -> DatasetVersion:
    """Freeze the labels as they were when the run was asked for; version and run know each other, or neither is there.

    Raises:
        LostError: the run is not ours any more.
        DomainError: see ``labeling.services.dataset_freeze``.
    """

    def tell_freezing(message: str, done: int, total: int) -> None:
        tell(f"{FREEZING}, {message[0].lower()}{message[1:]}", done, total)

    prepared = freezing.prepare(
        study=run.study,
        user=run.created_by,
        seed=run.seed,
        sources=run.asked["sources"] or (),
        slides=run.asked["slides"] or (),
        choices=freezing.FreezeChoices(until=run.labels_until),
        tell=tell_freezing,
    )
    with transaction.atomic():
        version = freezing.store(prepared, tell=tell_freezing)
        if not lease.update(dataset=version, attempts=1):  # three deaths in a row at one place are a failure
            raise LostError
    return version


def _dealt(run: TrainingRun, dataset: DatasetVersion, loaded: Loaded, tell: Tell = silent) -> Folds | None:
    """Deal the training side to the folds of a cross-validation, if there is one."""
    if not run.folds:
        return None
    return deal(dataset, loaded.places, k=run.folds, seed=run.seed, tell=tell)


def _end_stopped(lease: leases.Lease) -> None:
    lease.finish(state=RunState.CANCELLED, message=STOPPED_EMPTY, cancelled_at=Now(), finished_at=Now())


def _end_empty(lease: leases.Lease, work: Work) -> None:
    """End a run in which nothing was validated.

    Raises:
        TrainingError: nobody asked for that.
    """
    if work.reins.asked():
        _end_stopped(lease)
    elif work.reins.why():
        raise TrainingError("The time was over before anything was validated. Give it more minutes.", code="no_time")
    else:
        raise TrainingError(
            "The loss of every trial was no number any more: lower the learning rates.", code="training_diverged"
        )


@dataclass(frozen=True)
class _Result:
    trial: Trial
    metrics: dict[str, Any]
    sha256: str
    size_bytes: int


def _judged(work: Work, trial: Trial, network: Path) -> _Result:
    """Put the best network into the media store and judge it on the test side."""
    model, meta = load_checkpoint(network)
    model = _with_low_rank(work, model.to(work.place), meta, network)
    metrics = judge_model(model.to(work.place), meta.threshold, work.dataset, work.sides)
    return _Result(trial, metrics, media.store_copy(network), network.stat().st_size)


def _with_low_rank(work: Work, model: PaperNet, meta: CheckpointMeta, network: Path) -> PaperNet:
    """Add the low-rank head to the model's file, where one comes near enough."""
    fitted = fit_head(model, work.sides[Side.TRAIN], work.sides[Side.VALIDATION], threshold=meta.threshold)
    if fitted is None:
        return model
    save_checkpoint(network, fitted[0], replace(meta, low_rank=fitted[1]))
    return fitted[0]


def _finish(lease: leases.Lease, work: Work, result: _Result) -> None:
    """End the run and register the model in one transaction, unless the run is not ours any more."""
    run = work.run
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=run.study_id)
        ended = lease.finish(
            state=RunState.DONE,
            done=F("total"),
            message=_last_words(work),
            error="",
            error_code="",
            metrics=result.metrics,
            seconds=work.reins.spent_s(),
            finished_at=Now(),
        )
        if not ended:
            return
        last = ModelVersion.objects.filter(study=run.study).aggregate(last=Max("number"))["last"] or 0
        ModelVersion.objects.create(
            study=run.study,
            number=last + 1,
            trial=result.trial,
            sha256=result.sha256,
            size_bytes=result.size_bytes,
            metrics={side: result.metrics[side] for side in (Side.VALIDATION, Side.TEST)},
            threshold=result.metrics["threshold"],
        )


def _last_words(work: Work) -> str:
    """Say why the run ended before it had done all it was asked for."""
    if work.reins.asked():
        return STOPPED
    ended = work.run.trials.exclude(state__in=(TrialState.RUNNING, TrialState.STOPPED)).count()
    return OUT_OF_TIME if ended < work.run.trial_limit else ""
