"""Reads of data-set versions: found by address, described with their numbers, compared."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber

from config.errors import NotFoundError
from labeling.choices import Side, Split, Verdict
from labeling.models import DatasetFreeze, DatasetItem, DatasetVersion, Slide, Study, User
from labeling.selectors import ABSENT

SAMPLES = 8
"""Patches shown of each class on each side."""

PerSide = dict[str, int]
Tally = dict[tuple[Any, ...], PerSide]


class Diff(TypedDict):
    """What one version holds and another does not, in patches."""

    added: int
    removed: int
    reclassed: int
    moved: int


def dataset_rows(study: Study) -> QuerySet[DatasetVersion]:
    """List the versions of a study, newest first."""
    return DatasetVersion.objects.filter(study=study).select_related("created_by")


def dataset_located(dataset_id: int) -> DatasetVersion:
    """Find a version, or raise NotFoundError."""
    found = DatasetVersion.objects.select_related("study", "created_by").filter(pk=dataset_id).first()
    if found is None:
        raise NotFoundError(ABSENT)
    return found


def freeze_rows() -> QuerySet[DatasetFreeze]:
    """List freezes, newest first."""
    return DatasetFreeze.objects.select_related("study", "created_by").order_by("-pk")


def freeze_located(freeze_id: int) -> DatasetFreeze:
    """Find a freeze, or raise NotFoundError."""
    found = freeze_rows().filter(pk=freeze_id).first()
    if found is None:
        raise NotFoundError(ABSENT)
    return found


def dataset_list_words(datasets: Sequence[DatasetVersion]) -> list[dict[str, Any]]:
    """Describe versions for a list; the queries do not grow with their number."""
    tally = _tally(DatasetItem.objects.filter(dataset__in=datasets), "dataset_id", "label_class_id")
    live = dict(DatasetItem.objects.filter(dataset__in=datasets).values_list("label_class_id", "label_class__counted"))
    readers = _people(d.rule.get("reader") for d in datasets)
    return [_words(dataset, _kinds(dataset, tally, live), readers) for dataset in datasets]


def dataset_words(dataset: DatasetVersion) -> dict[str, Any]:
    """Describe a version in full: patches of each class, slide and reader on each side, and some to look at."""
    [words] = dataset_list_words([dataset])
    return words | {
        "classes": _classes(dataset),
        "per_slide": _per_slide(dataset),
        "readers": _readers(dataset),
        "samples": _samples(dataset),
    }


def dataset_diff(one: DatasetVersion, other: DatasetVersion) -> Diff:
    """Compare two versions of a study patch by patch.

    Args:
        one: the version that is looked at.
        other: what it is compared with.

    Returns:
        ``added`` are only in ``one``, ``removed`` only in ``other``; of the patches in both, ``reclassed`` have another
        class and ``moved`` lie on another side.
    """
    theirs = other.items.filter(patch=OuterRef("patch"))
    return {
        "added": one.items.filter(~Exists(theirs)).count(),
        "removed": other.items.filter(~Exists(one.items.filter(patch=OuterRef("patch")))).count(),
        "reclassed": one.items.filter(Exists(theirs.exclude(label_class=OuterRef("label_class")))).count(),
        "moved": one.items.filter(Exists(theirs.exclude(side=OuterRef("side")))).count(),
    }


def _tally(items: QuerySet[DatasetItem], *keys: str) -> Tally:
    """Count patches by some columns and by side."""
    tally: Tally = defaultdict(lambda: dict.fromkeys(map(str, Side.values), 0))
    for *key, side, count in items.order_by().values_list(*keys, "side").annotate(n=Count("pk")):
        tally[tuple(key)][side] = count
    return tally


def _kinds(dataset: DatasetVersion, tally: Tally, live: dict[int, bool]) -> dict[str, dict[str, int]]:
    """Sum what was counted at the freeze, and what was not; versions of old go by the classes as they are."""
    counted = live | {known["id"]: known["counted"] for known in dataset.rule.get("classes", ())}
    kinds = {str(side): {"positive": 0, "negative": 0} for side in Side.values}
    for (dataset_id, class_id), sides in tally.items():
        if dataset_id == dataset.pk:
            for side, count in sides.items():
                kinds[side]["positive" if counted[class_id] else "negative"] += count
    return kinds


def _people(ids: Iterable[int | None]) -> dict[int, User]:
    return User.objects.in_bulk({pk for pk in ids if pk is not None})


def _words(dataset: DatasetVersion, counts: dict[str, dict[str, int]], readers: dict[int, User]) -> dict[str, Any]:
    rule = dataset.rule
    reader = readers.get(rule.get("reader") or 0)
    return {
        "id": dataset.pk,
        "study": dataset.study_id,
        "number": dataset.number,
        "name": dataset.name,
        "content_hash": dataset.content_hash,
        "seed": dataset.seed,
        "split": rule.get("split", Split.CLUSTER),
        "label": Verdict.READER if reader else Verdict.MAJORITY,
        "reader": reader,
        "guard_px": rule.get("guard_px"),
        "tile_px": rule.get("tile_px"),
        "sources": rule.get("sources", []),
        "slides": rule.get("slides", []),
        "left_out_taken_back": rule.get("left_out_taken_back", 0),
        "left_out_ties": rule.get("left_out_ties", 0),
        "refused_overlaps": rule.get("refused_overlaps", 0),
        "total": sum(sum(kinds.values()) for kinds in counts.values()),
        "counts": counts,
        "created_by": dataset.created_by.name,
        "created_at": dataset.created_at,
    }


def _classes(dataset: DatasetVersion) -> list[dict[str, Any]]:
    """Count by class, under the names and kinds of the freeze."""
    tally = _tally(dataset.items.all(), "label_class_id")
    frozen = {known["id"]: known for known in dataset.rule.get("classes", ())}
    live = {c.pk: {"name": c.name, "counted": c.counted} for c in dataset.study.classes.all()}
    return [
        {"class_id": pk, "name": known["name"], "counted": known["counted"], **tally[(pk,)]}
        for pk, known in (live | frozen).items()
        if (pk,) in tally
    ]


def _per_slide(dataset: DatasetVersion) -> list[dict[str, Any]]:
    """Count by slide in order of their codes; patches without one come last."""
    tally = _tally(dataset.items.all(), "patch__slide__number", "patch__slide_id", "patch__slide__case_code")
    rows = sorted(tally.items(), key=lambda row: (row[0][1] is None, row[0][0] or 0))
    return [
        {"slide_id": pk, "code": None if pk is None else Slide(number=number).code, "case_code": case or "", **sides}
        for (number, pk, case), sides in rows
    ]


def _readers(dataset: DatasetVersion) -> list[dict[str, Any]]:
    """Name the readers behind the labels, as they were counted at the freeze."""
    rows = dataset.rule.get("readers", ())
    people = _people(row["id"] for row in rows)
    named = [{**row, "name": people[row["id"]].name} for row in rows if row["id"] in people]
    return sorted(named, key=lambda row: row["name"])


def _samples(dataset: DatasetVersion) -> list[dict[str, Any]]:
    """Choose the first patches of each class on each side; stored in order of their hashes, they are no place's."""
    rank = Window(RowNumber(), partition_by=[F("side"), F("label_class")], order_by=F("pk").asc())
    ranked = dataset.items.annotate(rank=rank).filter(rank__lte=SAMPLES).order_by("pk")
    rows = ranked.values_list("patch_id", "label_class_id", "side")
    return [{"patch_id": patch_id, "class_id": class_id, "side": side} for patch_id, class_id, side in rows]
