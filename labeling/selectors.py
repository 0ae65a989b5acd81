"""Reads: which rows a person may see, and how they are counted."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from config.errors import DomainError, NotFoundError
from labeling.models import Label, LabelClass, Membership, Patch, Slide, Study, Upload, User

ABSENT = "There is nothing here that you may see."


def _one(rows: QuerySet[Any], **where: Any) -> Any:
    found = rows.filter(**where).order_by("pk").first()
    if found is None:
        raise NotFoundError(ABSENT)
    return found


def study_located(study_id: int) -> Study:
    """Find a study, or raise NotFoundError."""
    study: Study = _one(Study.objects.all(), pk=study_id)
    return study


def membership_located(membership_id: int) -> Membership:
    """Find a membership, or raise NotFoundError."""
    membership: Membership = _one(Membership.objects.select_related("study", "user"), pk=membership_id)
    return membership


def slide_located(slide_id: int) -> Slide:
    """Find a slide, or raise NotFoundError."""
    slide: Slide = _one(Slide.objects.select_related("study", "uploaded_by"), pk=slide_id)
    return slide


def slide_files(slide_id: int) -> Slide:
    """Find a slide with its study's id, its state and the names of its files alone, or raise NotFoundError."""
    needed = Slide.objects.only("study_id", "state", "sha256", "pyramid_sha256", "overview_sha256")
    slide: Slide = _one(needed, pk=slide_id)
    return slide


@dataclass(frozen=True)
class ScaleChange:
    """One change of a slide's scale, µm per pixel; without a person, the program read it in the file."""

    at: datetime
    person: str | None
    before: float | None
    after: float | None
    source: str


def scale_changes(slide: Slide) -> list[ScaleChange]:
    """List who set the scale of a slide, when, from what to what and how, the newest first."""
    events = apps.get_model("labeling.SlideEvent").objects.filter(pgh_obj=slide).order_by("pgh_id")
    rows = list(events.values_list("pgh_created_at", "pgh_context__metadata__user", "mpp", "mpp_source"))
    people = User.objects.in_bulk({user for _, user, _, _ in rows if user})
    changes: list[ScaleChange] = []
    before: float | None = None
    said = ""
    for at, user, mpp, source in rows:
        if mpp != before or (said and source != said):
            changes.append(ScaleChange(at, people[user].name if user in people else None, before, mpp, source))
        before, said = mpp, source
    return changes[::-1]


def patch_located(patch_id: int) -> Patch:
    """Find a patch without its pixels, or raise NotFoundError."""
    patch: Patch = _one(Patch.objects.select_related("study", "slide").defer("png"), pk=patch_id)
    return patch


def upload_of(owner: User, upload_id: Any) -> Upload:
    """Find one of a person's own uploads, or raise NotFoundError."""
    upload: Upload = _one(Upload.objects.select_related("study"), pk=upload_id, owner=owner)
    return upload


def unfinished_uploads(owner: User, study: Study) -> QuerySet[Upload]:
    """List a person's own uploads to a study that are no slide yet."""
    return Upload.objects.filter(owner=owner, study=study, slide__isnull=True)


def study_bytes(study: Study) -> tuple[int, int]:
    """Sum up what a study holds: (originals of its slides, whole sizes of its unfinished uploads), bytes."""
    slides = Slide.objects.filter(study=study).aggregate(total=Sum("size_bytes"))["total"]
    uploads = Upload.objects.filter(study=study, slide__isnull=True).aggregate(total=Sum("size_bytes"))["total"]
    return int(slides or 0), int(uploads or 0)


def class_in(study_id: int, class_id: int) -> LabelClass:
    """Find a label class of a study.

    Raises:
        NotFoundError: the study has no such class.
    """
    found = LabelClass.objects.filter(study_id=study_id, pk=class_id).first()
    if found is None:
        raise NotFoundError("This study has no such class.", code="class_not_found")
    return found


def standing_labels(*, until: int | None = None) -> QuerySet[Label]:
    """The newest label of each reader on each patch, unless it withdraws.

    Args:
        until: id of the newest label that counts, see ``newest_label``; None for all.
    """
    known = Label.objects.all() if until is None else Label.objects.filter(id__lte=until)
    newer = known.filter(patch=OuterRef("patch"), reader=OuterRef("reader"), id__gt=OuterRef("id"))
    return known.filter(~Exists(newer), label_class__isnull=False)


def newest_label() -> int:
    """The id of the newest label of all, which names this moment among the labels; 0 where there is none."""
    return Label.objects.aggregate(newest=Max("id"))["newest"] or 0


def _labelled(path: str) -> Coalesce:
    """Count the patches with a standing label under ``path``, as a subquery of its row."""
    counts = (
        standing_labels()
        .filter(**{path: OuterRef("pk")})
        .order_by()
        .values(path)
        .annotate(n=Count("patch", distinct=True))
        .values("n")
    )
    return Coalesce(Subquery(counts, output_field=IntegerField()), Value(0))


