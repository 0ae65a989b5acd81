"""The cheap question before the network: is there stain enough in the middle of the window?

DAB and tissue density of the centre 40×40 pixels, calibrated from the positives a model was trained on, so that it
follows their stain; whatever passes is still judged by the whole network.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.nn.data import PatchSet
from detection.nn.errors import TrainingError
from detection.nn.shape import PATCH_PX, STRIDE_PX
from detection.nn.stain import UNITS_PER_OD, packed_densities, total_density, unpacked_densities

CENTRE_PX = 40
_MARGIN_PX = (PATCH_PX - CENTRE_PX) // 2
COARSE_PX = 16
"""Pixels that a pixel of the coarse picture may stand for, along each side: less than half of a window's centre."""
_COARSE_SHARE = 0.5
_STRIP_PX = 64
"""Rows of pixels whose densities are looked up at once, so that they stay in the processor's cache."""
_PATCHES_AT_ONCE = 1024
_LOST_SHARE = 0.0005
"""Of positives, for each of the two questions, so that both together keep 99.9 %."""
_STAINED_FROM = 0.01
_DAB_SLACK = 0.1
_TISSUE_SLACK = 0.3
"""Lowered by 10 % and 30 %: the palest of a few hundred positives is not the palest there is. Measured on halves of the
paper's patches: 5 % lost 0.6 % of the other half's positives. The tissue question only has to know glass."""


@dataclass(frozen=True)
class Gate:
    """Lowest mean optical densities, DAB and total, of a window's centre that the network is asked about.

    Args:
        dab_min: DAB density (base 10).
        tissue_min: mean density of the three channels (base 10).
        positives_kept: share of the training positives that pass.
        negatives_passed: share of the training negatives that pass; the lower, the more the gate saves.
    """

    dab_min: float
    tissue_min: float
    positives_kept: float = 1.0
    negatives_passed: float = 1.0

    def __post_init__(self) -> None:
        values = (self.dab_min, self.tissue_min, self.positives_kept, self.negatives_passed)
        if not all(isinstance(v, int | float) and np.isfinite(v) for v in values):
            raise TrainingError("The gate's numbers must be finite.", code="gate_invalid")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Gate":
        """Read a gate back; a missing or unknown name is refused."""
        try:
            return cls(**values)
        except TypeError as error:
            raise TrainingError("The gate's description is not one of ours.", code="gate_invalid") from error

    def passes_patches(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Tell which patches, uint8 (N, 70, 70, 3), pass; bool (N,)."""
        return self.passes_sums(*_patch_sums(images))

    def passes_grid(self, image: NDArray[np.uint8], stride_px: int = STRIDE_PX) -> NDArray[np.bool_]:
        """Tell which windows pass.

        Args:
            image: uint8 (70 + s·a, 70 + s·b, 3), s being the stride.
            stride_px: 8, 4, 2 or 1.

        Returns:
            bool (a + 1, b + 1), rows then columns.
        """
        return self.passes_sums(*_grid_sums(image, stride_px))

    def is_glass(self, overview: NDArray[np.uint8]) -> bool:
        """Tell whether no window of an area can have tissue enough, by a coarse picture of it, uint8 (h, w, 3).

        Mixed colours have less density than the mean of what was mixed, and a window's centre covers its coarse pixels
        in part; for both, half of the density counts as enough.
        """
        return bool(total_density(overview).max() < self.tissue_min * UNITS_PER_OD * _COARSE_SHARE)

    def passes_sums(self, dab: NDArray[np.int64], tissue: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which centres pass, by the sums of their densities in units of 1/4096; bool of the same shape."""
        scale = UNITS_PER_OD * CENTRE_PX**2
        return (dab >= self.dab_min * scale) & (tissue >= self.tissue_min * scale)


def calibrate_gate(patches: PatchSet) -> Gate:
    """Set the gate so that it keeps at least 99.9 % of the positives it is shown.

    Args:
        patches: training patches; without a positive the gate stays open.
    """
    positive = patches.labels == 1
    if not positive.any():
        return Gate(dab_min=-10.0, tissue_min=-10.0)
    dab, tissue = _patch_sums(patches.images)
    dab_min, tissue_min = _low_end(dab[positive], _DAB_SLACK), _low_end(tissue[positive], _TISSUE_SLACK)
    passed = Gate(dab_min, tissue_min).passes_sums(dab, tissue)
    others = passed[~positive]
    return Gate(
        dab_min=dab_min,
        tissue_min=tissue_min,
        positives_kept=float(passed[positive].mean()),
        negatives_passed=float(others.mean()) if len(others) else 1.0,
    )


def stained(patches: PatchSet) -> NDArray[np.bool_]:
    """Tell which patches carry as much DAB in their middle as 99 % of the positives do; bool (N,)."""
    dab, _ = _patch_sums(patches.images)
    positive = patches.labels == 1
    if not positive.any():
        return np.zeros(len(patches), dtype=np.bool_)
    return np.asarray(dab >= np.quantile(dab[positive], _STAINED_FROM))


def _low_end(sums: NDArray[np.int64], slack: float) -> float:
    low = float(np.quantile(sums, _LOST_SHARE, method="lower")) / (UNITS_PER_OD * CENTRE_PX**2)
    return round(low - slack * abs(low), 5)


def _patch_sums(images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sum DAB and total density over the centres of patches."""
    stop = _MARGIN_PX + CENTRE_PX
    sums = np.zeros(len(images), dtype=np.int64)
    for start in range(0, len(images), _PATCHES_AT_ONCE):
        centres = images[start : start + _PATCHES_AT_ONCE, _MARGIN_PX:stop, _MARGIN_PX:stop]
        sums[start : start + _PATCHES_AT_ONCE] = packed_densities(centres).sum(axis=(1, 2))
    return unpacked_densities(sums)


def _grid_sums(image: NDArray[np.uint8], stride_px: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sum DAB and total density over the centre of each window: cells of the stride first, then running sums."""
    side = CENTRE_PX // stride_px
    rows, cols = ((n - PATCH_PX) // stride_px + side for n in image.shape[:2])
    inner = image[_MARGIN_PX : _MARGIN_PX + rows * stride_px, _MARGIN_PX : _MARGIN_PX + cols * stride_px]
    cells = np.empty((rows, cols), dtype=np.int64)
    strip = max(1, _STRIP_PX // stride_px)
    for start in range(0, rows, strip):
        words = packed_densities(inner[start * stride_px : (start + strip) * stride_px])
        down = words.reshape(-1, stride_px, cols * stride_px).sum(axis=1)
        cells[start : start + strip] = down.reshape(-1, cols, stride_px).sum(axis=2)
    sums = np.zeros((rows + 1, cols + 1), dtype=np.int64)
    sums[1:, 1:] = cells.cumsum(axis=0).cumsum(axis=1)
    return unpacked_densities(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side])
