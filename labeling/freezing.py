"""Freezing: how labels become a data-set version with its split, and how a version is checked again."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Max
from numpy.typing import NDArray

from config.errors import ConflictError, DomainError
from labeling import dataset_columns
from labeling.choices import Split, Verdict
from labeling.models import DatasetItem, DatasetVersion, LabelClass, Study, User
from labeling.progress import Tell, silent
from labeling.splits import (
    FRACTIONS,
    GUARD_PX,
    NONE,
    SIDES,
    TILE_PX,
    Items,
    Numbers,
    deal,
    fill_empty,
    groups_of,
    leaks,
    refused,
)

LEAST_OF_A_KIND = 10
TILES_PX = (TILE_PX, 500, 250, 1)
GUARDED_TILES_PX = (TILE_PX, 500, 250)
_BATCH = 5000
_STORING = 0x5E7
"""Names the lock of ``one_at_a_time`` among others."""
_LEAKS = {
    "duplicates": "the same pixels",
    "near_duplicates": "nearly the same pixels",
    "overlaps": "overlapping places",
    "slides": "the same slide",
    "cases": "the same case",
}


class TooFewError(DomainError):
    """There is not enough to learn from."""

    code = "dataset_too_few"
    status = 409


class LeakError(DomainError):
    """Something lies on two sides, so that a test would flatter the model."""

    code = "dataset_leaks"
    status = 409


@dataclass(frozen=True)
class FreezeChoices:
    """How labels are frozen.

    Args:
        name: of the version, unique in the study; empty: "Data set" and its number.
        reader_id: where readers differ, this one's word counts; None, or where this one said nothing: the majority's.
        split: what stays together, one of ``choices.Split``.
        guard_px: for ``place``: patches of two sides are at least this far apart, level-0 pixels.
        until: id of the newest label that counts, see ``selectors.newest_label``; None for all.
    """

    name: str = ""
    reader_id: int | None = None
    split: str = Split.CLUSTER
    guard_px: int = GUARD_PX
    until: int | None = None


AS_USUAL = FreezeChoices()


@dataclass(frozen=True)
class _Frozen:
    """What will be stored: kept items in order, position in ``SIDES`` of each, and how it came about."""

    items: Items
    sides: NDArray[np.int8]
    tile_px: int | None
    refused: int = 0


@dataclass(frozen=True)
class Prepared:
    """All that a version will hold; nothing of it is stored yet."""

    version: DatasetVersion
    frozen: _Frozen


def prepare(
    *,
    study: Study,
    user: User,
    seed: int = 0,
    sources: Collection[str] = (),
    slides: Collection[int] = (),
    choices: FreezeChoices = AS_USUAL,
    tell: Tell = silent,
) -> Prepared:
    """Read the labels of a study and split them; see ``services.dataset_freeze``.

    It is no transaction, so that a million looks are not taken again after a kill.
    """
    classes = {c.pk: c for c in study.classes.all()}
    votes = dataset_columns.standing_votes(study, sources, slides, until=choices.until, tell=tell)
    _check_reader(votes, choices.reader_id)
    gone = dataset_columns.votes_taken_back(study, votes)
    votes = votes[~gone]
    found = dataset_columns.verdicts(votes, reader_id=choices.reader_id)
    _check_enough(found.class_ids, classes)
    items = dataset_columns.columns(study, found.patch_ids, found.class_ids, tell=tell)
    _check_random(items, choices.split)
    items.compare(tell)
    tell("Splitting", 0, 0)
    frozen = _freeze(items, classes, seed, choices)
    frozen.items.compare(tell)
    tell("Looking for leaks", 0, 0)
    check_no_leaks(frozen.items, frozen.sides, choices.split)
    rule = _rule(choices, frozen) | {
        "sources": sorted(sources),
        "slides": sorted(slides),
        "left_out_taken_back": int(gone.sum()),
        "left_out_ties": found.ties,
        "classes": [{"id": c.pk, "name": c.name, "counted": c.counted} for c in classes.values()],
        "readers": _readers(votes, frozen),
    }
    version = DatasetVersion(study=study, name=choices.name, seed=seed, rule=rule, created_by=user)
    version.content_hash = content_hash(frozen.items, frozen.sides, {pk: c.name for pk, c in classes.items()})
    return Prepared(version, frozen)


@transaction.atomic
def store(prepared: Prepared, *, tell: Tell = silent) -> DatasetVersion:
    """Number, name and store a version with its items, unless one of this content is there.

    Raises:
        ConflictError: ``dataset_name_taken``.
    """
    version = prepared.version
    one_at_a_time(version.study_id)
    rows = DatasetVersion.objects.filter(study=version.study)
    same = rows.filter(content_hash=version.content_hash, seed=version.seed, rule__split=version.rule["split"]).first()
    if same is not None:
        return same
    version.number = (rows.aggregate(last=Max("number"))["last"] or 0) + 1
    version.name = version.name.strip() or free_name(rows.values_list("name", flat=True), f"Data set {version.number}")
    check_name_free(version.study, version.name)
    version.save(force_insert=True)
    _store_items(version, prepared.frozen, tell)
    return version


def one_at_a_time(study_id: int) -> None:
    """Let only one transaction store versions of a study; the study's own row stays free for everybody else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_STORING, study_id % 2**31])


