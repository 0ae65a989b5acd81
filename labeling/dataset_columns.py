"""Reads a study's labels and patches as columns, so that a million of them fit in little memory."""

from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from labeling import selectors
from labeling.choices import Split
from labeling.looks import LENGTH, look_of_png
from labeling.models import DatasetVersion, Label, Patch, Slide, Study
from labeling.progress import Passing, Tell, silent, told
from labeling.splits import NONE, SIDES, TILE_PX, Items, Numbers, groups_of, taken_back

CHUNK = 2000
GLANCE = 3000
"""Labels of a kind that are looked through in a moment."""
_LABELS = np.dtype([(name, "i8") for name in ("patch", "class", "reader", "label", "slide", "x", "y")])
_FROZEN = np.dtype([("patch", "i8"), ("class", "i8"), ("side", "i1")])
_PLACES = np.dtype([("slide", "i8"), ("x", "i8"), ("y", "i8"), ("counted", "?"), ("side", "i1")])
_PATCHES = np.dtype([("patch", "i8"), ("sha256", "S64"), ("slide", "i8"), ("x", "i8"), ("y", "i8")])


@dataclass(frozen=True)
class Verdicts:
    """One class per patch.

    Args:
        patch_ids: int64 (N,), ascending.
        class_ids: int64 (N,).
        ties: patches left out because their readers are equally divided.
    """

    patch_ids: Numbers
    class_ids: Numbers
    ties: int


def standing_votes(
    study: Study,
    sources: Collection[str],
    slides: Collection[int],
    *,
    until: int | None = None,
    tell: Tell = silent,
) -> NDArray[Any]:
    """Read the standing labels of some sources and slides, empty: all, in order of their patches.

    Returns:
        A structured array of ``patch``, ``class``, ``reader``, ``label`` (later ones are higher), and of the patch's
        ``slide``, ``x`` and ``y``; ``NONE`` for imported patches.
    """
    labels = selectors.standing_labels(until=until).filter(patch__study=study)
    total = Label.objects.filter(patch__study=study).count()
    if sources:
        labels = labels.filter(patch__source__in=sources)
    if slides:
        labels = labels.filter(patch__slide__in=slides)
    place = ("patch__slide_id", "patch__x_l0", "patch__y_l0")
    rows = labels.order_by("patch_id", "pk").values_list("patch_id", "label_class_id", "reader_id", "pk", *place)
    return _streamed(rows, _LABELS, told(tell, "Reading the labels", total))


def count_at_a_glance(sources: Collection[str], slides: Collection[int], class_ids: Collection[int]) -> int | None:
    """Count the patches that have a standing label of some classes; None where the labels are more than ``GLANCE``.

    It goes by primary keys, which no planner can make slow, whatever it knows of the tables.
    """
    labels = Label.objects.filter(label_class__in=class_ids).order_by("-pk").values_list("patch_id", flat=True)
    glance = list(labels[: GLANCE + 1])
    if len(glance) > GLANCE:
        return None
    patches = Patch.objects.filter(pk__in=set(glance)).values_list("pk", flat=True)
    if sources:
        patches = patches.filter(source__in=sources)
    if slides:
        patches = patches.filter(slide__in=slides)
    standing = selectors.standing_labels().filter(label_class__in=class_ids, patch__in=list(patches))
    return len(set(standing.values_list("patch_id", flat=True)))


