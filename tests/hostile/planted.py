"""Slides with a name planted wherever a file has room for one."""

import struct
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.labeling.slides.files import APERIO, Pixels

PLACES = (
    *("description", "artist", "moment", "software", "computer", "copyright", "private", "xmp", "profile", "padding"),
    *("label", "macro"),
)
FLAT_PLACES = ("text", "exif", "comment", "flat_profile", "flat_xmp", "tail")
NAME = "Planted_name_Quispe"


def planted(place: str) -> bytes:
    """The words that lie in one place."""
    return f"Planted {place} Quispe".encode()


WORDS = [planted(place) for place in PLACES]
FLAT_WORDS = [planted(place) for place in FLAT_PLACES]
# Of label and macro image, seen nowhere on the tissue.
LABEL_COLOUR, MACRO_COLOUR = (250, 0, 250), (0, 250, 250)


def _profile(words: bytes) -> bytes:
    """A valid colour profile that has the words at its end, as private tags may be."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()) + words
    data[:4] = struct.pack(">I", len(data))
    return bytes(data)


def _ascii(code: int, place: str) -> tuple[int, int, int, bytes, bool]:
    return code, 2, 0, planted(place), True


def _opaque(code: int, data: bytes) -> tuple[int, int, int, bytes, bool]:
    return code, 7, len(data), data, True


def _picture(place: str, colour: tuple[int, int, int]) -> Pixels:
    """A plain picture whose pixels spell the words."""
    pixels = np.full((80, 120, 3), colour, np.uint8)
    letters = np.frombuffer(planted(place).ljust(60), np.uint8)
    pixels[40, :20] = letters.reshape(20, 3)
    return pixels


def write_planted_svs(path: Path, pixels: Pixels) -> Path:
    """Write a slide with label and macro image and twelve planted words."""
    height, width = pixels.shape[:2]
    description = APERIO.format(w=width, h=height, tile=128, mpp=0.499) + f"|User = {planted('description').decode()}"
    told = [
        *(_ascii(*pair) for pair in ((315, "artist"), (306, "moment"), (316, "computer"), (33432, "copyright"))),
        *(_opaque(*pair) for pair in ((65_000, planted("private")), (700, planted("xmp")))),
        _opaque(34675, _profile(planted("profile"))),
    ]
    with tifffile.TiffWriter(path) as tiff:
        for step in (1, 4):
            tiff.write(
                np.ascontiguousarray(pixels[::step, ::step][: height // step, : width // step]),
                tile=(128, 128),
                compression="zlib",
                photometric="rgb",
                subfiletype=int(step > 1),
                description=description,
                software=planted("software").decode(),
                extratags=told,
                metadata=None,
            )
        # OpenSlide tells label and macro by these types.
        for place, colour, kind in (("label", LABEL_COLOUR, 1), ("macro", MACRO_COLOUR, 9)):
            words = f"Aperio Image Library\n{place} 120x80"
            picture = _picture(place, colour)
            tiff.write(picture, photometric="rgb", subfiletype=kind, description=words, metadata=None)
    with path.open("ab") as file:
        file.write(planted("padding"))
    return path


def write_planted_png(path: Path, pixels: Pixels) -> Path:
    """Write a PNG with planted texts, EXIF and colour profile, and something behind its end."""
    texts = PngInfo()
    texts.add_text("Comment", planted("text").decode())
    texts.add_itxt("XML:com.adobe.xmp", planted("flat_xmp").decode())
    Image.fromarray(pixels).save(
        path, "PNG", pnginfo=texts, exif=_exif(), icc_profile=_profile(planted("flat_profile"))
    )
    with path.open("ab") as file:
        file.write(planted("tail"))
    return path


def write_planted_jpeg(path: Path, pixels: Pixels) -> Path:
    """Write a JPEG with a planted comment, EXIF, XMP and colour profile."""
    Image.fromarray(pixels).save(
        path,
        "JPEG",
        quality=95,
        comment=planted("comment"),
        exif=_exif(),
        xmp=planted("flat_xmp"),
        icc_profile=_profile(planted("flat_profile")),
    )
    return path


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[315] = planted("exif").decode()
    return exif
