"""PNG and JPEG files that are wrong in one place each."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from tests.labeling.slides.files import smooth

PNG_START = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.pack(">IIBBBBB", 80, 80, 8, 2, 0, 0, 0)
_ROWS = zlib.compress((b"\x00" + bytes(240)) * 80)


def chunk(kind: bytes, content: bytes, *, crc: int | None = None) -> bytes:
    """A PNG chunk, its checksum right unless another is given."""
    told = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", told)


def png(*inner: bytes, header: bytes = _HEADER, rows: bytes = _ROWS, end: bytes = chunk(b"IEND", b"")) -> bytes:
    """An 80×80 PNG with further chunks before its pixels."""
    return PNG_START + chunk(b"IHDR", header) + b"".join(inner) + chunk(b"IDAT", rows) + end


def png_header(width: int, height: int, *, colour: int = 2, depth: int = 8, interlace: int = 0) -> bytes:
    """The content of a PNG's header."""
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)


def interlaced_png() -> bytes:
    """A sound interlaced PNG, made of Adam7's seven passes, all of one colour."""
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = bytearray()
    for left, top, across, down in steps:
        width, height = -(-(80 - left) // across), -(-(80 - top) // down)
        rows += (b"\x00" + bytes(3 * width)) * height
    return png(header=png_header(80, 80, interlace=1), rows=zlib.compress(bytes(rows)))


def text_bomb() -> bytes:
    """A compressed comment that unpacks to 100 MB."""
    return chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(100_000_000), 9))


def profile_bomb() -> bytes:
    """A colour profile that unpacks to 100 MB."""
    return chunk(b"iCCP", b"x\x00\x00" + zlib.compress(bytes(100_000_000), 9))


def jpeg(**options: object) -> bytes:
    """A sound JPEG."""
    out = io.BytesIO()
    Image.fromarray(smooth(120, 100)).save(out, "JPEG", **options)
    return out.getvalue()


def jpeg_with(segment: bytes) -> bytes:
    """A JPEG with a segment put in behind its start."""
    sound = jpeg()
    return sound[:2] + segment + sound[2:]


def jpeg_without(marker: int) -> bytes:
    """A JPEG that lacks a segment."""
    sound = jpeg()
    place = sound.index(bytes([0xFF, marker]))
    length = int.from_bytes(sound[place + 2 : place + 4], "big")
    return sound[:place] + sound[place + 2 + length :]


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG that says it has another size."""
    sound = bytearray(jpeg())
    struct.pack_into(">HH", sound, sound.index(b"\xff\xc0") + 5, height, width)
    return bytes(sound)


def exif(content: bytes) -> bytes:
    """An EXIF segment."""
    body = b"Exif\x00\x00" + content
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def circling_exif() -> bytes:
    """EXIF whose next directory is itself."""
    return exif(b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHII", 274, 3, 1, 6) + struct.pack("<I", 8))


def many_scans(path: Path) -> None:
    """A progressive JPEG whose last scan is repeated 2,000 times: slow to decode."""
    out = io.BytesIO()
    Image.fromarray(smooth(400, 300)).save(out, "JPEG", progressive=True, quality=5)
    sound = out.getvalue()
    last = sound.rindex(b"\xff\xda")
    path.write_bytes(sound[:last] + sound[last:-2] * 2000 + sound[-2:])
