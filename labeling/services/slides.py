"""Slides: registered under their hash, described by people, prepared by a worker."""

from typing import Any

from django.db import transaction
from django.db.models import Max, ProtectedError

from config.bells import ring
from config.errors import ConflictError
from labeling import tasks
from labeling.choices import SlideState
from labeling.models import Slide, Study, User


@transaction.atomic
def slide_register(*, study: Study, user: User, sha256: str, size_bytes: int) -> tuple[Slide, bool]:
    """Make the row of a file that lies whole in the media store, and ring for the worker.

    Args:
        study: where it belongs.
        user: who brought it.
        sha256: the file's hash.
        size_bytes: the file's size.

    Returns:
        (slide, made). The same file twice is the same slide; one that was refused is tried again.
    """
    Study.objects.select_for_update().get(pk=study.pk)
    slide = Slide.objects.select_for_update().filter(study=study, sha256=sha256).first()
    if slide is not None:
        if slide.state == SlideState.FAILED:
            _queue_again(slide)
        return slide, False
    last = Slide.objects.filter(study=study).aggregate(last=Max("number"))["last"] or 0
    slide = Slide.objects.create(
        study=study, number=last + 1, sha256=sha256, size_bytes=size_bytes, uploaded_by=user, message="Waiting"
    )
    ring(tasks.ingest_slide, slide.pk)
    return slide, True


def _queue_again(slide: Slide) -> None:
    slide.state, slide.attempts, slide.lease_until = SlideState.QUEUED, 0, None
    slide.error_code = slide.error = ""
    slide.message = "Waiting"
    slide.save(update_fields=["state", "attempts", "lease_until", "error_code", "error", "message"])
    ring(tasks.ingest_slide, slide.pk)


@transaction.atomic
def slide_update(*, slide: Slide, changes: dict[str, Any]) -> Slide:
    """Change a slide's case code, note or scale.

    Raises:
        ConflictError: the scale would change under patches cropped at the old one (``slide_scale_in_use``).
    """
    locked = Slide.objects.select_for_update().get(pk=slide.pk)
    if "mpp" in changes and changes["mpp"] != locked.mpp and _scale_in_use(slide):
        raise ConflictError(
            "The scale of this slide cannot change: patches were cropped at the old one.", code="slide_scale_in_use"
        )
    if changes.get("mpp") is not None:
        changes = {**changes, "mpp_doubt": ""}
    for field, value in changes.items():
        setattr(locked, field, value)
    locked.save(update_fields=sorted(changes))
    return locked


def _scale_in_use(slide: Slide) -> bool:
    return slide.study.model_mpp is not None and slide.patches.exists()


@transaction.atomic
def slide_delete(*, slide: Slide) -> None:
    """Delete the row of a slide that was refused; its file stays in the store.

    Raises:
        ConflictError: the slide was not refused, or something refers to it (``slide_in_use``).
    """
    locked = Slide.objects.select_for_update().get(pk=slide.pk)
    if locked.state != SlideState.FAILED:
        raise ConflictError("Only a slide that was refused can be deleted.", code="slide_in_use")
    locked.uploads.all().delete()
    try:
        locked.delete()
    except ProtectedError:
        raise ConflictError("This slide has labels or results and stays.", code="slide_in_use") from None
