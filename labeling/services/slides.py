"""Slides: registered under their hash, described by people, prepared by a worker."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from config.bells import ring
from config.errors import ConflictError, DomainError, NotFoundError
from labeling import arrivals, tasks
from labeling.choices import ScaleSource, SlideState
from labeling.models import Slide, Study, User


def slide_register(*, study: Study, user: User, sha256: str, size_bytes: int) -> tuple[Slide, bool]:
    """Make the row of a file that lies whole in the store, see ``arrivals.register``, and ring for the worker."""
    slide, made = arrivals.register(study=study, user=user, sha256=sha256, size_bytes=size_bytes)
    if slide.state == SlideState.QUEUED:
        ring(tasks.ingest_slide, slide.pk)
    return slide, made


@transaction.atomic
def slide_update(*, slide: Slide, changes: dict[str, Any]) -> Slide:
    """Change a slide's case code, stain, note or scale.

    Args:
        slide: the slide.
        changes: new values by field; ``mpp_source`` tells how ``mpp`` became known, and ``file`` goes back to what the
            file states.

    Raises:
        ConflictError: the scale would change under patches cropped at the old one (``slide_scale_in_use``), or the file
            states none (``slide_scale_not_in_file``).
    """
    locked = Slide.objects.select_for_update().get(pk=slide.pk)
    changes = {**changes, **_scale_changes(locked, changes)}
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


def _scale_changes(slide: Slide, changes: dict[str, Any]) -> dict[str, Any]:
    """Say the scale and where it is from; nothing where neither is asked for."""
    source = changes.get("mpp_source", ScaleSource.TYPED)
    if source == ScaleSource.FILE:
        if slide.file_mpp is None:
            raise ConflictError("The file of this slide does not state its scale.", code="slide_scale_not_in_file")
        return {"mpp": slide.file_mpp, "mpp_source": source}
    mpp = changes.get("mpp", slide.mpp)
    if mpp == slide.mpp and "mpp_source" not in changes:
        return {"mpp_source": slide.mpp_source}
    return {"mpp": mpp, "mpp_source": "" if mpp is None else source}


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


@dataclass(frozen=True)
class Outcome:
    """What became of one of several slides.

    Args:
        slide_id: the id that was named.
        slide_code: its code; None where the study has no such slide.
        refusal: why it stayed as it was; None where all is done.
    """

    slide_id: int
    slide_code: str | None
    refusal: DomainError | None = None


def slides_update(*, study: Study, slide_ids: Iterable[int], changes: dict[str, Any]) -> list[Outcome]:
    """Change several slides in the same way; one that is refused does not hold up the others.

    Args:
        study: of the slides.
        slide_ids: which.
        changes: the same for all, as for ``slide_update``.

    Returns:
        What became of each, in the order named.
    """
    return _each(study, slide_ids, lambda slide: slide_update(slide=slide, changes=changes))


def slides_delete(*, study: Study, slide_ids: Iterable[int]) -> list[Outcome]:
    """Delete those of several slides that can be deleted, as ``slide_delete`` does.

    Args:
        study: of the slides.
        slide_ids: which.

    Returns:
        What became of each, in the order named.
    """
    return _each(study, slide_ids, lambda slide: slide_delete(slide=slide))


def _each(study: Study, slide_ids: Iterable[int], act: Callable[[Slide], Any]) -> list[Outcome]:
    wanted = list(dict.fromkeys(slide_ids))
    found = Slide.objects.filter(study=study).select_related("study").in_bulk(wanted)
    return [_one(pk, found.get(pk), act) for pk in wanted]


def _one(slide_id: int, slide: Slide | None, act: Callable[[Slide], Any]) -> Outcome:
    gone = NotFoundError("This slide is not there any more.")
    if slide is None:
        return Outcome(slide_id, None, gone)
    try:
        act(slide)
    except Slide.DoesNotExist:
        return Outcome(slide_id, slide.code, gone)
    except DomainError as error:
        return Outcome(slide_id, slide.code, error)
    return Outcome(slide_id, slide.code)
