"""Hostile and odd slide files, built by program, each with the one verdict that is right."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.hostile import odd_images as images
from tests.hostile import odd_tiffs as tiffs
from tests.hostile import odd_zips as zips
from tests.hostile.odd_tiffs import LONG, LONG8, RATIONAL, SHORT, SLONG, odd
from tests.hostile.planted import write_planted_svs
from tests.labeling.slides.files import break_tiles, edit, noise, smooth, write_svs, write_tiff, zero_tiles

ACCEPT, INCOMPLETE = "accept", "incomplete"


@dataclass(frozen=True)
class Case:
    """One file and its verdict: ``accept``, ``incomplete`` (accepted, parts unreadable), or the code of a refusal."""

    name: str
    make: Callable[[Path], object]
    verdict: str


def _save(path: Path, mode: str, *, kind: str = "PNG", size: tuple[int, int] = (120, 100), **options: Any) -> None:
    Image.fromarray(smooth(*size)).convert(mode).save(path, kind, **options)


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../evil.svs", "x")
    return out.getvalue()


def _image_bytes(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(smooth(120, 100)).save(out, kind, **options)
    return out.getvalue()


def _head(part: float, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Keep only the first part of a file."""

    def build(path: Path) -> None:
        make(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])

    return build


def _flip(make: Callable[[Path], object], place: float) -> Callable[[Path], object]:
    def build(path: Path) -> None:
        make(path)

        def change(data: bytearray) -> None:
            at = int(len(data) * place)
            data[at : at + 16] = bytes(byte ^ 0xFF for byte in data[at : at + 16])

        edit(path, change)

    return build


def _svs(path: Path) -> Path:
    return write_svs(path, noise(600, 400), levels=1)


def _strip(path: Path) -> Path:
    return write_tiff(path, noise(300, 200), rowsperstrip=16, compression="zlib")


def ifd_chain(count: int, *, loop: bool = False, **tags: int) -> bytes:
    """A TIFF of ``count`` directories of one 80×80 RGB image, the last pointing to none or to the first.

    Args:
        count: number of directories, at least 1.
        loop: the last one points back to the first.
        tags: values that replace the sound ones: width, height, samples, compression.
    """
    entries = {256: tags.get("width", 80), 257: tags.get("height", 80), 259: tags.get("compression", 1), 262: 2}
    entries |= {273: 8, 277: tags.get("samples", 3), 278: tags.get("height", 80), 279: 80 * 80 * 3}
    data = bytearray(b"II*\x00" + struct.pack("<I", 8 + 19200 + 6) + bytes(19200) + struct.pack("<3H", 8, 8, 8))
    first = len(data)
    entries_with_bits = sorted([(258, 3, 3, first - 6), *((tag, 4, 1, value) for tag, value in entries.items())])
    size = 2 + 12 * len(entries_with_bits) + 4
    for n in range(count):
        following = first + (n + 1) * size if n + 1 < count else (first if loop else 0)
        data += struct.pack("<H", len(entries_with_bits))
        data += b"".join(struct.pack("<HHII", *entry) for entry in entries_with_bits)
        data += struct.pack("<I", following)
    return bytes(data)


def _tile_bomb(path: Path) -> None:
    """51,200×51,200 px whose tiles are all the same 200 bytes."""
    write_tiff(path, np.zeros((1024, 1024, 3), np.uint8), tile=(512, 512), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        offset, count = tags[324].value[0], tags[325].value[0]
        places = {tag: (tags[tag].offset, tags[tag].dtype) for tag in (256, 257, 324, 325)}
    tiles = 100 * 100

    def change(data: bytearray) -> None:
        for tag, value in ((324, offset), (325, count)):
            place = places[tag][0]
            table = len(data)
            data.extend(struct.pack(f"<{tiles}I", *([value] * tiles)))
            data[place : place + 12] = struct.pack("<HHII", tag, 4, tiles, table)
        for tag in (256, 257):
            place = places[tag][0]
            data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 51_200)

    edit(path, change)


