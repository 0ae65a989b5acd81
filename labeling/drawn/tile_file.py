"""Pyramids of ready-made JPEG tiles: each distinct tile is written once, and pointed to wherever it shows."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeling.drawn.slide_file import TILE_PX, whole_file

RGB: Final = 2
YCBCR: Final = 6
_SHORT, _LONG, _RATIONAL, _UNDEFINED, _LONG8, _ASCII = 3, 4, 5, 7, 16, 2
_JPEG, _CENTIMETRE = 7, 3

Tag = tuple[int, int, int, bytes]


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Args:
        width: in pixels of the level.
        height: in pixels of the level.
        tiles: int (rows, columns), the number of each place's tile.
    """

    width: int
    height: int
    tiles: NDArray[np.integer]


@dataclass(frozen=True)
class Look:
    """What the file says of all its tiles.

    Args:
        mpp: µm per level-0 pixel.
        photometric: colour space of the JPEGs, ``YCBCR`` or ``RGB``.
        subsampling: of the chroma, (across, down).
        tables: JPEGTables, where the tiles come without.
        description: text of the first directory.
        tile_px: side of the tiles.
    """

    mpp: float = 0.25
    photometric: int = YCBCR
    subsampling: tuple[int, int] = (1, 1)
    tables: bytes = b""
    description: str = ""
    tile_px: int = TILE_PX


def write_tiles(path: Path, tiles: Sequence[bytes], levels: Sequence[Level], look: Look | None = None) -> None:
    """Write a pyramid as a BigTIFF; the file appears whole or not at all.

    Args:
        path: of the file; one that is there is replaced.
        tiles: the distinct JPEG tiles; an empty one is a tile that the scanner left out.
        levels: from the finest to the coarsest.
        look: what the file says of its tiles.
    """
    look = look or Look()
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
        places = np.zeros(len(tiles), dtype="<u8")
        for n, tile in enumerate(tiles):
            places[n] = file.tell()
            file.write(tile)
        sizes = np.array([len(tile) for tile in tiles], dtype="<u4")
        link = 8
        for n, level in enumerate(levels):
            tags = _tags(level, look, places, sizes, is_first=n == 0)
            link = _write_directory(file, tags, link)


def _tags(
    level: Level, look: Look, places: NDArray[np.uint64], sizes: NDArray[np.uint32], *, is_first: bool
) -> list[Tag]:
    shown = level.tiles.ravel()
    dots = struct.pack("<II", round(10_000_000 / look.mpp), 1000)
    tags = [
        _numbers(254, _LONG, 0 if is_first else 1),
        _numbers(256, _LONG, level.width),
        _numbers(257, _LONG, level.height),
        _numbers(258, _SHORT, 8, 8, 8),
        _numbers(259, _SHORT, _JPEG),
        _numbers(262, _SHORT, look.photometric),
        _numbers(277, _SHORT, 3),
        (282, _RATIONAL, 1, dots),
        (283, _RATIONAL, 1, dots),
        _numbers(284, _SHORT, 1),
        _numbers(296, _SHORT, _CENTIMETRE),
        _numbers(322, _LONG, look.tile_px),
        _numbers(323, _LONG, look.tile_px),
        (324, _LONG8, len(shown), places[shown].astype("<u8").tobytes()),
        (325, _LONG, len(shown), sizes[shown].astype("<u4").tobytes()),
    ]
    if look.description and is_first:
        text = look.description.encode() + b"\0"
        tags.append((270, _ASCII, len(text), text))
    if look.tables:
        tags.append((347, _UNDEFINED, len(look.tables), look.tables))
    if look.photometric == YCBCR:
        tags.append(_numbers(530, _SHORT, *look.subsampling))
    return sorted(tags)


def _numbers(tag: int, kind: int, *values: int) -> Tag:
    code = "H" if kind == _SHORT else "I"
    return tag, kind, len(values), struct.pack(f"<{len(values)}{code}", *values)


def _write_directory(file: BinaryIO, tags: list[Tag], link: int) -> int:
    """Append a directory, let the one before it (at ``link``) point to it, and say where its own pointer lies."""
    entries = []
    for tag, kind, count, data in tags:
        value = data.ljust(8, b"\0")
        if len(data) > 8:
            value = struct.pack("<Q", file.tell())
            file.write(data)
        entries.append(struct.pack("<HHQ", tag, kind, count) + value)
    start = file.tell()
    file.write(struct.pack("<Q", len(entries)) + b"".join(entries) + bytes(8))
    end = file.tell()
    file.seek(link)
    file.write(struct.pack("<Q", start))
    file.seek(end)
    return end - 8
