"""Writes a copy of a slide that holds its tissue, its scale and nothing else; the pixels are not encoded again."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import openslide
import tifffile

from labeling.slides import child
from labeling.slides.errors import SlideError
from labeling.slides.jpeg_segments import picture_only
from labeling.slides.publishing import whole_or_absent
from labeling.slides.resolution import openslide_objective
from labeling.slides.signatures import container_of
from labeling.slides.tiff_tags import pages_of, tiff_facts
from labeling.slides.tiff_writer import Tag, TileFile, long, opaque, rational, short, text

_REGIONS = 24
_REGION_PX = 300
_SPARE_MB = 64
_CM_UM = 10_000.0
_PER_CM, _FRACTION = 3, 1000
_ADVICE = "Import it as a slide, then give its code instead of the file: what is read of it is written."
Size = tuple[int, int]


@dataclass(frozen=True)
class CleanCopy:
    """What was copied.

    Attributes:
        levels: levels of the slide, the full resolution included.
        tiles: compressed tiles, copied byte for byte but for those below.
        tiles_cut: tiles that carried comments or trailing bytes, which were cut out of them.
        images_dropped: other images of the file: label, macro, thumbnail.
        regions: random regions that were read from both files and are equal.
    """

    levels: int
    tiles: int
    tiles_cut: int
    images_dropped: int
    regions: int


def deidentify_slide(
    source: Path | str,
    target: Path | str,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    timeout_s: float = 6 * 3600,
    memory_mb: int = 2048,
) -> CleanCopy:
    """Copy the tissue of an SVS or tiled TIFF into a new file, with the scale and no other words.

    Args:
        source: the slide; only read.
        target: file to make; absent or whole at any time.
        on_progress: called with (tiles done, tiles in all).
        timeout_s: wall time after which the work is stopped.
        memory_mb: address space the work may take.

    Returns:
        What was copied; both files were read at random places and agreed.

    Raises:
        SlideError: ``slide_cannot_rewrite`` where the format cannot be copied so, ``slide_copy_differs`` where the copy
            does not read like the original, ``slide_damaged``, ``slide_unsupported_pixels`` and what else
            ``inspect_slide`` refuses in a TIFF.
    """
    source = Path(source).absolute()
    with whole_or_absent(Path(target).absolute()) as part:
        answer = child.run_limited(
            "labeling.slides.deidentify",
            [str(source), str(part)],
            step="deidentification",
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            file_mb=source.stat().st_size // 2**20 + _SPARE_MB,
            on_progress=on_progress,
        )
    return CleanCopy(**answer)


def _deidentify(source: str, part: str) -> dict[str, Any]:
    vendor = _vendor(Path(source))
    with openslide.OpenSlide(source) as slide, tifffile.TiffFile(source) as tiff:
        pages = pages_of(tiff)
        levels = _levels(pages, slide.level_dimensions)
        copier = _Copier(tiff, sum(len(page.dataoffsets) for page in levels))
        copier.write(Path(part), levels, _told(slide, Path(source), vendor))
    regions = _compare(source, part)
    return asdict(CleanCopy(len(levels), copier.done, copier.cut, len(pages) - len(levels), regions))


def _vendor(path: Path) -> str:
    container = container_of(path)
    if container == "zip":
        words = (
            "A slide of several files in a ZIP file cannot be copied as it is: label and names lie in several of them."
        )
        advice = "Export its tissue as tiled TIFF with the scanner's own program, and copy that."
        raise SlideError(f"{words} {advice}", code="slide_cannot_rewrite")
    if container != "tiff":
        raise _cannot("a plain image")
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor not in ("aperio", "generic-tiff"):
        raise _cannot("a TIFF that must be read in as a whole" if vendor is None else f"a slide of the kind “{vendor}”")
    facts = tiff_facts(path, plain=vendor == "generic-tiff")
    if vendor == "generic-tiff" and not (facts.upright and facts.repair is None):
        raise _cannot("a TIFF that must be turned, or whose colours must be mended, before it is read")
    return vendor


def _cannot(what: str) -> SlideError:
    return SlideError(f"This is {what}, which cannot be copied as it is. {_ADVICE}", code="slide_cannot_rewrite")


def _levels(pages: list[tifffile.TiffPage], sizes: tuple[Size, ...]) -> list[tifffile.TiffPage]:
    """Find the images that are the slide's levels; labels, macros and thumbnails are none."""
    tiled = [page for page in pages if page.is_tiled and int(page.planarconfig) == 1]
    found = [next((page for page in tiled if _size(page) == size), None) for size in sizes]
    levels = [page for page in found if page is not None]
    if len(levels) != len(sizes):
        raise _cannot("a slide whose levels are no tiled images")
    return levels


