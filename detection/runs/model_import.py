"""The worker's inspection of a model file from elsewhere: it becomes a candidate, or is refused in words."""

from pathlib import Path

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from config.errors import ConflictError
from config.leases import owned
from detection import leases
from detection.choices import OPEN_STATES, RunState
from detection.models import ModelImport, ModelVersion
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint
from detection.nn.errors import CheckpointError
from labeling import handover, media
from labeling.models import Study


def import_model(import_id: int) -> None:
    """Inspect a file, if it waits for a worker; it is gone from its waiting place once the run has ended.

    Args:
        import_id: an import; one that has ended, or that another worker has, is left alone.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row.
    """
    lease = leases.claim(ModelImport.objects.filter(pk=import_id))
    if lease is None:
        return
    run = ModelImport.objects.select_related("study").get(pk=import_id)
    with owned(lease, what="import"):
        _import(lease, run, handover.waiting_path(run.file_key))
    if not ModelImport.objects.filter(pk=import_id, state__in=OPEN_STATES).exists():
        handover.withdraw(run.file_key)


def _import(lease: leases.Lease, run: ModelImport, path: Path) -> None:
    lease.update(message="Inspecting the file")
    _, meta = load_checkpoint(path)
    _check_scale(run.study, meta)
    _check_new(run.study, media.sha256_of(path))
    # A copy: until the row says so, a worker that takes over must find the file where it was.
    sha256 = media.store_copy(path)
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=run.study_id)
        _check_new(run.study, sha256)
        model = _register(run, meta, sha256)
        ended = lease.finish(state=RunState.DONE, model=model, message="", error="", error_code="", finished_at=Now())
        if not ended:
            transaction.set_rollback(True)


def _check_scale(study: Study, meta: CheckpointMeta) -> None:
    if meta.model_mpp == study.model_mpp:
        return
    said, wanted = (
        f"{mpp:g} µm per pixel" if mpp else "pixels as they are" for mpp in (meta.model_mpp, study.model_mpp)
    )
    raise CheckpointError(
        f"The model knows cells at another scale: {said}; this study works with {wanted}. "
        "Import it into a study of its own scale.",
        code="checkpoint_wrong_scale",
    )


def _check_new(study: Study, sha256: str) -> None:
    same = ModelVersion.objects.filter(study=study, sha256=sha256).order_by("number").first()
    if same is not None:
        raise ConflictError(f"This file is model {same.number} of this study already.", code="model_known")


def _register(run: ModelImport, meta: CheckpointMeta, sha256: str) -> ModelVersion:
    last = ModelVersion.objects.filter(study=run.study).aggregate(last=Max("number"))["last"] or 0
    return ModelVersion.objects.create(
        study=run.study,
        number=last + 1,
        imported_by=run.created_by,
        file_name=run.file_name,
        dataset_hash=meta.dataset_hash,
        sha256=sha256,
        size_bytes=run.size_bytes,
        threshold=meta.threshold,
    )
