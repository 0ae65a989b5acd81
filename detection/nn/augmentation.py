"""Training views of a patch: turned, mirrored, slightly shifted, differently stained; one seeded generator."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from detection.nn.stain import HED_FROM_OD, OD_FROM_HED


def augment(
    images: Tensor, *, generator: torch.Generator, rotation: float, shift_px: int, stain_jitter: float
) -> Tensor:
    """Draw a new view of each patch.

    Args:
        images: uint8 (N, H, W, 3).
        generator: source of chance, on the CPU whatever the device, so that a seed means the same everywhere.
        rotation: share of patches turned by any angle; all are mirrored and quarter-turned by chance.
        shift_px: largest shift along each axis, whole pixels.
        stain_jitter: standard deviation of each stain's relative strength.

    Returns:
        float32 (N, H, W, 3), 0 to 255.
    """
    pixels = images.permute(0, 3, 1, 2).float()
    moved = _moved(pixels, generator=generator, rotation=rotation, shift_px=shift_px)
    return _stained(moved.permute(0, 2, 3, 1), generator=generator, jitter=stain_jitter)


def _moved(pixels: Tensor, *, generator: torch.Generator, rotation: float, shift_px: int) -> Tensor:
    count, side = pixels.shape[0], pixels.shape[-1]
    turns = torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2)
    free = torch.rand(count, generator=generator) < rotation
    angles = turns + free * (torch.rand(count, generator=generator) - 0.5) * (math.pi / 2)
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
    shift = torch.randint(-shift_px, shift_px + 1, (count, 2), generator=generator) * (2.0 / side)
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
