"""Detection on one block: read, gate, one pass of the trunk per cell, the head where it matters, peaks.

A window is named by its number (i, j) on a grid anchored at the slide's corner; its centre pixel is (8i + 3, 8j + 3),
so every window whose centre lies on the slide has a place in exactly one cell of 512 pixels. Pixels beyond the slide's
edge are the slide mirrored, so that cells at the edge are found too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label, maximum_filter
from torch import Tensor

from detection.nn.blocks import CELL_PX, Block, DetectionParams, Region, inside_regions, region_mask
from detection.nn.gate import Gate
from detection.nn.network import PATCH_PX, STRIDE_PX, WINDOW_CELLS, HasHead, score_windows, window_features
from detection.nn.region import RegionReader, frame_size

_FIRST_CENTRE = 3
_BEFORE = PATCH_PX // 2 - _FIRST_CENTRE
"""Window i begins at 8i − 32."""
HALO = 2
"""Windows around a cell that are scored with it: one to smooth, one to compare."""
_TIE = 1e-5
_MOST_BOXES = 64

Box = tuple[int, int, int, int]


class DenseScorer(HasHead, Protocol):
    """What a detector needs of a network; ``PaperNet.folded()`` is one."""

    def prepare(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Bring uint8 (N, H, W, 3) to the network's input."""
        ...

    def trunk(self, x: Tensor) -> Tensor:
        """Turn (1, 3, 70 + 8a, 70 + 8b) into (1, C, 7 + a, 7 + b)."""
        ...


@dataclass(frozen=True)
class BlockResult:
    """What a block found and what it could see.

    Args:
        candidates: float32 (N, 3), columns x_l0, y_l0, score; scores from the floor upwards, not yet suppressed.
        read_px: model pixels of the block, within the regions, that were read.
        unreadable_px: those that could not be read; windows that touch one give no candidate.
        unreadable: boxes (x, y, w, h) around them, in model pixels of the slide.
    """

    candidates: NDArray[np.float32]
    read_px: int
    unreadable_px: int
    unreadable: list[Box]


