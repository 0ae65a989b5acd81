"""Judging a model on labelled patches that somebody brings along, or on a side of frozen labels."""

from dataclasses import dataclass
from typing import Any

from detection.models import ModelVersion
from detection.nn.checkpoint import load_checkpoint
from detection.nn.data import PatchSet
from detection.nn.evaluation import predict
from detection.nn.metrics import Scores, scores
from detection.runs.devices import device
from detection.runs.patch_cache import decode_png, load_sides, patch_set
from labeling import media
from labeling.models import DatasetVersion
from labeling.services import LabelledPatch


@dataclass(frozen=True)
class Judgement:
    """What a model made of labelled patches.

    Args:
        scores: at ``threshold``.
        threshold: the model's operating threshold.
        wrong: patches called wrongly: name, whether positive in truth, the model's score.
    """

    scores: Scores
    threshold: float
    wrong: list[dict[str, Any]]


def judge(model: ModelVersion, names: list[str], patches: PatchSet) -> Judgement:
    """Judge a model on patches.

    Args:
        model: its checkpoint lies in the media store.
        names: of the patches, for the list of wrong ones.
        patches: with labels.

    Raises:
        CheckpointError: the model's file cannot be trusted.
    """
    network, _ = load_checkpoint(media.path_of(model.sha256))
    probabilities = predict(network.to(device()), patches.images)
    called = probabilities >= model.threshold
    wrong = [
        {"name": name, "positive": bool(label), "score": round(float(score), 6)}
        for name, label, score, call in zip(names, patches.labels, probabilities, called, strict=True)
        if bool(label) != bool(call)
    ]
    return Judgement(scores(patches.labels, probabilities, model.threshold), model.threshold, wrong)


def labelled_patches(items: list[LabelledPatch]) -> PatchSet:
    """Decode patches that were read from files."""
    return patch_set([decode_png(item.patch.png) for item in items], [int(item.label_class.counted) for item in items])


def side_of(dataset: DatasetVersion, side: str) -> tuple[list[str], PatchSet]:
    """Load one side of frozen labels: the patches' SHA-256 as names, and the patches."""
    names = dataset.items.filter(side=side).order_by("pk").values_list("patch__sha256", flat=True)
    return list(names), load_sides(dataset)[side]