def png_bomb(side: int) -> bytes:
    """A whole, valid PNG of one colour: ``side``² pixels in about side²/344 bytes."""
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return _png(struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), body)


def _png(header: bytes, body: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _deep_png(colour: int, channels: int) -> bytes:
    rows = (b"\x00" + bytes(2 * channels * 80)) * 80
    return _png(struct.pack(">IIBBBBB", 80, 80, 16, colour, 0, 0, 0), zlib.compress(rows))


def _huge_header_png(path: Path) -> None:
    path.write_bytes(_png(struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0), zlib.compress(b"")))


def _odd_profile(path: Path) -> None:
    """A sound PNG with a colour profile that is none, as some programs write it."""
    data = _image_bytes("PNG")
    content = b"sRGB\x00\x00" + zlib.compress(b"no profile")
    chunk = struct.pack(">I", len(content)) + b"iCCP" + content + struct.pack(">I", zlib.crc32(b"iCCP" + content))
    path.write_bytes(data[:33] + chunk + data[33:])


def _odd_tag(path: Path) -> Path:
    return write_tiff(path, noise(300, 200), extratags=[(64_999, 2, 0, "whose", True)])


def _animated(path: Path) -> None:
    frames = [Image.fromarray(noise(80, 80, seed=n)) for n in range(3)]
    frames[0].save(path, "PNG", save_all=True, append_images=frames[1:])


def _two_images(path: Path) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for n in range(2):
            tiff.write(noise(100, 90, seed=n), photometric="rgb", metadata=None)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def _tiff_of(dtype: type, channels: int = 3, **options: Any) -> Callable[[Path], object]:
    shape = (90, 100, channels) if channels > 1 else (90, 100)
    return lambda path: write_tiff(path, np.ones(shape, dtype), **options)


def _nan(path: Path) -> Path:
    return write_tiff(path, np.full((90, 100, 3), np.nan, np.float32))


def _planar(path: Path) -> Path:
    planes = np.ascontiguousarray(noise(300, 200).transpose(2, 0, 1))
    return write_tiff(path, planes, planarconfig="separate", tile=(128, 128))


_PIXELS, _DAMAGED, _UNKNOWN = "slide_unsupported_pixels", "slide_damaged", "slide_unknown_format"
_UNSAFE, _MISSING = "slide_zip_unsafe", "slide_zip_incomplete"