@dataclass(frozen=True)
class _Span:
    """One axis of a cell: the windows it owns, those it scores, and the pixels these cover."""

    own: tuple[int, int]
    scored: tuple[int, int]

    @classmethod
    def of(cls, start_px: int, length: int) -> "_Span":
        total = max(0, (length - _FIRST_CENTRE + STRIDE_PX - 1) // STRIDE_PX)
        first = start_px // STRIDE_PX
        last = min(first + CELL_PX // STRIDE_PX, total)
        return cls((first, last), (max(0, first - HALO), min(total, last + HALO)))

    @property
    def pixels(self) -> tuple[int, int]:
        start = self.scored[0] * STRIDE_PX - _BEFORE
        return start, start + PATCH_PX + STRIDE_PX * (self.scored[1] - self.scored[0] - 1)

    @property
    def own_slice(self) -> slice:
        return slice(self.own[0] - self.scored[0], self.own[1] - self.scored[0])


def detect_block(
    model: DenseScorer,
    reader: RegionReader,
    block: Block,
    *,
    scale: float,
    params: DetectionParams,
    gate: Gate | None,
    regions: Sequence[Region] | None = None,
) -> BlockResult:
    """Find the candidates of one block.

    Args:
        model: the network; hand in ``PaperNet.folded()`` made once, not per block.
        reader: the slide.
        block: from ``plan_blocks`` with the same scale and regions.
        scale: level-0 pixels per model pixel.
        params: of the run.
        gate: the model's gate; None, or ``params.gate`` false, judges every window.
        regions: polygons in level-0 pixels; candidates outside are dropped, pixels outside are not counted.
    """
    frame = frame_size(reader.size, scale)
    view = _View.read(reader, block, frame, scale)
    wanted = region_mask((block.x, block.y, block.w, block.h), regions, scale)
    readable = view.readable_core(block)
    found = [
        _detect_cell(model, view, spans, gate=gate if params.gate else None, floor=params.floor)
        for spans in _cells(block, frame, wanted)
    ]
    model_points = np.concatenate(found) if found else np.zeros((0, 3))
    points = (model_points[:, :2] + 0.5) * scale - 0.5
    points = np.clip(points, 0, np.array(reader.size) - 1)
    candidates = np.column_stack([points, model_points[:, 2]]).astype(np.float32)
    return BlockResult(
        candidates=candidates[inside_regions(candidates[:, :2], regions)],
        read_px=int((wanted & readable).sum()),
        unreadable_px=int((wanted & ~readable).sum()),
        unreadable=boxes_around(wanted & ~readable, (block.x, block.y)),
    )


def boxes_around(mask: NDArray[np.bool_], corner: tuple[int, int]) -> list[Box]:
    """Box each connected part of a mask, bool (h, w), whose first pixel is ``corner`` (x, y); one box where many."""
    parts, count = label(mask)
    if count > _MOST_BOXES:
        parts = mask.astype(np.int32)
    spans = [(down, across) for down, across in find_objects(parts)]
    return [
        (corner[0] + across.start, corner[1] + down.start, across.stop - across.start, down.stop - down.start)
        for down, across in spans
    ]


def _cells(block: Block, frame: tuple[int, int], wanted: NDArray[np.bool_]) -> Iterator[tuple[_Span, _Span]]:
    for y in range(0, block.h, CELL_PX):
        for x in range(0, block.w, CELL_PX):
            across, down = _Span.of(block.x + x, frame[0]), _Span.of(block.y + y, frame[1])
            empty = across.own[0] >= across.own[1] or down.own[0] >= down.own[1]
            if not empty and wanted[y : y + CELL_PX, x : x + CELL_PX].any():
                yield across, down


@dataclass(frozen=True)
class _View:
    """The pixels of a block with its halo, as far as the slide reaches; (x, y) is its corner in model pixels."""

    x: int
    y: int
    image: NDArray[np.uint8]
    readable: NDArray[np.bool_]

    @classmethod
    def read(cls, reader: RegionReader, block: Block, frame: tuple[int, int], scale: float) -> "_View":
        reach = _BEFORE + HALO * STRIDE_PX + PATCH_PX
        left, top = max(0, block.x - reach), max(0, block.y - reach)
        right, bottom = min(frame[0], block.x + block.w + reach), min(frame[1], block.y + block.h + reach)
        image, readable = reader.read(left, top, right - left, bottom - top, scale)
        return cls(left, top, image, readable)

    def readable_core(self, block: Block) -> NDArray[np.bool_]:
        top, left = block.y - self.y, block.x - self.x
        return self.readable[top : top + block.h, left : left + block.w]

    def cut(self, across: tuple[int, int], down: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Cut out a cell's pixels, mirrored where they lie beyond the slide."""
        rows = _mirrored(down, self.y, self.image.shape[0])
        cols = _mirrored(across, self.x, self.image.shape[1])
        return self.image[rows[:, None], cols], self.readable[rows[:, None], cols]


def _mirrored(span: tuple[int, int], offset: int, length: int) -> NDArray[np.int64]:
    """Number the pixels of a span in an array that begins at ``offset``, bouncing off both of its ends."""
    wave = np.arange(*span) - offset
    period = max(1, 2 * (length - 1))
    wave = np.mod(wave, period)
    return np.minimum(wave, period - wave).clip(0, length - 1)


def _detect_cell(
    model: DenseScorer, view: _View, spans: tuple[_Span, _Span], *, gate: Gate | None, floor: float
) -> NDArray[np.float64]:
    """Return the candidates a cell owns, float64 (N, 3), columns x, y (model pixels), score."""
    across, down = spans
    image, readable = view.cut(across.pixels, down.pixels)
    chosen = _whole_windows(readable)
    if gate is not None:
        chosen &= gate.passes_grid(image)
    if not chosen[down.own_slice, across.own_slice].any():
        return np.zeros((0, 3))
    found = _peaks(_score(model, image, chosen), down.own_slice, across.own_slice, floor)
    found[:, 0] = (found[:, 0] + across.scored[0]) * STRIDE_PX + _FIRST_CENTRE
    found[:, 1] = (found[:, 1] + down.scored[0]) * STRIDE_PX + _FIRST_CENTRE
    return found


def _whole_windows(readable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which windows see readable pixels only, by running sums."""
    sums = np.zeros((readable.shape[0] + 1, readable.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = (~readable).cumsum(axis=0).cumsum(axis=1)
    step, side = STRIDE_PX, PATCH_PX
    bad = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(bad[::step, ::step] == 0)


def _score(model: DenseScorer, image: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Score the chosen windows of a cell, 0 elsewhere; the trunk sees no more than the box around them."""
    rows, cols = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
    pixels = image[
        rows[0] * STRIDE_PX : rows[-1] * STRIDE_PX + PATCH_PX, cols[0] * STRIDE_PX : cols[-1] * STRIDE_PX + PATCH_PX
    ]
    inner = chosen[box]
    with torch.inference_mode():
        windows = window_features(model.trunk(model.prepare(pixels[None])))
        if tuple(windows.shape[:2]) != inner.shape or windows.shape[-1] != WINDOW_CELLS:
            raise ValueError(f"The trunk gave {tuple(windows.shape[:2])} windows where {inner.shape} were asked for.")
        flat = torch.from_numpy(np.flatnonzero(inner)).to(windows.device)
        probabilities = score_windows(model, windows, flat).cpu().numpy()
    scores = np.zeros(chosen.shape, dtype=np.float32)
    scores[box][inner] = probabilities
    return scores


def _peaks(scores: NDArray[np.float32], rows: slice, cols: slice, floor: float) -> NDArray[np.float64]:
    """Find the peaks of a score map and their place between the windows.

    A peak is a highest value of the map smoothed by [1 2 1]/4 along both axes, so that a plateau has one in its middle;
    its score is the map's own there, its place the centre of mass of the 5×5 scores around it. There are no windows
    beyond the slide's edge; the opposite ones are left out too, so that the edge does not draw the place inwards.

    Returns:
        float64 (N, 3), columns col, row (in windows, fractional), score.
    """
    padded = np.pad(scores.astype(np.float64), 1, mode="edge")
    smooth = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth = (smooth[:, :-2] + 2 * smooth[:, 1:-1] + smooth[:, 2:]) / 16
    own = np.zeros(scores.shape, dtype=bool)
    own[rows, cols] = True
    top = smooth >= maximum_filter(smooth, size=3, mode="constant") - _TIE
    peak_rows, peak_cols = np.nonzero(top & own & (scores >= floor))
    near = _surroundings(scores, peak_rows, peak_cols)
    around = np.arange(-HALO, HALO + 1)
    mass = near.sum(axis=(1, 2))
    return np.column_stack(
        [
            peak_cols + (near * around).sum(axis=(1, 2)) / mass,
            peak_rows + (near * around[:, None]).sum(axis=(1, 2)) / mass,
            scores[peak_rows, peak_cols],
        ]
    )


def _surroundings(scores: NDArray[np.float32], rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
    """Cut out the 5×5 scores around places, float64 (N, 5, 5), 0 wherever a place or its mirror image is missing."""
    padded = np.pad(scores.astype(np.float64), HALO, constant_values=np.nan)
    steps = np.arange(2 * HALO + 1)
    near = np.asarray(padded[rows[:, None, None] + steps[:, None], cols[:, None, None] + steps])
    missing = np.isnan(near)
    near[missing | missing[:, ::-1] | missing[:, :, ::-1]] = 0
    return near
