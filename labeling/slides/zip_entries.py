"""Lists what a stranger's ZIP file holds, and refuses what no slide needs and what has done harm elsewhere.

Nothing is unpacked under a name of the archive: names only tell which files belong together.
"""

import re
import stat
import struct
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path

from labeling.slides.errors import SlideError

MAX_FILES = 5_000
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_MAX_NAME, _MAX_PART = 1_000, 255
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
# What desktops leave in folders.
_LITTER = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini"}
_AGAIN = "Pack the slide's files into a new ZIP file and upload that."


@dataclass(frozen=True)
class Entry:
    """A file in the archive.

    Attributes:
        name: its path there, with slashes, whatever the system it was packed on.
        info: what the archive says of it.
    """

    name: str
    info: zipfile.ZipInfo

    @property
    def folder(self) -> str:
        """The folder's path with a slash at its end, empty at the top."""
        return self.name[: self.name.rfind("/") + 1]


def key_of(name: str) -> str:
    """Give what a name is found by: as on Windows and macOS, neither case nor kind of accent tells two apart."""
    return unicodedata.normalize("NFC", name).casefold()


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open an archive.

    Raises:
        SlideError: ``slide_damaged``, or ``slide_zip_unsafe`` where a name is no text.
    """
    try:
        return zipfile.ZipFile(path)
    except UnicodeDecodeError as error:
        raise _unsafe("names files in an encoding that it says it does not use") from error
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError) as error:
        words = "This ZIP file is damaged: its list of files cannot be read, as after a copy that was cut short."
        raise SlideError(f"{words} {_AGAIN}", code="slide_damaged") from error


def entries_of(archive: zipfile.ZipFile, size_bytes: int) -> dict[str, Entry]:
    """List the files of an archive, without what desktops leave in folders.

    Args:
        archive: the open archive.
        size_bytes: of the whole file.

    Returns:
        Files by ``key_of`` their names.

    Raises:
        SlideError: ``slide_zip_unsafe``, ``slide_zip_encrypted``, ``slide_zip_method``, ``slide_zip_nested``,
            ``slide_zip_many_files``, or ``slide_damaged`` where files lie upon one another.
    """
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise SlideError(
            f"This ZIP file holds {len(infos):,} files; a slide has at most {MAX_FILES:,}. "
            "Put one slide with its own files into a ZIP file.",
            code="slide_zip_many_files",
            extra={"files": len(infos)},
        )
    if sum(info.compress_size for info in infos) > size_bytes:
        raise SlideError(f"This ZIP file is damaged: its files lie upon one another. {_AGAIN}", code="slide_damaged")
    found: dict[str, Entry] = {}
    for info in infos:
        entry = Entry(_safe_name(info), info)
        if info.is_dir() or entry.name.endswith("/"):
            continue
        key = key_of(entry.name)
        if key in found:
            raise _unsafe("names two files alike")
        found[key] = entry
    slide = {key: entry for key, entry in found.items() if not _is_litter(key)}
    for key, entry in slide.items():
        _check_readable(key, entry.info)
    return slide


def _safe_name(info: zipfile.ZipInfo) -> str:
    """Give an entry's name with slashes.

    Raises:
        SlideError: ``slide_zip_unsafe``.
    """
    name = info.orig_filename.replace("\\", "/").removeprefix("./")
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        raise _unsafe("names files by where they lay on another computer")
    if name and {"..", ".", ""} & set(parts):
        raise _unsafe("names files outside of its own folder")
    if re.search(r"[\x00-\x1f\x7f]", name) or len(name) > _MAX_NAME or max(map(len, parts)) > _MAX_PART:
        raise _unsafe("names files as no computer does")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe("holds links or other things that are no files")
    return name


def _unsafe(what: str) -> SlideError:
    return SlideError(f"This ZIP file {what}, so it is not unpacked. {_AGAIN}", code="slide_zip_unsafe")


def _is_litter(key: str) -> bool:
    parts = key.split("/")
    return any(part in _LITTER for part in parts) or parts[-1].startswith("._")


def _check_readable(key: str, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        words = "This ZIP file is protected by a password. Pack the slide's files without one and upload that."
        raise SlideError(words, code="slide_zip_encrypted")
    if key.endswith(_ARCHIVES):
        words = "This ZIP file holds another archive. Unpack that, then put the slide's own files into one ZIP file."
        raise SlideError(words, code="slide_zip_nested")
    if info.compress_type not in _METHODS:
        raise SlideError(
            "This ZIP file is packed by a method that is not read here; Windows takes one (Deflate64) for files over "
            "2 GB. Pack it with another program, for example 7-Zip, by “Deflate” or without compression (“Store”).",
            code="slide_zip_method",
            extra={"method": info.compress_type},
        )
