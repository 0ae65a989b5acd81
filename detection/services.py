"""Writes of the detection side: runs started and cancelled, models promoted, thresholds set."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from config.bells import ring
from config.errors import ConflictError, DomainError, NotFoundError
from detection import exports, selectors, tasks
from detection.choices import OPEN_STATES, RunState
from detection.models import (
    DetectionBlock,
    DetectionRun,
    ModelComparison,
    ModelImport,
    ModelVersion,
    TrainingRun,
)
from detection.nn.blocks import DetectionParams, plan_blocks
from detection.nn.config import PRESETS, TrainingConfig
from detection.nn.regions import check_drawn, pixel_centred
from detection.nn.search import SearchSpace
from labeling import services as labeling
from labeling.choices import SlideState
from labeling.models import DatasetVersion, Slide, Study, User
from labeling.selectors import newest_label, slide_scale

AnyRun = TypeVar("AnyRun", TrainingRun, DetectionRun, ModelComparison, ModelImport)

BLOCK_PX = 1024
"""Seconds of work, so that progress moves and a killed worker costs little; the points do not depend on it."""
_BLOCKS_AT_ONCE = 2000


@dataclass(frozen=True)
class TrainingWish:
    """What a person asks of a training.

    Args:
        preset: one of ``choices.Preset``.
        sources: learn only from patches of these sources; None for all.
        slides: learn only from patches of these slides; None for all, imported patches too.
        seed: of the split, the training and the search.
        epochs: instead of the preset's.
        dataset: a data-set version of the study to learn from; None freezes the labels as they are now.
        trials: configurations to try; the first is the preset itself, 1 tries nothing else.
        folds: of a cross-validation on the training side; 0 or 1 lets the validation side judge.
        minutes: of computing, after which no new step is begun; None for no limit.
        space: ranges of the search, by name; what is not named keeps the range of ``SearchSpace``.
        windows_beside: windows beside each counted cell, instead of the preset's.
    """

    preset: str
    sources: list[str] | None = None
    slides: list[int] | None = None
    seed: int = 0
    epochs: int | None = None
    dataset: int | None = None
    trials: int = 1
    folds: int = 0
    minutes: int | None = None
    space: dict[str, list[float]] | None = None
    windows_beside: int | None = None


@dataclass(frozen=True)
class DetectionWish:
    """What a person asks of a detection.

    Args:
        model_id: a model version of the study; None for the current one.
        regions: polygons in level-0 pixels, of which the union is searched; None for the whole slide.
        params: changes to ``DetectionParams``.
    """

    model_id: int | None = None
    regions: list[list[list[float]]] | None = None
    params: dict[str, Any] | None = None


@dataclass(frozen=True)
class Started:
    """What became of one slide of several that were to be counted: a run, or why there is none."""

    slide: Slide
    run: DetectionRun | None = None
    refusal: DomainError | None = None


def training_start(*, study: Study, user: User, client_key: uuid.UUID, wish: TrainingWish) -> tuple[TrainingRun, bool]:
    """Queue a training, or a search, on a data-set version or on the labels as they are now; its worker freezes them.

    Args:
        study: whose labels.
        user: who asks.
        client_key: drawn by the sender; the same key and wish again answer with the same run.
        wish: what to learn from, and how.

    Returns:
        (run, made).

    Raises:
        ConflictError: ``client_key_reused``.
        NotFoundError: ``dataset_not_found``: no version of this study.
        TooFewError: too few labels of a kind; what else keeps them from being frozen, the run tells.
        DomainError: ``preset``, ``config_invalid``, ``dataset_and_filter``.
    """
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        asked = asdict(wish) | {"study": study.pk}
        earlier = earlier_run(TrainingRun, user, client_key, asked)
        if earlier is not None:
            return earlier, False
        config, space = _recipe(wish), SearchSpace.from_json(wish.space or {})
        dataset = _dataset_for(study, wish)
        run = TrainingRun.objects.create(
            study=study,
            dataset=dataset,
            labels_until=newest_label() if dataset is None else None,
            preset=wish.preset,
            config=config.to_json(),
            seed=wish.seed,
            trial_limit=wish.trials,
            folds=wish.folds if wish.folds > 1 else 0,
            minutes=wish.minutes,
            space=space.to_json() if wish.trials > 1 else None,
            **new_run(TrainingRun, study, user, client_key, asked),
        )
        ring(tasks.train, run.pk)
    return run, True


def _dataset_for(study: Study, wish: TrainingWish) -> DatasetVersion | None:
    """Find the version that was named; None: the worker freezes the labels, which takes minutes where they are many."""
    if wish.dataset is None:
        labeling.dataset_foresee(study=study, sources=wish.sources or (), slides=wish.slides or ())
        return None
    if wish.sources or wish.slides:
        raise DomainError(
            "A data-set version is learned from as a whole. Leave out sources and slides.", code="dataset_and_filter"
        )
    dataset = DatasetVersion.objects.filter(study=study, pk=wish.dataset).first()
    if dataset is None:
        raise NotFoundError("This study has no such data-set version.", code="dataset_not_found")
    return dataset


def _recipe(wish: TrainingWish) -> TrainingConfig:
    if wish.preset not in PRESETS:
        raise DomainError(f"There is no recipe {wish.preset}. Choose one of {', '.join(PRESETS)}.", code="preset")
    changes = {} if wish.epochs is None else {"epochs": wish.epochs, "max_steps": 0}
    changes |= {} if wish.windows_beside is None else {"windows_beside": wish.windows_beside}
    return PRESETS[wish.preset].changed(**changes)


def new_run(
    model: type[AnyRun], study: Study, user: User, client_key: uuid.UUID, asked: dict[str, Any]
) -> dict[str, Any]:
    """Fields of a new row; the study's row must be locked, so that its number is free."""
    last = model._default_manager.filter(study=study).aggregate(last=Max("number"))["last"] or 0
    return {
        "number": last + 1,
        "client_key": client_key,
        "asked": asked,
        "code_version": settings.CODE_VERSION,
        "created_by": user,
        "message": "Waiting for a worker",
    }


