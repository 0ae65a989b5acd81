"""Reads regions of a slide at any scale through OpenSlide; unreadable pixels are told, never invented."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from labeling.slides.errors import SlideError
from labeling.slides.geometry import frame_size
from labeling.slides.resolution import openslide_mpp
from labeling.slides.stored_tiles import StoredTiles, stored_levels

GLASS = 255
# Reads are cut on this grid, so that memory stays flat and an error costs one block.
_BLOCK_PX = 2048
# Resampled pixels are made in aligned tiles of this side, so that a pixel never depends on the request.
_TILE_PX = 256
_CACHED_TILES = 64
_OPAQUE = 128
# Scanners' formats whose tiles lie side by side, each once, as OpenSlide shows them.
_PLAIN_TILES = {"aperio", "generic-tiff"}
# Scanners' formats that have no tiles where there was only glass; a damaged tile of theirs is an error.
_SPARSE = {"dicom", "mirax"}

Pixels = tuple[NDArray[np.uint8], NDArray[np.bool_]]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class SlideFacts:
    """What is known of a slide once it was opened; any number of its readers share it.

    Args:
        size: (width, height), level-0 pixels.
        mpp: µm per pixel as the file says, None if it does not.
        levels: (width, height) of each level.
        downsamples: level-0 pixels per pixel of each level.
        cells: (width, height) of the file's own tiles on each level, the smallest part that can fail alone.
        stored: the levels whose JPEG tiles can be had as they lie in the file, by size.
        is_sparse: where there is no tile, there was nothing but glass.
    """

    size: tuple[int, int]
    mpp: float | None
    levels: tuple[tuple[int, int], ...]
    downsamples: tuple[float, ...]
    cells: list[tuple[int, int]]
    stored: dict[tuple[int, int], StoredTiles]
    is_sparse: bool

    @classmethod
    def of(cls, slide: openslide.OpenSlide, path: Path) -> Self:
        """Read them in an open slide."""
        known = slide.properties
        cells = [_cell_size(known, level) for level in range(slide.level_count)]
        vendor = known.get("openslide.vendor")
        stored = stored_levels(path) if vendor in _PLAIN_TILES else {}
        levels, downsamples = slide.level_dimensions, slide.level_downsamples
        return cls(slide.dimensions, openslide_mpp(known), levels, downsamples, cells, stored, vendor in _SPARSE)


class SlideReader:
    """One open slide.

    Holds a file handle and a cache of its own: use one reader per thread, and open it after a fork, not before.

    Args:
        path: a file that OpenSlide reads: an accepted pyramid, one made by ``build_pyramid``, or the ``main_file`` of a
            slide of several.
        facts: those of another reader of the file; then OpenSlide opens it, for milliseconds, only when it is needed.

    Raises:
        SlideError: ``slide_damaged`` if the file is missing or cannot be opened.
    """

    def __init__(self, path: Path | str, facts: SlideFacts | None = None) -> None:
        self.path = Path(path)
        self._handle: openslide.OpenSlide | None = None
        if not self.path.exists():
            raise _cannot_open()
        self.facts = facts or SlideFacts.of(self._slide, self.path)
        self.size, self.mpp = self.facts.size, self.facts.mpp
        self._levels, self._downsamples = self.facts.levels, self.facts.downsamples
        self._tiles: OrderedDict[tuple[float, int, int], Pixels] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file handle; the reader cannot be used afterwards."""
        if self._handle is not None:
            self._handle.close()
        self._tiles.clear()

    def read(self, x: int, y: int, w: int, h: int, scale: float = 1.0) -> Pixels:
        """Read a region of the slide resampled to ``scale`` level-0 pixels per output pixel.

        The same output pixel has the same value in every request. Where resampling would mix in an unreadable pixel,
        the result is unreadable too.

        Args:
            x: left column in output pixels, may be negative.
            y: top row in output pixels, may be negative.
            w: width in output pixels, at least 1.
            h: height in output pixels, at least 1.
            scale: level-0 pixels per output pixel; 1 gives the slide's own pixels.

        Returns:
            (pixels, mask): uint8 of shape (h, w, 3), RGB; bool of shape (h, w), False where the pixel lies
            outside the slide or cannot be read. Such pixels have the colour of glass, 255, and so has what the scanner
            passed over because it saw nothing but glass.

        Raises:
            SlideError: ``slide_bad_region`` if the region is empty, ``slide_bad_scale`` if the scale is not positive.
        """
        if w < 1 or h < 1:
            raise SlideError("The region is empty.", code="slide_bad_region")
        if scale == 1:
            return self._gather((x, y, w, h), self.size, _BLOCK_PX, lambda box: self._read_block(0, box))
        frame = frame_size(self.size, scale=scale)
        return self._gather((x, y, w, h), frame, _TILE_PX, lambda box: self._read_tile(scale, box))

    def stored_jpeg(self, box: Box, scale: float = 1.0) -> bytes | None:
        """Give a box as the JPEG that the file itself holds for it, undecoded.

        Args:
            box: (x, y, w, h) in output pixels.
            scale: level-0 pixels per output pixel.

        Returns:
            A JPEG without metadata that shows what ``read`` reads. None where no tile of the file is just this box, or
            where it is not JPEG, empty or damaged.
        """
        tiles, ratio = self._stored_under(box, scale)
        return tiles.jpeg(box) if tiles and ratio == 1 else None

    def look(self, box: Box, scale: float) -> NDArray[np.uint8] | None:
        """Read a box from the file's JPEG tiles at least cost, for somebody who only looks at it.

        Args:
            box: (x, y, w, h) in output pixels.
            scale: level-0 pixels per output pixel.

        Returns:
            uint8 of shape (h, w, 3), RGB: what ``read`` reads where the scale is a level's own, the mean of several
            pixels where it is coarser. None where it is no power of two of a level's, and where a tile is not JPEG,
            empty or damaged.
        """
        tiles, ratio = self._stored_under(box, scale)
        return tiles.pixels(box, ratio) if tiles and ratio.bit_count() == 1 else None

    def _stored_under(self, box: Box, scale: float) -> tuple[StoredTiles | None, int]:
        """Find the JPEG tiles that a box can be had from, and how many of their pixels become one."""
        x, y, w, h = box
        frame = frame_size(self.size, scale=scale)
        level = 0 if scale == 1 else self._level_for(scale, frame)[0]
        size, ratio = self._levels[level], max(1, round(scale / self._downsamples[level]))
        drift_px = abs(scale / self._downsamples[level] - ratio) / ratio * max(frame)
        fits = (
            x >= 0 and y >= 0 and x + w <= min(frame[0], size[0] // ratio) and y + h <= min(frame[1], size[1] // ratio)
        )
        return (self.facts.stored.get(size) if fits and drift_px < 1 else None), ratio

    def overview(self, box: Box, scale: float, *, most: float) -> Pixels | None:
        """Read a box coarsely, where the file keeps a level for that.

        Args:
            box: (x, y, w, h) in output pixels of ``scale``; what lies beyond the slide is left out.
            scale: level-0 pixels per output pixel.
            most: output pixels that may become one; the coarsest such level is taken.

        Returns:
            As ``read`` does, whole pixels around the box; None where no level is at least four times as coarse.
        """
        fitting = [coarse for coarse in self._downsamples if 4 * scale <= coarse <= most * scale * 1.001]
        if not fitting:
            return None
        coarse = max(fitting)
        width, height = frame_size(self.size, scale=coarse)
        x, y, w, h = (value * scale / coarse for value in box)
        left, top = max(0, math.floor(x)), max(0, math.floor(y))
        right, bottom = min(width, math.ceil(x + w)), min(height, math.ceil(y + h))
        return self.read(left, top, max(1, right - left), max(1, bottom - top), coarse)

    @property
    def coarsest(self) -> float:
        """Level-0 pixels per pixel of the coarsest level that the file keeps."""
        return max(self._downsamples)

    def _gather(self, box: Box, frame: tuple[int, int], step: int, read: Callable[[Box], Pixels]) -> Pixels:
        x, y, w, h = box
        pixels, mask = _blank(w, h)
        for part in _grid(box, frame, (step, step)):
            px, py, pw, ph = part
            if part == box:
                return read(part)
            place = slice(py - y, py - y + ph), slice(px - x, px - x + pw)
            pixels[place], mask[place] = read(part)
        return pixels, mask

    @property
    def _slide(self) -> openslide.OpenSlide:
        if self._handle is None:
            self._handle = self._open()
        return self._handle

    def _open(self) -> openslide.OpenSlide:
        try:
            return openslide.OpenSlide(self.path)
        except (openslide.OpenSlideError, OSError) as error:
            raise _cannot_open() from error

    def _reopen(self) -> None:
        # OpenSlide keeps failing on good tiles after one bad tile; a fresh handle does not.
        fresh = self._open()
        self._slide.close()
        self._handle = fresh

    def _level_for(self, scale: float, frame: tuple[int, int]) -> tuple[int, bool]:
        """Choose the coarsest level that is fine enough; True if its pixels are the output pixels."""
        fitting = [n for n, d in enumerate(self._downsamples) if d <= scale * 1.001]
        level = max(fitting, key=lambda n: self._downsamples[n], default=0)
        drift_px = abs(scale / self._downsamples[level] - 1) * max(frame)
        on_level = frame[0] <= self._levels[level][0] and frame[1] <= self._levels[level][1]
        return level, on_level and drift_px < 1

    def _read_block(self, level: int, box: Box) -> Pixels:
        """Read a box of a level's own pixels; after an error, tile by tile."""
        try:
            return self._read_raw(level, box)
        except openslide.OpenSlideError:
            self._reopen()
        x, y, w, h = box
        pixels, mask = _blank(w, h)
        for cx, cy, cw, ch in _grid(box, self._levels[level], self.facts.cells[level]):
            try:
                cell, ok = self._read_raw(level, (cx, cy, cw, ch))
            except openslide.OpenSlideError:
                self._reopen()
                continue
            pixels[cy - y : cy - y + ch, cx - x : cx - x + cw] = cell
            mask[cy - y : cy - y + ch, cx - x : cx - x + cw] = ok
        return pixels, mask

    def _read_raw(self, level: int, box: Box) -> Pixels:
        x, y, w, h = box
        downsample = self._downsamples[level]
        place = (round(x * downsample), round(y * downsample))
        image = self._slide.read_region(place, level, (w, h))
        # A tile of zero bytes comes back transparent and without an error.
        mask = np.asarray(image.getchannel("A")) >= _OPAQUE
        pixels = np.array(image.convert("RGB"))
        if not mask.all():
            pixels[~mask] = GLASS
        return pixels, np.ones_like(mask) if self.facts.is_sparse else mask

    def _read_tile(self, scale: float, box: Box) -> Pixels:
        """Read a box that lies within one aligned tile of output pixels."""
        x, y, w, h = box
        column, row = x // _TILE_PX, y // _TILE_PX
        pixels, mask = self._tile(scale, column, row)
        place = (
            slice(y - row * _TILE_PX, y - row * _TILE_PX + h),
            slice(x - column * _TILE_PX, x - column * _TILE_PX + w),
        )
        return pixels[place].copy(), mask[place].copy()

    def _tile(self, scale: float, column: int, row: int) -> Pixels:
        key = (scale, column, row)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        tile = self._tiles[key] = self._make_tile(scale, column, row)
        if len(self._tiles) > _CACHED_TILES:
            self._tiles.popitem(last=False)
        return tile

    def _make_tile(self, scale: float, column: int, row: int) -> Pixels:
        frame = frame_size(self.size, scale=scale)
        level, direct = self._level_for(scale, frame)
        if not direct:
            return self._resample(scale, level, frame, (column, row))
        x, y = column * _TILE_PX, row * _TILE_PX
        return self._read_block(level, (x, y, min(_TILE_PX, frame[0] - x), min(_TILE_PX, frame[1] - y)))

    def _resample(self, scale: float, level: int, frame: tuple[int, int], tile: tuple[int, int]) -> Pixels:
        """Make one aligned tile of output pixels: bicubic, with as much surround as the filter reaches."""
        ratio = scale / self._downsamples[level]
        spans = [
            _Span.around(n * _TILE_PX, min((n + 1) * _TILE_PX, frame_px), ratio, level_px)
            for n, frame_px, level_px in zip(tile, frame, self._levels[level], strict=True)
        ]
        across, down = spans
        source, ok = self._read_block(level, (across.start, down.start, across.length, down.length))
        box = (across.first, down.first, across.last, down.last)
        size = (across.out_px, down.out_px)
        pixels = np.asarray(Image.fromarray(source).resize(size, Image.Resampling.BICUBIC, box))
        if ok.all():
            return pixels, np.ones(pixels.shape[:2], dtype=np.bool_)
        mask = _untouched(ok, ratio, size, box)
        pixels = np.where(mask[..., None], pixels, np.uint8(GLASS))
        return pixels, mask


def _cannot_open() -> SlideError:
    return SlideError("The slide's file cannot be opened. Upload it again.", code="slide_damaged")


def _cell_size(known: Mapping[str, str], level: int) -> tuple[int, int]:
    width, height = (int(known.get(f"openslide.level[{level}].tile-{side}", 0)) for side in ("width", "height"))
    return (width, height) if 16 <= min(width, height) <= max(width, height) <= _BLOCK_PX else (256, 256)


class _Span:
    """One axis of a resampled tile: the level pixels to read and the part of them that becomes the tile."""

    def __init__(self, out_px: int, start: int, stop: int, first: float, last: float) -> None:
        self.out_px, self.start, self.length = out_px, start, stop - start
        self.first, self.last = first - start, min(last - start, float(stop - start))

    @classmethod
    def around(cls, begin: int, end: int, ratio: float, level_px: int) -> Self:
        first, last = begin * ratio, min(end * ratio, float(level_px))
        reach = math.ceil(2 * max(ratio, 1.0)) + 1
        start, stop = max(0, math.floor(first) - reach), min(level_px, math.ceil(last) + reach)
        return cls(end - begin, start, stop, first, last)


def _blank(w: int, h: int) -> Pixels:
    return np.full((h, w, 3), GLASS, dtype=np.uint8), np.zeros((h, w), dtype=np.bool_)


def _grid(box: Box, frame: tuple[int, int], step: tuple[int, int]) -> Iterator[Box]:
    """Cut the part of a box that lies on the frame along a grid anchored at the origin."""
    x, y, w, h = box
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, frame[0]), min(y + h, frame[1])
    for cell_y in range(top // step[1] * step[1], bottom, step[1]):
        y0, y1 = max(cell_y, top), min(cell_y + step[1], bottom)
        for cell_x in range(left // step[0] * step[0], right, step[0]):
            x0, x1 = max(cell_x, left), min(cell_x + step[0], right)
            if x1 > x0 and y1 > y0:
                yield x0, y0, x1 - x0, y1 - y0


def _untouched(
    ok: NDArray[np.bool_], ratio: float, size: tuple[int, int], box: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    """Tell which output pixels owe nothing to an unreadable one, over the whole reach of the bicubic filter."""
    bad = Image.fromarray(np.where(ok, 0, 255).astype(np.uint8))
    # A triangle reaches half as far as a bicubic; widening by the rest makes up for it.
    bad = bad.filter(ImageFilter.MaxFilter(2 * math.ceil(max(ratio, 1.0)) + 1))
    touched = np.asarray(bad.convert("F").resize(size, Image.Resampling.BILINEAR, box))
    return touched < 1e-3