def study_rows(user: User) -> QuerySet[Study]:
    """List the studies a person has a role in, with their classes, counts and the person's roles."""
    rows = Study.objects.all() if user.is_superuser else Study.objects.filter(memberships__user=user).distinct()
    slides = Slide.objects.filter(study=OuterRef("pk")).order_by().values("study").annotate(n=Count("pk")).values("n")
    mine = Prefetch("memberships", Membership.objects.filter(user=user).order_by("role"), to_attr="my_memberships")
    return rows.annotate(
        slide_count=Coalesce(Subquery(slides, output_field=IntegerField()), Value(0)),
        patch_count=_labelled("patch__study"),
    ).prefetch_related("classes", mine)


def member_rows(study: Study) -> QuerySet[Membership]:
    """List a study's people."""
    return Membership.objects.filter(study=study).select_related("user")


def slide_rows(study: Study) -> QuerySet[Slide]:
    """List a study's slides with their label counts, and what else they are sorted by.

    Returns:
        Slides annotated with ``label_count``, ``area_px`` and ``cell_count``, the count of the newest detection. It is
        reached by the name of the relation, since this app knows nothing of the one that counts.
    """
    counted = Slide.objects.filter(pk=OuterRef("pk"), detection_runs__isnull=False).order_by("-detection_runs__number")
    return with_label_count(Slide.objects.filter(study=study)).annotate(
        area_px=Cast("width", BigIntegerField()) * F("height"),
        cell_count=Subquery(counted.values("detection_runs__count")[:1]),
    )


def slide_facets(study: Study) -> dict[str, Any]:
    """List what a study's slides can be filtered by: their cases, stains, and the people who brought them."""
    slides = Slide.objects.filter(study=study).order_by()
    people = User.objects.filter(pk__in=slides.values("uploaded_by")).order_by("first_name", "last_name", "username")

    def values(field: str) -> list[str]:
        return list(slides.exclude(**{field: ""}).order_by(field).values_list(field, flat=True).distinct())

    return {"cases": values("case_code"), "stains": values("stain"), "people": people}


def with_label_count(slides: QuerySet[Slide]) -> QuerySet[Slide]:
    """Add ``label_count``, the number of patches with a standing label, to each slide."""
    return slides.annotate(label_count=_labelled("patch__slide")).select_related("uploaded_by")


def marker_rows(slide: Slide) -> QuerySet[Label]:
    """List what is drawn on a slide: the standing labels, one per reader and patch."""
    return (
        standing_labels()
        .filter(patch__slide=slide)
        .select_related("patch", "reader")
        .defer("patch__png")
        .order_by("pk")
    )


def patch_rows(study: Study, user: User) -> QuerySet[Any]:
    """List a study's labelled patches with the label to show: the person's own, else the newest of anybody.

    Returns:
        Patches without pixels, annotated with ``class_id``, ``shown_label_id``.
    """
    shown = standing_labels().filter(patch=OuterRef("pk")).annotate(mine=Q(reader=user)).order_by("-mine", "-pk")
    return (
        Patch.objects.filter(study=study)
        .annotate(shown_label_id=Subquery(shown.values("pk")[:1]), class_id=Subquery(shown.values("label_class")[:1]))
        .filter(shown_label_id__isnull=False)
        .select_related("slide")
        .defer("png")
    )


def readers_of(label_ids: list[int]) -> dict[int, User]:
    """Name the reader of each label."""
    labels = Label.objects.filter(pk__in=label_ids).select_related("reader")
    return {label.pk: label.reader for label in labels}


def slide_scale(slide: Slide) -> float:
    """Tell how many level-0 pixels one pixel of the study's model spans.

    Returns:
        ``model_mpp / mpp``; 1 where the study takes pixels as they are.

    Raises:
        DomainError: the study has a model scale, but the slide's µm per pixel is not known.
    """
    model_mpp = slide.study.model_mpp
    if model_mpp is None:
        return 1.0
    if slide.mpp is None:
        raise DomainError(
            f"The scale of slide {slide.code} is not known, and this study works at {model_mpp:g} µm per pixel. "
            "Set the slide's µm per pixel first.",
            code="slide_needs_scale",
        )
    return model_mpp / slide.mpp


def patch_summary(study: Study, user: User) -> dict[str, Any]:
    """Count a study's labelled patches by the class shown to a person, by source and by slide."""
    rows = patch_rows(study, user).order_by().values_list("class_id", "source", "slide_id", "slide__number")
    tally = Counter(rows)
    classes: Counter[int] = Counter()
    sources: Counter[str] = Counter()
    slides: Counter[tuple[int, int]] = Counter()
    for (class_id, source, slide_id, number), count in tally.items():
        classes[class_id] += count
        sources[source] += count
        if slide_id is not None:
            slides[(number, slide_id)] += count
    return {
        "total": tally.total(),
        "classes": [{"class_id": key, "count": n} for key, n in sorted(classes.items())],
        "sources": [{"source": key, "count": n} for key, n in sorted(sources.items())],
        "slides": [
            {"slide_id": pk, "code": Slide(number=number).code, "count": n}
            for (number, pk), n in sorted(slides.items())
        ],
    }
