"""Reads of the detection side: rows found by address, and runs described for the outside."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from django.db.models import Count, Model, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from config.errors import NotFoundError
from detection.choices import LOST_STATES, OPEN_STATES, BlockState, ModelStatus, RunState, TrialState
from detection.models import DetectionBlock, DetectionRun, ModelVersion, Run, TrainingRun, Trial
from labeling.models import DatasetItem, DatasetVersion, Slide, Study
from labeling.selectors import ABSENT

Row = TypeVar("Row", bound=Model)


class Progress(TypedDict):
    """How far a run is; the browser and the command line show the same."""

    done: int
    total: int
    message: str
    eta_s: float | None


class UnreadArea(TypedDict):
    """A box in level-0 pixels that could not be read, so that nothing was counted there."""

    x: int
    y: int
    width: int
    height: int
    reason: str


class RunErrorWords(TypedDict):
    """Why a run failed."""

    code: str
    message: str


_FOLD = ("fold", "validation_loss", "metrics", "threshold", "steps", "best_step", "stopped_because", "seconds")

UNREADABLE = "The slide's file could not be read here."

SideCounts = dict[str, dict[str, int]]


def _one(rows: QuerySet[Row], pk: int) -> Row:
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFoundError(ABSENT)
    return row


def training_run_at(run_id: int) -> TrainingRun:
    """Find a training run by the id in an address."""
    return _one(training_runs(), run_id)


def model_at(model_id: int) -> ModelVersion:
    """Find a model version by the id in an address."""
    return _one(models(), model_id)


def detection_run_at(run_id: int) -> DetectionRun:
    """Find a detection run by the id in an address."""
    return _one(detection_runs(), run_id)


def training_runs() -> QuerySet[TrainingRun]:
    """Training runs with all that their description needs; the curves of their trials are read one by one."""
    trials = Trial.objects.select_related("model").defer("curve")
    return TrainingRun.objects.select_related("dataset", "created_by").prefetch_related(
        Prefetch("trials", queryset=trials)
    )


def trial_at(run_id: int, number: int) -> Trial:
    """Find a trial by its run's id and its number."""
    trial = Trial.objects.select_related("run", "model").filter(run=run_id, number=number).first()
    if trial is None:
        raise NotFoundError(ABSENT)
    return trial


def best_trial(trials: Iterable[Trial], *, folds: int) -> Trial | None:
    """Choose the configuration of the lowest mean validation loss.

    The loss, and not accuracy or F1: it needs no threshold, which is chosen only afterwards; it moves with every patch
    and not only with those that change sides, so that on a few hundred patches it tells configurations apart where
    accuracies are equal; and it is what training lowers and early stopping watches. A mean over fewer folds is no fair
    comparison, so a trial that was stopped between its folds is taken only where none has them all.

    Args:
        trials: of one run.
        folds: trainings that a whole trial has.
    """
    judged = [(trial.validation_loss, trial.number, trial) for trial in trials if trial.validation_loss is not None]
    judged = [one for one in judged if one[2].state not in LOST_STATES]
    whole = [one for one in judged if len(one[2].fold_results) >= folds]
    return min(whole or judged, key=lambda one: one[:2])[2] if judged else None


def models() -> QuerySet[ModelVersion]:
    """Model versions with all that their description needs."""
    return ModelVersion.objects.select_related("trial", "promoted_by", "imported_by")


def current_model(study_id: int) -> ModelVersion | None:
    """The model that counts in a study, if one was promoted."""
    return models().filter(study_id=study_id, status=ModelStatus.CURRENT).first()


def dataset_of(model: ModelVersion) -> DatasetVersion | None:
    """The frozen labels a model was made from; None where an imported model's are not known in its study."""
    if model.trial is not None:
        return model.trial.run.dataset
    same = DatasetVersion.objects.filter(study=model.study_id, content_hash=model.dataset_hash)
    return same.order_by("number").first() if model.dataset_hash else None


