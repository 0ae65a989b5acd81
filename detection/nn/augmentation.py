"""Training views of a patch: turned, mirrored, slightly shifted, differently stained; one seeded generator."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from detection.nn.stain import HED_FROM_OD, OD_FROM_HED


@dataclass(frozen=True)
class Augmentation:
    """Which views are drawn.

    Args:
        mirror: whether patches are reflected by chance.
        quarter_turns: whether they are turned by quarter turns by chance.
        rotation: share of patches turned by up to ±45° more.
        shift_px: largest shift along each axis, whole pixels.
        stain_jitter: standard deviation of each stain's relative strength.
    """

    mirror: bool = True
    quarter_turns: bool = True
    rotation: float = 0.0
    shift_px: int = 0
    stain_jitter: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether a patch may be turned, reflected or shifted at all."""
        return self.mirror or self.quarter_turns or self.rotation > 0 or self.shift_px > 0


def augment(images: Tensor, views: Augmentation, *, generator: torch.Generator) -> Tensor:
    """Draw a new view of each patch.

    Args:
        images: uint8 (N, H, W, 3).
        views: which views are drawn; where it allows none, patches stay as they are, to the bit.
        generator: source of chance, on the CPU whatever the device, so that a seed means the same everywhere.

    Returns:
        float32 (N, H, W, 3), 0 to 255.
    """
    pixels = images.permute(0, 3, 1, 2).float()
    moved = _moved(pixels, views, generator) if views.moves else pixels
    return _stained(moved.permute(0, 2, 3, 1), generator=generator, jitter=views.stain_jitter)


def _moved(pixels: Tensor, views: Augmentation, generator: torch.Generator) -> Tensor:
    count, side = pixels.shape[0], pixels.shape[-1]
    turns = torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2) * views.quarter_turns
    free = torch.rand(count, generator=generator) < views.rotation
    angles = turns + free * (torch.rand(count, generator=generator) - 0.5) * (math.pi / 2)
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
    if not views.mirror:
        mirror = torch.ones(count)
    shift = torch.randint(-views.shift_px, views.shift_px + 1, (count, 2), generator=generator) * (2.0 / side)
    cos, sin = torch.cos(angles), torch.sin(angles)
    rows = torch.stack(
        [torch.stack([cos * mirror, -sin, shift[:, 0]], 1), torch.stack([sin * mirror, cos, shift[:, 1]], 1)], 1
    )
    grid = functional.affine_grid(rows.to(pixels.device), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _stained(pixels: Tensor, *, generator: torch.Generator, jitter: float) -> Tensor:
    """Vary haematoxylin, the rest and DAB, and the glass's light, in optical density (Ruifrok and Johnston 2001)."""
    if jitter == 0:
        return pixels
    count = len(pixels)
    strength = 1 + jitter * torch.randn(count, 1, 1, 3, generator=generator)
    light = 0.03 * (jitter / 0.1) * torch.randn(count, 1, 1, 3, generator=generator)
    density = -torch.log10((pixels + 1) / 256)
    to_hed = torch.from_numpy(HED_FROM_OD).to(pixels.device)
    to_od = torch.from_numpy(OD_FROM_HED).to(pixels.device)
    stains = (density @ to_hed) * strength.clamp(0.3, 2).to(pixels.device)
    density = stains @ to_od + light.to(pixels.device)
    return (torch.pow(10.0, -density) * 256 - 1).clamp(0, 255)
