"""Turns a flat image into a lossless tiled pyramid that OpenSlide reads; in a child process, with flat memory."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labeling.slides import child
from labeling.slides.pixels import MAX_FLAT_PIXELS, refuse_damaged, refuse_pixels
from labeling.slides.publishing import whole_or_absent
from labeling.slides.signatures import container_of
from labeling.slides.tiff_tags import tiff_facts
from labeling.slides.tiles import TILE_PX

_UPRIGHT = 1
# The largest flat image that is accepted, with its upper levels, as if nothing of it could be compressed.
_FILE_MB = MAX_FLAT_PIXELS * 3 * 4 // 3 // 2**20 + 64


def build_pyramid(
    source: Path | str,
    target: Path | str,
    *,
    mpp: float | None,
    on_progress: Callable[[int, int], None] | None = None,
    timeout_s: float = 3600,
    memory_mb: int = 4096,
) -> None:
    """Write the pyramid of an accepted flat image; level 0 has exactly its pixels, turned upright by EXIF once.

    Args:
        source: flat JPEG, PNG or TIFF that ``inspect_slide`` accepted; only read.
        target: file to make; absent or whole at any time, replaced if there.
        mpp: µm per pixel to store, None if unknown.
        on_progress: called with (done, total); what it raises stops the work.
        timeout_s: wall time after which the work is stopped.
        memory_mb: address space the work may take.

    Raises:
        SlideError: ``slide_damaged`` if a pixel cannot be decoded, ``slide_unsupported_pixels``,
            ``slide_pyramid_timeout``, ``slide_pyramid_memory``.
    """
    with whole_or_absent(Path(target).absolute()) as part:
        child.run_limited(
            "labeling.slides.pyramid",
            [str(Path(source).absolute()), str(part), repr(mpp or 0.0)],
            step="pyramid",
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            file_mb=_FILE_MB,
            on_progress=on_progress,
        )


def _build(source: str, part: str, mpp: str) -> dict[str, Any]:
    import openslide
    import pyvips

    os.environ["TMPDIR"] = str(Path(part).parent)
    pyvips.cache_set_max(0)
    try:
        image = _load(source, Path(part).parent)
        if image.bands != 3 or image.format != "uchar":
            raise refuse_pixels("no 8-bit RGB image")
        # 1 px per mm stands for "unknown": no reader of ours believes 1,000 µm per pixel.
        per_mm = 1000 / float(mpp) if float(mpp) > 0 else 1.0
        image = image.copy(xres=per_mm, yres=per_mm, interpretation="srgb")
        _watch(image)
        _save(image, part)
    except pyvips.Error as error:
        raise refuse_damaged("its pixels cannot be decoded to the end") from error
    with openslide.OpenSlide(part) as slide:
        if slide.dimensions != (image.width, image.height):
            raise refuse_damaged("its pyramid has another size than the image")
    return {"width": image.width, "height": image.height}


def _repaired(source: str, workplace: Path) -> str:
    """Give the TIFF itself, or a copy of it whose colours are declared as they are."""
    repair = tiff_facts(Path(source), plain=True).repair
    if repair is None:
        return source
    copy = workplace / "source.tif"
    shutil.copyfile(source, copy)
    with copy.open("r+b") as file:
        file.seek(repair.offset)
        file.write(repair.value)
    return str(copy)


def _load(source: str, workplace: Path) -> Any:
    """Open an image so that a damaged one fails; rows in order, unless it must be turned."""
    import pyvips

    container = container_of(Path(source))
    if container == "tiff":
        source = _repaired(source, workplace)
    # Damage inside a JPEG's stream is only ever a warning; PNG and TIFF warn of odd profiles and tags.
    fail_on = "warning" if container == "jpeg" else "error"
    header = pyvips.Image.new_from_file(source, access="sequential", fail_on=fail_on)
    turned = "orientation" in header.get_fields() and header.get("orientation") != _UPRIGHT
    if not turned:
        return header
    return pyvips.Image.new_from_file(source, access="random", fail_on=fail_on).autorot()


def _watch(image: Any) -> None:
    last = -1

    def tell(_image: Any, progress: Any) -> None:
        nonlocal last
        if progress.percent != last:
            last = progress.percent
            child.tell_progress(min(last, 100), 100)

    image.set_progress(True)
    image.signal_connect("eval", tell)


def _save(image: Any, part: str) -> None:
    # Deflate, since libvips and OpenSlide share no faster lossless codec; level 6 halves the file of level 1.
    image.tiffsave(
        part,
        compression="deflate",
        level=6,
        predictor="horizontal",
        tile=True,
        tile_width=TILE_PX,
        tile_height=TILE_PX,
        pyramid=True,
        depth="onetile",
        bigtiff=True,
        keep="none",
    )


if __name__ == "__main__":
    child.serve(_build)
