"""Studies: created by site admins, tuned by their own admins."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from config.errors import ConflictError, DomainError
from labeling.choices import Role, Shape
from labeling.models import LabelClass, Membership, Study, User


@dataclass(frozen=True)
class ClassSpec:
    """A label class to be made."""

    name: str
    key: int
    colour: str
    shape: str = Shape.RING
    counted: bool = False


DEFAULT_CLASSES = (
    ClassSpec("Positive", 1, "#fa3e3e", Shape.RING, counted=True),
    ClassSpec("Negative", 2, "#7070e1", Shape.CROSS),
)


@transaction.atomic
def study_create(
    *,
    user: User,
    name: str,
    description: str = "",
    model_mpp: float | None = None,
    radius_um: float = 3.0,
    quota_bytes: int | None = None,
    classes: tuple[ClassSpec, ...] = (),
) -> Study:
    """Create a study with its label classes; its creator becomes an admin of it.

    Args:
        user: who creates it.
        name: unique among studies.
        description: free text.
        model_mpp: µm per model pixel; None takes slide pixels as they are.
        radius_um: of two finds nearer than this, µm, the better one stays; touching lymphocytes lie 3.5 µm apart.
        quota_bytes: what its originals and uploads may take; None sets no limit.
        classes: the label classes; Positive (counted) and Negative by default.

    Raises:
        ConflictError: the name is taken (``study_name_taken``).
        DomainError: the classes repeat a name or key, or none is counted (``study_classes_invalid``).
    """
    if Study.objects.filter(name=name).exists():
        raise ConflictError("A study of this name exists. Choose another name.", code="study_name_taken")
    chosen = classes or DEFAULT_CLASSES
    _check_classes(chosen)
    study = Study(
        name=name,
        description=description,
        model_mpp=model_mpp,
        radius_um=radius_um,
        quota_bytes=quota_bytes,
        created_by=user,
    )
    _clean(study)
    study.save()
    LabelClass.objects.bulk_create(
        LabelClass(study=study, name=c.name, key=c.key, colour=c.colour, shape=c.shape, counted=c.counted)
        for c in chosen
    )
    Membership.objects.create(study=study, user=user, role=Role.ADMIN)
    return study


def _check_classes(classes: tuple[ClassSpec, ...]) -> None:
    names, keys = {c.name for c in classes}, {c.key for c in classes}
    if len(names) < len(classes) or len(keys) < len(classes):
        raise DomainError("Give each class a name and a key of its own.", code="study_classes_invalid")
    if len({c.counted for c in classes}) < 2:
        raise DomainError(
            "A study needs at least one class that is counted and one that is not.", code="study_classes_invalid"
        )


@transaction.atomic
def study_update(*, study: Study, changes: dict[str, Any]) -> Study:
    """Change a study's name, description, model scale, radius or quota.

    Raises:
        ConflictError: the name is taken, or the scale would change under patches already cropped at the old one
            (``study_scale_in_use``).
    """
    locked = Study.objects.select_for_update().get(pk=study.pk)
    if "model_mpp" in changes and changes["model_mpp"] != locked.model_mpp and locked.patches.exists():
        raise ConflictError(
            "The scale cannot change once patches are stored: they were cropped at the old one. Make a new study.",
            code="study_scale_in_use",
        )
    if "name" in changes and Study.objects.filter(name=changes["name"]).exclude(pk=study.pk).exists():
        raise ConflictError("A study of this name exists. Choose another name.", code="study_name_taken")
    for field, value in changes.items():
        setattr(locked, field, value)
    _clean(locked)
    locked.save(update_fields=sorted(changes))
    return locked


def _clean(study: Study) -> None:
    try:
        study.full_clean(validate_unique=False)
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), code="study_invalid") from error
