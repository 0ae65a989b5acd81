"""Probabilities and scores of single patches."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from detection.nn.data import PatchSet
from detection.nn.metrics import Scores, scores
from detection.nn.network import PaperNet

_BATCH = 64


class Interrupted(Exception):
    """Whoever asked no longer wants the answer."""


def predict(
    model: PaperNet, images: NDArray[np.uint8], *, should_stop: Callable[[], bool] | None = None
) -> NDArray[np.float32]:
    """Give each patch its probability of being positive.

    Args:
        model: the network; it is used in evaluation mode and left in the mode it was in.
        images: uint8 (N, 70, 70, 3) RGB.
        should_stop: asked between batches.

    Returns:
        float32 (N,).

    Raises:
        Interrupted: if ``should_stop`` said so.
    """
    was_training = model.training
    model.eval()
    parts: list[NDArray[np.float32]] = []
    try:
        for start in range(0, len(images), _BATCH):
            if should_stop is not None and should_stop():
                raise Interrupted
            with torch.inference_mode():
                logits = model(model.prepare(images[start : start + _BATCH]))
                parts.append(functional.softmax(logits.float(), dim=1)[:, 1].cpu().numpy())
    finally:
        model.train(was_training)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def evaluate(model: PaperNet, patch_set: PatchSet, threshold: float) -> Scores:
    """Judge a model on labelled patches at a threshold."""
    return scores(patch_set.labels, predict(model, patch_set.images), threshold)
