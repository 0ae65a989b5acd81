"""Decides whether an uploaded file is accepted, in a child process with limits; the format is told by content."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import openslide
from PIL import Image, UnidentifiedImageError

from labeling.slides import child
from labeling.slides.errors import SlideError
from labeling.slides.pixels import check_flat, check_size, refuse_damaged, refuse_pixels
from labeling.slides.resolution import Scale, openslide_objective, openslide_scale, resolution_mpp
from labeling.slides.signatures import ADVICE, container_of
from labeling.slides.tiff_tags import TiffFacts, tiff_facts
from labeling.slides.zipped import FORMATS

# Formats of one file.
_VENDORS = {"aperio", "generic-tiff", "hamamatsu", "leica", "philips", "trestle", "ventana"}
_SEVERAL = {"mirax": "MIRAX", "vms": "Hamamatsu VMS", "dicom": "DICOM"}
# OpenSlide takes memory for whole tiles; whatever scanners make is far below.
_MAX_TILE_PX = 8192 * 8192
# Without a coarser level than this, drawing an overview would read the whole slide.
_OVERVIEW_PX = 4096
_EXIF_ORIENTATION = 274
_INCH_UM = 25_400.0
_MODES = {
    "1": "a black-and-white image",
    "L": "a grey image",
    "P": "a palette image",
    "CMYK": "a CMYK image",
    "YCCK": "a CMYK image",
    "F": "a floating-point image",
}


@dataclass(frozen=True)
class Inspection:
    """What an accepted file is.

    Attributes:
        format: ``pyramid`` (OpenSlide reads it as it is), ``mirax``, ``vms`` or ``dicom`` (it does too, once they are
            unpacked), or the flat ``jpeg``, ``png``, ``tiff``.
        width: level-0 width, upright.
        height: level-0 height, upright.
        mpp: µm per level-0 pixel, where the file states it credibly.
        objective: power of the objective, where stated.
        needs_pyramid: ``build_pyramid`` must make the file that is read.
        mpp_doubt: what speaks against the scale that the file states, in words; empty where nothing does.
    """

    format: str
    width: int
    height: int
    mpp: float | None
    objective: float | None
    needs_pyramid: bool
    mpp_doubt: str = ""


def inspect_slide(path: Path | str, *, timeout_s: float = 30, memory_mb: int = 1536) -> Inspection:
    """Inspect a file that somebody uploaded, without trusting it.

    Args:
        path: the file; its name plays no part, unless it is one that ``unpack_zip`` gives.
        timeout_s: wall time after which the inspection is stopped.
        memory_mb: address space the inspection may take.

    Returns:
        What the file is, if it is accepted.

    Raises:
        SlideError: why it is not, and what to do. Codes: ``slide_empty``, ``slide_unknown_format``,
            ``slide_unsupported_format``, ``slide_unsupported_pixels``, ``slide_unsupported_compression``,
            ``slide_several_images``, ``slide_animated``, ``slide_too_large``, ``slide_too_small``, ``slide_damaged``,
            ``slide_inspection_timeout``, ``slide_inspection_memory``.
    """
    answer = child.run_limited(
        "labeling.slides.inspection",
        [str(Path(path).absolute())],
        step="inspection",
        timeout_s=timeout_s,
        memory_mb=memory_mb,
    )
    return Inspection(**answer)


def _inspect(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.name in FORMATS:
        return asdict(_inspect_several(path, FORMATS[path.name]))
    container = container_of(path)
    return asdict(_inspect_tiff(path) if container == "tiff" else _inspect_image(path, container))


def _inspect_several(path: Path, kind: str) -> Inspection:
    try:
        with openslide.OpenSlide(path) as slide:
            is_sane = all(_tile_px(slide.properties, level) <= _MAX_TILE_PX for level in range(slide.level_count))
    except openslide.OpenSlideError as error:
        raise SlideError(
            f"This {_SEVERAL[kind]} slide cannot be opened: it is damaged, incomplete, or not in 8-bit RGB as JPEG, "
            "JPEG 2000 or uncompressed. Pack it again from where the scanner wrote it, or export it as tiled TIFF.",
            code="slide_unsupported_format",
        ) from error
    if not is_sane:
        raise refuse_damaged("it says that its tiles are larger than any scanner makes them")
    return replace(_inspect_pyramid(path, vendor=None), format=kind)


def _tile_px(known: Mapping[str, str], level: int) -> int:
    return math.prod(int(known.get(f"openslide.level[{level}].tile-{side}", 0)) for side in ("width", "height"))


def _inspect_tiff(path: Path) -> Inspection:
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor is not None and vendor not in _VENDORS:
        raise SlideError(
            f"Slides of the kind “{vendor}” consist of several files. {ADVICE}", code="slide_unsupported_format"
        )
    plain = vendor in (None, "generic-tiff")
    # NDPI stores 64-bit offsets in a classic TIFF; OpenSlide itself admits only its 8-bit RGB JPEG.
    facts = None if vendor == "hamamatsu" else tiff_facts(path, plain=plain)
    if facts is not None:
        check_size(facts.width, facts.height)
    if facts is not None and (vendor is None or (plain and not _as_it_is(facts))):
        check_flat(facts.width, facts.height, path.stat().st_size)
        return _flat_tiff(facts.width, facts.height, facts.scale)
    return _inspect_pyramid(path, vendor)


def _as_it_is(facts: TiffFacts) -> bool:
    return facts.upright and facts.repair is None


def _inspect_pyramid(path: Path, vendor: str | None) -> Inspection:
    try:
        with openslide.OpenSlide(path) as slide:
            (width, height), coarsest = slide.dimensions, max(slide.level_dimensions[-1])
            scale, objective = openslide_scale(slide.properties), openslide_objective(slide.properties)
    except openslide.OpenSlideError as error:
        raise refuse_damaged("it cannot be opened as a slide") from error
    check_size(width, height)
    if not _readable_somewhere(path, width, height):
        raise refuse_damaged("none of its pixels can be read")
    if coarsest > _OVERVIEW_PX and vendor == "generic-tiff":
        check_flat(width, height, path.stat().st_size)
        return _flat_tiff(width, height, scale)
    return Inspection("pyramid", width, height, scale.mpp, objective, needs_pyramid=False, mpp_doubt=scale.doubt)


def _flat_tiff(width: int, height: int, scale: Scale) -> Inspection:
    return Inspection("tiff", width, height, scale.mpp, None, needs_pyramid=True, mpp_doubt=scale.doubt)


def _readable_somewhere(path: Path, width: int, height: int) -> bool:
    """Try five places of level 0 and the whole of the coarsest level; a fresh handle for each, as errors stick."""
    places = [(0.5, 0.5), (0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    for across, down in places:
        with contextlib.suppress(openslide.OpenSlideError), openslide.OpenSlide(path) as slide:
            tile = slide.read_region((int(width * across), int(height * down)), 0, (64, 64))
            if tile.getchannel("A").getbbox():
                return True
    with contextlib.suppress(openslide.OpenSlideError), openslide.OpenSlide(path) as slide:
        level = slide.level_count - 1
        across_px, down_px = slide.level_dimensions[level]
        overview = slide.read_region((0, 0), level, (min(across_px, _OVERVIEW_PX), min(down_px, _OVERVIEW_PX)))
        return overview.getchannel("A").getbbox() is not None
    return False


def _inspect_image(path: Path, container: str) -> Inspection:
    Image.MAX_IMAGE_PIXELS = None  # the sizes are checked below, by our own limits
    try:
        with Image.open(path, formats=[container.upper()]) as image:
            check_size(*image.size)
            _check_mode(image, path, container)
            interlaced = bool(image.info.get("progressive") or image.info.get("interlace"))
            check_flat(*image.size, path.stat().st_size, interlaced=interlaced)
            width, height = image.size
            if _orientation(image) in (5, 6, 7, 8):
                width, height = height, width
            return Inspection(container, width, height, _image_mpp(image), None, needs_pyramid=True)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise refuse_damaged(f"its {container.upper()} header cannot be read") from error


def _check_mode(image: Image.Image, path: Path, container: str) -> None:
    if container == "png":
        if getattr(image, "n_frames", 1) > 1:
            raise SlideError(
                "This is an animated PNG. Export one picture of it and upload that.", code="slide_animated"
            )
        with path.open("rb") as file:
            depth = file.read(25)[24]
        if depth == 16:
            raise refuse_pixels("a 16-bit image")
    if "A" in image.getbands() or "transparency" in image.info:
        raise refuse_pixels("an image with a transparency layer", advice="Save it without transparency, as RGB.")
    if image.mode != "RGB":
        raise refuse_pixels(_MODES.get(image.mode, f"an image of the kind {image.mode}"))


def _orientation(image: Image.Image) -> int:
    # Looking for EXIF behind a PNG's pixels, Pillow would decode them all; libvips looks before them only.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except (ValueError, TypeError, SyntaxError, KeyError):
        return 1


def _image_mpp(image: Image.Image) -> float | None:
    dpi = image.info.get("dpi")
    return resolution_mpp(float(dpi[0]), float(dpi[1]), _INCH_UM) if dpi else None


if __name__ == "__main__":
    child.serve(_inspect)
