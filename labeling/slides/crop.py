"""Cuts one labelled patch out of a slide, byte for byte as the slide has it."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeling.slides.errors import SlideError
from labeling.slides.geometry import patch_box, patch_centre
from labeling.slides.reader import SlideReader


@dataclass(frozen=True)
class Crop:
    """A patch: lossless PNG bytes, their SHA-256 in hex, and the centre pixel after moving inwards."""

    png: bytes
    sha256: str
    x_l0: int
    y_l0: int


def crop_patch(reader: SlideReader, x_l0: int, y_l0: int, *, patch_px: int = 70, scale: float = 1.0) -> Crop:
    """Crop the patch round a pixel of the slide.

    Args:
        reader: the open slide.
        x_l0: column of the centre pixel, level 0, on the slide.
        y_l0: row of the centre pixel, level 0, on the slide.
        patch_px: side of the patch in output pixels.
        scale: level-0 pixels per output pixel; 1 keeps the slide's own pixels.

    Returns:
        The patch; at an edge its box is moved inwards and the centre says so.

    Raises:
        SlideError: ``patch_off_slide`` if the point is not on the slide, ``slide_too_small`` if the slide is smaller
            than a patch, ``patch_unreadable`` if any pixel of the box cannot be read.
    """
    width, height = reader.size
    if not (0 <= x_l0 < width and 0 <= y_l0 < height):
        raise SlideError("That point is not on the slide. Choose a point inside the image.", code="patch_off_slide")
    x, y = patch_centre(x_l0, y_l0, size=reader.size, patch_px=patch_px, scale=scale)
    out = io.BytesIO()
    Image.fromarray(patch_pixels(reader, x, y, patch_px=patch_px, scale=scale)).save(out, "PNG", compress_level=6)
    png = out.getvalue()
    return Crop(png=png, sha256=hashlib.sha256(png).hexdigest(), x_l0=x, y_l0=y)


def patch_pixels(reader: SlideReader, x_l0: int, y_l0: int, *, patch_px: int, scale: float) -> NDArray[np.uint8]:
    """Read the pixels of the patch round a centre pixel, uint8 (patch_px, patch_px, 3) RGB; see ``crop_patch``.

    Raises:
        SlideError: ``slide_too_small``, ``patch_unreadable``.
    """
    pixels, mask = reader.read(*patch_box(x_l0, y_l0, size=reader.size, patch_px=patch_px, scale=scale), scale)
    if not mask.all():
        raise SlideError(
            "A part of the slide here is damaged and cannot be read. Choose a cell elsewhere.",
            code="patch_unreadable",
            extra={"x_l0": x_l0, "y_l0": y_l0, "unreadable_px": int((~mask).sum())},
        )
    return pixels
