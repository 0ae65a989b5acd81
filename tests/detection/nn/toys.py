"""Small made-up slides, patches and networks with known answers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detection.nn.config import TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.network import NetworkShape
from detection.nn.spent import Spent

TINY = NetworkShape(features=(4, 6, 8), fc=16)
GLASS = 235
BROWN = (120, 80, 50)
BLUE = (110, 110, 170)


def tiny_config(**values) -> TrainingConfig:
    plain = {"epochs": 10, "batch_size": 16, "learning_rate": 5e-3, "dropout": 0.0, "ema_decay": 0.5, "shape": TINY}
    return TrainingConfig(
        **{**plain, "rotation": 0.0, "shift_px": 2, "stain_jitter": 0.02, "precision": "fp32", **values}
    )


def disc(image: NDArray[np.uint8], x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    rows, cols = np.indices(image.shape[:2])
    image[(rows - y) ** 2 + (cols - x) ** 2 <= radius**2] = colour


def toy_patches(count: int, seed: int) -> PatchSet:
    """Brown discs in the middle (1) and blue ones (0), in turn, on blotches that tell one from the other."""
    rng = np.random.default_rng(seed)
    images = np.full((count, 70, 70, 3), GLASS, dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % 2
    for image, label in zip(images, labels, strict=True):
        x, y = 35 + rng.integers(-3, 4, size=2)
        disc(image, x, y, float(rng.integers(18, 25)), BROWN if label else BLUE)
    noise = rng.integers(-12, 13, size=images.shape)
    blotches = rng.integers(-15, 16, size=(count, 7, 7, 1)).repeat(10, axis=1).repeat(10, axis=2)
    return PatchSet(np.clip(images + noise + blotches, 0, 255).astype(np.uint8), labels)


class ArrayReader:
    """A slide in memory; ``bad`` marks model pixels that cannot be read. Level 0 is the array enlarged by ``scale``."""

    def __init__(self, image: NDArray[np.uint8], *, bad: NDArray[np.bool_] | None = None, scale: float = 1.0) -> None:
        self.image = image
        self.bad = np.zeros(image.shape[:2], dtype=bool) if bad is None else bad
        self.size = (int(image.shape[1] * scale), int(image.shape[0] * scale))
        self.mpp: float | None = None

    def read(self, x: int, y: int, w: int, h: int, scale: float = 1.0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        image = np.full((h, w, 3), 255, dtype=np.uint8)
        mask = np.zeros((h, w), dtype=bool)
        height, width = self.image.shape[:2]
        rows, cols = slice(max(0, y), min(height, y + h)), slice(max(0, x), min(width, x + w))
        inside = (slice(rows.start - y, rows.stop - y), slice(cols.start - x, cols.stop - x))
        image[inside] = self.image[rows, cols]
        mask[inside] = ~self.bad[rows, cols]
        image[~mask] = 255
        return image, mask


class SpotScorer:
    """Scores a window by the darkness in its middle; dark spots are its cells."""

    reads_ahead = True

    def __init__(self) -> None:
        self.spent = Spent()

    def score(self, image: NDArray[np.uint8], chosen: NDArray[np.bool_], stride_px: int) -> NDArray[np.float32]:
        """Shift the image for each phase of the stride, and judge every chosen window in one go."""
        scores = np.zeros(chosen.shape, dtype=np.float32)
        step = 8 // stride_px
        rows, cols = chosen.shape[0] // step, chosen.shape[1] // step
        for y, x in np.ndindex(step, step):
            part = chosen[y::step, x::step]
            shifted = image[y * stride_px :, x * stride_px :][: 8 * rows + 62, : 8 * cols + 62]
            if part.any():
                windows = (
                    self.trunk(self.prepare(shifted[None])).unfold(2, 7, 1).unfold(3, 7, 1)[0].permute(1, 2, 0, 3, 4)
                )
                logits = self.head(windows[torch.from_numpy(part)])
                scores[y::step, x::step][part] = torch.softmax(logits, dim=1)[:, 1].numpy()
        return scores

    def prepare(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return (GLASS - torch.as_tensor(np.array(images)).permute(0, 3, 1, 2).float()) / GLASS

    def trunk(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x[:, :, 7:-7, 7:-7].mean(dim=1, keepdim=True), 8)

    def head(self, features: Tensor) -> Tensor:
        around = torch.arange(7, dtype=torch.float32) - 3
        bump = torch.exp(-(around**2) / 2)
        weight = bump[:, None] * bump[None, :]
        darkness = (features[:, 0] * weight).sum(dim=(1, 2)) / weight.sum()
        return torch.stack([torch.zeros_like(darkness), 60 * darkness - 8], dim=1)


def spots(size: tuple[int, int], places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Draw dark round spots on glass; (width, height), places (N, 2) as x, y."""
    width, height = size
    dark = np.zeros((height, width))
    reach = np.arange(-40, 41)
    blob = np.exp(-(reach[:, None] ** 2 + reach[None, :] ** 2) / (2 * 10.0**2))
    for x, y in places:
        rows, cols = reach + y, reach + x
        r, c = (rows >= 0) & (rows < height), (cols >= 0) & (cols < width)
        dark[np.ix_(rows[r], cols[c])] += blob[np.ix_(r, c)]
    return np.repeat((GLASS * (1 - dark.clip(0, 1)))[..., None], 3, axis=2).astype(np.uint8)
