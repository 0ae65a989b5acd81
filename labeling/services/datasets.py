"""Data-set versions: labels frozen with their split, so that a model can be traced to what it learned from."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from config.errors import DomainError
from labeling import selectors
from labeling.choices import Side
from labeling.models import DatasetItem, DatasetVersion, LabelClass, Patch, Slide, Study, User
from labeling.splits import FRACTIONS, TILE_PX, Item, Place, split

LEAST_OF_A_KIND = 10
TILES_PX = (TILE_PX, 500, 250, 1)


class TooFewError(DomainError):
    """There is not enough to learn from."""

    code = "dataset_too_few"
    status = 409


@dataclass(frozen=True)
class Verdicts:
    """One class per patch, and how many patches were left out because their readers are equally divided."""

    class_by_patch: dict[int, int] = field(default_factory=dict)
    ties: int = 0


@transaction.atomic
def dataset_freeze(
    *, study: Study, user: User, seed: int, sources: Collection[str] = (), slides: Collection[int] = ()
) -> DatasetVersion:
    """Freeze the labels of a study, split into training, validation and test.

    Args:
        study: the study.
        user: who asks.
        seed: of the split.
        sources: take patches that came in these ways only; empty: all.
        slides: take patches of these slides only; empty: all.

    Returns:
        The version with its items; one of exactly this content that exists already is taken again.

    Raises:
        TooFewError: fewer than ten cells that are counted or that are not, or too few separate places to split.
    """
    Study.objects.select_for_update().get(pk=study.pk)
    verdicts = _verdicts(study, sources, slides)
    classes = {c.pk: c for c in study.classes.all()}
    items = _items(study, verdicts)
    _check_enough(items, classes)
    sides, tile_px = _sides(items, classes, seed)
    digest = _content_hash(items, classes, sides)
    same = DatasetVersion.objects.filter(study=study, content_hash=digest, seed=seed).first()
    if same is not None:
        return same
    rule = {
        "sources": sorted(sources),
        "slides": sorted(slides),
        "label": "newest of each reader, majority of readers",
        "left_out_ties": verdicts.ties,
        "fractions": {str(side): share for side, share in FRACTIONS.items()},
        "tile_px": tile_px,
    }
    return _store(study, user, seed, digest, rule, items, sides)


def _store(
    study: Study, user: User, seed: int, digest: str, rule: dict[str, Any], items: list[Item], sides: dict[int, str]
) -> DatasetVersion:
    last = DatasetVersion.objects.filter(study=study).aggregate(last=Max("number"))["last"] or 0
    dataset = DatasetVersion.objects.create(
        study=study, number=last + 1, content_hash=digest, seed=seed, rule=rule, created_by=user
    )
    DatasetItem.objects.bulk_create(
        (
            DatasetItem(dataset=dataset, patch_id=i.patch_id, label_class_id=i.class_id, side=sides[i.patch_id])
            for i in items
        ),
        batch_size=5000,
    )
    return dataset


def _verdicts(study: Study, sources: Collection[str], slides: Collection[int]) -> Verdicts:
    labels = selectors.standing_labels().filter(patch__study=study)
    if sources:
        labels = labels.filter(patch__source__in=sources)
    if slides:
        labels = labels.filter(patch__slide__in=slides)
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    for patch_id, class_id in labels.order_by("patch_id", "pk").values_list("patch_id", "label_class_id"):
        votes[patch_id][class_id or 0] += 1
    agreed = {patch_id: winner for patch_id, poll in votes.items() if (winner := _majority(poll)) is not None}
    return Verdicts(agreed, ties=len(votes) - len(agreed))


def _majority(poll: Counter[int]) -> int | None:
    """Give the class most readers chose, or None where two are level."""
    (first, most), *rest = poll.most_common(2)
    return None if rest and rest[0][1] == most else first


def _items(study: Study, verdicts: Verdicts) -> list[Item]:
    boxes = {s.pk: study.patch_px * _scale(s) for s in Slide.objects.filter(study=study).select_related("study")}
    rows = Patch.objects.filter(study=study).values_list("pk", "sha256", "slide_id", "x_l0", "y_l0")
    items = []
    for pk, sha256, slide_id, x_l0, y_l0 in rows:
        if pk in verdicts.class_by_patch:
            place = None if slide_id is None else Place(slide_id, x_l0 or 0, y_l0 or 0, boxes[slide_id])
            items.append(Item(pk, sha256, verdicts.class_by_patch[pk], place))
    return sorted(items, key=lambda item: (item.sha256, item.patch_id))


def _scale(slide: Slide) -> float:
    return selectors.slide_scale(slide) if slide.mpp or slide.study.model_mpp is None else 1.0


def _kinds(items: Iterable[Item], classes: Mapping[int, LabelClass]) -> Counter[bool]:
    """Count cells that are counted (True) and that are not (False)."""
    return Counter(classes[item.class_id].counted for item in items)


def _check_enough(items: list[Item], classes: Mapping[int, LabelClass]) -> None:
    kinds = _kinds(items, classes)
    for counted in (True, False):
        names = " or ".join(c.name for c in classes.values() if c.counted is counted)
        if kinds[counted] < LEAST_OF_A_KIND:
            raise TooFewError(
                f"There are {kinds[counted]} labelled cells of class {names}; at least {LEAST_OF_A_KIND} are needed. "
                "Label more, or choose more sources or slides.",
                extra={"counted": counted, "have": kinds[counted], "need": LEAST_OF_A_KIND},
            )


def _sides(items: list[Item], classes: Mapping[int, LabelClass], seed: int) -> tuple[dict[int, str], int]:
    """Split by the largest tiles that still leave both kinds of cells on every side."""
    for tile_px in TILES_PX:
        sides = split(items, seed=seed, tile_px=tile_px)
        by_side = {side: _kinds((i for i in items if sides[i.patch_id] == side), classes) for side in Side.values}
        if all(kinds[True] and kinds[False] for kinds in by_side.values()):
            return sides, tile_px
    raise TooFewError(
        "The labelled cells lie too near each other to set some aside for validation and test. "
        "Label cells in more places, or on more slides."
    )


def _content_hash(items: list[Item], classes: Mapping[int, LabelClass], sides: dict[int, str]) -> str:
    lines = sorted(f"{item.sha256} {classes[item.class_id].name} {sides[item.patch_id]}\n" for item in items)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
