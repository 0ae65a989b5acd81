"""Which pixels are accepted: 8-bit RGB and nothing else, since decoders change other kinds without a word."""

from labeling.slides.errors import SlideError

# One patch of the smallest study; nothing can be labelled on less.
MIN_SIDE_PX = 70
MAX_SIDE_PX = 1_000_000
MAX_PIXELS = 100_000_000_000
# libvips holds the upper levels of a pyramid, compressed, until the end: measured 0.65 MB per megapixel.
MAX_FLAT_PIXELS = 1_000_000_000
# Progressive JPEG and interlaced PNG are decoded in memory as a whole.
MAX_INTERLACED_PIXELS = 150_000_000
# Blank baseline JPEG reaches about 70 px per byte, tissue below 20; a constant deflate stream 344.
MAX_PIXELS_PER_BYTE = 200
_SMALL_PIXELS = 50_000_000


def refuse_pixels(kind: str, *, advice: str = "Export it as 8-bit RGB and upload it again.") -> SlideError:
    """Make the refusal of a kind of pixels, by name."""
    return SlideError(f"This is {kind}. {advice}", code="slide_unsupported_pixels")


def refuse_damaged(what: str) -> SlideError:
    """Make the refusal of a file that cannot be read."""
    return SlideError(f"This file is damaged: {what}. Export the image again and upload it.", code="slide_damaged")


def check_size(width: int, height: int) -> None:
    """Refuse slides that are too small for a patch or larger than anything a scanner makes.

    Raises:
        SlideError: ``slide_damaged``, ``slide_too_small`` or ``slide_too_large``.
    """
    if width < 1 or height < 1:
        raise refuse_damaged("it says that it has no pixels")
    extra = {"width": width, "height": height}
    if min(width, height) < MIN_SIDE_PX:
        raise SlideError(
            f"This image is {width}×{height} px, smaller than one patch of {MIN_SIDE_PX}×{MIN_SIDE_PX} px. "
            "Upload a larger image.",
            code="slide_too_small",
            extra=extra,
        )
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise SlideError(
            f"This image says that it is {width}×{height} px, more than can be shown here. Export a part of it.",
            code="slide_too_large",
            extra=extra,
        )


def check_flat(width: int, height: int, size_bytes: int, *, interlaced: bool = False) -> None:
    """Refuse flat images that unpack to more than a micrograph would.

    Raises:
        SlideError: ``slide_too_large``.
    """
    pixels = width * height
    limit = MAX_INTERLACED_PIXELS if interlaced else MAX_FLAT_PIXELS
    if pixels > limit:
        raise SlideError(
            f"This image is {width}×{height} px; as one piece at most {limit // 1_000_000} megapixels are read. "
            "Export it as a tiled, pyramidal TIFF and upload that.",
            code="slide_too_large",
            extra={"width": width, "height": height},
        )
    if pixels > _SMALL_PIXELS and pixels > MAX_PIXELS_PER_BYTE * size_bytes:
        raise SlideError(
            "This file unpacks to far more than a micrograph of its size would. Export the image again.",
            code="slide_too_large",
            extra={"width": width, "height": height, "size_bytes": size_bytes},
        )
