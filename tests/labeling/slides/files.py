"""Builds slides and images for tests, by program and from a seed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
APERIO = "Aperio Image Library v12.0.0\r\n{w}x{h} [0,0 {w}x{h}] ({tile}x{tile}) JPEG|AppMag = 20|MPP = {mpp}"


def noise(width: int, height: int, *, seed: int = 0) -> Pixels:
    """Random RGB pixels of shape (height, width, 3): every pixel tells its place."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(width: int, height: int) -> Pixels:
    """Slow waves of colour, so that resampling has something smooth to keep."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / 23 + k) * np.cos(y / 31 - k) for k in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def write_svs(path: Path, pixels: Pixels, *, tile: int = 128, levels: int = 2, mpp: float = 0.499) -> Path:
    """Write an uncompressed slide that OpenSlide takes for Aperio's: level 0 and levels at a quarter each."""
    height, width = pixels.shape[:2]
    with tifffile.TiffWriter(path) as tiff:
        for level in range(levels):
            step = 4**level
            tiff.write(
                np.ascontiguousarray(pixels[::step, ::step][: height // step, : width // step]),
                tile=(tile, tile),
                photometric="rgb",
                subfiletype=1 if level else 0,
                description=APERIO.format(w=width, h=height, tile=tile, mpp=mpp),
                metadata=None,
            )
    return path


def write_tiff(path: Path, pixels: NDArray[np.generic], **options: Any) -> Path:
    """Write a plain TIFF."""
    tifffile.imwrite(path, pixels, metadata=None, **{"photometric": "rgb", **options})
    return path


def edit(path: Path, change: Callable[[bytearray], object]) -> Path:
    """Change a file's bytes in place."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def zero_tiles(path: Path, tiles: list[int]) -> Path:
    """Set the byte counts of some tiles (or strips) to zero, as interrupted scanners leave them."""
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        tag = tags.get(325) or tags[279]
        width = {3: 2, 4: 4, 16: 8}[int(tag.dtype)]
        places = [tag.valueoffset + width * n for n in tiles]

    def change(data: bytearray) -> None:
        for place in places:
            data[place : place + width] = bytes(width)

    return edit(path, change)


def break_tiles(path: Path, tiles: list[int]) -> Path:
    """Fill the data of some compressed tiles with bytes that no decoder takes."""
    with tifffile.TiffFile(path) as tiff:
        first = tiff.pages.first
        places = [(first.dataoffsets[n], first.databytecounts[n]) for n in tiles]

    def change(data: bytearray) -> None:
        for offset, count in places:
            data[offset : offset + count] = b"\xee" * count

    return edit(path, change)
