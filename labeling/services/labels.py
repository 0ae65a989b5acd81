"""Labels: a click becomes a patch and what its reader says of it; nothing said is ever overwritten."""

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from config.errors import ConflictError
from labeling import readers, selectors
from labeling.choices import SlideState, Source
from labeling.models import Label, LabelClass, Patch, Slide, User
from labeling.slides.crop import Crop, crop_patch
from labeling.slides.geometry import patch_centre


@dataclass(frozen=True)
class Said:
    """A label, and whether this call made it or an earlier one with the same key."""

    label: Label
    made: bool


def patch_label(*, user: User, slide: Slide, x: int, y: int, class_id: int, client_key: uuid.UUID) -> Said:
    """Crop the patch round a pixel and store it with its label.

    Args:
        user: the reader.
        slide: the slide, with its study.
        x: column of the pixel, level 0.
        y: row of the pixel, level 0.
        class_id: the label class.
        client_key: chosen by the browser per click; the same key and the same click again answers the same label.

    Returns:
        The label with its patch. A place that has a patch already keeps it and gets another label.

    Raises:
        NotFoundError: the study has no such class.
        ConflictError: the slide is not ready (``slide_not_ready``), or the key was used for something else
            (``client_key_reused``).
        SlideError: the point is off the slide or cannot be read.
    """
    if slide.state != SlideState.READY:
        raise ConflictError("This slide is not ready yet. Wait until it is prepared.", code="slide_not_ready")
    label_class = selectors.class_in(slide.study_id, class_id)
    earlier = _earlier(user, client_key)
    if earlier is not None:
        return _same_click(earlier, slide, x, y, label_class)
    scale = selectors.slide_scale(slide)
    with readers.slide_reader(slide.file_sha256) as reader:
        crop = crop_patch(reader, x, y, patch_px=slide.study.patch_px, scale=scale)
    try:
        with transaction.atomic():
            return Said(_store(user, slide, crop, label_class, client_key), made=True)
    except IntegrityError:
        winner = _earlier(user, client_key)
        if winner is None:
            raise
        return _same_click(winner, slide, x, y, label_class)


def _earlier(user: User, client_key: uuid.UUID) -> Label | None:
    labels = Label.objects.select_related("patch", "reader").defer("patch__png")
    return labels.filter(reader=user, client_key=client_key).first()


def _same_click(label: Label, slide: Slide, x: int, y: int, label_class: LabelClass) -> Said:
    size = (slide.width or 0, slide.height or 0)
    centre = patch_centre(x, y, size=size, patch_px=slide.study.patch_px, scale=selectors.slide_scale(slide))
    there = (label.patch.slide_id, label.patch.x_l0, label.patch.y_l0)
    if there != (slide.pk, *centre) or label.label_class_id != label_class.pk:
        raise _reused()
    return Said(label, made=False)


def _reused() -> ConflictError:
    return ConflictError("This key was used for another label. Reload the page.", code="client_key_reused")


def _store(user: User, slide: Slide, crop: Crop, label_class: LabelClass, client_key: uuid.UUID) -> Label:
    patch, _ = Patch.objects.defer("png").get_or_create(
        slide=slide,
        x_l0=crop.x_l0,
        y_l0=crop.y_l0,
        defaults={"study_id": slide.study_id, "png": crop.png, "sha256": crop.sha256, "source": Source.CLICK},
    )
    return Label.objects.create(patch=patch, reader=user, label_class=label_class, client_key=client_key)


def label_add(*, user: User, patch: Patch, class_id: int | None, client_key: uuid.UUID) -> Said:
    """Say something newer of a patch: another class, or None to withdraw.

    Args:
        user: the reader.
        patch: the patch.
        class_id: the label class, or None.
        client_key: chosen by the browser per act; the same again answers the same label.

    Raises:
        NotFoundError: the study has no such class.
        ConflictError: the key was used for something else (``client_key_reused``).
    """
    if class_id is not None:
        selectors.class_in(patch.study_id, class_id)
    try:
        with transaction.atomic():
            label = Label.objects.create(patch=patch, reader=user, label_class_id=class_id, client_key=client_key)
            return Said(label, made=True)
    except IntegrityError:
        earlier = _earlier(user, client_key)
        if earlier is None:
            raise
        if (earlier.patch_id, earlier.label_class_id) != (patch.pk, class_id):
            raise _reused() from None
        return Said(earlier, made=False)
