"""The head in fewer numbers: its wide layers by way of the few directions in which their answers differ on data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import Tensor, nn
from torch.nn import functional

from detection.nn.data import PatchSet
from detection.nn.devices import has_native_bf16
from detection.nn.errors import TrainingError
from detection.nn.network import LowRankHead, PaperNet

RANKS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
MAX_DIFFERENCE = 0.04
"""Largest difference of a probability that a head may make, on patches as they are and moved aside."""
_WORTH = 4
"""A layer through more than a fourth of its width saves nothing."""
_MOST_PATCHES = 512
_MOVED_PX = (8, 16, 24, 32)
_BATCH = 8
_SEED = 5


@dataclass(frozen=True)
class LowRank:
    """How near a low-rank head comes to the full one.

    Args:
        rank: numbers in the middle of each wide layer.
        flipped: validation patches that it calls differently at the operating threshold.
        largest_difference: of a probability, on the validation patches as they are and moved aside.
        patches: how many of these there were.
    """

    rank: int
    flipped: int
    largest_difference: float
    patches: int

    def __post_init__(self) -> None:
        whole = (self.rank, self.flipped, self.patches)
        if not all(type(v) is int for v in whole) or not 1 <= self.rank <= 4096 or min(whole) < 0:
            raise TrainingError("The low-rank head's numbers cannot be right.", code="low_rank_invalid")
        apart = self.largest_difference
        if isinstance(apart, bool) or not isinstance(apart, int | float) or not 0 <= apart <= 1:
            raise TrainingError("The low-rank head's difference must lie between 0 and 1.", code="low_rank_invalid")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "LowRank":
        """Read a description back; a missing or unknown name is refused."""
        try:
            return cls(**values)
        except TypeError as error:
            raise TrainingError("The low-rank head's description is not ours.", code="low_rank_invalid") from error


def fit_head(
    model: PaperNet, training: PatchSet, validation: PatchSet, *, threshold: float
) -> tuple[PaperNet, LowRank] | None:
    """Give a network a low-rank head: the smallest that changes nothing that matters.

    Each wide layer becomes the best linear map through ``rank`` numbers for the answers it gives on training patches:
    its outputs projected on their first principal components. That is the reduced-rank regression, which needs far
    fewer numbers than the singular values of the weights alone. Half of the patches are moved aside, for most windows
    of a slide have their cell elsewhere than in the middle.

    Source: Izenman, "Reduced-rank regression for the multivariate linear model", 1975.

    Args:
        model: in evaluation mode; it is left alone.
        training: patches the directions are taken from, at most 512 of them.
        validation: patches that choose the rank.
        threshold: operating threshold.

    Returns:
        A copy of the network that has the head, and how near it comes; None where no rank is good enough or small
        enough to be worth it.
    """
    ranks = [rank for rank in RANKS if rank * _WORTH <= model.shape.fc]
    if not ranks:
        return None
    folded = model.folded()
    learned = _features(folded, _and_moved(_some(training.images)))
    judged = _features(folded, _and_moved(validation.images))
    directions = _Directions.of(folded, learned)
    wanted = _probabilities(folded, folded.head(judged))
    for rank in ranks:
        head = directions.head(folded, rank)
        found = _probabilities(folded, folded.fc3(head(judged)))
        apart = np.abs(found - wanted)
        flipped = int(((found >= threshold) != (wanted >= threshold))[: len(validation)].sum())
        if not flipped and apart.max() <= MAX_DIFFERENCE:
            return _with_head(model, head, rank), LowRank(rank, flipped, round(float(apart.max()), 6), len(judged))
    return None


def _some(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    order = np.random.default_rng(_SEED).permutation(len(images))[:_MOST_PATCHES]
    return images[np.sort(order)]


def _and_moved(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add each patch moved aside, what is uncovered being the patch mirrored."""
    rng = np.random.default_rng(_SEED)
    most = max(_MOVED_PX)
    wide = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="reflect")
    moved = np.empty_like(images)
    for number, shift in enumerate(
        rng.choice(_MOVED_PX, size=(len(images), 2)) * rng.choice((-1, 1), (len(images), 2))
    ):
        y, x = most + shift
        moved[number] = wide[number, y : y + images.shape[1], x : x + images.shape[2]]
    return np.concatenate([images, moved])


def _features(model: PaperNet, images: NDArray[np.uint8]) -> Tensor:
    """Compute the trunk's features of patches, float32 (N, C·49); in bf16 where that is native, as a detection does."""
    device = model.mean.device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=has_native_bf16(device)):
        parts = [
            model.trunk(model.prepare(images[start : start + _BATCH])).flatten(1).float()
            for start in range(0, len(images), _BATCH)
        ]
    return torch.cat(parts)


def _probabilities(model: PaperNet, logits: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = functional.softmax(logits.float(), dim=1)[:, 1].detach().cpu().numpy()
    return found


@dataclass(frozen=True)
class _Directions:
    """Mean and principal directions of a layer's outputs, the strongest first."""

    means: tuple[Tensor, Tensor]
    axes: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, model: PaperNet, features: Tensor) -> "_Directions":
        with torch.inference_mode():
            first = model.fc1(features)
            second = model.fc2(functional.relu(first))
            return cls((first.mean(dim=0), second.mean(dim=0)), (_axes(first), _axes(second)))

    def head(self, model: PaperNet, rank: int) -> LowRankHead:
        head = LowRankHead(model.fc1.in_features, model.shape.fc, rank).to(model.mean.device)
        with torch.no_grad():
            _project(model.fc1, head.down1, head.up1, self.means[0], self.axes[0][:, :rank])
            _project(model.fc2, head.down2, head.up2, self.means[1], self.axes[1][:, :rank])
        return head.eval()


def _axes(outputs: Tensor) -> Tensor:
    """Find the principal directions of outputs (N, width): (width, at most the largest rank)."""
    centred = (outputs - outputs.mean(dim=0)).double()
    width = centred.shape[1]
    first = max(0, width - max(RANKS))
    _, vectors = eigh((centred.T @ centred).cpu().numpy(), subset_by_index=[first, width - 1])
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1])).to(outputs.dtype).to(outputs.device)


def _project(layer: nn.Linear, down: nn.Linear, up: nn.Linear, mean: Tensor, axes: Tensor) -> None:
    """Let ``up(down(x))`` be the layer's answer projected on the axes around its mean."""
    down.weight.copy_(axes.T @ layer.weight)
    up.weight.copy_(axes)
    up.bias.copy_(mean + axes @ (axes.T @ (layer.bias - mean)))


def _with_head(model: PaperNet, head: LowRankHead, rank: int) -> PaperNet:
    twin = PaperNet(model.shape, preprocessing=model.preprocessing, rank=rank)
    tensors = {f"low_rank.{name}": tensor for name, tensor in head.state_dict().items()}
    twin.load_state_dict({**model.state_dict(), **tensors})
    return twin.eval()