CASES = [
    Case("zero_length_tile.svs", lambda p: zero_tiles(_svs(p), [3]), INCOMPLETE),
    Case("all_tiles_zero.svs", lambda p: zero_tiles(_svs(p), list(range(20))), _DAMAGED),
    Case("truncated_half.svs", _head(0.5, _svs), _DAMAGED),
    Case("truncated_header.svs", _head(0.0002, _svs), _DAMAGED),
    Case("cut_behind_its_first_image.svs", _head(0.1, lambda p: write_planted_svs(p, smooth(700, 500))), _DAMAGED),
    Case("last_byte_missing.svs", lambda p: edit(_svs(p), lambda data: data.pop()), _DAMAGED),
    Case(
        "flipped_directory.svs", lambda p: edit(_svs(p), lambda d: d.__setitem__(slice(8, 24), b"\xff" * 16)), _DAMAGED
    ),
    Case(
        "broken_tile.tif",
        lambda p: break_tiles(write_tiff(p, noise(600, 400), tile=(128, 128), compression="zlib"), [2]),
        INCOMPLETE,
    ),
    Case("zero_length_strip.tif", lambda p: zero_tiles(_strip(p), [2]), _DAMAGED),
    Case("broken_strip.tif", lambda p: break_tiles(_strip(p), [2]), _DAMAGED),
    Case("truncated_strips.tif", _head(0.6, _strip), _DAMAGED),
    Case("ifd_loop.tif", _write(ifd_chain(3, loop=True)), _DAMAGED),
    Case("20000_ifds.tif", _write(ifd_chain(20_000)), "slide_several_images"),
    Case("no_pixels.tif", _write(ifd_chain(1, width=0, height=0)), _DAMAGED),
    Case("size_of_2_to_31.tif", _write(ifd_chain(1, width=2**31, height=2**31)), "slide_too_large"),
    Case("65529_samples.tif", _write(ifd_chain(1, samples=65_529)), _PIXELS),
    Case("rare_compression.tif", _write(ifd_chain(1, compression=34676)), "slide_unsupported_compression"),
    Case("two_images.tif", _two_images, "slide_several_images"),
    Case("tile_bomb.tif", _tile_bomb, "slide_too_large"),
    Case("deflate_bomb.png", _write(png_bomb(8_000)), "slide_too_large"),
    Case("size_of_2_to_31.png", _huge_header_png, "slide_too_large"),
    Case("16_bit_rgb.tif", _tiff_of(np.uint16), _PIXELS),
    Case("16_bit_tiled.tif", _tiff_of(np.uint16, tile=(64, 64)), _PIXELS),
    Case("16_bit_grey.tif", _tiff_of(np.uint16, 1, photometric="minisblack"), _PIXELS),
    Case("16_bit_rgb.png", _write(_deep_png(2, 3)), _PIXELS),
    Case("16_bit_grey.png", _write(_deep_png(0, 1)), _PIXELS),
    Case("float.tif", _tiff_of(np.float32), _PIXELS),
    Case("nan.tif", _nan, _PIXELS),
    Case("signed.tif", _tiff_of(np.int8), _PIXELS),
    Case("grey.tif", _tiff_of(np.uint8, 1, photometric="minisblack", tile=(64, 64)), _PIXELS),
    Case("rgba.tif", _tiff_of(np.uint8, 4, extrasamples=["unassalpha"]), _PIXELS),
    Case("cmyk.tif", _tiff_of(np.uint8, 4, photometric="separated"), _PIXELS),
    Case("grey.png", lambda p: _save(p, "L"), _PIXELS),
    Case("one_bit.png", lambda p: _save(p, "1"), _PIXELS),
    Case("palette.png", lambda p: _save(p, "P"), _PIXELS),
    Case("la.png", lambda p: _save(p, "LA"), _PIXELS),
    Case("rgba.png", lambda p: _save(p, "RGBA"), _PIXELS),
    Case("colour_key.png", lambda p: _save(p, "RGB", transparency=(1, 2, 3)), _PIXELS),
    Case("grey.jpg", lambda p: _save(p, "L", kind="JPEG"), _PIXELS),
    Case("cmyk.jpg", lambda p: _save(p, "CMYK", kind="JPEG"), _PIXELS),
    Case("animated.png", _animated, "slide_animated"),
    Case("truncated.png", _head(0.6, lambda p: _save(p, "RGB")), _DAMAGED),
    Case("flipped.png", _flip(lambda p: _save(p, "RGB"), 0.5), _DAMAGED),
    Case("truncated.jpg", _head(0.6, lambda p: _save(p, "RGB", kind="JPEG")), _DAMAGED),
    Case("header_only.jpg", _write(b"\xff\xd8\xff\xe0"), _DAMAGED),
    Case("one_pixel.png", lambda p: _save(p, "RGB", size=(1, 1)), "slide_too_small"),
    Case("69x70.png", lambda p: _save(p, "RGB", size=(69, 70)), "slide_too_small"),
    Case("69x70.svs", lambda p: write_svs(p, noise(69, 70), levels=1), "slide_too_small"),
    Case("70x70.png", lambda p: _save(p, "RGB", size=(70, 70)), ACCEPT),
    Case("progressive.jpg", lambda p: _save(p, "RGB", kind="JPEG", progressive=True), ACCEPT),
    Case("rotated_by_exif.jpg", lambda p: _save(p, "RGB", kind="JPEG", exif=_exif(6)), ACCEPT),
    Case("rotated_by_exif.png", lambda p: _save(p, "RGB", exif=_exif(6)), ACCEPT),
    Case("odd_profile.png", _odd_profile, ACCEPT),
    Case("odd_tag.tif", _odd_tag, ACCEPT),
    Case("planar_tiles.tif", _planar, ACCEPT),
    Case("png_named.svs", lambda p: _save(p, "RGB"), ACCEPT),
    Case("jpeg_and_zip.jpg", _write(_image_bytes("JPEG") + _zip()), ACCEPT),
    Case("zip_and_png.png", _write(_zip() + _image_bytes("PNG")), _UNSAFE),
    Case("text_named.svs", _write(b"Aperio Image Library"), _UNKNOWN),
    Case("drawing.svg", _write(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), _UNKNOWN),
    Case("page_named.png", _write(b"<!DOCTYPE html><script>alert(1)</script>"), _UNKNOWN),
    Case("archive_named.tif", _write(_zip()), _UNSAFE),
    Case("animation.gif", _write(_image_bytes("GIF")), _UNKNOWN),
    Case("web.webp", _write(_image_bytes("WEBP")), _UNKNOWN),
    Case("bitmap.bmp", _write(_image_bytes("BMP")), _UNKNOWN),
    Case("document.pdf", _write(b"%PDF-1.7"), _UNKNOWN),
    Case("dicom.dcm", _write(bytes(128) + b"DICM" + bytes(100)), _UNKNOWN),
    Case("zeros.svs", _write(bytes(4096)), _UNKNOWN),
    Case("empty.svs", _write(b""), "slide_empty"),
    # Slides: what scanners, interrupted copies and other programs leave.
    Case("jpeg_tiles.svs", tiffs.jpeg_slide(), ACCEPT),
    Case("garbage_in_a_jpeg_tile.svs", tiffs.jpeg_slide(lambda t: t.__setitem__(2, b"\xee" * 900)), INCOMPLETE),
    Case("jpeg_tile_cut_in_half.svs", tiffs.jpeg_slide(lambda t: t.__setitem__(2, t[2][: len(t[2]) // 2])), INCOMPLETE),
    Case(
        "jpeg_tile_of_another_size.svs",
        tiffs.jpeg_slide(lambda t: t.__setitem__(2, tiffs.jpeg_tile(smooth(64, 64)))),
        INCOMPLETE,
    ),
    Case(
        "jpeg_tile_of_65500_px.svs",
        tiffs.jpeg_slide(lambda t: t.__setitem__(2, images.jpeg_of_size(65_500, 65_500))),
        INCOMPLETE,
    ),
    Case(
        "grey_jpeg_tile.svs",
        tiffs.jpeg_slide(lambda t: t.__setitem__(2, tiffs.jpeg_tile(smooth(128, 128)[..., 0]))),
        INCOMPLETE,
    ),
    Case(
        "jpeg_tile_with_a_comment.svs",
        tiffs.jpeg_slide(
            lambda t: t.__setitem__(2, tiffs.jpeg_tile(smooth(128, 128), keep_rgb=True, comment=b"x" * 60_000))
        ),
        ACCEPT,
    ),
    Case("tile_that_inflates_to_200_mb.svs", tiffs.inflating_tile, ACCEPT),
    Case("tile_behind_the_end.svs", tiffs.told_offset(324, 2**31), _DAMAGED),
    Case("tile_longer_than_its_pixels.svs", tiffs.told_offset(325, 65_535), _DAMAGED),
    Case("mpp_nan.svs", lambda p: write_svs(p, noise(300, 200), mpp=float("nan")), ACCEPT),
    Case("mpp_zero.svs", lambda p: write_svs(p, noise(300, 200), mpp=0), ACCEPT),
    Case("mpp_1e9.svs", lambda p: write_svs(p, noise(300, 200), mpp=1e9), ACCEPT),
    Case("mpp_with_a_comma.svs", tiffs.described(b"|MPP = 0,25"), ACCEPT),
    Case("mpp_of_another_objective.svs", tiffs.described(b"|AppMag = 40|MPP = 2"), ACCEPT),
    Case("description_of_1_mb.svs", tiffs.described(b"|Note = " + b"x" * 1_000_000), ACCEPT),
    Case("description_in_no_encoding.svs", tiffs.described(b"|Note = \xff\xfe\x80"), ACCEPT),
    Case("description_with_a_formula.svs", tiffs.described(b"|User = =cmd|' /C calc'!A0"), ACCEPT),
    Case("thousand_properties.svs", tiffs.described(b"".join(b"|k%d = v" % n for n in range(10_000))), ACCEPT),
    # TIFF structure.
    Case("directory_behind_the_end.tif", tiffs.first_directory(10**9), _DAMAGED),
    Case("directory_at_zero.tif", tiffs.first_directory(0), _DAMAGED),
    Case("directory_in_the_header.tif", tiffs.first_directory(4), _DAMAGED),
    Case("directory_of_65535_tags.tif", odd({}, entries=65_535), _DAMAGED),
    Case("directory_of_no_tags.tif", odd({}, entries=0), _DAMAGED),
    Case("next_directory_behind_the_end.tif", odd({}, following=2**32 - 4), _DAMAGED),
    Case("next_directory_in_the_pixels.tif", odd({}, following=100), _DAMAGED),
    Case("big_directory_at_2_to_63.tif", tiffs.big_first_directory(2**63), _DAMAGED),
    Case("big_with_offsets_of_3_bytes.tif", tiffs.big_first_directory(16, offset_bytes=3), _DAMAGED),
    Case("directory_in_itself.tif", tiffs.circling_subdirectory, ACCEPT),
    Case("no_width.tif", odd({256: None}), _DAMAGED),
    Case("no_strips.tif", odd({273: None, 279: None}), _DAMAGED),
    Case("no_bits.tif", odd({258: None}), _PIXELS),
    Case("no_photometric.tif", odd({262: None}), _PIXELS),
    Case("width_of_an_unknown_type.tif", odd({256: (99, 1, 80)}), _DAMAGED),
    Case("width_of_a_huge_count.tif", odd({256: (LONG, 2**32 - 1, 80)}), _DAMAGED),
    Case("negative_width.tif", odd({256: (SLONG, 1, 2**32 - 80)}), _DAMAGED),
    Case("width_as_a_fraction.tif", odd({256: (RATIONAL, 1, 8)}), _DAMAGED),
    Case("width_of_64_bits.tif", odd({256: (LONG8, 1, 8)}), "slide_too_large"),
    Case("rows_per_strip_zero.tif", odd({278: (LONG, 1, 0)}), _DAMAGED),
    Case("rows_per_strip_2_to_32.tif", odd({278: (LONG, 1, 2**32 - 1)}), ACCEPT),
    Case("strip_behind_the_end.tif", odd({273: (LONG, 1, 10**9)}), _DAMAGED),
    Case("strip_of_4_gb.tif", odd({279: (LONG, 1, 2**32 - 1)}), ACCEPT),
    # Of pixels that are not compressed, libtiff computes the length itself.
    Case("strip_of_nothing.tif", odd({279: (LONG, 1, 0)}), ACCEPT),
    Case(
        "million_strips.tif", odd({273: (LONG, 1_000_000, 8), 279: (LONG, 1_000_000, 8), 278: (SHORT, 1, 1)}), _DAMAGED
    ),
    Case("tiles_of_no_width.tif", odd({322: (SHORT, 1, 0), 323: (SHORT, 1, 16)}), _DAMAGED),
    Case(
        "tiles_of_2_to_31.tif",
        odd({322: (LONG, 1, 2**31), 323: (LONG, 1, 2**31), 324: (LONG, 1, 8), 325: (LONG, 1, 100)}),
        _DAMAGED,
    ),
    Case("no_samples.tif", odd({277: (SHORT, 1, 0)}), _DAMAGED),
    Case("planes_in_no_order.tif", odd({284: (SHORT, 1, 3)}), _DAMAGED),
    Case("compression_65535.tif", odd({259: (SHORT, 1, 65_535)}), "slide_unsupported_compression"),
    Case("old_jpeg.tif", odd({259: (SHORT, 1, 6)}), "slide_unsupported_compression"),
    Case("fax.tif", odd({259: (SHORT, 1, 4)}), "slide_unsupported_compression"),
    Case("no_lzw_inside.tif", odd({259: (SHORT, 1, 5)}), _DAMAGED),
    Case("no_deflate_inside.tif", odd({259: (SHORT, 1, 8)}), _DAMAGED),
    Case("predictor_99.tif", odd({259: (SHORT, 1, 8), 317: (SHORT, 1, 99)}), _DAMAGED),
    Case("white_is_zero.tif", odd({262: (SHORT, 1, 0)}), _PIXELS),
    Case("mask.tif", odd({262: (SHORT, 1, 4)}), _PIXELS),
    Case("cielab.tif", odd({262: (SHORT, 1, 8)}), _PIXELS),
    Case("colour_space_65535.tif", odd({262: (SHORT, 1, 65_535)}), _PIXELS),
    Case("palette.tif", odd({262: (SHORT, 1, 3), 258: (SHORT, 1, 8), 277: (SHORT, 1, 1)}), _PIXELS),
    Case("bits_that_differ.tif", odd({258: (SHORT, 3, 8)}), _DAMAGED),
    Case("orientation_99.tif", odd({274: (SHORT, 1, 99)}), _DAMAGED),
    Case(
        "turned_tiles.tif",
        lambda p: write_tiff(p, noise(300, 200), tile=(128, 128), extratags=[(274, 3, 1, 6, True)]),
        ACCEPT,
    ),
    Case("resolution_over_zero.tif", odd({282: (RATIONAL, 1, 4), 283: (RATIONAL, 1, 4), 296: (SHORT, 1, 2)}), ACCEPT),
    Case("description_in_the_directory.tif", odd({270: (2, 2**31, 8)}), ACCEPT),
    Case("profile_behind_the_end.tif", odd({34675: (7, 10**6, 10**9)}), ACCEPT),
    Case("half_floats.tif", tiffs.typed(np.float16), _PIXELS),
    Case("32_bit.tif", tiffs.typed(np.uint32), _PIXELS),
    Case("second_image_is_larger.tif", tiffs.pages_of_growing_size, "slide_several_images"),
    # Plain images.
    Case("no_pixels.png", _write(images.PNG_START), _DAMAGED),
    Case("header_only.png", _write(images.png()[:33]), _DAMAGED),
    Case(
        "wrong_checksum.png",
        _write(images.PNG_START + images.chunk(b"IHDR", images.png_header(80, 80), crc=1)),
        _DAMAGED,
    ),
    Case("no_width.png", _write(images.png(header=images.png_header(0, 80))), _DAMAGED),
    Case("line_of_a_million.png", _write(images.png(header=images.png_header(1_000_001, 80))), "slide_too_large"),
    Case("depth_of_3_bits.png", _write(images.png(header=images.png_header(80, 80, depth=3))), _DAMAGED),
    Case("colour_of_no_kind.png", _write(images.png(header=images.png_header(80, 80, colour=5))), _DAMAGED),
    Case("rows_missing.png", _write(images.png(rows=zlib.compress(bytes(241 * 40)))), _DAMAGED),
    Case("filter_of_no_kind.png", _write(images.png(rows=zlib.compress((b"\x09" + bytes(240)) * 80))), _DAMAGED),
    Case("no_end.png", _write(images.png(end=b"")), ACCEPT),
    Case("interlaced.png", _write(images.interlaced_png()), ACCEPT),
    Case("text_bomb.png", _write(images.png(images.text_bomb())), _DAMAGED),
    Case("profile_bomb.png", _write(images.png(images.profile_bomb())), _DAMAGED),
    Case("10000_comments.png", _write(images.png(*[images.chunk(b"tEXt", b"k\x00v")] * 10_000)), ACCEPT),
    Case("page_behind_the_end.png", _write(images.png() + b"<script>alert(1)</script>"), ACCEPT),
    Case("size_of_65500.jpg", _write(images.jpeg_of_size(65_500, 65_500)), "slide_too_large"),
    Case("size_beyond_its_pixels.jpg", _write(images.jpeg_of_size(400, 400)), _DAMAGED),
    Case("no_size.jpg", _write(images.jpeg_of_size(0, 0)), _DAMAGED),
    Case("no_tables.jpg", _write(images.jpeg_without(0xDB)), _DAMAGED),
    Case("no_huffman.jpg", _write(images.jpeg_without(0xC4)), ACCEPT),
    Case("segment_beyond_the_end.jpg", _write(images.jpeg_with(b"\xff\xfe\xff\xff")), _DAMAGED),
    Case("segment_of_no_length.jpg", _write(images.jpeg_with(b"\xff\xfe\x00\x00")), ACCEPT),
    Case("exif_in_a_circle.jpg", _write(images.jpeg_with(images.circling_exif())), ACCEPT),
    Case("exif_of_garbage.jpg", _write(images.jpeg_with(images.exif(b"\xee" * 500))), ACCEPT),
    Case("2000_scans.jpg", images.many_scans, _DAMAGED),
    Case("mpo_of_two.jpg", _write(images.jpeg() * 2), ACCEPT),
    # Slides of several files, each in a ZIP file.
    Case("mirax.zip", zips.mirax(), ACCEPT),
    Case("vms.zip", zips.vms(), ACCEPT),
    Case("dicom.zip", zips.dicom(), ACCEPT),
    Case("litter_of_a_desktop.zip", zips.with_entry("__MACOSX/._scan.mrxs"), ACCEPT),
    Case("notes_beside_the_slide.zip", zips.with_entry("scan/notes.txt"), ACCEPT),
    Case("packed_from_a_dot.zip", zips.with_entry("./"), ACCEPT),
    Case("backslashes.zip", zips.with_entry("scan\\notes.txt"), ACCEPT),
    Case("way_out.zip", zips.with_entry("../evil.dat"), _UNSAFE),
    Case("way_out_inside.zip", zips.with_entry("scan/../../evil.dat"), _UNSAFE),
    Case("way_out_of_windows.zip", zips.with_entry("scan\\..\\..\\evil.dat"), _UNSAFE),
    Case("way_out_in_the_litter.zip", zips.with_entry("__MACOSX/../../evil.dat"), _UNSAFE),
    Case("absolute.zip", zips.with_entry("/etc/cron.d/evil"), _UNSAFE),
    Case("drive.zip", zips.with_entry("C:\\evil.dat"), _UNSAFE),
    Case("share.zip", zips.with_entry("\\\\server\\evil.dat"), _UNSAFE),
    Case("control_marks.zip", zips.with_entry("scan/a\nb.dat"), _UNSAFE),
    Case("name_cut_by_zero.zip", zips.with_entry("scan/a\0b.dat"), _UNSAFE),
    Case("name_of_300.zip", zips.with_entry("x" * 300), _UNSAFE),
    Case("name_of_600_folders.zip", zips.with_entry("x/" * 600 + "x"), _UNSAFE),
    Case("names_in_no_encoding.zip", zips.no_text, _UNSAFE),
    Case("link.zip", zips.with_link("/etc/passwd"), _UNSAFE),
    Case("same_name_twice.zip", zips.with_twin("scan/Data0001.dat"), _UNSAFE),
    Case("same_name_in_capitals.zip", zips.with_twin("SCAN/DATA0001.DAT"), _UNSAFE),
    Case("encrypted.zip", zips.encrypted, "slide_zip_encrypted"),
    Case("deflate64.zip", zips.of_another_method, "slide_zip_method"),
    Case("bzip2.zip", zips.with_entry("scan/notes.txt", b"x" * 9, zipfile.ZIP_BZIP2), "slide_zip_method"),
    Case("zip_in_a_zip.zip", zips.with_entry("more.zip", _zip()), "slide_zip_nested"),
    Case("flipped_bit.zip", zips.wrong_bytes, _DAMAGED),
    Case("cut.zip", zips.cut, _DAMAGED),
    Case("bomb.zip", zips.bomb, "slide_too_large"),
    Case("more_than_it_says.zip", zips.told_smaller, _DAMAGED),
    Case("files_upon_one_another.zip", zips.upon_one_another, _DAMAGED),
    Case("5001_files.zip", zips.many, "slide_zip_many_files"),
    Case("no_files.zip", zips.plain(), _UNKNOWN),
    Case("text.zip", zips.plain(a__txt=b"x"), "slide_zip_no_slide"),
    Case("svs_in_a_zip.zip", zips.plain(a__svs=b"II*\x00"), "slide_zip_no_slide"),
    Case("two_slides.zip", zips.two_slides, "slide_zip_several_slides"),
    Case("two_series.zip", zips.two_series, "slide_zip_several_slides"),
    Case("mrxs_without_its_folder.zip", zips.plain(a__mrxs=_image_bytes("JPEG")), _MISSING),
    Case("mirax_without_its_mrxs.zip", zips.mirax(zips.removed("scan.mrxs")), _MISSING),
    Case("mirax_without_a_data_file.zip", zips.mirax(zips.removed("scan/Data0001.dat")), _MISSING),
    Case("mirax_without_its_index.zip", zips.mirax(zips.removed("scan/Index.dat")), _MISSING),
    Case(
        "mirax_that_reads_elsewhere.zip",
        zips.mirax(zips.replaced("scan/Slidedat.ini", b"Data0001.dat", b"../../../secret")),
        _UNSAFE,
    ),
    Case(
        "mirax_of_huge_tiles.zip",
        zips.mirax(zips.replaced("scan/Slidedat.ini", b"WIDTH = 128", b"WIDTH = 46341")),
        _DAMAGED,
    ),
    Case(
        "mirax_of_4_billion_tiles.zip",
        zips.mirax(zips.replaced("scan/Slidedat.ini", b"NUMBER_X = 2", b"NUMBER_X = 65536")),
        _DAMAGED,
    ),
    Case(
        "mirax_of_another_index.zip",
        zips.mirax(zips.replaced("scan/Index.dat", b"01.02", b"09.09")),
        "slide_unsupported_format",
    ),
    Case(
        "mirax_with_a_damaged_tile.zip",
        zips.mirax(lambda f: edit(f / "scan/Data0000.dat", lambda d: d.__setitem__(slice(64, 400), bytes(336)))),
        INCOMPLETE,
    ),
    Case("vms_without_a_jpeg.zip", zips.vms(zips.removed("scan_1,0.jpg")), _MISSING),
    Case("vms_without_its_places.zip", zips.vms(zips.removed("scan.opt")), ACCEPT),
    Case("vms_that_reads_elsewhere.zip", zips.vms(zips.replaced("scan.vms", b"=scan_1", b"=../scan_1")), _UNSAFE),
    Case("vms_with_an_absolute_name.zip", zips.vms(zips.replaced("scan.vms", b"=scan_map", b"=/scan_map")), _UNSAFE),
    Case("vms_of_no_jpegs.zip", zips.vms(lambda f: (f / "scan.jpg").write_bytes(b"x")), "slide_unsupported_format"),
    Case("dicom_of_one_level.zip", zips.dicom(zips.removed("IM0001.dcm")), ACCEPT),
    Case(
        "dicom_label_alone.zip",
        zips.dicom(zips.removed("IM0000.dcm", "IM0001.dcm")),
        "slide_zip_no_slide",
    ),
    Case(
        "dicom_that_ends_early.zip",
        zips.dicom(lambda f: edit(f / "IM0000.dcm", lambda d: d.__delitem__(slice(200, None)))),
        _DAMAGED,
    ),
    Case(
        "dicom_of_16_bits.zip",
        zips.dicom(
            lambda f: [zips.replaced(p.name, b"US\x02\x00\x08\x00", b"US\x02\x00\x10\x00")(f) for p in f.glob("*.dcm")]
        ),
        "slide_unsupported_format",
    ),
]