def earlier_run(model: type[AnyRun], user: User, client_key: uuid.UUID, asked: dict[str, Any]) -> AnyRun | None:
    """Find the run that this key made before.

    Raises:
        ConflictError: it was made by another request.
    """
    run: AnyRun | None = model._default_manager.filter(created_by=user, client_key=client_key).first()
    if run is not None and run.asked != asked:
        raise ConflictError("This key was used for another request. Send a new one.", code="client_key_reused")
    return run


def training_cancel(*, run: TrainingRun) -> None:
    """End a training that has not ended; one that is cancelled already stays so.

    Raises:
        ConflictError: ``run_ended``.
    """
    _cancel(TrainingRun, run.pk)


def training_stop(*, run: TrainingRun) -> None:
    """Ask a training to begin no new step, to keep the best so far and to end with it.

    One that has not validated anything yet has nothing to keep and ends cancelled. Asking twice is asking once.

    Raises:
        ConflictError: ``run_ended``.
    """
    now = timezone.now()
    with transaction.atomic():
        locked = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if locked.state not in OPEN_STATES:
            raise ConflictError("This run has ended and cannot be stopped any more.", code="run_ended")
        locked.stop_asked_at = locked.stop_asked_at or now
        if locked.state == RunState.QUEUED and not locked.trials.filter(validation_loss__isnull=False).exists():
            locked.state, locked.cancelled_at, locked.finished_at = RunState.CANCELLED, now, now
            locked.message = "Stopped before it began, so there is nothing to keep"
        locked.save(update_fields=["stop_asked_at", "state", "cancelled_at", "finished_at", "message"])


def detection_cancel(*, run: DetectionRun) -> None:
    """End a detection that has not ended; one that is cancelled already stays so.

    Raises:
        ConflictError: ``run_ended``.
    """
    _cancel(DetectionRun, run.pk)


def _cancel(model: type[AnyRun], pk: int) -> None:
    # The state is final at once; whoever still computes notices and throws the work away.
    now = timezone.now()
    changed = model._default_manager.filter(pk=pk, state__in=OPEN_STATES).update(
        state=RunState.CANCELLED, cancelled_at=now, finished_at=now, lease_until=None, message="Cancelled"
    )
    if not changed and not model._default_manager.filter(pk=pk, state=RunState.CANCELLED).exists():
        raise ConflictError("This run has ended and cannot be cancelled any more.", code="run_ended")


