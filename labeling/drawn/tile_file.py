"""Pyramids of ready-made JPEG tiles: each distinct tile is written once, and pointed to wherever it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeling.drawn.slide_file import TILE_PX
from labeling.slides.publishing import whole_or_absent
from labeling.slides.tiff_writer import Tag, TileFile, long, opaque, rational, short, text

RGB: Final = 2
YCBCR: Final = 6
_JPEG, _CENTIMETRE = 7, 3


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
    with whole_or_absent(path) as temporary, TileFile(temporary) as file:
        places = np.array([file.put(tile) for tile in tiles], dtype=np.uint64).reshape(-1, 2)
        for n, level in enumerate(levels):
            offsets, counts = places[level.tiles.ravel()].T
            file.add_image(offsets, counts, list(_tags(level, look, is_first=n == 0)))


def _tags(level: Level, look: Look, *, is_first: bool) -> Iterator[Tag]:
    dots = round(10_000_000 / look.mpp), 1000
    yield from (long(254, 0 if is_first else 1), long(256, level.width), long(257, level.height))
    yield from (short(258, 8, 8, 8), short(259, _JPEG), short(262, look.photometric), short(277, 3), short(284, 1))
    yield from (rational(282, *dots), rational(283, *dots), short(296, _CENTIMETRE))
    yield from (long(322, look.tile_px), long(323, look.tile_px))
    if look.description and is_first:
        yield text(270, look.description)
    if look.tables:
        yield opaque(347, look.tables)
    if look.photometric == YCBCR:
        yield short(530, *look.subsampling)