def foresee(study: Study, sources: Collection[str], slides: Collection[int]) -> None:
    """Refuse at once what ``prepare`` would refuse for too few labels; see ``services.dataset_foresee``."""
    classes = {c.pk: c for c in study.classes.all()}
    for counted in (True, False):
        kind = [pk for pk, c in classes.items() if c.counted is counted]
        have = dataset_columns.count_at_a_glance(sources, slides, kind)
        if have is not None:
            _check_kind(have, classes, counted=counted)


def check_name_free(study: Study, name: str) -> None:
    """Refuse a name that a version of the study has.

    Raises:
        ConflictError: ``dataset_name_taken``.
    """
    if DatasetVersion.objects.filter(study=study, name=name).exists():
        raise ConflictError(
            "A data set of this name exists, with other content. Choose another name.", code="dataset_name_taken"
        )


def check_leaks(dataset: DatasetVersion) -> None:
    """Refuse a version in which something lies on two sides; see ``services.dataset_check_leaks``."""
    _checked_columns(dataset, silent)


def check(dataset: DatasetVersion, *, tell: Tell = silent) -> None:
    """Refuse a version that leaks or has changed; see ``services.dataset_check``."""
    items, sides = _checked_columns(dataset, tell)
    tell("Looking at the content hash", 0, 0)
    if content_hash(items, sides, dataset_columns.frozen_class_names(dataset)) != dataset.content_hash:
        raise ConflictError(
            f"{dataset.name} does not hold what its hash says. Freeze the labels anew, and tell the server's admin.",
            code="dataset_changed",
        )


def _checked_columns(dataset: DatasetVersion, tell: Tell) -> tuple[Items, NDArray[np.int8]]:
    items, sides = dataset_columns.frozen_columns(dataset, tell=tell)
    items.compare(tell)
    tell("Looking for leaks", 0, 0)
    check_no_leaks(items, sides, dataset.rule.get("split", Split.CLUSTER))
    return items, sides


def check_no_leaks(items: Items, sides: NDArray[np.int8], kind: str) -> None:
    """Refuse items of which something lies on two sides; ``kind`` is how they were split.

    Raises:
        LeakError: with counts and some patches of each kind in ``extra``.
    """
    found = leaks(items, sides, kind)
    if not found:
        return
    words = ", ".join(f"{_LEAKS[what]} ({len(pairs)} times)" for what, pairs in found.items())
    raise LeakError(
        f"This data set has on two sides: {words}. A test on it would flatter the model. Freeze the labels anew.",
        extra={
            what: {"count": len(pairs), "patches": items.patch_ids[pairs[:5]].tolist()} for what, pairs in found.items()
        },
    )


def _check_reader(votes: NDArray[Any], reader_id: int | None) -> None:
    if reader_id is not None and not (votes["reader"] == reader_id).any():
        raise DomainError(
            "This reader has labelled none of these patches. Choose another reader, or the majority.",
            code="dataset_reader_unknown",
        )


def _check_random(items: Items, kind: str) -> None:
    placed = int((items.slide_ids != NONE).sum())
    if kind == Split.RANDOM and placed:
        raise DomainError(
            f"{placed:,} of these patches lie on slides; split at random, neighbours would leak. "
            "Choose imported patches only, or split by place, slide or case.",
            code="dataset_not_random",
            extra={"placed": placed},
        )


def _freeze(items: Items, classes: Mapping[int, LabelClass], seed: int, choices: FreezeChoices) -> _Frozen:
    """Split by the largest tiles that still leave both kinds of cells on every side."""
    tiles = {Split.CLUSTER: TILES_PX, Split.PLACE: GUARDED_TILES_PX}.get(Split(choices.split), (TILE_PX,))
    for tile_px in tiles:
        groups = groups_of(items, choices.split, tile_px=tile_px)
        sides = deal(items, groups, seed=seed)
        if choices.split in (Split.SLIDE, Split.CASE):
            sides = fill_empty(sides, groups, _is_counted(items.class_ids, classes))
        keep = np.ones(len(items), dtype=np.bool_)
        if choices.split == Split.PLACE:
            keep = ~refused(items, sides, band_px=choices.guard_px)
        kept, kept_sides = (items, sides) if keep.all() else (items.take(keep), sides[keep])
        if _fills(kept, kept_sides, classes):
            return _Frozen(kept, kept_sides, tile_px if len(tiles) > 1 else None, refused=int((~keep).sum()))
    raise TooFewError(_TOO_FEW_GROUPS[Split(choices.split)])