def windows_words(told: Mapping[str, Any] | None) -> str:
    """Say in words what became of windows beside cells (``TrainingRun.windows_beside``); empty: nothing is known."""
    if told is None:
        return ""
    if not told["each"]:
        return "none"
    found = f"{told['cut']:,} beside {told['cells']:,} counted cells, {told['each']} each at most"
    parts = [f"{told['without_slide']:,} of these cells were imported without a slide"] if told["without_slide"] else []
    slides = told["unreadable_slides"]
    parts += [f"{', '.join(slides)} could not be read"] if slides else []
    return "; ".join([found, *parts])


def dataset_hash_of(model: ModelVersion) -> str:
    """The content hash of the labels a model was made from, as far as it is known."""
    if model.trial is None:
        return model.dataset_hash
    dataset = model.trial.run.dataset
    return dataset.content_hash if dataset else ""


def detection_runs() -> QuerySet[DetectionRun]:
    """Detection runs with all that their description needs, their failed blocks counted on the way."""
    return DetectionRun.objects.select_related("study", "slide", "model", "created_by").annotate(
        blocks_failed=_failed_blocks()
    )


def _failed_blocks() -> Coalesce:
    counted = (
        DetectionBlock.objects.filter(state=BlockState.FAILED, run=OuterRef("pk"))
        .order_by()
        .values("run")
        .annotate(found=Count("pk"))
        .values("found")
    )
    return Coalesce(Subquery(counted), 0)


def detection_runs_of(
    study: Study,
    *,
    slide: int | None = None,
    slides: Sequence[int] = (),
    state: str | None = None,
    latest: bool = False,
) -> QuerySet[DetectionRun]:
    """Detection runs of a study, newest first.

    Args:
        study: whose.
        slide: only of this slide.
        slides: only of these slides; none: of all.
        state: only in this state.
        latest: of what is left, only the newest run of each slide.
    """
    wanted = DetectionRun.objects.filter(study=study)
    if slide is not None:
        wanted = wanted.filter(slide_id=slide)
    if slides:
        wanted = wanted.filter(slide_id__in=slides)
    if state is not None:
        wanted = wanted.filter(state=state)
    if latest:
        wanted = DetectionRun.objects.filter(pk__in=wanted.order_by("slide_id", "-number").distinct("slide_id"))
    return detection_runs().filter(pk__in=wanted.order_by().values("pk")).order_by("-number")


def slides_chosen(study: Study, ids: Iterable[int]) -> list[Slide]:
    """Find slides of a study, each once, in the order asked for.

    Raises:
        NotFoundError: one of them is absent, or of another study.
    """
    wanted = list(dict.fromkeys(ids))
    found = Slide.objects.filter(study=study, pk__in=wanted).select_related("study").in_bulk()
    if len(found) != len(wanted):
        raise NotFoundError(ABSENT)
    return [found[pk] for pk in wanted]


def dataset_counts(runs: Iterable[TrainingRun]) -> dict[int, SideCounts]:
    """Count positive and negative patches of each side of the data sets of runs, in one query."""
    ids = {run.dataset_id for run in runs if run.dataset_id is not None}
    zero = {"positive": 0, "negative": 0}
    counts: dict[int, SideCounts] = {pk: {s: dict(zero) for s in ("train", "validation", "test")} for pk in ids}
    rows = (
        DatasetItem.objects.filter(dataset_id__in=ids)
        .order_by()
        .values_list("dataset_id", "side", "label_class__counted")
        .annotate(Count("pk"))
    )
    for dataset_id, side, counted, number in rows:
        counts[dataset_id][side]["positive" if counted else "negative"] += number
    return counts


def _eta_s(run: Run, now: datetime) -> float | None:
    """Seconds left if the rest goes as fast as what is done; None while nobody can tell."""
    if run.state != RunState.RUNNING or run.started_at is None or not 0 < run.done <= run.total:
        return None
    # A training may have waited for a new worker in between: what counts is the time it was computed on.
    spent_s = run.seconds if isinstance(run, TrainingRun) else (now - run.started_at).total_seconds()
    left_s = spent_s / run.done * (run.total - run.done)
    if isinstance(run, TrainingRun) and run.minutes is not None:
        left_s = min(left_s, max(0.0, 60 * run.minutes - spent_s))
    return round(left_s, 1)


