"""The paper's network with VALID convolutions, so that a whole image costs one pass and equals window by window."""

import copy
from dataclasses import dataclass
from typing import cast

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


class Stage(nn.Module):
    """VALID 3×3 convolution, batch norm, 2×2 max-pool, ReLU (pooling first: the same value, a quarter of the work)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3)
        self.norm: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return pooled(self.norm(self.conv(x)))

    def phases(self, x: Tensor) -> Tensor:
        """Pool from all four places a 2×2 pooling can begin at: (N, C, 2h + 3, 2w + 3) to (4N, C', h, w)."""
        return torch.cat(pooled_phases(self.norm(self.conv(x))))


def pooled(y: Tensor) -> Tensor:
    """2×2 max-pool and ReLU.

    Where no gradient is wanted, the same by comparing rows, then columns: ``max_pool2d`` also writes down where each
    maximum was, four times the bytes of what it was asked for in bf16.
    """
    if torch.is_grad_enabled():
        return functional.relu(functional.max_pool2d(y, 2))
    rows, cols = (side // 2 * 2 for side in y.shape[2:])
    tall = torch.maximum(y[:, :, 0:rows:2], y[:, :, 1:rows:2])
    return torch.maximum(tall[..., 0:cols:2], tall[..., 1:cols:2]).relu_()


def pooled_phases(y: Tensor) -> list[Tensor]:
    """Pool (N, C, 2h + 1, 2w + 1) from the offsets (0, 0), (0, 1), (1, 0), (1, 1): four of (N, C, h, w).

    Source: shift-and-stitch (Sermanet et al., OverFeat, 2014): what the convolutions before it cost is paid once.
    """
    rows, cols = y.shape[2] - 1, y.shape[3] - 1
    return [pooled(y[:, :, dy : dy + rows, dx : dx + cols]) for dy in (0, 1) for dx in (0, 1)]


class LowRankHead(nn.Module):
    """The two wide layers of the head, each by way of a few numbers; see ``low_rank.fit_head``."""

    def __init__(self, inputs: int, width: int, rank: int) -> None:
        super().__init__()
        self.down1 = nn.Linear(inputs, rank, bias=False)
        self.up1 = nn.Linear(rank, width)
        self.down2 = nn.Linear(width, rank, bias=False)
        self.up2 = nn.Linear(rank, width)

    def forward(self, flat: Tensor) -> Tensor:
        hidden = functional.relu(self.up1(self.down1(flat)))
        return functional.relu(self.up2(self.down2(hidden)))


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
        rank: int | None = None,
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
        self.rank = rank
        self.low_rank = LowRankHead(self.fc1.in_features, self.shape.fc, rank) if rank else None
        self.register_buffer("mean", torch.tensor(self.preprocessing.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.preprocessing.std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def prepare(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Bring 8-bit RGB (N, H, W, 3) to the network's input, float32 (N, 3, H, W) on its device."""
        if isinstance(images, np.ndarray):
            images = torch.from_numpy(np.require(images, requirements=["C", "W"]))
        pixels = images.to(self.mean.device).permute(0, 3, 1, 2)
        return (pixels.float() - self.mean) / self.std

    def trunk(self, x: Tensor, *, stride_px: int = STRIDE_PX) -> Tensor:
        """Turn images into features, below stride 8 one map for each phase.

        Args:
            x: prepared (N, 3, 70 + 8a + 8 − s, 70 + 8b + 8 − s), s being the stride.
            stride_px: 8, 4, 2 or 1.

        Returns:
            (P·N, C, 7 + a, 7 + b) for the P = (8 / s)² phases, in the order of ``phase_offsets``.
        """
        for number, stage in enumerate(cast("list[Stage]", list(self.stages))):
            x = stage.phases(x) if has_phases(number, stride_px) else stage(x)
        return x

    def head(self, features: Tensor) -> Tensor:
        """Turn the features of windows (N, C, 7, 7) into logits (N, 2)."""
        hidden = self.dropout(functional.relu(self.norm1(self.fc1(features.flatten(1)))))  # (N, fc)
        hidden = self.dropout(functional.relu(self.fc2(hidden)))  # (N, fc)
        return cast(Tensor, self.fc3(hidden))  # (N, 2)

    def forward(self, patches: Tensor) -> Tensor:
        """Turn prepared patches (N, 3, 70, 70) into logits (N, 2)."""
        return self.head(self.trunk(patches))

    def dense(self, x: Tensor, *, stride_px: int = STRIDE_PX) -> Tensor:
        """Score every window in one pass; for images of any size, ``engine.Engine`` does the same in tiles.

        Args:
            x: prepared image (1, 3, 70 + 8a + 8 − s, 70 + 8b + 8 − s), s being the stride.
            stride_px: 8, 4, 2 or 1.

        Returns:
            Probability of the positive class, float32 (k·(a + 1), k·(b + 1)), k = 8 / s, rows then columns.
        """
        windows = self.trunk(x, stride_px=stride_px).unfold(2, WINDOW_CELLS, 1).unfold(3, WINDOW_CELLS, 1)
        flat = windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)  # (P·rows·cols, C, 7, 7)
        found = functional.softmax(self.head(flat).float(), dim=1)[:, 1]
        return stitched(found.view(-1, windows.shape[2], windows.shape[3]), stride_px)

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


def has_phases(stage: int, stride_px: int) -> bool:
    """Tell whether the pooling of a stage (0, 1, 2) is taken in all its phases: at stride 4 that of the last alone."""
    return stride_px <= 1 << stage


def phase_offsets(stride_px: int) -> list[tuple[int, int]]:
    """List where the phases begin, (rows, cols) in windows of this stride, in the order the trunk gives them."""
    offsets = [(0, 0)]
    for stage in range(3):
        if has_phases(stage, stride_px):
            step = (1 << stage) // stride_px
            offsets = [(y + dy * step, x + dx * step) for dy in (0, 1) for dx in (0, 1) for y, x in offsets]
    return offsets


def stitched(phases: Tensor, stride_px: int) -> Tensor:
    """Put the maps of all phases (P, rows, cols) together: (k·rows, k·cols), k = 8 / stride."""
    step = STRIDE_PX // stride_px
    whole = phases.new_empty(phases.shape[1] * step, phases.shape[2] * step)
    for phase, (y, x) in zip(phases, phase_offsets(stride_px), strict=True):
        whole[y::step, x::step] = phase
    return whole