_TOO_FEW_GROUPS = {
    Split.CLUSTER: "The labelled cells lie too near each other to set some aside for validation and test. "
    "Label cells in more places, or on more slides.",
    Split.PLACE: "The labelled cells lie too near each other to set some aside for validation and test with this guard "
    "band. Label cells in more places, or choose a narrower band.",
    Split.SLIDE: "There are too few slides with both kinds of cells to fill three sides. "
    "Label cells on more slides, or split by place.",
    Split.CASE: "There are too few cases with both kinds of cells to fill three sides. "
    "Label slides of more cases, or split by slide or place.",
    Split.RANDOM: "Too many of the patches are copies of each other to fill three sides. Import more patches.",
}


def _is_counted(class_ids: Numbers, classes: Mapping[int, LabelClass]) -> NDArray[np.bool_]:
    return np.isin(class_ids, [pk for pk, c in classes.items() if c.counted])


def _check_enough(class_ids: Numbers, classes: Mapping[int, LabelClass]) -> None:
    kinds = Counter(_is_counted(class_ids, classes).tolist())
    for counted in (True, False):
        _check_kind(kinds[counted], classes, counted=counted)


def _check_kind(have: int, classes: Mapping[int, LabelClass], *, counted: bool) -> None:
    if have < LEAST_OF_A_KIND:
        names = " or ".join(c.name for c in classes.values() if c.counted is counted)
        raise TooFewError(
            f"There are {have} labelled cells of class {names}; at least {LEAST_OF_A_KIND} are needed. "
            "Label more, or choose more sources or slides.",
            extra={"counted": counted, "have": have, "need": LEAST_OF_A_KIND},
        )


def _fills(items: Items, sides: NDArray[np.int8], classes: Mapping[int, LabelClass]) -> bool:
    """Tell whether every side has both kinds of cells."""
    counted = _is_counted(items.class_ids, classes)
    return all((counted & (sides == n)).any() and (~counted & (sides == n)).any() for n in range(len(SIDES)))


def _rule(choices: FreezeChoices, frozen: _Frozen) -> dict[str, Any]:
    return {
        "label": Verdict.MAJORITY if choices.reader_id is None else Verdict.READER,
        "reader": choices.reader_id,
        "split": choices.split,
        "guard_px": choices.guard_px if choices.split == Split.PLACE else None,
        "tile_px": frozen.tile_px,
        "fractions": {str(side): share for side, share in FRACTIONS.items()},
        "refused_overlaps": frozen.refused,
    }


def _readers(votes: NDArray[Any], frozen: _Frozen) -> list[dict[str, Any]]:
    """Count, per reader, the patches read on each side, and those whose class became another."""
    order = np.argsort(frozen.items.patch_ids)
    patch_ids = frozen.items.patch_ids[order]
    votes = votes[np.isin(votes["patch"], patch_ids)]
    at = order[np.searchsorted(patch_ids, votes["patch"])]
    outvoted = frozen.items.class_ids[at] != votes["class"]
    found = []
    for reader_id in np.unique(votes["reader"]).tolist():
        own = votes["reader"] == reader_id
        by_side = np.bincount(frozen.sides[at[own]], minlength=len(SIDES)).tolist()
        found.append(
            {"id": reader_id, "outvoted": int(outvoted[own].sum())} | dict(zip(map(str, SIDES), by_side, strict=True))
        )
    return found


def content_hash(items: Items, sides: NDArray[np.int8], class_names: Mapping[int, str]) -> str:
    """Hash what a version holds: SHA-256 over the sorted lines ``patch-sha256 class side``.

    The items come in order of their hashes, so that only the few lines of equal hash are left to sort.
    """
    rows = zip(items.sha256, items.class_ids.tolist(), sides.tolist(), strict=True)
    digest = hashlib.sha256()
    for sha256, same in groupby(rows, key=itemgetter(0)):
        lines = sorted(f"{sha256.decode()} {class_names[class_id]} {SIDES[side]}\n" for _, class_id, side in same)
        digest.update("".join(lines).encode())
    return digest.hexdigest()


def free_name(taken: Collection[str], base: str) -> str:
    """Give a name, with a number behind it where it is taken."""
    names, base = set(taken), base[:110]
    return next(name for n in range(1, len(names) + 2) if (name := base if n == 1 else f"{base} ({n})") not in names)


def _store_items(version: DatasetVersion, frozen: _Frozen, tell: Tell) -> None:
    rows, total = _item_rows(version, frozen), len(frozen.items)
    for start in range(0, total, _BATCH):
        tell("Storing the version", start, total)
        DatasetItem.objects.bulk_create(islice(rows, _BATCH))


def _item_rows(version: DatasetVersion, frozen: _Frozen) -> Iterator[DatasetItem]:
    columns = (frozen.items.patch_ids.tolist(), frozen.items.class_ids.tolist(), frozen.sides.tolist())
    for patch_id, class_id, side in zip(*columns, strict=True):
        yield DatasetItem(dataset=version, patch_id=patch_id, label_class_id=class_id, side=SIDES[side])
