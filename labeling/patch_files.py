"""Reads labelled patches out of a folder, a zip or a tar archive; nothing is ever extracted to the disk."""

import csv
import hashlib
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

from config.errors import DomainError

PATCH_PX = 70
# The paper's published patches carry one extra row above and below.
TALL_PX = 72
LARGEST_BYTES = 8 * 1024**2
LARGEST_SIDE_PX = 4096
FORMATS = ("PNG", "JPEG", "TIFF")
ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}


class PatchFileError(DomainError):
    """A patch, or a file of patches, that cannot be used."""

    code = "patch_file_invalid"


@dataclass(frozen=True)
class Entry:
    """One file inside: its name as it stands there, and its bytes when they are asked for."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class PatchPng:
    """A patch ready to be stored."""

    png: bytes
    sha256: str


def entries(path: Path) -> Iterator[Entry]:
    """List the files of a folder, a zip or a tar archive (compressed or not), in order of their names.

    Args:
        path: the folder or archive.

    Yields:
        Regular files only; their bytes are read when asked for, 8 MiB at most.

    Raises:
        PatchFileError: there is nothing there, or it is no archive (``patches_not_found``, ``patches_no_archive``).
    """
    if path.is_dir():
        yield from _of_folder(path)
    elif not path.is_file():
        raise PatchFileError(f"There is no file or folder {path}.", code="patches_not_found")
    elif zipfile.is_zipfile(path):
        yield from _of_zip(path)
    elif tarfile.is_tarfile(path):
        yield from _of_tar(path)
    else:
        raise PatchFileError(f"{path.name} is no folder, zip or tar archive.", code="patches_no_archive")


def _of_folder(path: Path) -> Iterator[Entry]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield Entry(file.relative_to(path).as_posix(), lambda file=file: _bounded(file.open("rb")))  # type: ignore[misc]


def _of_zip(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if not info.is_dir():
                yield Entry(info.filename, lambda info=info: _of_member(archive, info))  # type: ignore[misc]


def _of_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return _bounded(archive.open(info))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise PatchFileError(f"it cannot be unpacked ({error})") from error


def _of_tar(path: Path) -> Iterator[Entry]:
    """In the archive's own order: jumping about in a compressed stream would unpack it again and again."""
    try:
        with tarfile.open(path) as archive:
            for info in archive:
                if info.isfile():
                    yield Entry(info.name, lambda info=info: _bounded(archive.extractfile(info)))  # type: ignore[misc]
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise PatchFileError(f"{path.name} is damaged: {error}.", code="patches_no_archive") from error


def _bounded(file: IO[bytes] | None) -> bytes:
    """Read a file of bounded size, whatever its archive says of it."""
    if file is None:
        raise PatchFileError("it is no regular file")
    with file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise PatchFileError(f"it is larger than {LARGEST_BYTES // 1024**2} MiB")
    return data


def is_image_name(name: str) -> bool:
    """Tell whether a name looks like a patch; hidden files and an archiver's own do not."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return path.suffix.lower() in ENDINGS and not hidden


def words_of(name: str) -> list[str]:
    """List what may name a patch's class: the prefix of its file name, then its folder."""
    path = PurePosixPath(name)
    prefix = re.match(r"[^\W\d_]+", path.stem)
    folders = [part for part in path.parts[:-1] if part not in ("/", ".", "..")]
    return [*([prefix.group()] if prefix else []), *folders[-1:]]


def read_csv_labels(path: Path) -> dict[str, str]:
    """Read ``file,label`` rows.

    Raises:
        PatchFileError: the file has no such columns (``patches_csv_invalid``).
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"file", "label"} <= set(rows.fieldnames or ()):
                raise PatchFileError(f"{path.name} needs the columns file,label.", code="patches_csv_invalid")
            return {row["file"].strip(): row["label"].strip() for row in rows if row["file"] and row["label"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PatchFileError(f"{path.name} cannot be read: {error}.", code="patches_csv_invalid") from error


def patch_png(data: bytes, *, crop_centre: bool = False) -> PatchPng:
    """Turn an image file into a stored patch.

    Args:
        data: PNG, JPEG or TIFF of 70×70 px, or of 70×72 px, of which rows 1 to 70 are taken; 8-bit RGB.
        crop_centre: take the centre 70×70 px of larger images instead of refusing them.

    Returns:
        The pixels as PNG with their hash.

    Raises:
        PatchFileError: what is wrong with it.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if max(image.size) > LARGEST_SIDE_PX:
                raise PatchFileError(f"it is {image.width}×{image.height} px, not 70×70")
            upright = ImageOps.exif_transpose(image)
            return _encode(_square(_rgb(upright), crop_centre=crop_centre))
    except UnidentifiedImageError:
        raise PatchFileError("it is no PNG, JPEG or TIFF image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PatchFileError(f"it is damaged ({error})") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    raise PatchFileError(f"its pixels are {image.mode}, not 8-bit RGB")


def _square(image: Image.Image, *, crop_centre: bool) -> Image.Image:
    width, height = image.size
    if (width, height) == (PATCH_PX, PATCH_PX):
        return image
    if (width, height) == (PATCH_PX, TALL_PX):
        return image.crop((0, 1, PATCH_PX, 1 + PATCH_PX))
    if crop_centre and min(width, height) >= PATCH_PX:
        left, top = (width - PATCH_PX) // 2, (height - PATCH_PX) // 2
        return image.crop((left, top, left + PATCH_PX, top + PATCH_PX))
    hint = "; --crop-centre takes the centre of larger ones" if min(width, height) >= PATCH_PX else ""
    raise PatchFileError(f"it is {width}×{height} px, not 70×70{hint}")


def _encode(image: Image.Image) -> PatchPng:
    """Write PNG without any metadata of the source."""
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "PNG", compress_level=6)
    png = out.getvalue()
    return PatchPng(png, hashlib.sha256(png).hexdigest())
