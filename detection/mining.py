"""Proposals: finds that are probably wrong become patches, and a pathologist's judgement alone makes them labelled."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from numpy.typing import NDArray

from config.errors import ConflictError, DomainError, UnavailableError
from detection import exports, selectors
from detection.choices import COUNTED_STATES
from detection.models import DetectionRun, Proposal
from detection.nn.blocks import DetectionParams
from detection.nn.mining import Known, Reach, hard_finds
from labeling import readers
from labeling.choices import Source
from labeling.models import Label, Patch, Slide, Study, User
from labeling.selectors import standing_labels
from labeling.slides.crop import Crop, crop_patch
from labeling.slides.reader import SlideReader

LOOKED_PATCHES = 10
"""Tissue within so many patch sides of a label has been looked at; about a field of view at native zoom."""


@dataclass(frozen=True)
class Find:
    """A place on a slide that is probably no cell, and how sure the model is of it."""

    run: DetectionRun
    x: int
    y: int
    score: float
    rank: int


@dataclass(frozen=True)
class Mined:
    """What a search for proposals gave: how many are new, and how many wait in the slides that were searched."""

    made: int
    waiting: int


def waiting_proposals(study: Study, slides: Sequence[Slide] | None = None) -> QuerySet[Proposal]:
    """List the proposals of a study, or of some of its slides, that nobody has judged, the best first."""
    judged = Label.objects.filter(patch=OuterRef("patch"))
    rows = Proposal.objects.filter(~Exists(judged), patch__study=study)
    if slides is not None:
        rows = rows.filter(patch__slide__in=slides)
    return rows.select_related("patch__slide", "run__model").defer("patch__png", "patch__look").order_by("pk")


def proposal_words(row: Proposal) -> dict[str, Any]:
    """Describe a proposal; the row comes from ``waiting_proposals``."""
    slide = row.patch.slide
    return {
        "patch_id": row.patch_id,
        "slide": row.patch.slide_id,
        "slide_code": slide.code if slide else "",
        "x_l0": row.patch.x_l0,
        "y_l0": row.patch.y_l0,
        "score": row.score,
        "run": row.run.number,
        "model": row.run.model.number,
    }


def proposals_mine(*, study: Study, user: User, slides: Sequence[Slide] | None = None, limit: int) -> Mined:
    """Propose places that the newest finished detection of each slide is sure of and nobody has labelled as a cell.

    Args:
        study: whose slides, labels and detections.
        user: who asks.
        slides: of the study; None for all.
        limit: how many proposals may wait in these slides; those that wait already count, so that asking twice is
            asking once.

    Raises:
        ConflictError: ``nothing_detected``: no detection of these slides has ended with a result.
    """
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        waiting = waiting_proposals(study, slides).count()
        runs = _newest_results(study, slides)
        if not runs:
            raise ConflictError(
                "No slide here has a finished detection. Count cells first; then come back.", code="nothing_detected"
            )
        made = _propose(runs, user, limit=limit - waiting)
    return Mined(made=made, waiting=waiting + made)


def _newest_results(study: Study, slides: Sequence[Slide] | None) -> list[DetectionRun]:
    runs = DetectionRun.objects.filter(study=study, state__in=COUNTED_STATES)
    if slides is not None:
        runs = runs.filter(slide__in=slides)
    newest = runs.order_by("slide_id", "-number").distinct("slide_id").values("pk")
    return list(selectors.detection_runs().filter(pk__in=newest).order_by("slide__number"))


def _propose(runs: list[DetectionRun], user: User, *, limit: int) -> int:
    """Store the best finds of all slides, every slide's first before any slide's second."""
    finds = sorted((find for run in runs for find in _finds(run, limit)), key=lambda find: (find.rank, -find.score))
    made = 0
    for find in finds:
        if made >= limit:
            break
        crop = _crop(find)
        if crop is not None and _store(find, crop, user):
            made += 1
    return made


def _finds(run: DetectionRun, limit: int) -> Iterator[Find]:
    if limit <= 0:
        return
    points = exports.counted_points(run)
    side_px = run.study.patch_px * run.scale
    reach = Reach(
        cell_px=DetectionParams.from_json(run.params).radius_l0(mpp=run.mpp, scale=run.scale),
        same_px=side_px / 2,
        apart_px=side_px,
        looked_px=LOOKED_PATCHES * side_px,
    )
    for rank, index in enumerate(hard_finds(points, _known(run.slide), reach, limit=limit)):
        x, y, score = points[index].tolist()
        yield Find(run=run, x=round(x), y=round(y), score=min(1.0, score), rank=rank)


def _known(slide: Slide) -> Known:
    labels = standing_labels().filter(patch__slide=slide)
    return Known(
        cells=_places(labels.filter(label_class__counted=True).values_list("patch__x_l0", "patch__y_l0")),
        labels=_places(labels.values_list("patch__x_l0", "patch__y_l0")),
        patches=_places(Patch.objects.filter(slide=slide).values_list("x_l0", "y_l0")),
    )


def _places(rows: Iterable[tuple[Any, ...]]) -> NDArray[np.float64]:
    return np.array(list(rows), dtype=np.float64).reshape(-1, 2)


def _crop(find: Find) -> Crop | None:
    """Cut a find out of its slide; None where the pixels cannot be read."""
    slide = find.run.slide
    try:
        with readers.slide_reader(slide.file_sha256) as reader:
            return _crop_from(reader, find, slide)
    except UnavailableError:
        raise
    except DomainError:
        return None


def _crop_from(reader: SlideReader, find: Find, slide: Slide) -> Crop:
    x, y = min(find.x, reader.size[0] - 1), min(find.y, reader.size[1] - 1)
    return crop_patch(reader, x, y, patch_px=find.run.study.patch_px, scale=find.run.scale)


def _store(find: Find, crop: Crop, user: User) -> bool:
    """Store a proposal, unless the study has these pixels or this place already."""
    run = find.run
    there = Patch.objects.filter(slide=run.slide_id, x_l0=crop.x_l0, y_l0=crop.y_l0)
    if Patch.objects.filter(study=run.study_id, sha256=crop.sha256).exists() or there.exists():
        return False
    patch = Patch.objects.create(
        study_id=run.study_id,
        slide_id=run.slide_id,
        x_l0=crop.x_l0,
        y_l0=crop.y_l0,
        png=crop.png,
        sha256=crop.sha256,
        source=Source.MINED,
    )
    Proposal.objects.create(patch=patch, run=run, score=find.score, created_by=user)
    return True
