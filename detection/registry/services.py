"""Writes of the registry: models compared, promoted, rolled back, imported."""

import os
import uuid
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.bells import ring
from config.errors import BodyTooLargeError, ConflictError, DomainError
from detection import tasks
from detection.choices import OPEN_STATES, ModelStatus, PromotionKind, RunState, Verdict
from detection.models import ModelComparison, ModelImport, ModelVersion, Promotion
from detection.registry.selectors import comparison_of, former_model
from detection.selectors import current_model, dataset_of
from detection.services import earlier_run, new_run
from labeling import handover, media
from labeling import services as labeling
from labeling.models import DatasetVersion, Study, User

SLICE_BYTES = 4 * 1024**2


class ByteStream(Protocol):
    """Where bytes come from: the body of a request, or a file."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""
        ...


def comparison_start(*, model: ModelVersion, user: User) -> tuple[ModelComparison, bool]:
    """Queue the comparison of a model with the one that counts; two models are compared once.

    The patches are the test side of the labels the model was made from; where those are not known here, of the labels
    the current model was made from, or else of the newest frozen labels of the study.

    Args:
        model: candidate or retired.
        user: who asks.

    Returns:
        (comparison, made).

    Raises:
        ConflictError: ``model_is_current``, ``no_current_model`` or ``comparison_without_data``.
    """
    with transaction.atomic():
        study = Study.objects.select_for_update().get(pk=model.study_id)
        chosen, current = _candidate(model), current_model(study.pk)
        if current is None:
            raise ConflictError(
                "This study has no current model to compare with: promote the first one.", code="no_current_model"
            )
        known = comparison_of(chosen, current)
        if known is not None and known.state != RunState.FAILED:
            return known, False
        dataset = _test_data(chosen, current)
        if dataset is None:
            raise ConflictError(
                "There are no frozen labels on which to compare these models. "
                "Freeze a data set, or promote with a reason.",
                code="comparison_without_data",
            )
        made = ModelComparison.objects.create(
            study=study,
            candidate=chosen,
            current=current,
            dataset=dataset,
            **new_run(ModelComparison, study, user, uuid.uuid4(), {"candidate": chosen.pk, "current": current.pk}),
        )
        ring(tasks.compare, made.pk)
    return made, True


def _candidate(model: ModelVersion) -> ModelVersion:
    chosen = ModelVersion.objects.select_for_update(of=("self",)).select_related("trial__run__dataset").get(pk=model.pk)
    if chosen.status == ModelStatus.CURRENT:
        raise ConflictError("This model is the current one already.", code="model_is_current")
    return chosen


def _test_data(candidate: ModelVersion, current: ModelVersion) -> DatasetVersion | None:
    return (
        dataset_of(candidate)
        or dataset_of(current)
        or DatasetVersion.objects.filter(study=candidate.study_id).order_by("-number").first()
    )


def model_promote(*, model: ModelVersion, user: User, reason: str = "") -> Promotion:
    """Make a model the one that counts in its study, on the evidence of its comparison; the one before is retired.

    Args:
        model: candidate or retired.
        user: who decides.
        reason: why; needed where another model counts and this one was not found better.

    Raises:
        ConflictError: ``model_is_current``; ``comparison_missing`` or ``comparison_open``: compare first.
        DomainError: ``reason_required``.
    """
    reason = reason.strip()
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=model.study_id)
        chosen, current = _candidate(model), current_model(model.study_id)
        comparison = None if current is None else _evidence(chosen, current)
        verdict = comparison.verdict if comparison else ""
        if current is not None and verdict != Verdict.BETTER and not reason:
            raise DomainError(
                f"{_words(verdict)} Say why this model should count all the same.",
                code="reason_required",
                extra={"verdict": verdict or None},
            )
        return _make_current(
            Promotion(model=chosen, previous=current, comparison=comparison, verdict=verdict, reason=reason), user
        )


def _evidence(candidate: ModelVersion, current: ModelVersion) -> ModelComparison | None:
    """Find the comparison a promotion rests on; None where none can be made."""
    found = comparison_of(candidate, current)
    if found is None and _test_data(candidate, current) is None:
        return None
    if found is None:
        raise ConflictError(
            f"This model was not compared with model {current.number}, which counts now. Compare them first.",
            code="comparison_missing",
        )
    if found.state in OPEN_STATES:
        raise ConflictError("The comparison has not ended yet. Wait a moment.", code="comparison_open")
    return found


def _words(verdict: str) -> str:
    told = {
        Verdict.WORSE: "This model is worse than the current one on the same patches.",
        Verdict.NOT_TOLD_APART: "This model and the current one cannot be told apart on the same patches.",
    }
    return told.get(Verdict(verdict), "") if verdict else "The two models could not be compared."


def _make_current(change: Promotion, user: User) -> Promotion:
    """Put the change on the rows; the study's row is locked."""
    change.study_id, change.created_by, change.created_at = change.model.study_id, user, timezone.now()
    ModelVersion.objects.filter(study=change.study_id, status=ModelStatus.CURRENT).update(status=ModelStatus.RETIRED)
    ModelVersion.objects.filter(pk=change.model_id).update(
        status=ModelStatus.CURRENT, reason=change.reason, promoted_by=user, promoted_at=change.created_at
    )
    change.save(force_insert=True)
    return change


