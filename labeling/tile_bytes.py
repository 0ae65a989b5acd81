"""Tiles as bytes: the file's own, or drawn, and then remembered for whoever looks there next."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from labeling import media
from labeling.readers import slide_reader
from labeling.slides.overview import overview_levels, overview_tile
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import render_tile, stored_tile

KEEP_BYTES = 48 * 1024**2

Place = tuple[str, int, int, int]


class DrawnTiles:
    """The tiles drawn last, so many as fit; to draw one costs milliseconds.

    Args:
        keep_bytes: how much memory they may take.
    """

    def __init__(self, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Place, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, place: Place) -> bytes | None:
        """Give a tile that is remembered."""
        with self._lock:
            if place in self._tiles:
                self._tiles.move_to_end(place)
            return self._tiles.get(place)

    def keep(self, place: Place, tile: bytes) -> None:
        """Remember a tile, and forget those nobody asked for the longest."""
        with self._lock:
            self._bytes += len(tile) - len(self._tiles.pop(place, b""))
            self._tiles[place] = tile
            while self._bytes > self._keep_bytes:
                self._bytes -= len(self._tiles.popitem(last=False)[1])

    def forget(self) -> None:
        """Forget all."""
        with self._lock:
            self._tiles.clear()
            self._bytes = 0


drawn_tiles = DrawnTiles()


@dataclass(frozen=True)
class TileSource:
    """The files that a slide's tiles come from.

    Args:
        file_sha256: the slide, as ``SlideReader`` reads it.
        overview_sha256: its coarse tiles; empty where none were drawn ahead.
    """

    file_sha256: str
    overview_sha256: str = ""


def tile_bytes(source: TileSource, level: int, col: int, row: int) -> bytes:
    """Give one deep-zoom tile as a JPEG without metadata.

    Raises:
        SlideError: ``tile_not_found`` if there is no such tile; ``slide_damaged`` if the file cannot be opened.
    """
    place = (source.file_sha256, level, col, row)
    known = drawn_tiles.find(place)
    if known is not None:
        return known
    with slide_reader(source.file_sha256) as reader:
        own = stored_tile(reader, level, col, row)
        if own is not None:
            return own
        tile = _drawn_ahead(reader, source, (level, col, row)) or render_tile(reader, level, col, row)
    drawn_tiles.keep(place, tile)
    return tile


def _drawn_ahead(reader: SlideReader, source: TileSource, place: tuple[int, int, int]) -> bytes | None:
    if not source.overview_sha256 or place[0] not in overview_levels(reader):
        return None
    with media.held(source.overview_sha256) as path:
        return overview_tile(path, place)
