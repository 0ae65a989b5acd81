"""Makes a whole JPEG of a TIFF's tile without decoding it: tables put in, metadata left out, colour space said.

Source: ITU-T T.81, annex B (markers and segments); TIFF Technical Note 2 (JPEGTables); the Adobe segment as in
Adobe Technical Note 5116, section 18.
"""

import re
import struct
from collections.abc import Iterator

_START, _END = b"\xff\xd8", b"\xff\xd9"
_QUANTIZATION, _HUFFMAN, _FRAME, _RESTART_INTERVAL, _SCAN = 0xDB, 0xC4, 0xC0, 0xDD, 0xDA
_KEPT = {_QUANTIZATION, _HUFFMAN, _FRAME, _RESTART_INTERVAL, _SCAN}
# Comments and what applications add, vendors' words among them.
_DROPPED = {0xFE, *range(0xE0, 0xF0)}
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
# Inside a scan a 0xFF is followed by 0x00 or is a restart; everything else ends the scan.
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def whole_jpeg(tile: bytes, tables: bytes, *, size: tuple[int, int], is_ycbcr: bool) -> bytes | None:
    """Put a tile and its tables together.

    Args:
        tile: the tile as it lies in the file.
        tables: the level's JPEGTables; empty where tiles are whole by themselves.
        size: (width, height) that the tile must say it has.
        is_ycbcr: the colour space that the file declares; RGB otherwise. Decoders are told by an Adobe segment.

    Returns:
        A baseline JPEG of one scan that holds what decoding needs and nothing else. None if the tile is no such JPEG,
        is cut off, or is damaged where it can be seen without decoding.
    """
    try:
        own = list(_segments(tile))
        kept = [s for s in (*(_segments(tables) if tables else ()), *own) if s[1] not in _DROPPED]
    except ValueError:
        return None
    scan = _scan(tile, own) if _is_decodable(kept, size) else b""
    return b"".join((_START, _ADOBE, b"\x01" if is_ycbcr else b"\x00", *kept, scan, _END)) if scan else None


def _segments(data: bytes) -> Iterator[bytes]:
    """Cut a JPEG into its segments, markers included, up to the scan's header or the end.

    Raises:
        ValueError: this is no JPEG.
    """
    if not data.startswith(_START):
        raise ValueError("no JPEG")
    at = 2
    while data[at : at + 2] != _END:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at : at + 2 + length]
        if length < 2 or len(segment) != 2 + length or segment[0] != 0xFF:
            raise ValueError("a segment is cut off")
        yield segment
        at += len(segment)
        if segment[1] == _SCAN:
            return


def _is_decodable(kept: list[bytes], size: tuple[int, int]) -> bool:
    """Tell whether these are the segments of one baseline frame of this size, 8 bits and three components."""
    kinds = [segment[1] for segment in kept]
    if not {_QUANTIZATION, _HUFFMAN} <= set(kinds) <= _KEPT or kinds.count(_FRAME) != 1 or kinds.count(_SCAN) != 1:
        return False
    width, height = size
    return kept[kinds.index(_FRAME)][4:10] == b"\x08" + struct.pack(">HHB", height, width, 3)


def _scan(tile: bytes, segments: list[bytes]) -> bytes:
    """Give the scan's data if nothing but the mark of its end comes after it; empty otherwise."""
    start = len(_START) + sum(len(segment) for segment in segments)
    end = _MARKER_IN_SCAN.search(tile, start)
    return tile[start : end.start()] if end and end.group() == _END else b""
