"""TIFFs whose structure is wrong in one place each, written byte by byte."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from labeling.slides.tiff_writer import Tag, TileFile, long, short, text
from tests.labeling.slides.files import APERIO, Pixels, edit, noise, smooth, write_svs, write_tiff

SIDE = 80
PIXEL_BYTES = SIDE * SIDE * 3
SHORT, LONG, RATIONAL, SLONG, LONG8 = 3, 4, 5, 9, 16
Entry = tuple[int, int, int]
_BITS_AT = 8 + PIXEL_BYTES
_SOUND: dict[int, Entry] = {
    256: (LONG, 1, SIDE),
    257: (LONG, 1, SIDE),
    258: (SHORT, 3, _BITS_AT),
    259: (SHORT, 1, 1),
    262: (SHORT, 1, 2),
    273: (LONG, 1, 8),
    277: (SHORT, 1, 3),
    278: (LONG, 1, SIDE),
    279: (LONG, 1, PIXEL_BYTES),
    284: (SHORT, 1, 1),
}


def odd_tiff(changes: dict[int, Entry | None], *, entries: int | None = None, following: int = 0) -> bytes:
    """Write an 80×80 RGB TIFF with some tags changed or, where None, left out.

    Args:
        changes: (type, count, value or offset) by tag.
        entries: how many tags the directory claims; the truth by default.
        following: where the next directory is said to be.
    """
    tags = {code: entry for code, entry in {**_SOUND, **changes}.items() if entry is not None}
    pixels = smooth(SIDE, SIDE).tobytes()
    directory = _BITS_AT + 8
    data = b"II*\0" + struct.pack("<I", directory) + pixels + struct.pack("<4H", 8, 8, 8, 0)
    data += struct.pack("<H", len(tags) if entries is None else entries)
    data += b"".join(struct.pack("<HHII", code, *entry) for code, entry in sorted(tags.items()))
    return data + struct.pack("<I", following)


def odd(changes: dict[int, Entry | None], **options: int) -> Callable[[Path], object]:
    """Write such a TIFF to a path."""
    return lambda path: path.write_bytes(odd_tiff(changes, **options))


def first_directory(place: int) -> Callable[[Path], object]:
    """Say that the first directory lies elsewhere."""
    data = odd_tiff({})
    return lambda path: path.write_bytes(data[:4] + struct.pack("<I", place) + data[8:])


def big_first_directory(place: int, *, offset_bytes: int = 8) -> Callable[[Path], object]:
    """A BigTIFF whose first directory lies nowhere, or whose offsets have an odd length."""
    return lambda path: path.write_bytes(b"II" + struct.pack("<HHHQ", 43, offset_bytes, 0, place) + bytes(200))


def jpeg_tile(pixels: Pixels, kind: str = "JPEG", **options: object) -> bytes:
    """Compress a tile as JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def write_tiles(
    path: Path, tiles: list[bytes], *, compression: int, tags: tuple[Tag, ...] = (), svs: bool = True
) -> Path:
    """Write 128-px tiles, side by side, as a slide that OpenSlide takes for Aperio's or as a plain TIFF."""
    width = 128 * len(tiles)
    words = [text(270, APERIO.format(w=width, h=128, tile=128, mpp=0.499))] if svs else []
    sizes = [long(256, width), long(257, 128), short(322, 128), short(323, 128)]
    pixels = [short(258, 8, 8, 8), short(259, compression), short(262, 2), short(277, 3), short(284, 1)]
    with TileFile(path) as out:
        out.add(tiles, [*sizes, *pixels, *words, *tags])
    return path


def jpeg_slide(change: Callable[[list[bytes]], object] = lambda _: None) -> Callable[[Path], object]:
    """A slide of four JPEG tiles, some of them changed."""

    def build(path: Path) -> None:
        # Transform 0: the tiles are RGB, as the slide says.
        tiles = [jpeg_tile(smooth(512, 128)[:, n * 128 :][:, :128], quality=90, keep_rgb=True) for n in range(4)]
        change(tiles)
        write_tiles(path, tiles, compression=7)

    return build


def inflating_tile(path: Path) -> Path:
    """A tile of 128×128 px that inflates to 200 MB."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    tile = zlib.compress(noise(128, 128).tobytes())
    return write_tiles(path, [tile, bomb], compression=8)


def told_offset(tag: int, value: int) -> Callable[[Path], object]:
    """A slide whose last number of a tag's table (tile offsets, byte counts) is wrong."""

    def build(path: Path) -> None:
        write_svs(path, noise(600, 400), levels=1)
        with tifffile.TiffFile(path) as tiff:
            found = tiff.pages.first.tags[tag]
            size = found.valuebytecount // found.count
            place = found.valueoffset + size * (found.count - 1)
        edit(path, lambda data: struct.pack_into({2: "<H", 4: "<I"}[size], data, place, value))

    return build


def described(words: bytes) -> Callable[[Path], object]:
    """A sound SVS with further words in its description."""

    def build(path: Path) -> None:
        tile = noise(128, 128).tobytes()
        told = APERIO.format(w=256, h=128, tile=128, mpp=0.499).encode() + words + b"\0"
        sizes = [long(256, 256), long(257, 128), short(322, 128), short(323, 128)]
        pixels = [short(258, 8, 8, 8), short(259, 1), short(262, 2), short(277, 3), short(284, 1)]
        with TileFile(path) as out:
            out.add([tile, tile], [*sizes, *pixels, Tag(270, 2, len(told), told)])

    return build


def pages_of_growing_size(path: Path) -> None:
    """A second image that is larger than the first."""
    with tifffile.TiffWriter(path) as tiff:
        for side in (100, 200):
            tiff.write(noise(side, side), photometric="rgb", metadata=None)


def circling_subdirectory(path: Path) -> None:
    """A SubIFDs tag that points to the directory it stands in."""
    path.write_bytes(odd_tiff({330: (LONG, 1, _BITS_AT + 8)}))


def typed(dtype: type, **options: object) -> Callable[[Path], object]:
    """RGB pixels of another type."""
    return lambda path: write_tiff(path, np.ones((90, 100, 3), dtype), **options)
