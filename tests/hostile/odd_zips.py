"""ZIP files that hold a slide, or that do harm, built by program."""

import stat
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.labeling.slides.files import edit, smooth
from tests.labeling.slides.several import write_dicom, write_mirax, write_vms, zip_of

Make = Callable[[Path], object]


def _packed(write: Callable[[Path], object], change: Callable[[Path], object] = lambda folder: None) -> Make:
    """Write a slide to a folder, change something there, and pack it."""

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            write(Path(name))
            change(Path(name))
            zip_of(Path(name), path)

    return make


def _mirax(folder: Path) -> object:
    return write_mirax(folder, smooth(256, 256), levels=2)


def mirax(change: Callable[[Path], object] = lambda folder: None) -> Make:
    """A MIRAX slide; ``change`` gets the folder that it is packed from."""
    return _packed(_mirax, change)


def vms(change: Callable[[Path], object] = lambda folder: None) -> Make:
    """A VMS slide; see ``mirax``."""
    return _packed(lambda folder: write_vms(folder, smooth(256, 128)), change)


def dicom(change: Callable[[Path], object] = lambda folder: None) -> Make:
    """A DICOM slide; see ``mirax``."""
    return _packed(lambda folder: write_dicom(folder, smooth(300, 200), label=smooth(80, 80)), change)


def replaced(name: str, old: bytes, new: bytes) -> Callable[[Path], object]:
    """Replace bytes in one of the files that are packed."""

    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new))

    return change


def removed(*names: str) -> Callable[[Path], object]:
    """Leave files out."""

    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def _with(info: zipfile.ZipInfo, content: bytes = b"x", method: int = zipfile.ZIP_STORED) -> Make:
    """A MIRAX slide and one more entry."""

    def make(path: Path) -> None:
        mirax()(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, content, method)

    return make


def with_entry(name: str, content: bytes = b"x", method: int = zipfile.ZIP_STORED) -> Make:
    """A MIRAX slide and one more entry of some name."""
    info = zipfile.ZipInfo("entry")
    info.filename = name
    return _with(info, content, method)


def with_link(target: str) -> Make:
    """A MIRAX slide of which one data file is a link."""
    info = zipfile.ZipInfo("scan/Data0002.dat")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return _with(info, target.encode())


def with_twin(name: str) -> Make:
    """A MIRAX slide and one more file of a name that is there, or is there in other letters."""

    def make(path: Path) -> None:
        mirax()(path)
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings(action="ignore"):
            archive.writestr(zipfile.ZipInfo(name), b"other")

    return make


def _each_header(path: Path, change: Callable[[bytearray, int, int], None]) -> None:
    """Change all headers of all files: ``change`` gets where flags begin, and the name, of local and listed ones."""
    with zipfile.ZipFile(path) as archive:
        locals_ = [info.header_offset for info in archive.infolist()]
        listed = archive.start_dir

    def edit_all(data: bytearray) -> None:
        for at in locals_:
            change(data, at + 6, at + 30)
        at = listed
        while data[at : at + 4] == b"PK\x01\x02":
            change(data, at + 8, at + 46)
            at += 46 + sum(struct.unpack_from("<3H", data, at + 28))

    edit(path, edit_all)


def encrypted(path: Path) -> None:
    """A slide whose files are said to be encrypted."""
    mirax()(path)

    def change(data: bytearray, flags: int, name: int) -> None:
        data[flags] |= 1

    _each_header(path, change)


def no_text(path: Path) -> None:
    """Names that are said to be UTF-8, and are not."""
    mirax()(path)

    def change(data: bytearray, flags: int, name: int) -> None:
        data[flags + 1] |= 8
        data[name] = 0xFF

    _each_header(path, change)


def of_another_method(path: Path) -> None:
    """A slide packed by Deflate64, as Windows does with large files."""
    mirax()(path)

    def change(data: bytearray, flags: int, name: int) -> None:
        struct.pack_into("<H", data, flags + 2, 9)

    _each_header(path, change)


def wrong_bytes(path: Path) -> None:
    """One byte of a data file has flipped; nothing else tells."""
    with tempfile.TemporaryDirectory() as name:
        _mirax(Path(name))
        zip_of(Path(name), path, compression=zipfile.ZIP_STORED)
        inside = (Path(name) / "scan" / "Data0001.dat").read_bytes()

    def change(data: bytearray) -> None:
        data[data.find(inside) + 200] ^= 1

    edit(path, change)


def cut(path: Path) -> None:
    """The last third is missing, with the list of files."""
    mirax()(path)
    edit(path, lambda data: data.__delitem__(slice(len(data) * 2 // 3, None)))


def bomb(path: Path) -> None:
    """A data file of 600 MB of zeros in 600 kB."""
    mirax()(path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _mirax(folder)
        with (folder / "scan" / "Data0001.dat").open("wb") as file:
            file.truncate(600 * 1024**2)
        zip_of(folder, path)


def told_smaller(path: Path) -> None:
    """A data file that unpacks to more than the archive says."""
    mirax()(path)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("scan/Data0001.dat")
        listed = archive.start_dir

    def change(data: bytearray) -> None:
        at = data.find(b"scan/Data0001.dat", listed) - 46
        struct.pack_into("<I", data, at + 24, info.file_size // 2)

    edit(path, change)


def upon_one_another(path: Path) -> None:
    """Ten names for the same bytes of the archive."""
    mirax()(path)
    with zipfile.ZipFile(path, "a") as archive:
        info = archive.getinfo("scan/Data0001.dat")
        for n in range(10):
            twin = zipfile.ZipInfo(f"scan/Data{n + 2:04}.dat")
            for known in ("header_offset", "compress_type", "compress_size", "file_size", "CRC", "flag_bits"):
                setattr(twin, known, getattr(info, known))
            archive.filelist.append(twin)
        archive.comment = b"written anew"


def many(path: Path) -> None:
    """Five thousand and one empty files."""
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(5_001):
            archive.writestr(f"{n}.dcm", b"")


def two_slides(path: Path) -> None:
    """Two MIRAX slides side by side."""

    def both(folder: Path) -> None:
        for name in ("one", "two"):
            write_mirax(folder, smooth(128, 128), name=name, levels=1)

    _packed(both)(path)


def two_series(path: Path) -> None:
    """Two DICOM slides in two folders."""

    def both(folder: Path) -> None:
        for name in ("one", "two"):
            write_dicom(folder / name, smooth(200, 150))

    _packed(both)(path)


def plain(**files: bytes) -> Make:
    """Some files, by name with ``__`` for a dot."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name.replace("__", "."), content)

    return make
