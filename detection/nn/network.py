"""The paper's network with VALID convolutions, so that a whole image costs one pass and equals window by window."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from detection.nn.errors import TrainingError
from detection.nn.shape import PATCH_PX as PATCH_PX
from detection.nn.shape import STRIDE_PX as STRIDE_PX
from detection.nn.shape import WINDOW_CELLS as WINDOW_CELLS
from detection.nn.shape import NetworkShape as NetworkShape

HEAD_ROWS = 128
"""Windows per pass through the head; always full, so that the arithmetic never depends on how many there are."""


@dataclass(frozen=True)
class Preprocessing:
    """How 8-bit RGB becomes the network's input: (value − mean) / std per channel, in 0–255 units."""

    mean: tuple[float, float, float] = (180.0, 160.0, 165.0)
    std: tuple[float, float, float] = (45.0, 45.0, 45.0)

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        if len(self.mean) != 3 or len(self.std) != 3 or not np.isfinite(numbers).all() or min(self.std) <= 0:
            raise TrainingError("Preprocessing needs three finite means and three positive deviations.")

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> "Preprocessing":
        """Measure the channels of a patch set, uint8 (N, H, W, 3); a flat channel keeps a deviation of 1."""
        flat = images.reshape(-1, 3)[:: max(1, len(images) // 512)]
        mean = [round(float(v), 3) for v in flat.mean(axis=0)]
        std = [max(1.0, round(float(v), 3)) for v in flat.std(axis=0)]
        return cls((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


class HasHead(Protocol):
    """What scoring windows needs of a network."""

    def head(self, features: Tensor) -> Tensor:
        """Turn the features of windows (N, C, 7, 7) into logits (N, 2)."""
        ...


class Stage(nn.Module):
    """VALID 3×3 convolution, batch norm, 2×2 max-pool, ReLU (pooling first: the same value, a quarter of the work)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3)
        self.norm: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(functional.max_pool2d(self.norm(self.conv(x)), 2))


class PaperNet(nn.Module):
    """Three convolution stages and three fully connected layers over 70×70 windows, two classes (1 = positive).

    Source: the PRISMA lymphocyte counter (CD3 gastric cancer): 64/128/256 filters, 2048 → 2048 → 2.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        shape: NetworkShape | None = None,
        *,
        preprocessing: Preprocessing | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = shape or NetworkShape()
        self.preprocessing = preprocessing or Preprocessing()
        one, two, three = self.shape.features
        self.stages = nn.Sequential(Stage(3, one), Stage(one, two), Stage(two, three))
        self.fc1 = nn.Linear(three * WINDOW_CELLS**2, self.shape.fc)
        # Only before any dropout: a batch norm behind one would see other variances in use than in training.
        self.norm1: nn.Module = nn.BatchNorm1d(self.shape.fc)
        self.fc2 = nn.Linear(self.shape.fc, self.shape.fc)
        self.fc3 = nn.Linear(self.shape.fc, 2)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean", torch.tensor(self.preprocessing.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.preprocessing.std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def prepare(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Bring 8-bit RGB (N, H, W, 3) to the network's input, float32 (N, 3, H, W) on its device."""
        if isinstance(images, np.ndarray):
            images = torch.from_numpy(np.require(images, requirements=["C", "W"]))
        pixels = images.to(self.mean.device).permute(0, 3, 1, 2)
        return (pixels.float() - self.mean) / self.std

    def trunk(self, x: Tensor) -> Tensor:
        """Turn (N, 3, 70 + 8a, 70 + 8b) into features (N, C, 7 + a, 7 + b)."""
        return cast(Tensor, self.stages(x))

    def head(self, features: Tensor) -> Tensor:
        """Turn the features of windows (N, C, 7, 7) into logits (N, 2)."""
        hidden = self.dropout(functional.relu(self.norm1(self.fc1(features.flatten(1)))))  # (N, fc)
        hidden = self.dropout(functional.relu(self.fc2(hidden)))  # (N, fc)
        return cast(Tensor, self.fc3(hidden))  # (N, 2)

    def forward(self, patches: Tensor) -> Tensor:
        """Turn prepared patches (N, 3, 70, 70) into logits (N, 2)."""
        return self.head(self.trunk(patches))

    def dense(self, x: Tensor) -> Tensor:
        """Score every window of stride 8 in one pass.

        Args:
            x: prepared image (1, 3, 70 + 8a, 70 + 8b).

        Returns:
            Probability of the positive class, float32 (a + 1, b + 1), rows then columns.
        """
        windows = window_features(self.trunk(x))  # (a+1, b+1, C, 7, 7) as a view
        rows, cols = windows.shape[:2]
        flat = torch.arange(rows * cols, device=x.device)
        return score_windows(self, windows, flat).view(rows, cols)

    def folded(self) -> "PaperNet":
        """Return a copy for inference with each batch norm folded into the layer before it."""
        twin = copy.deepcopy(self).eval()
        for stage in twin.stages:
            if isinstance(stage, Stage) and isinstance(stage.norm, nn.BatchNorm2d):
                stage.conv = fuse_conv_bn_eval(stage.conv, stage.norm)
                stage.norm = nn.Identity()
        if isinstance(twin.norm1, nn.BatchNorm1d):
            twin.fc1, twin.norm1 = fuse_linear_bn_eval(twin.fc1, twin.norm1), nn.Identity()
        return twin.to(memory_format=torch.channels_last)


def window_features(features: Tensor) -> Tensor:
    """View trunk output (1, C, h, w) as its windows (h − 6, w − 6, C, 7, 7), without copying."""
    windows = features[0].unfold(1, WINDOW_CELLS, 1).unfold(2, WINDOW_CELLS, 1)
    return windows.permute(1, 2, 0, 3, 4)


def score_windows(model: HasHead, windows: Tensor, chosen: Tensor) -> Tensor:
    """Run the head on chosen windows.

    Args:
        model: has ``head``.
        windows: view of (rows, cols, C, 7, 7).
        chosen: flat window numbers (row × cols + col), int64 (K,).

    Returns:
        Positive-class probability, float32 (K,), in the order of ``chosen``.
    """
    parts = [
        functional.softmax(model.head(rows).float(), dim=1)[:kept, 1] for rows, kept in _full_chunks(windows, chosen)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, device=windows.device)


def _full_chunks(windows: Tensor, chosen: Tensor) -> Iterator[tuple[Tensor, int]]:
    cols = windows.shape[1]
    for start in range(0, len(chosen), HEAD_ROWS):
        part = chosen[start : start + HEAD_ROWS]
        kept = len(part)
        part = functional.pad(part, (0, HEAD_ROWS - kept))
        yield windows[part // cols, part % cols], kept