def run_progress(run: Run) -> Progress:
    """Tell how far a run is: steps of a training, thousandths of a training of a search, blocks of a detection."""
    return {"done": run.done, "total": run.total, "message": run.message, "eta_s": _eta_s(run, timezone.now())}


def run_words(run: Run) -> dict[str, Any]:
    """Describe what all kinds of run share."""
    error: RunErrorWords | None = {"code": run.error_code, "message": run.error} if run.error else None
    return {
        "id": run.pk,
        "number": run.number,
        "state": run.state,
        "progress": run_progress(run),
        "error": error,
        "code_version": run.code_version,
        "created_by": run.created_by.name,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _frozen_words(run: TrainingRun, counts: Mapping[int, SideCounts]) -> dict[str, Any] | None:
    """Name what a run learns from; None while its labels are not frozen."""
    dataset = run.dataset
    if dataset is None:
        return None
    words = {"id": dataset.pk, "number": dataset.number, "content_hash": dataset.content_hash}
    return words | {"counts": counts[dataset.pk]}


def training_run_words(run: TrainingRun, counts: Mapping[int, SideCounts]) -> dict[str, Any]:
    """Describe a training run; ``counts`` come from ``dataset_counts``."""
    trials = list(run.trials.all())
    best = _chosen(run, trials)
    return run_words(run) | {
        "study": run.study_id,
        "preset": run.preset,
        "config": run.config,
        "seed": run.seed,
        "device": run.device,
        "dataset": _frozen_words(run, counts),
        "trial_limit": run.trial_limit,
        "folds": run.folds,
        "minutes": run.minutes,
        "space": run.space,
        "windows_beside": run.windows_beside,
        "seconds": round(run.seconds, 1),
        "stop_asked": run.stop_asked_at is not None,
        "best_trial": best.number if best else None,
        "metrics": run.metrics,
        "model_id": next((trial.model.pk for trial in trials if hasattr(trial, "model")), None),
    }


def _chosen(run: TrainingRun, trials: list[Trial]) -> Trial | None:
    """Give the trial that became the model, or is the best so far."""
    made = next((trial for trial in trials if hasattr(trial, "model")), None)
    return made or best_trial(trials, folds=max(1, run.folds))


def training_run_detail(run: TrainingRun) -> dict[str, Any]:
    """Describe a training run with its trials, and the curve of the one to look at: under way, else the best."""
    trials = list(run.trials.all())
    shown = _shown(run, trials)
    return training_run_words(run, dataset_counts([run])) | {
        "trials": [trial_words(trial) for trial in trials],
        "curve_trial": shown.number if shown else None,
        "curve": shown.curve if shown else [],
    }


def _shown(run: TrainingRun, trials: list[Trial]) -> Trial | None:
    under_way = [trial for trial in trials if trial.state == TrialState.RUNNING and run.state in OPEN_STATES]
    return under_way[-1] if under_way else _chosen(run, trials) or (trials[-1] if trials else None)


def trial_words(trial: Trial) -> dict[str, Any]:
    """Describe a trial without its curve."""
    return {
        "number": trial.number,
        "state": trial.state,
        "parameters": trial.parameters,
        "validation_loss": trial.validation_loss,
        "metrics": trial.metrics,
        "stopped_because": trial.stopped_because or None,
        "seconds": trial.seconds,
        "folds": [{name: one[name] for name in _FOLD} for one in trial.fold_results],
    }


def trial_detail(trial: Trial) -> dict[str, Any]:
    """Describe a trial with its curve."""
    return trial_words(trial) | {"curve": trial.curve}


def model_words(model: ModelVersion) -> dict[str, Any]:
    """Describe a model version."""
    return {
        "id": model.pk,
        "number": model.number,
        "study": model.study_id,
        "status": model.status,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "threshold": model.threshold,
        "metrics": model.metrics,
        "training_run": model.trial.run_id if model.trial else None,
        "imported_by": model.imported_by.name if model.imported_by else None,
        "file_name": model.file_name,
        "created_at": model.created_at,
        "promoted_at": model.promoted_at,
        "promoted_by": model.promoted_by.name if model.promoted_by else None,
        "reason": model.reason,
    }


def area_mm2(run: DetectionRun) -> float | None:
    """Area that was read, mm²; None while it or the scale of the slide is unknown. A scale set after the run counts."""
    mpp = run.mpp or run.slide.mpp
    if run.area_px is None or mpp is None:
        return None
    return run.area_px * (mpp / 1000) ** 2


def scale_changed(run: DetectionRun) -> bool:
    """Tell whether the slide has another scale now than its cells were searched, and its area measured, at."""
    return run.mpp is not None and run.mpp != run.slide.mpp


def unread_fraction(run: DetectionRun) -> float:
    """Share of the wanted area that could not be read, 0 to 1."""
    wanted = (run.area_px or 0) + run.unread_px
    return run.unread_px / wanted if wanted else 0.0


def unread_areas(run: DetectionRun) -> list[UnreadArea]:
    """List the areas of a run that could not be read: failed blocks, and parts of blocks that were done."""
    blocks = DetectionBlock.objects.filter(run=run).filter(Q(state=BlockState.FAILED) | Q(unread_px__gt=0))
    areas = []
    for block in blocks.order_by("n").defer("candidates"):
        is_failed = block.state == BlockState.FAILED
        boxes = [] if is_failed else block.unread
        reason = (block.error if is_failed else "") or UNREADABLE
        areas += [_level0(box, run.scale, reason) for box in boxes or [(block.x, block.y, block.w, block.h)]]
    return areas


def _level0(box: Sequence[int], scale: float, reason: str) -> UnreadArea:
    x, y, right, bottom = (round(v * scale) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return {"x": x, "y": y, "width": right - x, "height": bottom - y, "reason": reason}


def detection_run_words(run: DetectionRun) -> dict[str, Any]:
    """Describe a detection run; the row comes from ``detection_runs``."""
    area = area_mm2(run)
    density = run.count / area if run.count is not None and area else None
    return run_words(run) | {
        "study": run.study_id,
        "slide": run.slide_id,
        "slide_code": run.slide.code,
        "model": {"id": run.model_id, "number": run.model.number, "threshold": run.model.threshold},
        "slide_sha256": run.slide_sha256,
        "model_sha256": run.model_sha256,
        "params": run.params,
        "scale": run.scale,
        "regions": run.regions,
        "threshold": run.threshold,
        "count": run.count,
        "point_count": run.point_count,
        "area_px": run.area_px,
        "area_mm2": area,
        "density_per_mm2": density,
        "mpp": run.mpp,
        "scale_changed": scale_changed(run),
        "unread_px": run.unread_px,
        "unread_fraction": unread_fraction(run),
        "blocks_failed": getattr(run, "blocks_failed", 0),
    }


def provenance(run: DetectionRun) -> dict[str, Any]:
    """Everything that a count can be traced by; stands in every export and command-line result."""
    area = area_mm2(run)
    return {
        "program": "TILscope",
        "code_version": run.code_version,
        "detection": run.number,
        "state": run.state,
        "study": run.study.name,
        "slide": run.slide.code,
        "slide_sha256": run.slide_sha256,
        "model": run.model.number,
        "model_sha256": run.model_sha256,
        "params": run.params,
        "scale": run.scale,
        "mpp": run.mpp,
        "scale_changed": scale_changed(run),
        "regions": run.regions,
        "threshold": run.threshold,
        "count": run.count,
        "area_px": run.area_px,
        "area_mm2": area,
        "density_per_mm2": run.count / area if run.count is not None and area else None,
        "unread_px": run.unread_px,
        "unread_areas": unread_areas(run),
        "blocks_failed": getattr(run, "blocks_failed", 0),
        "started_by": run.created_by.name,
        "started_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "note": "Research software, no medical device.",
    }
