"""Detection on one block: read, gate, score the windows that pass, peaks.

A window is named by its number (i, j) on a grid anchored at the slide's corner; at stride s its centre pixel is
(s·i + 3, s·j + 3), so that a finer grid holds the coarser one, and every window belongs to exactly one block. Pixels
beyond the slide's edge are the slide mirrored, so that cells at the edge are found too.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, find_objects, label, maximum_filter

from detection.nn.blocks import Block, DetectionParams, Region, inside_regions, region_mask
from detection.nn.gate import COARSE_PX, Gate
from detection.nn.region import HasOverview, RegionReader, frame_size
from detection.nn.shape import PATCH_PX, STRIDE_PX
from detection.nn.spent import Spent

_FIRST_CENTRE = 3
_BEFORE = PATCH_PX // 2 - _FIRST_CENTRE
"""Window i begins at s·i − 32."""
_PIECE_PX = {8: 1024, 4: 1024, 2: 512, 1: 256}
"""Side of what is computed at once, by stride: as large as memory allows; no score depends on it."""
_PART_PX = 1024
"""Side of what is read at once: the largest pieces need no more to begin."""
_REACH = 3
"""Steps of 8 pixels from a peak to the end of what it is made of: so far the scores of one cell stay high."""
_AROUND_PX = PATCH_PX + (_REACH + 2) * STRIDE_PX
"""What is read around a block."""
_TIE = 1e-5
_MOST_BOXES = 64

Box = tuple[int, int, int, int]


class Scorer(Protocol):
    """What a detector needs of a network; ``engine.Engine`` is one.

    Args:
        spent: is told where the time of detections goes: by name, in seconds.
        reads_ahead: whether a thread may read while this computes; false where a worker is to take one core.
    """

    spent: Spent
    reads_ahead: bool

    def score(self, image: NDArray[np.uint8], chosen: NDArray[np.bool_], stride_px: int) -> NDArray[np.float32]:
        """Give chosen windows (rows, cols) of an image their probability, and the others 0."""
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


def detect_block(
    model: Scorer,
    reader: RegionReader,
    block: Block,
    *,
    scale: float,
    params: DetectionParams,
    gate: Gate | None,
    regions: Sequence[Region] | None = None,
) -> BlockResult:
    """Find the candidates of one block.

    Where the network allows it a thread reads on while what has come is judged, so that a core is not idle, or a card,
    while pixels are decoded.

    Args:
        model: the network; make the ``Engine`` once, not per block.
        reader: the slide; nobody else may use it meanwhile.
        block: from ``plan_blocks`` with the same scale and regions.
        scale: level-0 pixels per model pixel.
        params: of the run.
        gate: the model's gate; None, or ``params.gate`` false, judges every window.
        regions: polygons in level-0 pixels; candidates outside are dropped, pixels outside are not counted.
    """
    gate = gate if params.gate else None
    wanted = region_mask((block.x, block.y, block.w, block.h), regions, scale)
    began = time.perf_counter()
    if gate is not None and params.tissue_gate and is_glass(reader, block, scale=scale, gate=gate):
        model.spent.add("tissue_gate", began)
        return BlockResult(np.zeros((0, 3), dtype=np.float32), int(wanted.sum()), 0, [])
    model.spent.add("tissue_gate", began)
    frame = frame_size(reader.size, scale)
    with _View.coming(reader, block, frame, scale, model) as view:
        search = _Search(model, view, scale, params, gate, regions)
        found = [search.piece(across, down) for across, down in _pieces(block, frame, params.stride_px)]
        readable = view.readable_core(block)
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


def is_glass(reader: RegionReader, block: Block, *, scale: float, gate: Gate) -> bool:
    """Tell by a coarse level of the slide whether the gate would pass none of a block's windows.

    False where there is no such level, or where it cannot be read.
    """
    if not isinstance(reader, HasOverview):
        return False
    box = (block.x - PATCH_PX, block.y - PATCH_PX, block.w + 2 * PATCH_PX, block.h + 2 * PATCH_PX)
    seen = reader.overview(box, scale, most=COARSE_PX)
    return seen is not None and bool(seen[1].all()) and gate.is_glass(seen[0])


def boxes_around(mask: NDArray[np.bool_], corner: tuple[int, int]) -> list[Box]:
    """Box each connected part of a mask, bool (h, w), whose first pixel is ``corner`` (x, y); one box where many."""
    if not mask.any():
        return []
    parts, count = label(mask)
    if count > _MOST_BOXES:
        parts = mask.astype(np.int32)
    spans = [(down, across) for down, across in find_objects(parts)]
    return [
        (corner[0] + across.start, corner[1] + down.start, across.stop - across.start, down.stop - down.start)
        for down, across in spans
    ]


@dataclass(frozen=True)
class _Span:
    """One axis of a piece, in windows: those it owns, those it scores, and the first of the whole steps around them.

    Args:
        own: first and end.
        scored: first and end, a halo farther to be smoothed and compared with, as far as the slide reaches.
        first: at a distance of whole tiles from that of any other piece, maybe before the slide's edge.
        stride_px: of the windows.
    """

    own: tuple[int, int]
    scored: tuple[int, int]
    first: int
    stride_px: int

    @classmethod
    def of(cls, start_px: int, end_px: int, length: int, stride_px: int) -> "_Span":
        total = max(0, -(-(length - _FIRST_CENTRE) // stride_px))
        first, last = start_px // stride_px, min(-(-end_px // stride_px), total)
        halo = _halo(stride_px)
        before = -(-halo * stride_px // STRIDE_PX) * STRIDE_PX // stride_px
        return cls((first, last), (max(0, first - halo), min(total, last + halo)), first - before, stride_px)

    @property
    def count(self) -> int:
        """Windows in whole steps of 8 pixels from the first to the last that is scored."""
        step = STRIDE_PX // self.stride_px
        return -(-(self.scored[1] - self.first) // step) * step

    @property
    def pixels(self) -> tuple[int, int]:
        start = self.first * self.stride_px - _BEFORE
        return start, start + PATCH_PX + self.stride_px * (self.count - 1)

    @property
    def centres(self) -> slice:
        """Where in ``pixels`` the centres of the windows are."""
        return slice(PATCH_PX // 2, None, self.stride_px)

    def within(self, part: tuple[int, int]) -> slice:
        return slice(part[0] - self.first, part[1] - self.first)


def _halo(stride_px: int) -> int:
    """Windows around a piece that are scored with it: those to smooth with and those to compare with."""
    return (_REACH + 1) * STRIDE_PX // stride_px - 1


def _pieces(block: Block, frame: tuple[int, int], stride_px: int) -> Iterator[tuple[_Span, _Span]]:
    side = _PIECE_PX[stride_px]
    for y in range(0, block.h, side):
        for x in range(0, block.w, side):
            across = _Span.of(block.x + x, block.x + min(block.w, x + side), frame[0], stride_px)
            down = _Span.of(block.y + y, block.y + min(block.h, y + side), frame[1], stride_px)
            if across.own[0] < across.own[1] and down.own[0] < down.own[1]:
                yield across, down


class _View:
    """The pixels of a block with its halo, as far as the slide reaches; (x, y) is its corner in model pixels.

    Read ahead, they come in parts, row by row, by a thread of their own. "read" is the time that was waited for pixels,
    "read beside" what the thread took.
    """

    def __init__(self, reader: RegionReader, box: Box, scale: float, spent: Spent) -> None:
        self.x, self.y, width, height = box
        self._reader, self._scale, self._spent = reader, scale, spent
        self._image = np.empty((height, width, 3), dtype=np.uint8)
        self._readable = np.empty((height, width), dtype=np.bool_)
        self._coming: list[tuple[int, int, Future[None]]] = []

    @classmethod
    @contextmanager
    def coming(
        cls, reader: RegionReader, block: Block, frame: tuple[int, int], scale: float, model: Scorer
    ) -> "Iterator[_View]":
        """Read, or begin to; at the end nobody reads any more."""
        left, top = max(0, block.x - _AROUND_PX), max(0, block.y - _AROUND_PX)
        right, bottom = min(frame[0], block.x + block.w + _AROUND_PX), min(frame[1], block.y + block.h + _AROUND_PX)
        view = cls(reader, (left, top, right - left, bottom - top), scale, model.spent)
        if not model.reads_ahead:
            view._read((0, right - left), (0, bottom - top), "read")
            yield view
            return
        columns, rows = _parts(block.x - left, right - left), _parts(block.y - top, bottom - top)
        with ThreadPoolExecutor(1, "reads ahead") as thread:
            try:
                for down, across in product(rows, columns):
                    view._coming.append((across[0], down[0], thread.submit(view._read, across, down, "read beside")))
                yield view
            finally:
                thread.shutdown(cancel_futures=True)

    def _read(self, across: tuple[int, int], down: tuple[int, int], name: str) -> None:
        began = time.perf_counter()
        (x, right), (y, bottom) = across, down
        part = self._reader.read(self.x + x, self.y + y, right - x, bottom - y, self._scale)
        self._image[y:bottom, x:right], self._readable[y:bottom, x:right] = part
        self._spent.add(name, began)

    def _wait(self, right: int, bottom: int) -> None:
        """Wait for what lies left of a column and above a row."""
        began = time.perf_counter()
        for x, y, part in self._coming:
            if x < right and y < bottom:
                part.result()
        self._spent.add("read", began)

    def readable_core(self, block: Block) -> NDArray[np.bool_]:
        """Tell which pixels of the block were read."""
        top, left = block.y - self.y, block.x - self.x
        self._wait(left + block.w, top + block.h)
        return self._readable[top : top + block.h, left : left + block.w]

    def cut(self, across: tuple[int, int], down: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Cut out a piece's pixels, mirrored where they lie beyond the slide."""
        rows, beyond_rows = _within(down, self.y, self._image.shape[0])
        cols, beyond_cols = _within(across, self.x, self._image.shape[1])
        beyond = (beyond_rows, beyond_cols)
        self._wait(cols.stop, rows.stop)
        image = np.pad(self._image[rows, cols], (*beyond, (0, 0)), mode="reflect")
        return image, np.pad(self._readable[rows, cols], beyond, mode="reflect")


