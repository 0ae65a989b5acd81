"""Slides with a name planted wherever a file has room for one."""

import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.labeling.slides.files import APERIO, Pixels
from tests.labeling.slides.several import LABEL_LAYERS, jpeg, write_dicom, write_mirax, write_vms, zip_of

PLACES = (
    *("description", "artist", "moment", "software", "computer", "copyright", "private", "xmp", "profile", "padding"),
    *("label", "macro"),
)
FLAT_PLACES = ("text", "exif", "comment", "flat_profile", "flat_xmp", "tail")
NAME = "Planted_name_Quispe"


def planted(place: str) -> bytes:
    """The words that lie in one place."""
    return f"Planted {place} Quispe".encode()


MIRAX_KEYS = {
    "SLIDE_NAME": "description",
    "PROJECT_NAME": "artist",
    "SLIDE_CREATIONDATETIME": "moment",
    "SLIDE_UTC_CREATIONDATETIME": "software",
}
VMS_KEYS = {"Reference": "description", "UserName": "artist", "CreationDate": "moment", "MachineName": "computer"}
DICOM_KEYS = {
    "PatientName": "description",
    "OperatorsName": "artist",
    "StudyDescription": "moment",
    "ManufacturerModelName": "computer",
    "InstitutionName": "copyright",
    "ContainerIdentifier": "software",
}

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


def _zipped(path: Path, write: Callable[[Path], object]) -> Path:
    """Pack a slide of several files under the planted name, with more planted beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        (folder / f"{NAME}.txt").write_bytes(planted("padding"))
        zip_of(folder, path, compression=zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = planted("private")
    return path


def write_planted_mirax(path: Path, pixels: Pixels) -> Path:
    """Write a MIRAX slide with planted words in its list, its data and its names, and pictures of label and slide."""
    pictures = {
        layer: jpeg(_picture(place, colour), comment=planted(place))
        for layer, place, colour in zip(LABEL_LAYERS, ("macro", "label"), (MACRO_COLOUR, LABEL_COLOUR), strict=True)
    }
    said: dict[str, object] = {key: planted(place).decode() for key, place in MIRAX_KEYS.items()}

    def write(folder: Path) -> None:
        main = write_mirax(folder, pixels, name=NAME, levels=2, pictures=pictures, said=said)
        main.write_bytes(jpeg(_picture("label", LABEL_COLOUR), comment=planted("xmp")))

    return _zipped(path, write)


def write_planted_vms(path: Path, pixels: Pixels) -> Path:
    """Write a VMS slide with planted words in its list, its names and its macro image."""

    def write(folder: Path) -> None:
        told = [f"{key}={planted(place).decode()}" for key, place in VMS_KEYS.items()]
        write_vms(folder, pixels, name=NAME, told=told)
        (folder / f"{NAME}_macro.jpg").write_bytes(jpeg(_picture("macro", MACRO_COLOUR), comment=planted("macro")))

    return _zipped(path, write)


def write_planted_dicom(path: Path, pixels: Pixels) -> Path:
    """Write a DICOM slide with planted words in its attributes, and its label."""
    said = {key: planted(place).decode() for key, place in DICOM_KEYS.items()}
    label = np.ascontiguousarray(_picture("label", LABEL_COLOUR)[:80, :80])

    def write(folder: Path) -> None:
        write_dicom(folder / NAME, pixels, label=label, native=True, said=said)

    return _zipped(path, write)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[315] = planted("exif").decode()
    return exif
