"""Slides of several files in one ZIP file: found in it, and unpacked to where OpenSlide reads them; in a child process.

The files that OpenSlide needs get a folder of their own. The one that it is told to open gets a name of ours; of the
others only such names count as the slide itself lists, and these are never paths.
"""

import errno
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from labeling.slides import child
from labeling.slides.errors import SlideError
from labeling.slides.signatures import ZIP_MAGIC
from labeling.slides.zip_entries import Entry, entries_of, key_of, open_zip

FORMATS = {"slide.mrxs": "mirax", "slide.vms": "vms", "slide.dcm": "dicom"}
"""Format by the name that the file to open gets."""
# The pixels of slides are compressed already; blank ones that are not shrink so far.
MAX_RATIO = 50
_SMALL_BYTES = 512 * 1024**2
_PIECE_BYTES = 4 * 1024**2
# OpenSlide reads lists of files up to 1 MiB and 64 KiB.
_MAX_LIST_BYTES = 1024**2
_SINGLE = (".svs", ".ndpi", ".scn", ".bif", ".tif", ".tiff")
# What OpenSlide takes memory for before it looks whether it is true, and more than any scanner says.
_MOST = {b"IMAGENUMBER_X": 10_000, b"IMAGENUMBER_Y": 10_000, b"DIGITIZER_WIDTH": 8192, b"DIGITIZER_HEIGHT": 8192}
_IMAGE_TYPE, _SERIES_UID = 0x0008_0008, 0x0020_000E
_PACK = "Put the slide's file and its folder into one ZIP file and upload that."


@dataclass(frozen=True)
class Contents:
    """What a ZIP file holds of a slide.

    Attributes:
        format: ``mirax``, ``vms`` or ``dicom``.
        files: how many files OpenSlide needs.
        size_bytes: how much they take once they are unpacked.
    """

    format: str
    files: int
    size_bytes: int


def is_zip(path: Path) -> bool:
    """Tell a ZIP file by its first bytes; a file that is not there is none."""
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    except FileNotFoundError:
        return False


def look_into_zip(source: Path, *, timeout_s: float = 120, memory_mb: int = 1536) -> Contents:
    """Look for the one slide in a ZIP file that somebody uploaded, without trusting it; nothing is unpacked.

    Args:
        source: the ZIP file; its name plays no part.
        timeout_s: wall time after which the look is stopped.
        memory_mb: address space it may take.

    Returns:
        What there is to unpack.

    Raises:
        SlideError: why it is refused, and what to do. Codes: ``slide_zip_no_slide``, ``slide_zip_several_slides``,
            ``slide_zip_incomplete``, ``slide_too_large``, those of ``entries_of``, ``slide_unpacking_timeout``,
            ``slide_unpacking_memory``.
    """
    return Contents(**_in_child("look", source, timeout_s=timeout_s, memory_mb=memory_mb))


