"""Writes BigTIFF files from tiles that are compressed already; every tag is given, none is added."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import ArrayLike

_INLINE_BYTES = 8
_TILE_OFFSETS, _TILE_BYTE_COUNTS = 324, 325


@dataclass(frozen=True)
class Tag:
    """A TIFF tag: its code, its type and its value in bytes.

    Source: TIFF 6.0, sections 2 and 8, and the BigTIFF design of libtiff.
    """

    code: int
    kind: int
    count: int
    data: bytes


def short(code: int, *values: int) -> Tag:
    """Make a tag of 16-bit numbers."""
    return Tag(code, 3, len(values), struct.pack(f"<{len(values)}H", *values))


def long(code: int, *values: int) -> Tag:
    """Make a tag of 32-bit numbers."""
    return Tag(code, 4, len(values), struct.pack(f"<{len(values)}I", *values))


def rational(code: int, numerator: int, denominator: int) -> Tag:
    """Make a tag of one fraction."""
    return Tag(code, 5, 1, struct.pack("<II", numerator, denominator))


def text(code: int, words: str) -> Tag:
    """Make a tag of ASCII."""
    data = words.encode("ascii") + b"\0"
    return Tag(code, 2, len(data), data)


def opaque(code: int, data: bytes) -> Tag:
    """Make a tag of bytes that mean something to a decoder."""
    return Tag(code, 7, len(data), data)


class TileFile:
    """A BigTIFF in the making, little-endian, its images written one after the other.

    Args:
        path: the file to make.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("w+b")
        self._file.write(b"II" + struct.pack("<HHHQ", 43, 8, 0, 0))
        self._pointer = 8

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, tiles: Iterable[bytes], tags: list[Tag]) -> None:
        """Write an image.

        Args:
            tiles: its compressed tiles, by rows; empty ones stay empty.
            tags: everything else a reader is told.
        """
        offsets, counts = zip(*(self.put(tile) for tile in tiles), strict=True)
        self.add_image(offsets, counts, tags)

    def put(self, tile: bytes) -> tuple[int, int]:
        """Write one compressed tile, for images that show it; gives its (offset, size)."""
        return (self._append(tile) if tile else 0), len(tile)

    def add_image(self, offsets: ArrayLike, counts: ArrayLike, tags: list[Tag]) -> None:
        """Write an image of tiles that are in the file; several places may show the same.

        Args:
            offsets: of the tiles, by rows.
            counts: their sizes, bytes.
            tags: everything else a reader is told.
        """
        told = [*tags, _long8(_TILE_OFFSETS, offsets), _long8(_TILE_BYTE_COUNTS, counts)]
        entries = [self._entry(tag) for tag in sorted(told, key=lambda tag: tag.code)]
        directory = self._append(struct.pack("<Q", len(entries)) + b"".join(entries) + bytes(8))
        following = self._file.tell() - 8
        self._file.seek(self._pointer)
        self._file.write(struct.pack("<Q", directory))
        self._pointer = following

    def _entry(self, tag: Tag) -> bytes:
        inline = tag.data if len(tag.data) <= _INLINE_BYTES else struct.pack("<Q", self._append(tag.data))
        return struct.pack("<HHQ8s", tag.code, tag.kind, tag.count, inline)

    def _append(self, data: bytes) -> int:
        end = self._file.seek(0, 2)
        # Offsets of values and directories are even.
        place = end + end % 2
        self._file.write(bytes(end % 2) + data)
        return place


def _long8(code: int, values: ArrayLike) -> Tag:
    numbers = np.asarray(values, dtype="<u8").ravel()
    return Tag(code, 16, len(numbers), numbers.tobytes())