def votes_taken_back(study: Study, votes: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which votes their own reader took back by a later one on the same cell, see ``splits.taken_back``.

    Args:
        study: of the votes.
        votes: see ``standing_votes``.

    Returns:
        Mask (N,).
    """
    readers, numbers = np.unique(votes["reader"], return_inverse=True)
    tellers = np.where(votes["slide"] == NONE, NONE, votes["slide"] * len(readers) + numbers)
    boxes, _ = slides_of(study)
    scale = _looked_up(votes["slide"], boxes, np.float64) / study.patch_px
    points = np.column_stack([votes["x"], votes["y"]]) / scale[:, None]
    return taken_back(tellers, points, votes["class"], votes["label"])


def verdicts(votes: NDArray[Any], *, reader_id: int | None) -> Verdicts:
    """Give each patch the class most readers chose; where a named reader spoke, that reader's.

    Args:
        votes: see ``standing_votes``.
        reader_id: the named reader; None where only the majority counts.
    """
    polls, counts = np.unique(np.column_stack([votes["patch"], votes["class"]]), axis=0, return_counts=True)
    order = np.lexsort((-counts, polls[:, 0]))
    polls, counts = polls[order], counts[order]
    patch_ids, first = np.unique(polls[:, 0], return_index=True)
    second = np.minimum(first + 1, max(len(polls) - 1, 0))
    level = (second > first) & (polls[second, 0] == patch_ids) & (counts[second] == counts[first])
    class_ids = polls[first, 1]
    if reader_id is not None:
        own = votes[votes["reader"] == reader_id]
        at = np.searchsorted(patch_ids, own["patch"])
        class_ids[at], level[at] = own["class"], False
    return Verdicts(patch_ids[~level], class_ids[~level], int(level.sum()))


def columns(study: Study, patch_ids: Numbers, class_ids: Numbers, *, tell: Tell = silent) -> Items:
    """Read the patches of a study that have a class, in order.

    Args:
        study: whose patches.
        patch_ids: int64 (N,), ascending.
        class_ids: int64 (N,).
        tell: told how far it is.
    """
    rows = Patch.objects.filter(study=study).order_by("pk").values_list("pk", "sha256", "slide_id", "x_l0", "y_l0")
    table = _streamed(rows, _PATCHES, told(tell, "Reading the patches", Patch.objects.filter(study=study).count()))
    table = table[np.isin(table["patch"], patch_ids)]
    boxes, cases = slides_of(study)
    return Items(
        patch_ids=table["patch"],
        sha256=table["sha256"],
        class_ids=class_ids[np.searchsorted(patch_ids, table["patch"])],
        slide_ids=table["slide"],
        cases=_looked_up(table["slide"], cases, np.int64),
        x_l0=table["x"],
        y_l0=table["y"],
        box_px=_looked_up(table["slide"], boxes, np.float64),
        looks=_looks(table["patch"], tell),
    ).in_order()


def frozen_columns(dataset: DatasetVersion, *, tell: Tell = silent) -> tuple[Items, NDArray[np.int8]]:
    """Read the patches of a data-set version, in order, and the position in ``SIDES`` of each one's side."""
    rows = dataset.items.order_by("patch_id").values_list("patch_id", "label_class_id", "side")
    placed = ((patch, label_class, SIDES.index(side)) for patch, label_class, side in in_chunks(rows, "patch_id"))
    frozen = np.fromiter(told(tell, "Reading the version", dataset.items.count())(placed), dtype=_FROZEN)
    items = columns(dataset.study, frozen["patch"], frozen["class"], tell=tell)
    return items, frozen["side"][np.searchsorted(frozen["patch"], items.patch_ids)]


def frozen_places(dataset: DatasetVersion, *, tell: Tell = silent) -> NDArray[Any]:
    """Read where the patches of a version lie, in stored order.

    Returns:
        A structured array of ``slide``, ``x`` and ``y`` (``NONE`` for imported patches; centre pixel, level 0),
        whether the class is ``counted``, and the position in ``SIDES`` of the ``side``.
    """
    columns = ("pk", "patch__slide_id", "patch__x_l0", "patch__y_l0", "label_class__counted", "side")
    rows = in_chunks(dataset.items.order_by("pk").values_list(*columns), "pk")
    placed = (
        (*(NONE if value is None else value for value in place), counted, SIDES.index(side))
        for _, *place, counted, side in told(tell, "Reading the places", dataset.items.count())(rows)
    )
    return np.fromiter(placed, dtype=_PLACES)


def frozen_class_names(dataset: DatasetVersion) -> dict[int, str]:
    """Name the classes as they were called at the freeze; versions of old by the names they have."""
    names = dict(dataset.study.classes.values_list("pk", "name"))
    return names | {known["id"]: known["name"] for known in dataset.rule.get("classes", ())}


def frozen_groups(dataset: DatasetVersion, side: str, *, tell: Tell = silent) -> Numbers:
    """Number the groups of one side that may not come apart, by the version's own split, e.g. to deal them to folds.

    Args:
        dataset: a version.
        side: one of ``choices.Side``.
        tell: told how far it is.

    Returns:
        int64 (N,), in the order of the side's items.
    """
    items, sides = frozen_columns(dataset, tell=tell)
    mine = items.take(sides == SIDES.index(side))
    mine.compare(tell)
    tell("Grouping the patches", 0, 0)
    groups = groups_of(mine, dataset.rule.get("split", Split.CLUSTER), tile_px=dataset.rule.get("tile_px") or TILE_PX)
    stored = list(dataset.items.filter(side=side).order_by("pk").values_list("patch_id", flat=True))
    order = np.argsort(mine.patch_ids)
    return groups[order][np.searchsorted(mine.patch_ids[order], stored)]


def _streamed(rows: QuerySet[Any, tuple[Any, ...]], dtype: Any, passing: Passing) -> NDArray[Any]:
    """Read rows of numbers in one pass; None becomes ``NONE``.

    In a transaction, for a server's cursor outside of one would first copy all rows to the server's disk.
    """
    found = cast(Generator[tuple[Any, ...], None, None], rows.iterator(chunk_size=CHUNK))
    with transaction.atomic(), closing(found):  # the cursor ends before its transaction, also where somebody cancels
        filled = (tuple(NONE if value is None else value for value in row) for row in passing(found))
        return np.fromiter(filled, dtype=dtype)


def in_chunks(rows: QuerySet[Any, tuple[Any, ...]], key: str, *, size: int = CHUNK) -> Iterator[tuple[Any, ...]]:
    """Read rows of values, ordered by their first, a unique ``key``, without holding them anywhere as a whole.

    A server's cursor outside a transaction would first copy all rows, pixels and all, to the server's disk.
    """
    last = NONE
    while part := list(rows.filter(**{f"{key}__gt": last})[:size]):
        yield from part
        last = part[-1][0]


def slides_of(study: Study) -> tuple[dict[int, float], dict[int, int]]:
    """Map each slide to the side of its patches' boxes and to the number of its case; without a code, its own."""
    boxes, cases = {}, {}
    codes: dict[str, int] = {}
    for slide in Slide.objects.filter(study=study).select_related("study").order_by("number"):
        boxes[slide.pk] = study.patch_px * _scale(slide)
        cases[slide.pk] = codes.setdefault(slide.case_code, slide.pk) if slide.case_code else slide.pk
    return boxes, cases


def _scale(slide: Slide) -> float:
    return selectors.slide_scale(slide) if slide.mpp or slide.study.model_mpp is None else 1.0


def _looked_up(keys: Numbers, values: dict[int, Any], dtype: Any) -> NDArray[Any]:
    """Map slide ids to values; ``NONE`` where there is no slide."""
    known, at = np.unique(keys, return_inverse=True)
    return np.array([values.get(int(key), NONE) for key in known], dtype=dtype)[at]


def _looks(patch_ids: Numbers, tell: Tell) -> NDArray[np.uint8]:
    """Read the looks of ascending patch ids; missing ones are taken from the PNGs and kept for the next time."""
    looks = np.zeros((len(patch_ids), LENGTH), dtype=np.uint8)
    for start in range(0, len(patch_ids), CHUNK):
        tell("Looking at the patches", start, len(patch_ids))
        patches = Patch.objects.filter(pk__in=patch_ids[start : start + CHUNK].tolist())
        missing = patches.filter(look__isnull=True).values_list("pk", "png")
        fresh = {pk: look_of_png(bytes(png)).tobytes() for pk, png in missing}
        _keep_looks(fresh)
        known = fresh | {
            pk: bytes(look or b"") for pk, look in patches.filter(look__isnull=False).values_list("pk", "look")
        }
        for n, pk in enumerate(patch_ids[start : start + CHUNK].tolist(), start):
            looks[n] = np.frombuffer(known[pk], dtype=np.uint8)
    return looks


def _keep_looks(looks: dict[int, bytes]) -> None:
    """Store looks; a look is made of the PNG alone, which never changes, so whoever writes it writes the same."""
    if looks:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE labeling_patch SET look = found.look"
                " FROM unnest(%s::bigint[], %s::bytea[]) AS found(id, look) WHERE labeling_patch.id = found.id",
                [list(looks), list(looks.values())],
            )
