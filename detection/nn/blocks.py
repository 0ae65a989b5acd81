"""How a slide is cut into blocks of work, and which part of it was asked for.

Blocks are made of whole cells of 512 model pixels anchored at the slide's corner. All arithmetic happens in tiles of 64
on the same grid, so that the size of a block, the number of workers and their order never change a score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon as polygon_pixels
from skimage.measure import points_in_poly

from detection.nn.errors import DetectionError
from detection.nn.shape import STRIDE_PX, STRIDES_PX

CELL_PX = 512
"""Blocks are whole multiples of this; it is one of 64, the grid on which a score is the same in any block."""
HEADS = ("low_rank", "full")
PRECISIONS = ("auto", "fp32", "bf16")
ENGINES = ("auto", "openvino", "torch")
_MAX_CORNERS = 10_000

Region = Sequence[Sequence[float]]


@dataclass(frozen=True)
class DetectionParams:
    """What a detection run may choose.

    Args:
        stride_px: distance of neighbouring windows in model pixels: the network's own, 8, or 4, 2, 1.
        gate: whether windows without stain are skipped.
        tissue_gate: whether blocks that are glass at low resolution are skipped before they are read.
        head: "low_rank" where the model has one, else, and with "full", the network's own.
        precision: "bf16", "fp32", or "auto": bf16 where the processor computes it natively.
        engine: what the trunk is computed by: "torch", "openvino", or "auto": see ``resolved_engine``.
        floor: lowest score that is stored; the threshold is a dial above it.
        radius_um: suppression radius where the micrometres per pixel are known.
        radius_px: suppression radius in model pixels where they are not.
        block_px: side of a block in model pixels, rounded to whole cells of 512.
    """

    stride_px: int = STRIDE_PX
    gate: bool = True
    tissue_gate: bool = True
    head: str = "low_rank"
    precision: str = "auto"
    engine: str = "auto"
    floor: float = 0.1
    radius_um: float = 3.0
    radius_px: float = 30.0
    block_px: int = 2048

    def __post_init__(self) -> None:
        _require_one_of("stride_px", self.stride_px, STRIDES_PX)
        _require_one_of("gate", self.gate, (True, False))
        _require_one_of("tissue_gate", self.tissue_gate, (True, False))
        _require_one_of("head", self.head, HEADS)
        _require_one_of("precision", self.precision, PRECISIONS)
        _require_one_of("engine", self.engine, ENGINES)
        _require("floor", self.floor, 0.001, 1.0)
        _require("radius_um", self.radius_um, 0.1, 100.0)
        _require("radius_px", self.radius_px, 1.0, 1000.0)
        _require("block_px", self.block_px, 1, 65_536)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "DetectionParams":
        """Read parameters back; unknown names are refused."""
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise DetectionError(f"Unknown detection settings: {', '.join(unknown)}.", code="params_invalid")
        return cls(**values)

    def radius_l0(self, *, mpp: float | None, scale: float) -> float:
        """Return the suppression radius in level-0 pixels."""
        return self.radius_um / mpp if mpp else self.radius_px * scale


@dataclass(frozen=True)
class Block:
    """A piece of work: the box, in model pixels, whose windows it alone answers for."""

    n: int
    x: int
    y: int
    w: int
    h: int


def plan_blocks(
    frame: tuple[int, int], regions: Sequence[Region] | None, *, block_px: int, scale: float = 1.0
) -> list[Block]:
    """Cut a frame into blocks that own every window exactly once.

    Args:
        frame: (width, height) of the slide in model pixels.
        regions: polygons [[x, y], …] in level-0 pixels, their union is wanted; None for the whole slide.
        block_px: wanted side of a block in model pixels.
        scale: level-0 pixels per model pixel.

    Returns:
        Blocks in reading order, numbered from 0; blocks that touch no region are left out.

    Raises:
        DetectionError: ``region_invalid`` if a polygon is none, or lies outside the slide.
    """
    side = max(1, round(block_px / CELL_PX)) * CELL_PX
    width, height = frame
    boxes = [
        (x, y, min(side, width - x), min(side, height - y))
        for y in range(0, height, side)
        for x in range(0, width, side)
    ]
    if regions is not None:
        check_regions(regions)
        boxes = [box for box in boxes if _touches(box, regions, scale)]
        if not boxes:
            raise DetectionError("The region lies outside the slide: draw it on the image.", code="region_invalid")
    return [Block(n, *box) for n, box in enumerate(boxes)]


def check_regions(regions: Sequence[Region]) -> None:
    """Refuse what is no list of polygons with finite corners and an area."""
    if not regions:
        raise DetectionError("Draw at least one region, or choose the whole slide.", code="region_invalid")
    for region in regions:
        try:
            corners = np.asarray(region, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DetectionError("A region is a list of [x, y] corners.", code="region_invalid") from error
        shaped = corners.ndim == 2 and corners.shape[1:] == (2,) and 3 <= len(corners) <= _MAX_CORNERS
        if not shaped or not np.isfinite(corners).all() or np.abs(corners).max() > 1e7:
            raise DetectionError(
                f"A region needs 3 to {_MAX_CORNERS} corners [x, y] in pixels of the slide.", code="region_invalid"
            )
        if polygon_area(corners) < 1:
            raise DetectionError("A region must enclose an area.", code="region_invalid")


def region_mask(box: tuple[int, int, int, int], regions: Sequence[Region] | None, scale: float) -> NDArray[np.bool_]:
    """Mark the pixels of a box (x, y, w, h), in model pixels, that lie in any region; bool (h, w)."""
    x, y, w, h = box
    mask = np.full((h, w), regions is None)
    for region in regions or ():
        corners = (np.asarray(region, dtype=np.float64) + 0.5) / scale - 0.5 - (x, y)
        mask[polygon_pixels(corners[:, 1], corners[:, 0], shape=(h, w))] = True  # type: ignore[no-untyped-call]
    return mask


def inside_regions(points: NDArray[np.floating], regions: Sequence[Region] | None) -> NDArray[np.bool_]:
    """Tell which points (N, 2), columns (x_l0, y_l0), lie in any region; bool (N,)."""
    inside = np.full(len(points), regions is None)
    for region in regions or ():
        corners = np.asarray(region, dtype=np.float64)
        inside |= points_in_poly(np.asarray(points, dtype=np.float64), corners)  # type: ignore[no-untyped-call]
    return inside


def _touches(box: tuple[int, int, int, int], regions: Sequence[Region], scale: float) -> bool:
    """Tell whether any region's pixels fall into a box; most boxes are settled by the corners' extent."""
    x, y, w, h = box
    near = []
    for region in regions:
        corners = np.asarray(region, dtype=np.float64) / scale
        low, high = corners.min(axis=0) - 1, corners.max(axis=0) + 1
        if low[0] < x + w and high[0] >= x and low[1] < y + h and high[1] >= y:
            near.append(region)
    return bool(near) and bool(region_mask(box, near, scale).any())


def polygon_area(corners: NDArray[np.float64]) -> float:
    """Area of a polygon, (N, 2) columns (x, y); measured from a corner, so that far ones lose nothing (shoelace)."""
    x, y = (corners - corners[0]).T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _require_one_of(name: str, value: object, choices: Sequence[object]) -> None:
    if type(value) is not type(choices[0]) or value not in choices:
        words = ", ".join(str(choice).lower() for choice in choices)
        raise DetectionError(f"{name} is one of {words}.", code="params_invalid")


def _require(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise DetectionError(f"{name} must lie between {low} and {high}.", code="params_invalid")
