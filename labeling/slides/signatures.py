"""Tells a file's format by its first bytes; its name is never believed."""

from pathlib import Path
from typing import Literal

from labeling.slides.errors import SlideError

ZIP_MAGIC = b"PK\x03\x04"
Container = Literal["jpeg", "png", "tiff", "zip"]

_ACCEPTED: tuple[tuple[bytes, Container], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (ZIP_MAGIC, "zip"),
)
_NAMED: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"8BPS", "a Photoshop document"),
    (b"ZISRAWFILE", "a Zeiss CZI file"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
)
_NAMED_INSIDE: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "a HEIC or AVIF image or a film"),
    (8, b"WEBP", "a WebP image"),
    (128, b"DICM", "a DICOM file"),
)
ADVICE = (
    "Upload SVS, NDPI, tiled TIFF, TIFF, PNG or JPEG in 8-bit RGB, or a MIRAX, Hamamatsu VMS or DICOM slide as one ZIP "
    "file; export other slides as tiled TIFF."
)
# Slides of many files, the named one of which is a thumbnail or a list: by its content it would be taken for an image.
_ZIP_IT = "Put the slide with its folder into one ZIP file and upload that."
_EXPORT_IT = "Export the slide as SVS or tiled TIFF and upload that."
_ONE_OF_MANY = {
    ".mrxs": ("MIRAX", _ZIP_IT),
    ".vms": ("Hamamatsu VMS", _ZIP_IT),
    ".dcm": ("DICOM", _ZIP_IT),
    ".vmu": ("Hamamatsu VMU", _EXPORT_IT),
    ".vsi": ("Olympus VSI", _EXPORT_IT),
}


def check_name(file_name: str) -> None:
    """Refuse the one file of a slide that consists of many; a name can refuse a file, never make it accepted.

    Raises:
        SlideError: ``slide_several_files``.
    """
    for ending, (kind, advice) in _ONE_OF_MANY.items():
        if file_name.lower().rstrip(". ").endswith(ending):
            words = f"A {kind} slide consists of several files, and this is only one of them. {advice}"
            raise SlideError(words, code="slide_several_files")


def check_beside(path: Path) -> None:
    """Refuse a picture that is a part of the VMS slide beside it: alone, it would be taken for a slide.

    Raises:
        SlideError: ``slide_several_files``.
    """
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    beside = (other for other in path.parent.iterdir() if other.suffix.lower() == ".vms") if is_jpeg else ()
    if any(path.name.startswith(other.stem) for other in beside):
        words = f"This picture is a part of the Hamamatsu VMS slide beside it. {_ZIP_IT}"
        raise SlideError(words, code="slide_several_files")


def container_of(path: Path) -> Container:
    """Give the accepted container that a file's first bytes announce.

    Raises:
        SlideError: ``slide_empty`` or ``slide_unknown_format``, which names what the file seems to be.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise SlideError("The file is empty. Upload it again.", code="slide_empty")
    for magic, container in _ACCEPTED:
        if head.startswith(magic):
            return container
    raise SlideError(f"This is {_describe(head)}. {ADVICE}", code="slide_unknown_format")


def _describe(head: bytes) -> str:
    for magic, name in _NAMED:
        if head.startswith(magic):
            return name
    for offset, magic, name in _NAMED_INSIDE:
        if head.startswith(magic, offset):
            return name
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "an SVG drawing"
    if start.startswith(b"<"):
        return "an HTML or XML document"
    if b"\x00" not in head:
        return "a text file"
    return "no image format that is known here"
