"""Reads what a TIFF says about its pixels; only inside the limited child, since a TIFF can say anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tifffile

from labeling.slides.errors import SlideError
from labeling.slides.pixels import refuse_damaged, refuse_pixels
from labeling.slides.resolution import Scale, ome_scale, resolution_mpp

MAX_PAGES = 256
_KINDS = {0: "a grey image", 1: "a grey image", 3: "a palette image", 4: "a mask", 5: "a CMYK image"}
_RGB, _YCBCR = 2, 6
_UNSIGNED, _FLOAT = 1, 3
_UNIT_UM = {2: 25_400.0, 3: 10_000.0}
# What both OpenSlide and libvips decode: none, LZW, JPEG, deflate (two numbers), PackBits.
_COMPRESSIONS = {1, 5, 7, 8, 32946, 32773}


_JPEG = 7
_HEADER_BYTES = 65_536
_START_OF_FRAME = {0xC0, 0xC1, 0xC2}


@dataclass(frozen=True)
class Repair:
    """A two-byte value in the file that must read otherwise for the colours to come out right."""

    offset: int
    value: bytes


@dataclass(frozen=True)
class TiffFacts:
    """What the first image of a TIFF says: size, turned upright where it is not, scale, and a needed repair."""

    width: int
    height: int
    scale: Scale
    upright: bool
    repair: Repair | None = None


def tiff_facts(path: Path, *, plain: bool) -> TiffFacts:
    """Read the tags of a TIFF and refuse what is not one 8-bit RGB image.

    Args:
        path: the file.
        plain: no scanner's own format, so several images and rare compressions are refused too.

    Raises:
        SlideError: ``slide_unsupported_pixels``, ``slide_several_images``, ``slide_damaged``.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            pages = pages_of(tiff)
            page = pages[0]
            _check_pixels(page)
            if plain:
                _check_plain(pages)
            return _facts(page, _repair(tiff, page))
    except (tifffile.TiffFileError, ValueError, KeyError, IndexError, TypeError, OSError, ArithmeticError) as error:
        raise refuse_damaged("its TIFF directory cannot be read") from error


def pages_of(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """List the images of a TIFF, without those inside others.

    Raises:
        SlideError: ``slide_damaged`` where the list has no end or leads out of the file, ``slide_several_images`` where
            it is absurdly long.
    """
    pages = [tiff.pages.first]
    for index in range(1, MAX_PAGES + 1):
        try:
            page = tiff.pages[index]
        except IndexError:
            _check_end(tiff)
            return pages
        if any(page.offset == known.offset for known in pages):
            raise refuse_damaged("its list of images runs in a circle")
        if isinstance(page, tifffile.TiffPage):
            pages.append(page)
    raise SlideError(
        f"This TIFF holds more than {MAX_PAGES} images. Export the one you want and upload it.",
        code="slide_several_images",
    )


def _check_end(tiff: tifffile.TiffFile) -> None:
    """Refuse a list of images that goes on behind the end of the file: OpenSlide opens what is left without a word."""
    place = tiff.pages.next_page_offset
    if place is not None:
        tiff.filehandle.seek(place)
        if any(tiff.filehandle.read(tiff.tiff.offsetsize)):
            raise refuse_damaged("it was cut off, or its list of images leads nowhere")


def _check_pixels(page: tifffile.TiffPage) -> None:
    bits, samples = int(page.bitspersample), int(page.samplesperpixel)
    photometric = int(page.photometric)
    if int(page.sampleformat) == _FLOAT:
        raise refuse_pixels("a floating-point image")
    if bits != 8:
        raise refuse_pixels(f"a {bits}-bit image")
    if photometric not in (_RGB, _YCBCR):
        raise refuse_pixels(_KINDS.get(photometric, "an image in a colour space that is not RGB"))
    if samples == 4:
        raise refuse_pixels("an image with a transparency layer", advice="Save it without transparency, as RGB.")
    if samples != 3 or int(page.sampleformat) != _UNSIGNED:
        raise refuse_pixels(f"an image of {samples} channels")


def _check_plain(pages: list[tifffile.TiffPage]) -> None:
    page = pages[0]
    pixels = page.imagewidth * page.imagelength
    # The first image is read: others may be its overviews, and no more than that.
    if any(p.imagewidth * p.imagelength >= pixels and not p.is_reduced for p in pages[1:]):
        raise SlideError(
            "This TIFF holds several images. Export the one you want and upload it.", code="slide_several_images"
        )
    if int(page.compression) not in _COMPRESSIONS:
        raise SlideError(
            "This TIFF is compressed in a way that is not read here. Save it with JPEG, LZW or deflate compression.",
            code="slide_unsupported_compression",
        )


def _repair(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Repair | None:
    """Find JPEG tiles in YCbCr that the TIFF declares as RGB, as Bio-Formats writes them.

    libtiff believes the declaration, and tissue comes out in false colours.
    """
    if int(page.compression) != _JPEG or int(page.photometric) != _RGB or not page.dataoffsets:
        return None
    tiff.filehandle.seek(page.dataoffsets[0])
    if not jpeg_is_ycbcr(tiff.filehandle.read(min(page.databytecounts[0], _HEADER_BYTES))):
        return None
    byteorder: Literal["little", "big"] = "little" if tiff.byteorder == "<" else "big"
    return Repair(offset=page.tags[262].valueoffset, value=_YCBCR.to_bytes(2, byteorder))


def jpeg_is_ycbcr(head: bytes) -> bool:
    """Tell whether a JPEG stream itself says that it is YCbCr: JFIF, Adobe's transform 1, or subsampled chroma."""
    position = 2
    while position + 10 <= len(head) and head[position] == 0xFF:
        marker, length = head[position + 1], int.from_bytes(head[position + 2 : position + 4], "big")
        body = head[position + 4 : position + 2 + length]
        if marker == 0xE0 and body.startswith(b"JFIF"):
            return True
        if marker == 0xEE and body.startswith(b"Adobe"):
            return body[11:12] == b"\x01"
        if marker in _START_OF_FRAME:
            return body[5:6] == b"\x03" and body[7] != 0x11
        position += 2 + length
    return False


def _facts(page: tifffile.TiffPage, repair: Repair | None) -> TiffFacts:
    tag = page.tags.get(274)
    orientation = int(tag.value) if tag else 1
    width, height = int(page.imagewidth), int(page.imagelength)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return TiffFacts(width, height, _scale(page), upright=orientation in (0, 1), repair=repair)


def _scale(page: tifffile.TiffPage) -> Scale:
    description = str(page.description)
    if "<OME" in description:
        return ome_scale(description)
    unit, x, y = (page.tags.get(code) for code in (296, 282, 283))
    if unit is None or x is None or y is None or not (x.value[1] and y.value[1]):
        return Scale()
    return Scale(resolution_mpp(x.value[0] / x.value[1], y.value[0] / y.value[1], _UNIT_UM.get(int(unit.value))))
