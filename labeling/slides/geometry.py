"""Where patches and resampled frames lie on a slide; level-0 pixels, origin top-left, x right, y down."""

import math

from labeling.slides.errors import SlideError

# Absorbs the rounding of a division such as 35 / 0.1 without ever moving a point by a visible amount.
_EPSILON = 1e-9


def output_pixel(l0: float, scale: float) -> int:
    """Find the output pixel that holds a level-0 coordinate when one output pixel spans ``scale`` of them."""
    return math.floor(l0 / scale + _EPSILON)


def frame_size(size: tuple[int, int], *, scale: float = 1.0) -> tuple[int, int]:
    """Give the size of the slide resampled so that one output pixel spans ``scale`` level-0 pixels.

    Args:
        size: (width, height) in level-0 pixels.
        scale: level-0 pixels per output pixel, above 0.

    Returns:
        (width, height) in output pixels, whole pixels only, at least 1.

    Raises:
        SlideError: if the scale is not a positive number.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise SlideError("The scale must be a positive number.", code="slide_bad_scale")
    return max(1, output_pixel(size[0], scale)), max(1, output_pixel(size[1], scale))


def patch_centre(x_l0: int, y_l0: int, *, size: tuple[int, int], patch_px: int, scale: float = 1.0) -> tuple[int, int]:
    """Move a patch centre inwards until its box lies on the slide.

    Args:
        x_l0: column of the wanted centre pixel, level 0.
        y_l0: row of the wanted centre pixel, level 0.
        size: (width, height) of the slide, level 0.
        patch_px: side of the patch in output pixels.
        scale: level-0 pixels per output pixel.

    Returns:
        (x_l0, y_l0) of the centre that is stored; unchanged away from the edges, and a fixed point of this function.

    Raises:
        SlideError: ``slide_too_small`` if the slide is smaller than one patch.
    """
    frame = frame_size(size, scale=scale)
    if min(frame) < patch_px:
        raise SlideError(
            f"The slide is smaller than one patch of {patch_px}×{patch_px} px. Upload a larger image.",
            code="slide_too_small",
            extra={"width": size[0], "height": size[1], "patch_px": patch_px},
        )
    return (
        _move_inwards(x_l0, frame[0], patch_px, scale),
        _move_inwards(y_l0, frame[1], patch_px, scale),
    )


def patch_box(
    x_l0: int, y_l0: int, *, size: tuple[int, int], patch_px: int, scale: float = 1.0
) -> tuple[int, int, int, int]:
    """Give the box of a patch in output pixels (level-0 pixels at scale 1).

    Args:
        x_l0: column of the centre pixel, level 0.
        y_l0: row of the centre pixel, level 0.
        size: (width, height) of the slide, level 0.
        patch_px: side of the patch in output pixels.
        scale: level-0 pixels per output pixel.

    Returns:
        (x, y, width, height): the box [x, x + width) × [y, y + height), always on the slide.

    Raises:
        SlideError: ``slide_too_small`` if the slide is smaller than one patch.
    """
    centre = patch_centre(x_l0, y_l0, size=size, patch_px=patch_px, scale=scale)
    frame = frame_size(size, scale=scale)
    half = patch_px // 2
    x, y = (min(max(output_pixel(c, scale) - half, 0), side - patch_px) for c, side in zip(centre, frame, strict=True))
    return x, y, patch_px, patch_px


def _move_inwards(l0: int, frame_px: int, patch_px: int, scale: float) -> int:
    half = patch_px // 2
    first = math.ceil(half * scale - _EPSILON)
    last = math.ceil((frame_px - patch_px + half + 1) * scale - _EPSILON) - 1
    return min(max(l0, first), max(first, last))
