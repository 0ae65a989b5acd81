"""Finds the JPEG tiles of a pyramidal TIFF as they lie in the file, so that they need not be decoded to be served."""

import io
import os
import struct
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeling.slides.jpeg import whole_jpeg

_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 4096
_MAX_BYTES = 1 << 20
# A JPEG decoder can leave out frequencies down to one of each block of 8×8.
_MAX_SHRINK = 8
_KEPT_TILES = 96
# Of larger tiles, those that are kept decoded would take too much memory.
_MAX_TILE_PX = 512
# Bytes of a value, by TIFF type; the other types are in no tag that is read here.
_SIZES = {1: 1, 3: 2, 4: 4, 7: 1, 16: 8}
_CODES = {1: "<B", 3: "<H", 4: "<I", 7: "<B", 16: "<Q"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _TABLES = 284, 322, 323, 324, 325, 347
_JPEG, _CONTIGUOUS, _RGB, _YCBCR = 7, 1, 2, 6

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Values:
    """Where the values of one tag lie."""

    kind: int
    count: int
    offset: int


@dataclass(frozen=True)
class _Layout:
    """What classic TIFF and BigTIFF write differently: struct codes of counts, directory entries and offsets."""

    count: str
    entry: struct.Struct
    offset: str
    first: int


_CLASSIC = _Layout("<H", struct.Struct("<HHI4s"), "<I", first=4)
_BIG = _Layout("<Q", struct.Struct("<HHQ8s"), "<Q", first=8)
# OpenSlide takes no TIFF of the other byte order for a slide.
_LAYOUTS = {b"II\x2a\x00": _CLASSIC, b"II\x2b\x00": _BIG}


class _Tiff:
    """Random access to the tags of a TIFF, whatever it says: each read is bounded.

    Any number of threads may read; the file is closed once nobody holds this any more.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._layout = _LAYOUTS[self.bytes_at(0, 4)]

    def bytes_at(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        if len(data) != size:
            raise ValueError("the file ends early")
        return data

    def number(self, values: _Values, index: int) -> int:
        """Read one value of a tag."""
        if not 0 <= index < values.count:
            raise ValueError("there is no such value")
        size = _SIZES[values.kind]
        return self._unpack(_CODES[values.kind], values.offset + index * size)

    def directories(self) -> Iterator[dict[int, _Values]]:
        """Walk the directories, so many at most that a chain without an end ends."""
        at = self._unpack(self._layout.offset, self._layout.first)
        for _ in range(_MAX_DIRECTORIES):
            if at == 0:
                return
            tags, at = self._directory(at)
            yield tags

    def _unpack(self, code: str, offset: int) -> int:
        return int(struct.unpack(code, self.bytes_at(offset, struct.calcsize(code)))[0])

    def _directory(self, at: int) -> tuple[dict[int, _Values], int]:
        layout = self._layout
        entries = self._unpack(layout.count, at)
        if entries > _MAX_ENTRIES:
            raise ValueError("the directory is too long")
        at += struct.calcsize(layout.count)
        data = self.bytes_at(at, entries * layout.entry.size)
        tags = {}
        for n, (tag, kind, count, _) in enumerate(layout.entry.iter_unpack(data), start=1):
            if kind in _SIZES:
                tags[tag] = _Values(kind, count, self._place(kind, count, at + n * layout.entry.size))
        return tags, self._unpack(layout.offset, at + len(data))

    def _place(self, kind: int, count: int, end: int) -> int:
        """Values that fit lie in the entry itself, the others where it points to."""
        room = struct.calcsize(self._layout.offset)
        is_inline = count * _SIZES[kind] <= room
        return end - room if is_inline else self._unpack(self._layout.offset, end - room)


class StoredTiles:
    """The JPEG tiles of one level; any number of threads may ask for them.

    Args:
        tiff: the open file.
        tags: of the level's directory.

    Raises:
        ValueError: the directory contradicts itself.
    """

    def __init__(self, tiff: _Tiff, tags: dict[int, _Values]) -> None:
        self._tiff = tiff
        self._offsets, self._counts = tags[_OFFSETS], tags[_COUNTS]
        self.size = tiff.number(tags[_WIDTH], 0), tiff.number(tags[_HEIGHT], 0)
        self._tile = tiff.number(tags[_TILE_WIDTH], 0), tiff.number(tags[_TILE_HEIGHT], 0)
        self._columns, rows = (-(-side // max(1, tile)) for side, tile in zip(self.size, self._tile, strict=True))
        self._is_ycbcr = tiff.number(tags[_PHOTOMETRIC], 0) == _YCBCR
        self._tables = self._read_tables(tags.get(_TABLES))
        self._decoded: OrderedDict[tuple[int, int, tuple[int, int]], NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()
        if not self._offsets.count == self._counts.count == self._columns * rows:
            raise ValueError("the level has another number of tiles")

    def jpeg(self, box: Box) -> bytes | None:
        """Give a tile as a whole JPEG without metadata.

        Args:
            box: (x, y, width, height) in the level's pixels, all of it on the level.

        Returns:
            None where the box is not just one tile, or that tile is empty or visibly damaged.
        """
        x, y, *size = box
        if tuple(size) != self._tile or x % size[0] or y % size[1]:
            return None
        return self._whole_tile(x // size[0], y // size[1])

    def pixels(self, box: Box, ratio: int) -> NDArray[np.uint8] | None:
        """Decode a box, at a fraction of its size where that is asked: it costs far less than to decode it whole.

        Args:
            box: (x, y, width, height) in output pixels, all of it on the level.
            ratio: pixels of the level that become one, a power of two; each is the mean of its square, as far as the
                few frequencies know it that are decoded.

        Returns:
            uint8 of shape (height, width, 3), RGB. None where a tile cannot be shrunk so, is empty or damaged.
        """
        step = min(ratio, _MAX_SHRINK)
        if any(side % step for side in self._tile):
            return None
        # What a JPEG decoder cannot shrink any more is averaged.
        x, y, width, height = (value * (ratio // step) for value in box)
        side_x, side_y = (side // step for side in self._tile)
        picture = np.empty((height, width, 3), dtype=np.uint8)
        for row in range(y // side_y, -(-(y + height) // side_y)):
            rows, tile_rows = _overlap(y, height, row * side_y, side_y)
            for col in range(x // side_x, -(-(x + width) // side_x)):
                tile = self._tile_of_size(col, row, (side_x, side_y))
                if tile is None:
                    return None
                cols, tile_cols = _overlap(x, width, col * side_x, side_x)
                picture[rows, cols] = tile[tile_rows, tile_cols]
        return picture if ratio == step else np.asarray(Image.fromarray(picture).reduce(ratio // step))

    def _tile_of_size(self, col: int, row: int, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Give a tile decoded to a size; the last ones are kept, for the next box begins on them."""
        key = (col, row, size)
        tile = self._decoded.get(key)
        if tile is None:
            tile = self._decode(col, row, size)
        if tile is not None:
            with self._lock:
                self._decoded[key] = tile
                self._decoded.move_to_end(key)
                if len(self._decoded) > _KEPT_TILES:
                    self._decoded.popitem(last=False)
        return tile

    def _decode(self, col: int, row: int, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        data = self._whole_tile(col, row)
        if data is None:
            return None
        try:
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as tile:
                tile.draft("RGB", size)
                return np.asarray(tile) if (tile.mode, tile.size) == ("RGB", size) else None
        except (OSError, SyntaxError):
            return None

    def _whole_tile(self, col: int, row: int) -> bytes | None:
        index = row * self._columns + col
        try:
            size = self._tiff.number(self._counts, index)
            data = self._tiff.bytes_at(self._tiff.number(self._offsets, index), size) if size <= _MAX_BYTES else b""
        except (ValueError, OSError, OverflowError):
            return None
        return whole_jpeg(data, self._tables, size=self._tile, is_ycbcr=self._is_ycbcr)

    def _read_tables(self, values: _Values | None) -> bytes:
        if values is None:
            return b""
        if values.kind not in (1, 7) or values.count > _MAX_BYTES:
            raise ValueError("these are no JPEG tables")
        return self._tiff.bytes_at(values.offset, values.count)


def _overlap(start: int, length: int, tile: int, side: int) -> tuple[slice, slice]:
    """On one axis, where a box has pixels of a tile, seen from the box and seen from the tile."""
    first, end = max(start, tile), min(start + length, tile + side)
    return slice(first - start, end - start), slice(first - tile, end - tile)


def stored_levels(path: Path) -> dict[tuple[int, int], StoredTiles]:
    """Find the levels of a TIFF whose tiles can be served as they are, by (width, height).

    A file that is no such TIFF has none; of two levels of one size neither is given.
    """
    try:
        tiff = _Tiff(path)
        found = [StoredTiles(tiff, tags) for tags in tiff.directories() if _holds_colour_jpegs(tiff, tags)]
    except (ValueError, KeyError, OSError, OverflowError, struct.error):
        return {}
    sizes = [level.size for level in found]
    return {level.size: level for level in found if sizes.count(level.size) == 1}


def _holds_colour_jpegs(tiff: _Tiff, tags: dict[int, _Values]) -> bool:
    """Tell whether a directory holds 8-bit colour in JPEG tiles."""
    wanted = {_COMPRESSION: _JPEG, _SAMPLES: 3, _BITS: 8}
    if not tags.keys() >= {*wanted, _WIDTH, _HEIGHT, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS}:
        return False
    planar = tiff.number(tags[_PLANAR], 0) if _PLANAR in tags else _CONTIGUOUS
    is_small = all(tiff.number(tags[side], 0) <= _MAX_TILE_PX for side in (_TILE_WIDTH, _TILE_HEIGHT))
    is_colour = tiff.number(tags[_PHOTOMETRIC], 0) in (_RGB, _YCBCR) and planar == _CONTIGUOUS
    return is_small and is_colour and all(tiff.number(tags[tag], 0) == value for tag, value in wanted.items())