def detection_start(
    *, slide: Slide, user: User, client_key: uuid.UUID, wish: DetectionWish
) -> tuple[DetectionRun, bool]:
    """Plan a detection in blocks and queue it.

    Args:
        slide: with its study.
        user: who asks.
        client_key: drawn by the sender; the same key and wish again answer with the same run.
        wish: which model, where and how.

    Returns:
        (run, made).

    Raises:
        ConflictError: ``client_key_reused``, ``slide_not_ready`` or ``no_current_model``.
        NotFoundError: ``model_not_found``: not a model of this study.
        DomainError: ``slide_needs_scale``, ``region_invalid`` or ``params_invalid``.
    """
    if wish.regions is not None:
        check_drawn(wish.regions, least_side_px=slide.study.patch_px)
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=slide.study_id)
        asked = asdict(wish) | {"slide": slide.pk}
        earlier = earlier_run(DetectionRun, user, client_key, asked)
        if earlier is not None:
            return earlier, False
        if slide.state != SlideState.READY:
            raise ConflictError("This slide is not ready yet. Wait until it is prepared.", code="slide_not_ready")
        model = _model_for(slide.study_id, wish.model_id)
        params = DetectionParams.from_json(
            {"block_px": BLOCK_PX, "radius_um": slide.study.radius_um} | (wish.params or {})
        )
        run = DetectionRun.objects.create(
            study=slide.study,
            slide=slide,
            model=model,
            slide_sha256=slide.sha256,
            model_sha256=model.sha256,
            regions=wish.regions,
            params=params.to_json(),
            scale=slide_scale(slide),
            mpp=slide.mpp,
            threshold=model.threshold,
            **new_run(DetectionRun, slide.study, user, client_key, asked),
        )
        _plan(run, slide, params)
        ring(tasks.detect, run.pk)
    return run, True


def detections_start(
    *, study: Study, slides: Sequence[Slide], user: User, client_key: uuid.UUID, wish: DetectionWish
) -> list[Started]:
    """Queue a detection for each of several slides; one that is refused does not hold up the others.

    Args:
        study: of the slides.
        slides: with their study.
        user: who asks.
        client_key: drawn by the sender; each slide gets a key of its own from it, so that a retry starts nothing twice.
        wish: the same for all.

    Returns:
        What became of each, in the order of ``slides``.

    Raises:
        ConflictError: ``no_current_model``; it would refuse every slide.
        NotFoundError: ``model_not_found``; so would this.
    """
    _model_for(study.pk, wish.model_id)
    return [_start_one(slide, user, uuid.uuid5(client_key, str(slide.pk)), wish) for slide in slides]


def _start_one(slide: Slide, user: User, client_key: uuid.UUID, wish: DetectionWish) -> Started:
    try:
        run, _ = detection_start(slide=slide, user=user, client_key=client_key, wish=wish)
    except DomainError as error:
        return Started(slide, refusal=error)
    return Started(slide, run=run)


def _model_for(study_id: int, model_id: int | None) -> ModelVersion:
    if model_id is None:
        model = selectors.current_model(study_id)
        if model is None:
            raise ConflictError(
                "This study has no current model. Train one, look at its scores and promote it.",
                code="no_current_model",
            )
        return model
    chosen = ModelVersion.objects.filter(study_id=study_id, pk=model_id).first()
    if chosen is None:
        raise NotFoundError("This study has no such model.", code="model_not_found")
    return chosen


def _plan(run: DetectionRun, slide: Slide, params: DetectionParams) -> None:
    width, height = slide.width or 0, slide.height or 0
    frame = (int(width / run.scale), int(height / run.scale))
    blocks = plan_blocks(frame, pixel_centred(run.regions), block_px=params.block_px, scale=run.scale)
    DetectionBlock.objects.bulk_create(
        [DetectionBlock(run=run, n=b.n, x=b.x, y=b.y, w=b.w, h=b.h) for b in blocks], batch_size=_BLOCKS_AT_ONCE
    )
    DetectionRun.objects.filter(pk=run.pk).update(total=len(blocks))


def detection_set_threshold(*, run: DetectionRun, threshold: float) -> None:
    """Turn the dial: count the stored points at another threshold; nothing is computed again.

    Args:
        run: not failed, not cancelled; one that still runs is counted at this threshold when it ends.
        threshold: 0 to 1.

    Raises:
        ConflictError: ``run_without_result``.
    """
    with transaction.atomic():
        locked = DetectionRun.objects.select_for_update().get(pk=run.pk)
        if locked.state in (RunState.FAILED, RunState.CANCELLED):
            raise ConflictError("This run has no result to count.", code="run_without_result")
        locked.threshold = threshold
        if locked.points_sha256:
            locked.count = int(exports.at_threshold(exports.read_points(locked), threshold).sum())
        locked.save(update_fields=["threshold", "count"])


def export_record(*, run: DetectionRun, user: User, kind: str) -> None:
    """Write down that somebody took a run's points out."""
    labeling.access_record(
        user=user, study=run.study, slide=run.slide, action="export_points", detail=f"detection {run.number} {kind}"
    )


def counts_export_record(*, study: Study, user: User) -> None:
    """Write down that somebody took a study's table of counts out."""
    labeling.access_record(user=user, study=study, action="export_counts")