def _parts(before: int, length: int) -> list[tuple[int, int]]:
    """Cut one axis of what is read by what pieces see; it begins ``before`` pixels before the block. (first, end)"""
    ends = [*range(before + _PART_PX + _AROUND_PX, length, _PART_PX), length]
    return list(pairwise([0, *ends]))


def _within(span: tuple[int, int], offset: int, length: int) -> tuple[slice, tuple[int, int]]:
    """Give the part of a span that an array has which begins at ``offset``, and how much is missing at both ends."""
    start, stop = span[0] - offset, span[1] - offset
    return slice(max(0, start), min(length, stop)), (max(0, -start), max(0, stop - length))


@dataclass(frozen=True)
class _Search:
    """What the search of a block's pieces needs."""

    model: Scorer
    view: _View
    scale: float
    params: DetectionParams
    gate: Gate | None
    regions: Sequence[Region] | None

    def piece(self, across: _Span, down: _Span) -> NDArray[np.float64]:
        """Return the candidates a piece owns, float64 (N, 3), columns x, y (model pixels), score."""
        stride_px = self.params.stride_px
        image, readable = self.view.cut(across.pixels, down.pixels)
        began = time.perf_counter()
        chosen = self._chosen(image, readable, across, down)
        self.model.spent.add("gate", began)
        if not chosen[down.within(down.own), across.within(across.own)].any():
            return np.zeros((0, 3))
        scores = self.model.score(image, chosen, stride_px)
        began = time.perf_counter()
        rows, cols = down.within(down.scored), across.within(across.scored)
        own = np.zeros(scores.shape, dtype=bool)
        own[down.within(down.own), across.within(across.own)] = True
        found = _peaks(scores[rows, cols], own[rows, cols], self.params.floor, STRIDE_PX // stride_px)
        found[:, 0] = (found[:, 0] + across.scored[0]) * stride_px + _FIRST_CENTRE
        found[:, 1] = (found[:, 1] + down.scored[0]) * stride_px + _FIRST_CENTRE
        self.model.spent.add("peaks", began)
        return found

    def _chosen(
        self, image: NDArray[np.uint8], readable: NDArray[np.bool_], across: _Span, down: _Span
    ) -> NDArray[np.bool_]:
        """Choose the windows to judge: on the slide, readable, stained enough, and in or beside the regions."""
        stride_px = self.params.stride_px
        chosen = np.zeros((down.count, across.count), dtype=bool)
        on_slide = (down.within(down.scored), across.within(across.scored))
        chosen[on_slide] = True
        if not readable.all():
            chosen &= _whole_windows(readable, stride_px)
        if self.regions is not None:
            (x, x1), (y, y1) = across.pixels, down.pixels
            inside = region_mask((x, y, x1 - x, y1 - y), self.regions, self.scale)
            centres = inside[down.centres, across.centres][: down.count, : across.count]
            # A peak can lie 24 pixels outside and its place inside; it needs its own halo.
            reach = _halo(stride_px) + _REACH * STRIDE_PX // stride_px
            chosen &= maximum_filter(centres, size=2 * reach + 1, mode="constant")
        if self.gate is not None and chosen.any():
            chosen &= self.gate.passes_grid(image, stride_px)
        return chosen


def _whole_windows(readable: NDArray[np.bool_], stride_px: int) -> NDArray[np.bool_]:
    """Tell which windows see readable pixels only, by running sums."""
    sums = np.zeros((readable.shape[0] + 1, readable.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = (~readable).cumsum(axis=0).cumsum(axis=1)
    side = PATCH_PX
    bad = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(bad[::stride_px, ::stride_px] == 0)


def _peaks(scores: NDArray[np.float32], own: NDArray[np.bool_], floor: float, step: int) -> NDArray[np.float64]:
    """Find the peaks of a score map and their place between the windows.

    A peak is a highest value, 8 pixels around, of the map smoothed along both axes by a triangle that reaches 24 pixels
    ([1 2 3 2 1]/9 at stride 8), so that a plateau has one in its middle; its score is the map's own there, its place
    the centre of mass of the scores at most 24 pixels around it. There are no windows beyond the slide's edge; the
    opposite ones are left out too, so that the edge does not draw the place inwards.

    Args:
        scores: of the windows, (rows, cols).
        own: those of them where a peak is looked for.
        floor: lowest score of a peak.
        step: windows in 8 pixels.

    Returns:
        float64 (N, 3), columns col, row (in windows, fractional), score.
    """
    reach = _REACH * step
    triangle = (reach - np.abs(np.arange(1 - reach, reach))) / reach**2
    smooth = scores.astype(np.float64)
    for axis in (0, 1):
        smooth = correlate1d(smooth, triangle, axis=axis, mode="nearest")
    top = smooth >= maximum_filter(smooth, size=2 * step + 1, mode="constant") - _TIE
    rows, cols = np.nonzero(top & own & (scores >= floor))
    near = _surroundings(scores, rows, cols, reach)
    around = np.arange(-reach, reach + 1)
    mass = near.sum(axis=(1, 2))
    return np.column_stack(
        [
            cols + (near * around).sum(axis=(1, 2)) / mass,
            rows + (near * around[:, None]).sum(axis=(1, 2)) / mass,
            scores[rows, cols],
        ]
    )


def _surroundings(
    scores: NDArray[np.float32], rows: NDArray[np.intp], cols: NDArray[np.intp], reach: int
) -> NDArray[np.float64]:
    """Cut out the scores around places, float64 (N, side, side), 0 wherever a place or its mirror image is missing."""
    padded = np.pad(scores.astype(np.float64), reach, constant_values=np.nan)
    steps = np.arange(2 * reach + 1)
    near = np.asarray(padded[rows[:, None, None] + steps[:, None], cols[:, None, None] + steps])
    missing = np.isnan(near)
    near[missing | missing[:, ::-1] | missing[:, :, ::-1]] = 0
    return near
