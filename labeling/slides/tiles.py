"""Deep zoom: 256-px tiles without overlap, each a JPEG made on demand."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeling.slides.errors import SlideError
from labeling.slides.geometry import frame_size
from labeling.slides.reader import SlideReader

TILE_PX = 256
_HATCH_LIGHT, _HATCH_DARK = 236, 196
_HATCH_PX = 8

# Else Pillow loads its formats, for milliseconds, while somebody waits for the first tile.
Image.preinit()


class TilePyramid:
    """The levels of a slide as a deep-zoom viewer counts them: level 0 is one pixel, the last is the slide itself.

    Args:
        width: slide width, level-0 pixels.
        height: slide height, level-0 pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.max_level = (max(width, height) - 1).bit_length()

    def scale(self, level: int) -> int:
        """Give the level-0 pixels per pixel of a level.

        Raises:
            SlideError: ``tile_not_found`` if there is no such level.
        """
        if not 0 <= level <= self.max_level:
            raise _no_tile()
        return 1 << (self.max_level - level)

    def level_size(self, level: int) -> tuple[int, int]:
        """Give (width, height) of a level in its own pixels, a partly covered pixel included."""
        scale = self.scale(level)
        return -(-self.width // scale), -(-self.height // scale)

    def grid(self, level: int) -> tuple[int, int]:
        """Give (columns, rows) of tiles on a level."""
        width, height = self.level_size(level)
        return -(-width // TILE_PX), -(-height // TILE_PX)

    def box(self, level: int, col: int, row: int) -> tuple[int, int, int, int]:
        """Give (x, y, width, height) of a tile in the level's pixels; tiles at the edge are smaller.

        Raises:
            SlideError: ``tile_not_found`` if there is no such tile.
        """
        columns, rows = self.grid(level)
        if not (0 <= col < columns and 0 <= row < rows):
            raise _no_tile()
        width, height = self.level_size(level)
        x, y = col * TILE_PX, row * TILE_PX
        return x, y, min(TILE_PX, width - x), min(TILE_PX, height - y)


def stored_tile(reader: SlideReader, level: int, col: int, row: int) -> bytes | None:
    """Give one deep-zoom tile as the file's own JPEG; None where the file holds none that is just this tile.

    Raises:
        SlideError: ``tile_not_found`` if there is no such tile.
    """
    pyramid = TilePyramid(*reader.size)
    return reader.stored_jpeg(pyramid.box(level, col, row), float(pyramid.scale(level)))


def render_tile(reader: SlideReader, level: int, col: int, row: int, *, quality: int = 85) -> bytes:
    """Draw one deep-zoom tile; what cannot be read is hatched.

    Args:
        reader: the open slide.
        level: deep-zoom level, 0 to ``TilePyramid.max_level``.
        col: column of the tile.
        row: row of the tile.
        quality: JPEG quality, 1 to 100; the chroma is never subsampled.

    Returns:
        A JPEG without metadata.

    Raises:
        SlideError: ``tile_not_found`` if there is no such tile.
    """
    pixels, _ = _tile(reader, level, col, row)
    return jpeg(pixels, quality)


def tile_pixels(reader: SlideReader, level: int, col: int, row: int) -> NDArray[np.uint8] | None:
    """Read one deep-zoom tile: uint8 (height, width, 3), RGB; None where a part of it cannot be read.

    Raises:
        SlideError: ``tile_not_found`` if there is no such tile.
    """
    pixels, is_whole = _tile(reader, level, col, row)
    return pixels if is_whole else None


def thumbnail(reader: SlideReader, *, max_px: int = 512) -> bytes:
    """Draw the whole slide, its longer side at most ``max_px``, as a JPEG without metadata."""
    scale = max(1.0, max(reader.size) / max_px)
    width, height = frame_size(reader.size, scale=scale)
    pixels, _ = _drawn(reader, (0, 0, width, height), scale)
    return jpeg(pixels)


def _tile(reader: SlideReader, level: int, col: int, row: int) -> tuple[NDArray[np.uint8], bool]:
    pyramid = TilePyramid(*reader.size)
    return _drawn(reader, pyramid.box(level, col, row), float(pyramid.scale(level)))


def _drawn(reader: SlideReader, box: tuple[int, int, int, int], scale: float) -> tuple[NDArray[np.uint8], bool]:
    x, y, w, h = box
    frame = frame_size(reader.size, scale=scale)
    # A level's last column or row may be covered in part only: it repeats its neighbour.
    inner_w, inner_h = min(w, frame[0] - x), min(h, frame[1] - y)
    pad_x, pad_y = max(0, 1 - inner_w), max(0, 1 - inner_h)
    pixels, is_whole = _looked_at(reader, (x - pad_x, y - pad_y, inner_w + pad_x, inner_h + pad_y), scale)
    grow = ((0, h - inner_h - pad_y), (0, w - inner_w - pad_x), (0, 0))
    return (np.pad(pixels, grow, mode="edge") if any(right for _, right in grow) else pixels), is_whole


def _looked_at(reader: SlideReader, box: tuple[int, int, int, int], scale: float) -> tuple[NDArray[np.uint8], bool]:
    looked = reader.look(box, scale)
    if looked is not None:
        return looked, True
    pixels, mask = reader.read(*box, scale)
    if mask.all():
        return pixels, True
    return np.where(mask[..., None], pixels, _hatch(*box)[..., None]), False


def _hatch(x: int, y: int, w: int, h: int) -> NDArray[np.uint8]:
    """Diagonal stripes that run on from tile to tile."""
    stripes = (np.arange(x, x + w)[None, :] + np.arange(y, y + h)[:, None]) // _HATCH_PX % 2
    return np.where(stripes == 0, _HATCH_LIGHT, _HATCH_DARK).astype(np.uint8)


def jpeg(pixels: NDArray[np.uint8], quality: int = 85) -> bytes:
    """Encode a picture, uint8 (height, width, 3), without metadata; the chroma is never subsampled."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def _no_tile() -> SlideError:
    return SlideError("There is no such tile.", code="tile_not_found")
