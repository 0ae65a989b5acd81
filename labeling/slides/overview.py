"""The coarse tiles of a slide, drawn once where its file keeps no level for them: each shows a large part of it."""

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeling.slides.reader import SlideReader
from labeling.slides.tiles import TILE_PX, TilePyramid, jpeg, tile_pixels

MOST_TILES = 1024
"""Of the finest level that is drawn ahead: whatever the slide, the overview stays small."""
COARSER = 2.0
"""A tile so much coarser than the file's coarsest level is drawn from four of the file's tiles or more."""

# Of a ZIP file's local file header. Source: APPNOTE.TXT of PKWARE, 4.3.7.
_HEADER_BYTES = 30

Place = tuple[int, int, int]
Pixels = NDArray[np.uint8]


def overview_levels(reader: SlideReader) -> range:
    """List the deep-zoom levels that an overview holds, the coarsest is one tile.

    Empty where the file's own levels are coarse enough.
    """
    pyramid = TilePyramid(*reader.size)
    tiles = [math.prod(pyramid.grid(level)) for level in range(pyramid.max_level + 1)]
    fitting = [
        level
        for level, count in enumerate(tiles)
        if 1 < count <= MOST_TILES and pyramid.scale(level) >= COARSER * reader.coarsest
    ]
    return range(tiles.count(1) - 1, fitting[-1] + 1) if fitting else range(0)


def draw_overview(
    reader: SlideReader, target: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> bool:
    """Draw the overview of a slide: a ZIP file of JPEG tiles, the same bytes for the same slide.

    Only the finest tiles are read, each coarser one is the mean of its four; so each part of the slide is read once. A
    tile of which a part cannot be read is left out, with all that show it: they are drawn when somebody looks there.

    Args:
        reader: the open slide.
        target: the file to make.
        on_progress: called with (done, total) of the finest tiles; what it raises stops the work.

    Returns:
        False where the slide needs no overview: no file is made.
    """
    levels = overview_levels(reader)
    if not levels:
        return False
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        _Drawing(reader, levels, archive, on_progress).draw((levels.start, 0, 0))
    return True


def overview_tile(path: Path, place: Place) -> bytes | None:
    """Give a tile of an overview by (level, column, row).

    None where it was left out, or the file is gone or damaged: the tile can still be drawn.
    """
    try:
        member = _contents(path)[_name(place)]
        with path.open("rb") as file:
            # Stored as it is, right behind its header and its name.
            file.seek(member.header_offset + _HEADER_BYTES + len(member.filename))
            tile = file.read(member.file_size)
    except (KeyError, OSError, zipfile.BadZipFile):
        return None
    return tile if zlib.crc32(tile) == member.CRC else None


@lru_cache(maxsize=16)
def _contents(path: Path) -> dict[str, zipfile.ZipInfo]:
    """List what an overview holds; where that is a thousand tiles, it takes a hundred times as long as to read one."""
    with zipfile.ZipFile(path) as archive:
        return {member.filename: member for member in archive.infolist()}


def _name(place: Place) -> str:
    level, col, row = place
    return f"{level}/{col}_{row}.jpg"


class _Drawing:
    """An overview in the making."""

    def __init__(
        self, reader: SlideReader, levels: range, archive: zipfile.ZipFile, tell: Callable[[int, int], None]
    ) -> None:
        self._reader, self._finest, self._archive, self._tell = reader, levels[-1], archive, tell
        self._pyramid = TilePyramid(*reader.size)
        columns, rows = self._pyramid.grid(self._finest)
        self._done, self._total = 0, columns * rows

    def draw(self, place: Place) -> Pixels | None:
        """Draw a tile and all that it shows, depth first: four tiles a level are all that is kept in memory."""
        pixels = self._read(place) if place[0] == self._finest else self._gathered(place)
        if pixels is not None:
            # The name alone, no time: the same slide gives the same file.
            self._archive.writestr(zipfile.ZipInfo(_name(place)), jpeg(pixels))
        return pixels

    def _read(self, place: Place) -> Pixels | None:
        self._done += 1
        self._tell(self._done, self._total)
        return tile_pixels(self._reader, *place)

    def _gathered(self, place: Place) -> Pixels | None:
        """Put the tiles of the next finer level together, and make one pixel of four."""
        parts = [(offset, self.draw(finer)) for offset, finer in self._finer(place)]
        _, _, width, height = self._pyramid.box(*place)
        canvas = Image.new("RGB", (2 * width, 2 * height))
        right = bottom = 0
        for offset, pixels in parts:
            if pixels is None:
                return None
            canvas.paste(Image.fromarray(pixels), offset)
            right, bottom = max(right, offset[0] + pixels.shape[1]), max(bottom, offset[1] + pixels.shape[0])
        return np.asarray(canvas.crop((0, 0, right, bottom)).reduce(2))

    def _finer(self, place: Place) -> Iterator[tuple[tuple[int, int], Place]]:
        """List the tiles of the next finer level that lie under a tile, and where in it."""
        level, col, row = place
        columns, rows = self._pyramid.grid(level + 1)
        for down in (0, 1):
            for across in (0, 1):
                if 2 * col + across < columns and 2 * row + down < rows:
                    yield (across * TILE_PX, down * TILE_PX), (level + 1, 2 * col + across, 2 * row + down)
