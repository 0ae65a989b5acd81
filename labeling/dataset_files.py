"""The file of a data-set version: a tar of ``manifest.json``, ``items.csv`` and ``patches/<sha256>.png``.

What a file says is data: names are matched, sizes are bounded, and nothing is ever extracted to the disk.
"""

import csv
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from config.errors import DomainError
from labeling.patch_files import PATCH_PX

FORMAT = "tilscope-dataset"
FORMAT_VERSION = 1
MANIFEST, ITEMS, PATCHES = "manifest.json", "items.csv", "patches"
COLUMNS = ("sha256", "class", "side", "slide", "case_code", "x_l0", "y_l0", "box_px")
LARGEST_MANIFEST_BYTES = 4 * 1024**2
LARGEST_ITEMS_BYTES = 1024**3
LARGEST_PNG_BYTES = 256 * 1024
LONGEST_NAME = 120
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEMBER = re.compile(rf"{PATCHES}/([0-9a-f]{{64}})\.png")


class DatasetFileError(DomainError):
    """A file of a data-set version that cannot be used."""

    code = "dataset_file_invalid"


@dataclass(frozen=True)
class Row:
    """One item; without a slide the place is None.

    Args:
        sha256: of the PNG.
        class_name: as it was called at the freeze.
        side: one of ``choices.Side``.
        slide: the slide's code, or empty.
        case_code: the slide's, or empty.
        place: centre pixel and side of the box, level-0 pixels.
    """

    sha256: str
    class_name: str
    side: str
    slide: str
    case_code: str
    place: tuple[int, int, float] | None


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """Spell a manifest."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode()


def add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Write a member of bytes; all members are of the same nobody and time, so that equal versions are equal files."""
    add_file(archive, name, io.BytesIO(data), len(data))


def add_file(archive: tarfile.TarFile, name: str, file: BinaryIO, size_bytes: int) -> None:
    """Write a member from an open file."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o444
    archive.addfile(info, file)


def add_png(archive: tarfile.TarFile, sha256: str, png: bytes) -> None:
    """Write the PNG of a patch."""
    add_bytes(archive, f"{PATCHES}/{sha256}.png", png)


def write_items(file: BinaryIO, rows: Iterable[Row]) -> None:
    """Write ``items.csv``."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        place = row.place or ("", "", "")
        writer.writerow((row.sha256, row.class_name, row.side, row.slide, row.case_code, *place))
    text.flush()
    text.detach()


class DatasetArchive:
    """An open file, read from front to back: manifest, items, PNGs."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.manifest = _manifest(self._expected(MANIFEST, LARGEST_MANIFEST_BYTES).read())

    def rows(self) -> Iterator[Row]:
        """Read the items.

        Raises:
            DatasetFileError: a line is no item.
        """
        text = io.TextIOWrapper(self._expected(ITEMS, LARGEST_ITEMS_BYTES), encoding="utf-8", newline="")
        try:
            lines = csv.reader(text, strict=True)
            if tuple(next(lines, ())) != COLUMNS:
                raise DatasetFileError(f"{ITEMS} needs the columns {', '.join(COLUMNS)}.")
            for line in lines:
                yield _row(line, lines.line_num)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DatasetFileError(f"{ITEMS} is no CSV in UTF-8: {error}.") from error

    def pngs(self) -> Iterator[tuple[str, bytes]]:
        """Read the PNGs that are left: the hash a member is named by, and a patch whose bytes have it.

        Raises:
            DatasetFileError: a member is something else.
        """
        for info in self._archive:
            found = _MEMBER.fullmatch(info.name)
            if info.name in (MANIFEST, ITEMS):
                continue
            if found is None or not info.isfile():
                raise DatasetFileError(f"The file holds {info.name[:100]!r}, which is no patch of a data set.")
            yield found.group(1), _checked_png(found.group(1), self._bytes(info, LARGEST_PNG_BYTES).read())

    def _expected(self, name: str, most_bytes: int) -> BinaryIO:
        info = self._archive.next()
        if info is None or info.name != name or not info.isfile():
            raise DatasetFileError(f"The file is no data set: {name} is not where it belongs.")
        return self._bytes(info, most_bytes)

    def _bytes(self, info: tarfile.TarInfo, most_bytes: int) -> BinaryIO:
        file = self._archive.extractfile(info)
        if file is None or info.size > most_bytes:
            raise DatasetFileError(f"{info.name[:100]!r} is larger than {most_bytes // 1024} KiB.")
        return file  # type: ignore[return-value]


@contextmanager
def open_dataset_file(path: Path) -> Iterator[DatasetArchive]:
    """Open the file of a version.

    Raises:
        DatasetFileError: it is none, or damaged.
    """
    try:
        with tarfile.open(path, mode="r:") as archive:
            yield DatasetArchive(archive)
    except (tarfile.TarError, EOFError) as error:
        raise DatasetFileError(f"{path.name} is no tar archive, or damaged: {error}.") from error
    except OSError as error:
        raise DatasetFileError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DatasetFileError(f"{MANIFEST} is no JSON: {error}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DatasetFileError(f"{MANIFEST} is not that of a data set.")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise DatasetFileError(f"{MANIFEST} is of another version; this program reads version {FORMAT_VERSION}.")
    for key, is_right in _USABLE.items():
        if not is_right(manifest.get(key)):
            raise DatasetFileError(f"{MANIFEST} has no usable {key}.")
    return manifest


def _is_class(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("counted"), bool)


_USABLE: dict[str, Callable[[Any], bool]] = {
    "name": lambda v: isinstance(v, str) and 0 < len(v.strip()) <= LONGEST_NAME and v.isprintable(),
    "content_hash": lambda v: isinstance(v, str) and _SHA256.fullmatch(v) is not None,
    "seed": lambda v: type(v) is int and abs(v) < 2**63,
    "rule": lambda v: isinstance(v, dict),
    "classes": lambda v: isinstance(v, list) and all(map(_is_class, v)),
    "count": lambda v: type(v) is int and v > 0,
}


def _row(line: list[str], number: int) -> Row:
    if len(line) != len(COLUMNS) or not _SHA256.fullmatch(line[0]):
        raise DatasetFileError(f"Line {number} of {ITEMS} is no item.")
    sha256, class_name, side, slide, case_code, *place = line
    try:
        spot = (int(place[0]), int(place[1]), float(place[2])) if slide else None
    except ValueError as error:
        raise DatasetFileError(f"Line {number} of {ITEMS} has a slide and no place on it.") from error
    if spot and not (0 <= spot[0] < 2**31 and 0 <= spot[1] < 2**31 and 0 < spot[2] < 2**31):
        raise DatasetFileError(f"Line {number} of {ITEMS} has a place that no slide has.")
    return Row(sha256, class_name, side, slide, case_code, spot)


def _checked_png(sha256: str, data: bytes) -> bytes:
    """Take a PNG whose bytes have the hash it is named by, and whose pixels are those of a patch."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DatasetFileError(f"Patch {sha256[:12]}… is damaged: its bytes are not those of its name.")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (PATCH_PX, PATCH_PX) or image.mode != "RGB":
                raise DatasetFileError(f"Patch {sha256[:12]}… is no {PATCH_PX}×{PATCH_PX} RGB image.")
            image.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise DatasetFileError(f"Patch {sha256[:12]}… is no PNG: {error}.") from error
    return data
