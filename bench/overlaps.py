"""Which patches show the same tissue again, found by their pixels; for patches that came without their place."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

from detection.nn.data import pixel_hash
from detection.nn.shape import PATCH_PX
from labeling.looks import LEAST_CONTRAST
from labeling.splits import SAME_CELL_PX

_MIDDLE = PATCH_PX // 2 - SAME_CELL_PX
_LIKELY = 0.95
"""Correlation of a patch's middle, at half size, with a place in another; crops of one tissue reach 0.96 and more."""
_SAME = 6.0
"""Mean difference in grey levels of what two crops share: of the paper's patches, a hundred pairs lie below, stored as
JPEG twice, hardly any between 6 and 10, and thousands that only look alike above."""


def groups_of(images: NDArray[np.uint8]) -> list[int]:
    """Group patches that are equal or show the same tissue, not turned, ``SAME_CELL_PX`` apart at most, in chains.

    Args:
        images: uint8 (N, 70, 70, 3).

    Returns:
        Group number of each patch.
    """
    first: dict[str, int] = {}
    equal = [(first.setdefault(pixel_hash(image), number), number) for number, image in enumerate(images)]
    moved = [pair for pair, offset in _likely(images) if _differ(images, pair, offset) < _SAME]
    one, other = np.array(equal + moved).T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(images), len(images)))
    return [int(group) for group in connected_components(graph, directed=False)[1]]


def _likely(images: NDArray[np.uint8]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Look for the middle of each patch in all others: pairs, and where in the second the first would begin, (y, x)."""
    grey = torch.from_numpy(images.mean(axis=3, dtype=np.float32))
    half = functional.avg_pool2d(grey[:, None], 2)
    reach = SAME_CELL_PX // 2
    middles = _telling(half[:, :, reach:-reach, reach:-reach].flatten(1)).T.contiguous()
    found = []
    for number, image in enumerate(half):
        places = _telling(functional.unfold(image, _MIDDLE).T)
        best, at = (places @ middles).max(dim=0)
        for other in torch.nonzero(best > _LIKELY)[:, 0].tolist():
            if other != number:
                y, x = divmod(int(at[other]), 2 * reach + 1)
                found.append(((other, number), (2 * (y - reach), 2 * (x - reach))))
    return found


def _telling(values: Tensor) -> Tensor:
    """Centre rows and scale them to length 1, so that a product of two is their correlation."""
    centred = values - values.mean(dim=1, keepdim=True)
    least = LEAST_CONTRAST * values.shape[1] ** 0.5
    unit: Tensor = centred / centred.norm(dim=1, keepdim=True).clamp_min(least)
    return unit.to(torch.bfloat16)


def _differ(images: NDArray[np.uint8], pair: tuple[int, int], offset: tuple[int, int]) -> float:
    """Compare what two patches share, at full size, the offset give or take a pixel; mean difference in grey levels."""
    one, other = (images[number].astype(np.float32) for number in pair)
    return min(
        float(np.abs(one[_shared(-y), _shared(-x)] - other[_shared(y), _shared(x)]).mean())
        for y in range(offset[0] - 1, offset[0] + 2)
        for x in range(offset[1] - 1, offset[1] + 2)
    )


def _shared(shift: int) -> slice:
    """Rows (or columns) of a patch that another one, shifted, shows as well."""
    return slice(max(0, shift), PATCH_PX + min(0, shift))