def model_roll_back(*, study: Study, user: User, reason: str = "") -> Promotion:
    """Bring back the model that counted before the current one was promoted.

    Args:
        study: whose current model goes.
        user: who decides.
        reason: why, for the record.

    Raises:
        ConflictError: ``nothing_to_roll_back``: no other model counted before.
    """
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        current, former = current_model(study.pk), former_model(study)
        if current is None or former is None:
            raise ConflictError(
                "No other model counted in this study before this one: there is nothing to go back to.",
                code="nothing_to_roll_back",
            )
        return _make_current(
            Promotion(model=former, previous=current, kind=PromotionKind.ROLL_BACK, reason=reason.strip()), user
        )


def model_import_start(
    *, study: Study, user: User, client_key: uuid.UUID, stream: ByteStream, size_bytes: int, file_name: str = ""
) -> tuple[ModelImport, bool]:
    """Take in a model file and queue its inspection; until that, nothing of it is believed and nothing serves it.

    Args:
        study: where the model will be a candidate.
        user: who brings it.
        client_key: drawn by the sender; the same key and file again answer with the same import.
        stream: the file.
        size_bytes: its size.
        file_name: its name on the sender's machine; kept as data only.

    Returns:
        (import, made).

    Raises:
        ConflictError: ``client_key_reused``.
        BodyTooLargeError: ``model_too_large``.
        DomainError: ``model_empty``, or ``model_cut``: another number of bytes came than was announced.
        DiskFullError: there is no room for it.
    """
    asked = {"study": study.pk, "size_bytes": size_bytes, "file_name": file_name[:255]}
    earlier = earlier_run(ModelImport, user, client_key, asked)
    if earlier is not None:
        return earlier, False
    _check_size(size_bytes)
    with media.temp_file() as path:
        _receive(path, stream, size_bytes)
        file_key = handover.set_aside(path)
    made = False
    try:
        with transaction.atomic():
            Study.objects.select_for_update().get(pk=study.pk)
            earlier = earlier_run(ModelImport, user, client_key, asked)
            if earlier is not None:
                return earlier, False
            run = ModelImport.objects.create(
                study=study,
                file_name=file_name[:255],
                file_key=file_key,
                size_bytes=size_bytes,
                **new_run(ModelImport, study, user, client_key, asked),
            )
            ring(tasks.import_model, run.pk)
        made = True
    finally:
        if not made:
            handover.withdraw(file_key)
    return run, True


def _check_size(size_bytes: int) -> None:
    limit = settings.MODEL_LIMIT_BYTES
    if size_bytes > limit:
        raise BodyTooLargeError(
            f"A model file has at most {limit // 1024**2} MiB; this one is larger than any of ours.",
            code="model_too_large",
            extra={"limit_bytes": limit},
        )
    if size_bytes < 1:
        raise DomainError("The file is empty.", code="model_empty")
    media.check_room(size_bytes)


def _receive(path: Path, stream: ByteStream, size_bytes: int) -> None:
    """Write what comes, and no more than one slice beyond what was announced."""
    came = 0
    with path.open("xb") as file:
        while came <= size_bytes and (piece := _piece(stream)):
            file.write(piece)
            came += len(piece)
        file.flush()
        os.fsync(file.fileno())
    if came != size_bytes:
        raise DomainError(
            f"{size_bytes:,} bytes were announced and {'fewer' if came < size_bytes else 'more'} came. Send it again.",
            code="model_cut",
        )


def _piece(stream: ByteStream) -> bytes:
    """Read a slice; nothing where the line broke."""
    try:
        return stream.read(SLICE_BYTES)
    except OSError:
        return b""


def checkpoint_path(model: ModelVersion) -> Path:
    """Find a model's file.

    Raises:
        ConflictError: ``checkpoint_missing``.
    """
    path = media.path_of(model.sha256)
    if not path.is_file():
        raise ConflictError(
            "The model's file is missing from the media store. Ask an admin to run `manage.py verify`.",
            code="checkpoint_missing",
        )
    return path


def export_record(*, model: ModelVersion, user: User, kind: str) -> None:
    """Write down that somebody took a model or its card out."""
    labeling.access_record(user=user, study=model.study, action="export_model", detail=f"model {model.number} {kind}")
