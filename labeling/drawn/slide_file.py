"""Drawn tissue as files: a tiled pyramid that slide readers open, and single fields."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyvips
from PIL import Image

from labeling.drawn.tissue import Tissue
from labeling.slides.publishing import whole_or_absent

TILE_PX: Final = 256
_BIG_TIFF_PX: Final = 4_000_000_000
_CHUNK_ROWS: Final = 32


def write_slide(
    tissue: Tissue, path: str | Path, *, quality: int = 85, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a section as a tiled, pyramidal TIFF of JPEG tiles, with its µm per pixel.

    Memory does not grow with the height of the slide: one row of canonical tiles at a time.
    The file appears whole or not at all.

    Args:
        tissue: what to write.
        path: of the TIFF; a file there is replaced.
        quality: of the JPEG tiles, 1 to 100.
        on_progress: called with (rows of pixels written, rows in all).

    Raises:
        OSError: if the file cannot be written.
    """
    feed = _PixelFeed(tissue, on_progress)
    source = pyvips.SourceCustom()
    source.on_read(feed.read)
    with whole_or_absent(Path(path)) as temporary:
        try:
            image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="truncated")
            pixels_per_mm = 1000 / tissue.mpp
            image.copy(xres=pixels_per_mm, yres=pixels_per_mm).tiffsave(
                str(temporary),
                compression="jpeg",
                Q=quality,
                tile=True,
                tile_width=TILE_PX,
                tile_height=TILE_PX,
                pyramid=True,
                resunit="cm",
                bigtiff=tissue.width * tissue.height > _BIG_TIFF_PX,
            )
        except pyvips.Error as error:
            raise feed.error or OSError(f"The slide could not be written to {path}: {error}") from error
        if feed.error is not None:
            raise feed.error


def write_field(tissue: Tissue, path: str | Path, box: tuple[int, int, int, int], *, quality: int = 92) -> None:
    """Write one field, as PNG or JPEG by the suffix.

    Args:
        tissue: where the field is cut from.
        path: ending in .png, .jpg or .jpeg; a file there is replaced.
        box: (x, y, width, height) in level-0 pixels of the section.
        quality: of a JPEG.
    """
    target = Path(path)
    dots_per_inch = (25_400 / tissue.mpp,) * 2
    kind = "PNG" if target.suffix.lower() == ".png" else "JPEG"
    with whole_or_absent(target) as temporary:
        Image.fromarray(tissue.render(*box)).save(temporary, kind, quality=quality, dpi=dots_per_inch)


class _PixelFeed:
    """Hands libvips the slide as a stream, top to bottom: a PNG whose pixels are stored, not compressed.

    PNG is the one format that the packaged libvips reads as a stream of any length.
    libvips swallows what a callback raises, so that the first error is kept for the caller.
    """

    def __init__(self, tissue: Tissue, on_progress: Callable[[int, int], None] | None) -> None:
        self.error: Exception | None = None
        self._chunks = self._png(tissue, on_progress)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._rest and self.error is None:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised again by write_slide
                self.error = error
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    @staticmethod
    def _png(tissue: Tissue, on_progress: Callable[[int, int], None] | None) -> Iterator[bytes]:
        yield b"\x89PNG\r\n\x1a\n"
        yield _png_chunk(b"IHDR", struct.pack(">IIBBBBB", tissue.width, tissue.height, 8, 2, 0, 0, 0))
        deflate = zlib.compressobj(0)
        for top in range(0, tissue.height, tissue.tile_px):
            rows = min(tissue.tile_px, tissue.height - top)
            drawn = tissue.render(0, top, tissue.width, rows).reshape(rows, -1)
            for first in range(0, rows, _CHUNK_ROWS):
                # Each row of a PNG starts with the number of its filter: 0, none.
                unfiltered = np.pad(drawn[first : first + _CHUNK_ROWS], ((0, 0), (1, 0)))
                yield _png_chunk(b"IDAT", deflate.compress(unfiltered.tobytes()))
            # A strip of a wide slide is large: let it go before the next one is drawn.
            del drawn, unfiltered
            if on_progress is not None:
                on_progress(top + rows, tissue.height)
        yield _png_chunk(b"IDAT", deflate.flush())
        yield _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))