def unpack_zip(
    source: Path,
    folder: Path,
    *,
    contents: Contents,
    on_progress: Callable[[int, int], None] | None = None,
    timeout_s: float = 3600,
    memory_mb: int = 1536,
) -> None:
    """Unpack what OpenSlide needs of the slide, and bring it safely to the disk.

    Args:
        source: the ZIP file.
        folder: where to; empty.
        contents: what was found in it.
        on_progress: called with (done, total) in megabytes; what it raises stops the work.
        timeout_s: wall time after which the work is stopped.
        memory_mb: address space it may take.

    Raises:
        SlideError: see ``look_into_zip``; ``slide_damaged`` where a file unpacks to another checksum; ``disk_full``.
    """
    limits = {"timeout_s": timeout_s, "memory_mb": memory_mb, "file_mb": contents.size_bytes // 2**20 + 1}
    _in_child("unpack", source, folder, on_progress=on_progress, **limits)


def differing_files(source: Path, folder: Path, *, timeout_s: float = 3600, memory_mb: int = 1536) -> int:
    """Count the unpacked files that are missing or are not what the ZIP file holds.

    Raises:
        SlideError: the ZIP file itself cannot be read.
    """
    answer = _in_child("compare", source, folder, timeout_s=timeout_s, memory_mb=memory_mb)
    return int(answer["differing"])


def main_file(folder: Path) -> Path:
    """Give the file of an unpacked slide that OpenSlide is told to open."""
    known = [folder / name for name in FORMATS]
    return next((path for path in known if path.exists()), known[0])


def _in_child(verb: str, *paths: Path, **limits: Any) -> dict[str, Any]:
    arguments = [verb, *(str(path.absolute()) for path in paths)]
    return child.run_limited("labeling.slides.zipped", arguments, step="unpacking", **limits)


def _work(verb: str, source: str, folder: str = "") -> dict[str, Any]:
    size_bytes = Path(source).stat().st_size
    with open_zip(Path(source)) as archive:
        plan = _plan(archive, entries_of(archive, size_bytes))
        if verb == "compare":
            return {"differing": sum(not _is_same(entry, Path(folder, name)) for name, entry in plan.items())}
        total = sum(entry.info.file_size for entry in plan.values())
        if total > max(_SMALL_BYTES, MAX_RATIO * size_bytes):
            raise SlideError(
                "This ZIP file unpacks to far more than a slide of its size would. Pack the slide's files again.",
                code="slide_too_large",
                extra={"size_bytes": size_bytes, "unpacked_bytes": total},
            )
        if verb == "unpack":
            _unpack(archive, plan, Path(folder), total)
        return asdict(Contents(FORMATS[next(iter(plan))], len(plan), total))


Plan = dict[str, Entry]
"""Entries by the paths, within the folder, that they are unpacked to; the file to open comes first."""


def _plan(archive: zipfile.ZipFile, entries: dict[str, Entry]) -> Plan:
    named = [entry for key, entry in entries.items() if key.endswith((".mrxs", ".vms"))]
    series = {} if named else _dicom_series(archive, entries.values())
    if len(named) + len(series) > 1:
        raise SlideError(
            f"This ZIP file holds {len(named) + len(series)} slides. Put each into a ZIP file of its own.",
            code="slide_zip_several_slides",
        )
    if series:
        files = next(iter(series.values()))
        return {"slide.dcm": files[0], **{f"{n:04}.dcm": file for n, file in enumerate(files[1:], start=1)}}
    if not named:
        raise _no_slide(entries)
    main = named[0]
    return (_mirax if key_of(main.name).endswith(".mrxs") else _vms)(archive, entries, main)


def _no_slide(entries: dict[str, Entry]) -> SlideError:
    if any(key.endswith("slidedat.ini") for key in entries):
        words = f"This ZIP file holds the folder of a MIRAX slide without its file (.mrxs). {_PACK}"
        return SlideError(words, code="slide_zip_incomplete")
    single = any(key.endswith(_SINGLE) for key in entries)
    advice = "A slide of one file is uploaded as it is, without a ZIP file." if single else _PACK
    words = f"This ZIP file holds no slide of several files (MIRAX, Hamamatsu VMS or DICOM). {advice}"
    return SlideError(words, code="slide_zip_no_slide")


def _mirax(archive: zipfile.ZipFile, entries: dict[str, Entry], main: Entry) -> Plan:
    inside = f"{main.name[: -len('.mrxs')]}/"
    index = entries.get(key_of(f"{inside}Slidedat.ini"))
    if index is None:
        words = "This ZIP file holds a MIRAX slide (.mrxs) without the folder of the same name."
        raise SlideError(f"{words} {_PACK}", code="slide_zip_incomplete")
    lines = list(_lines(archive, index))
    for key, value in lines:
        number = re.fullmatch(rb"\+?0*(\d+)", value)
        if key in _MOST and number and (len(number[1]) > 9 or int(number[1]) > _MOST[key]):
            raise SlideError(
                "This MIRAX slide says that it is larger than any scanner makes them.", code="slide_damaged"
            )
    names = [value for key, value in lines if re.fullmatch(rb"INDEXFILE|FILE_\d+", key)]
    companions = {f"slide/{name}": file for name, file in _companions(entries, inside, names).items()}
    return {"slide.mrxs": main, "slide/Slidedat.ini": index, **companions}


def _vms(archive: zipfile.ZipFile, entries: dict[str, Entry], main: Entry) -> Plan:
    lines = list(_lines(archive, main))
    names = [value for key, value in lines if key.startswith((b"ImageFile", b"MapFile", b"MacroImage"))]
    helpers = [value for key, value in lines if key == b"OptimisationFile"]
    optional = [name for name in helpers if key_of(main.folder + name.decode(errors="replace")) in entries]
    return {"slide.vms": main, **_companions(entries, main.folder, [*names, *optional])}


def _lines(archive: zipfile.ZipFile, entry: Entry) -> Iterator[tuple[bytes, bytes]]:
    """List the keys and values of an ini file, those of all its groups, as they stand there.

    Raises:
        SlideError: ``slide_damaged``.
    """
    if entry.info.file_size > _MAX_LIST_BYTES:
        raise _damaged()
    with _opened(archive, entry) as file:
        data = file.read()
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        key, _, value = line.partition(b"=")
        yield key.strip(), value.strip()


def _companions(entries: dict[str, Entry], folder: str, names: Iterable[bytes]) -> dict[str, Entry]:
    """Find the files that a slide lists: OpenSlide will look for just these names, in one folder.

    Raises:
        SlideError: ``slide_zip_unsafe`` for a name that leads elsewhere, ``slide_zip_incomplete``.
    """
    listed = dict.fromkeys(name for name in names if name)
    if any(re.search(rb"[/\\\0]|^\.\.?$", name) for name in listed):
        words = "This slide names files outside of its own folder, so it is not read. Export it again."
        raise SlideError(words, code="slide_zip_unsafe")
    texts = [name.decode(errors="replace") for name in listed]
    found = {text: entries[key_of(folder + text)] for text in texts if key_of(folder + text) in entries}
    if len(found) < len(texts):
        missing = len(texts) - len(found)
        words = f"This slide lists {len(texts):,} files of its own, of which {missing:,} are missing in the ZIP file."
        raise SlideError(f"{words} {_PACK}", code="slide_zip_incomplete")
    return found


def _dicom_series(archive: zipfile.ZipFile, entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """List the files that hold levels of slides, by their series; labels and other pictures are left out."""
    series: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.name):
        with _opened(archive, entry) as file:
            uid = _series_of_level(file)
        if uid:
            series.setdefault(uid, []).append(entry)
    return series


def _series_of_level(file: IO[bytes]) -> str | None:
    """Read whose level a DICOM file holds; None for any other file."""
    if file.read(132)[128:] != b"DICM":
        return None
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_partial
    from pydicom.uid import VLWholeSlideMicroscopyImageStorage

    file.seek(0)
    try:
        head = read_partial(
            cast(BinaryIO, file),
            lambda tag, vr, length: tag > _SERIES_UID,
            specific_tags=[_IMAGE_TYPE, _SERIES_UID],
        )
        if head.file_meta.MediaStorageSOPClassUID != VLWholeSlideMicroscopyImageStorage:
            return None
        uid, kind = str(head.SeriesInstanceUID), head.ImageType[2:3]
        return uid if kind == ["VOLUME"] else None
    except (InvalidDicomError, AttributeError, KeyError, TypeError) as error:
        raise _damaged() from error


def _unpack(archive: zipfile.ZipFile, plan: Plan, folder: Path, total: int) -> None:
    done = 0
    for name, entry in plan.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        try:
            with _opened(archive, entry) as file, target.open("xb") as out:
                while piece := file.read(_PIECE_BYTES):
                    out.write(piece)
                    done += len(piece)
                    child.tell_progress(done >> 20, total >> 20)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            words = "The server's disk is full, so the slide cannot be unpacked. Ask an admin to make room."
            raise SlideError(words, code="disk_full") from error
        target.chmod(0o440)


@contextmanager
def _opened(archive: zipfile.ZipFile, entry: Entry) -> Iterator[IO[bytes]]:
    """Open a file of the archive; never more is read than the archive says there is, and its checksum is looked at.

    Raises:
        SlideError: ``slide_damaged``, also for what is read meanwhile.
    """
    try:
        with archive.open(entry.info) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError) as error:
        raise _damaged() from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place in the archive that is before its beginning
            raise
        raise _damaged() from error


def _is_same(entry: Entry, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != entry.info.file_size:
        return False
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            checksum = zlib.crc32(piece, checksum)
    return checksum == entry.info.CRC


def _damaged() -> SlideError:
    words = (
        "This ZIP file is damaged: one of its files cannot be unpacked. Pack the slide's files again and upload that."
    )
    return SlideError(words, code="slide_damaged")


if __name__ == "__main__":
    child.serve(_work)