def _size(page: tifffile.TiffPage) -> Size:
    return int(page.imagewidth), int(page.imagelength)


def _told(slide: openslide.OpenSlide, path: Path, vendor: str) -> list[Tag]:
    """Tell the scale: by the description that OpenSlide knows an Aperio slide by, or by resolution tags."""
    if vendor == "aperio":
        return [text(270, _aperio_words(slide))]
    mpp = tiff_facts(path, plain=True).scale.mpp
    if mpp is None:
        return []
    per_cm = round(_CM_UM / mpp * _FRACTION)
    return [rational(282, per_cm, _FRACTION), rational(283, per_cm, _FRACTION), short(296, _PER_CM)]


def _aperio_words(slide: openslide.OpenSlide) -> str:
    """Say what OpenSlide needs and nothing else: numbers only, whatever the file says."""
    width, height = slide.dimensions
    facts = {"AppMag": openslide_objective(slide.properties), "MPP": _mpp(slide)}
    stated = [f"{name} = {value:.12g}" for name, value in facts.items() if value is not None]
    return "|".join([f"Aperio Image Library\r\n{width}x{height}", *stated])


def _mpp(slide: openslide.OpenSlide) -> float | None:
    try:
        return float(slide.properties["openslide.mpp-x"])
    except (KeyError, ValueError):
        return None


class _Copier:
    """Copies compressed tiles from one TIFF to another.

    Args:
        tiff: the file they come from.
        total: how many there are.
    """

    def __init__(self, tiff: tifffile.TiffFile, total: int) -> None:
        self._file = tiff.filehandle
        self._total = total
        self.done = self.cut = 0

    def write(self, part: Path, levels: list[tifffile.TiffPage], told: list[Tag]) -> None:
        """Write the levels with what a decoder needs to know, and what is told of the slide."""
        with TileFile(part) as out:
            for number, page in enumerate(levels):
                out.add(self._tiles(page), [long(254, 1 if number else 0), *told, *_technical(page)])

    def _tiles(self, page: tifffile.TiffPage) -> Iterator[bytes]:
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            self._file.seek(offset)
            stream = self._file.read(count)
            clean = picture_only(stream)
            self.cut += clean is not stream
            self.done += 1
            if self.done % 1000 == 0 or self.done == self._total:
                child.tell_progress(self.done, self._total)
            yield clean


def _technical(page: tifffile.TiffPage) -> list[Tag]:
    """Copy the tags that a decoder needs, as numbers."""
    tags = [
        long(256, page.imagewidth),
        long(257, page.imagelength),
        short(258, 8, 8, 8),
        short(259, page.compression),
        short(262, page.photometric),
        short(277, 3),
        short(284, 1),
        short(322, page.tilewidth),
        short(323, page.tilelength),
    ]
    if int(page.predictor) != 1:
        tags.append(short(317, page.predictor))
    if (subsampling := page.tags.get(530)) is not None:
        tags.append(short(530, *subsampling.value))
    if page.jpegtables is not None:
        tags.append(opaque(347, picture_only(page.jpegtables)))
    return tags


def _compare(source: str, copy: str) -> int:
    """Read random regions of every level from both files.

    Raises:
        SlideError: ``slide_copy_differs``.
    """
    with openslide.OpenSlide(source) as old, openslide.OpenSlide(copy) as new:
        same = old.level_dimensions == new.level_dimensions
        sizes, downsamples = old.level_dimensions, old.level_downsamples
    random = Random(len(sizes))  # noqa: S311 -- places to look at, not secrets
    for number in range(_REGIONS):
        level = number % len(sizes)
        x, y = (int(random.random() * side * downsamples[level]) for side in sizes[level])
        same = same and _pixels(source, (x, y), level) == _pixels(copy, (x, y), level)
    if not same:
        raise SlideError(
            "The copy does not read like the slide, so it was thrown away. Keep the original.",
            code="slide_copy_differs",
        )
    return _REGIONS


def _pixels(path: str, where: tuple[int, int], level: int) -> bytes | None:
    """Read a region, None where it is damaged; a fresh handle each time, as errors stick."""
    try:
        with openslide.OpenSlide(path) as slide:
            pixels: bytes = slide.read_region(where, level, (_REGION_PX, _REGION_PX)).tobytes()
            return pixels
    except openslide.OpenSlideError:
        return None


if __name__ == "__main__":
    child.serve(_deidentify)
