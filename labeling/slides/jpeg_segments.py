"""Cuts out of compressed pictures what is no picture: comments, application data, whatever follows the end."""

_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f"
_JPEG_END = b"\xff\xd9"
_START_OF_SCAN, _START_OF_TILE = 0xDA, 0x90
_JPEG_COMMENT, _JPEG_2000_COMMENT = 0xFE, 0x64
_JFIF, _ADOBE = 0xE0, 0xEE
_APPLICATION = range(0xE0, 0xF0)
# The two that tell a decoder about colours, at the lengths that leave no room for anything else.
_TECHNICAL = {(_JFIF, 16), (_ADOBE, 14)}


def picture_only(stream: bytes) -> bytes:
    """Give a JPEG or JPEG 2000 stream, or a TIFF's JPEG tables, without anything that a decoder does not need.

    Args:
        stream: the compressed bytes; other compressions come back as they are.

    Returns:
        The same object where there was nothing to cut.
    """
    if stream.startswith(_JPEG_2000_START):
        return _cut(stream, _START_OF_TILE)
    if not stream.startswith(_JPEG_START):
        return stream
    return _cut(stream, _START_OF_SCAN)


def _cut(stream: bytes, pixels_marker: int) -> bytes:
    kept, position = [stream[:2]], 2
    while position + 4 <= len(stream) and stream[position] == 0xFF and stream[position + 1] != pixels_marker:
        following = position + 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
        if stream.startswith(_JPEG_END, position):
            break
        if not _is_chatter(stream[position + 1], following - position - 2, pixels_marker):
            kept.append(stream[position:following])
        position = following
    kept.append(_until_end(stream, position) if pixels_marker == _START_OF_SCAN else stream[position:])
    short = b"".join(kept)
    return stream if len(short) == len(stream) else short


def _is_chatter(marker: int, length: int, pixels_marker: int) -> bool:
    if pixels_marker == _START_OF_TILE:
        return marker == _JPEG_2000_COMMENT
    return marker == _JPEG_COMMENT or (marker in _APPLICATION and (marker, length) not in _TECHNICAL)


def _until_end(stream: bytes, position: int) -> bytes:
    """Give the pixels; inside them 0xFF is always followed by 0, so the first end is the end."""
    end = stream.find(_JPEG_END, position)
    return stream[position:] if end < 0 else stream[position : end + 2]
