"""The worker's comparison of two models on the same frozen test patches that neither has learned from."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from config.leases import owned
from detection import leases, selectors
from detection.choices import RunState, Verdict
from detection.models import ModelComparison, ModelVersion
from detection.nn.beside import FAR_PX
from detection.nn.checkpoint import load_checkpoint
from detection.nn.comparison import Answers
from detection.nn.comparison import compare as compare_answers
from detection.nn.evaluation import Interrupted, predict
from detection.nn.network import PaperNet
from detection.runs.devices import device, tell_device
from detection.runs.patch_cache import decode_png
from labeling import media
from labeling.choices import Side
from labeling.models import DatasetItem, DatasetVersion, Slide
from labeling.selectors import slide_scale

CHUNK = 1024
"""Patches in memory at a time, however large the test side is."""
SEEN_SIDES = (Side.TRAIN, Side.VALIDATION)


def compare(comparison_id: int) -> None:
    """Compare, if the comparison waits for a worker; whatever happens ends on its row.

    Args:
        comparison_id: a comparison; one that has ended, or that another worker has, is left alone.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row.
    """
    lease = leases.claim(ModelComparison.objects.filter(pk=comparison_id))
    if lease is None:
        return
    tell_device()
    with owned(lease, what="comparison") as beat:
        _compare(lease, beat)


def _compare(lease: leases.Lease, beat: leases.Heartbeat) -> None:
    pair = ModelComparison.objects.select_related("candidate__trial__run", "current__trial__run", "dataset").get(
        pk=lease.pk
    )
    items = pair.dataset.items.filter(side=Side.TEST)
    left_out = seen_by(items, pair.dataset, selectors.dataset_of(pair.current), _margin_px(pair.current))
    kept = items.exclude(pk__in=left_out)
    lease.update(message="Judging the test patches", total=items.count() - len(left_out))
    try:
        answers = _answers(kept, [pair.candidate, pair.current], lease, beat)
    except Interrupted:
        return
    result = _result(answers, pair.candidate, pair.current)
    lease.finish(
        state=RunState.DONE,
        verdict=result["verdict"] if result else Verdict.NOT_TOLD_APART,
        left_out=len(left_out),
        result=result,
        message="",
        error="",
        error_code="",
        finished_at=Now(),
    )


def _result(
    answers: tuple[NDArray[np.int64], list[NDArray[np.float32]]], candidate: ModelVersion, current: ModelVersion
) -> dict[str, Any] | None:
    """Compare the answers; None where no patch is left."""
    labels, (first, second) = answers
    if not len(labels):
        return None
    found = compare_answers(labels, Answers(first, candidate.threshold), Answers(second, current.threshold))
    return found.to_json()


def _margin_px(model: ModelVersion) -> float:
    """Tell how far windows beside cells may reach beyond the patches that a model learned from, model pixels."""
    has_none = model.trial is not None and not model.trial.parameters.get("windows_beside")
    return 0.0 if has_none else FAR_PX + 1  # their centres are whole pixels


def seen_by(
    items: "QuerySet[DatasetItem]",
    dataset: DatasetVersion,
    learned_from: DatasetVersion | None,
    margin_px: float = 0.0,
) -> set[int]:
    """Find test patches that a model has seen: the same pixels, or a place that overlaps one it learned from.

    Args:
        items: of the test side of ``dataset``.
        dataset: whose split already keeps its own sides apart.
        learned_from: what the model was made from, training and validation side; None where that is not known.
        margin_px: how far it has seen beyond these patches, model pixels.

    Returns:
        Keys of the items.
    """
    if learned_from is None or learned_from.pk == dataset.pk:
        return set()
    seen = learned_from.items.filter(side__in=SEEN_SIDES)
    same = items.filter(Exists(seen.filter(patch__sha256=OuterRef("patch__sha256"))))
    return {*same.values_list("pk", flat=True), *_overlapping(items, seen, margin_px)}


def _overlapping(items: "QuerySet[DatasetItem]", seen: "QuerySet[DatasetItem]", margin_px: float) -> Iterator[int]:
    """List items whose box shares a pixel with the box, widened by the margin, of a seen patch of the same slide."""
    slides = Slide.objects.select_related("study").filter(pk__in=items.values("patch__slide"))
    for slide in slides:
        known, asked = (_places(rows.filter(patch__slide=slide)) for rows in (seen, items))
        if not len(known):
            continue
        scale = slide_scale(slide) if slide.mpp or slide.study.model_mpp is None else 1.0
        reach = (slide.study.patch_px + margin_px) * scale
        distance, _ = cKDTree(known[:, 1:]).query(asked[:, 1:], p=np.inf, distance_upper_bound=reach)
        yield from asked[np.isfinite(distance), 0].tolist()


def _places(rows: "QuerySet[DatasetItem]") -> NDArray[np.int64]:
    """Read keys and centres: int64 (N, 3), columns key, x_l0, y_l0."""
    found = rows.values_list("pk", "patch__x_l0", "patch__y_l0").iterator(chunk_size=10_000)
    return np.array([row for row in found], dtype=np.int64).reshape(-1, 3)


def _answers(
    items: "QuerySet[DatasetItem]", models: list[ModelVersion], lease: leases.Lease, beat: leases.Heartbeat
) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """Ask each model about each patch, a chunk of patches at a time.

    Raises:
        Interrupted: the run is not ours any more.
        CheckpointError: a model's file cannot be trusted.
    """
    networks = [_network(model) for model in models]
    labels: list[int] = []
    parts: list[list[NDArray[np.float32]]] = [[] for _ in networks]
    for counted, images in _chunks(items):
        labels += counted
        for network, part in zip(networks, parts, strict=True):
            part.append(predict(network, images, should_stop=beat.lost.is_set))
        lease.update(done=len(labels))
    return np.array(labels, dtype=np.int64), [
        np.concatenate(part) if part else np.zeros(0, dtype=np.float32) for part in parts
    ]


def _network(model: ModelVersion) -> PaperNet:
    network, _ = load_checkpoint(media.path_of(model.sha256))
    return network.to(device())


def _chunks(items: "QuerySet[DatasetItem]") -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    """Read labels and decoded patches, at most ``CHUNK`` at a time."""
    rows = (
        items.order_by("pk")
        .annotate(counted=F("label_class__counted"))
        .values_list("counted", "patch__png")
        .iterator(chunk_size=CHUNK)
    )
    while chunk := list(islice(rows, CHUNK)):
        yield [int(counted) for counted, _ in chunk], np.stack([decode_png(bytes(png)) for _, png in chunk])
