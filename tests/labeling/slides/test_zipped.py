"""A slide in a ZIP file is read as it is in its folder, however it was packed."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest

from labeling.slides import child, zipped
from labeling.slides.deidentify import deidentify_slide
from labeling.slides.errors import SlideError
from labeling.slides.inspection import Inspection, inspect_slide
from labeling.slides.reader import GLASS, SlideReader
from labeling.slides.signatures import container_of
from labeling.slides.zipped import differing_files, look_into_zip, main_file, unpack_zip
from tests.labeling.slides.files import Pixels, noise, smooth
from tests.labeling.slides.several import LABEL_LAYERS, jpeg, write_dicom, write_mirax, write_vms, zip_of

WRITERS: dict[str, Callable[..., Path]] = {"mirax": write_mirax, "vms": write_vms, "dicom": write_dicom}
SIZE = (1024, 512)


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack as the worker does; gives the file to open."""
    folder.mkdir()
    unpack_zip(archive, folder, contents=look_into_zip(archive))
    return main_file(folder)


def level_pixels(path: Path) -> list[bytes]:
    with openslide.OpenSlide(path) as slide:
        return [slide.read_region((0, 0), n, size).tobytes() for n, size in enumerate(slide.level_dimensions)]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("prefix", ["", "a folder/"])
def test_all_levels_are_those_of_the_folder(kind, prefix, tmp_path):
    direct = WRITERS[kind](tmp_path / "slide", smooth(*SIZE), mpp=0.25)
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip", prefix=prefix)
    path = unpacked(archive, tmp_path / "made")
    assert inspect_slide(path) == Inspection(kind, *SIZE, 0.25, 20.0, needs_pyramid=False)
    assert container_of(archive) == "zip"
    assert len(level_pixels(direct)) > 1
    assert level_pixels(path) == level_pixels(direct)
    with SlideReader(path) as reader:
        pixels, mask = reader.read(0, 0, *SIZE)
        assert mask.all()
        assert np.abs(pixels.astype(int) - smooth(*SIZE)).max() < 12
        assert reader.mpp == 0.25


def test_only_what_is_needed_is_unpacked_and_under_names_of_ours(tmp_path):
    write_dicom(tmp_path / "slide", smooth(*SIZE), label=smooth(80, 80))
    (tmp_path / "slide" / "report of Ana Quispe.txt").write_text("x")
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    contents = look_into_zip(archive)
    path = unpacked(archive, tmp_path / "made")
    made = {file.relative_to(path.parent).as_posix(): file for file in path.parent.rglob("*")}
    assert set(made) == {"slide.dcm", "0001.dcm"}
    assert (contents.format, contents.files) == ("dicom", 2)
    assert contents.size_bytes == sum(file.stat().st_size for file in made.values())
    assert {file.stat().st_mode & 0o777 for file in made.values()} == {0o440}
    with openslide.OpenSlide(path) as slide:
        assert not slide.associated_images  # the label stayed in the ZIP file


def renamed(archive: Path, change: Callable[[str], str]) -> Path:
    """Pack the same files under other names."""
    other = archive.with_name("renamed.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            entry = zipfile.ZipInfo("entry")
            entry.filename = change(info.filename)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(info))
    return other


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda name: name.replace("/", "\\"), lambda name: f"./{name}", lambda name: f"a/b/c/{name}"],
    ids=["capitals", "backslashes", "dots", "deep"],
)
@pytest.mark.parametrize("kind", WRITERS)
def test_other_systems_names_are_understood(kind, change, tmp_path):
    direct = WRITERS[kind](tmp_path / "slide", smooth(*SIZE))
    archive = renamed(zip_of(tmp_path / "slide", tmp_path / "slide.zip"), change)
    assert level_pixels(unpacked(archive, tmp_path / "made")) == level_pixels(direct)


def test_names_with_accents_fit_however_they_are_written(tmp_path):
    """MacOS takes letters and accents apart."""
    write_vms(tmp_path / "slide", smooth(*SIZE), name="M\u00fcller")
    archive = renamed(
        zip_of(tmp_path / "slide", tmp_path / "slide.zip"), lambda name: name.replace("\u00fc", "u\u0308")
    )
    assert inspect_slide(unpacked(archive, tmp_path / "made")).format == "vms"


def test_a_folder_of_a_mac_is_taken_without_its_litter(tmp_path):
    direct = write_mirax(tmp_path / "slide", smooth(*SIZE))
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    with zipfile.ZipFile(archive, "a") as more:
        for name in (
            "__MACOSX/._scan.mrxs",
            "__MACOSX/scan/._Index.dat",
            ".DS_Store",
            "scan/Thumbs.db",
            "._other.mrxs",
        ):
            more.writestr(name, b"litter")
    assert level_pixels(unpacked(archive, tmp_path / "made")) == level_pixels(direct)


def test_glass_that_was_not_scanned_is_glass_and_a_damaged_tile_is_not(tmp_path):
    pixels: Pixels = noise(*SIZE)
    write_mirax(tmp_path / "slide", pixels, levels=1, unscanned=[1, 8])
    data = tmp_path / "slide" / "scan" / "Data0000.dat"
    data.write_bytes(data.read_bytes()[:64] + bytes(300) + data.read_bytes()[364:])
    path = unpacked(zip_of(tmp_path / "slide", tmp_path / "slide.zip"), tmp_path / "made")
    with SlideReader(path) as reader:
        glass, is_read = reader.read(128, 0, 128, 128)
        assert is_read.all()
        assert (glass == GLASS).all()
        assert not reader.read(0, 0, 128, 128)[1].any()
        assert reader.read(256, 0, 128, 128)[1].all()


def test_pixels_without_compression_are_the_same_bytes(tmp_path):
    write_dicom(tmp_path / "slide", noise(300, 200), native=True)
    path = unpacked(zip_of(tmp_path / "slide", tmp_path / "slide.zip"), tmp_path / "made")
    with SlideReader(path) as reader:
        assert np.array_equal(reader.read(0, 0, 300, 200)[0], noise(300, 200))


def test_a_stop_while_it_is_unpacked_ends_it(tmp_path):
    write_mirax(tmp_path / "slide", smooth(*SIZE))
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        raise InterruptedError

    (tmp_path / "made").mkdir()
    with pytest.raises(InterruptedError):
        unpack_zip(archive, tmp_path / "made", contents=look_into_zip(archive), on_progress=stop)
    assert told == [(0, 0)]


def test_unpacking_has_a_limit_of_time(tmp_path):
    write_mirax(tmp_path / "slide", smooth(*SIZE))
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    with pytest.raises(SlideError) as refused:
        look_into_zip(archive, timeout_s=0.01)
    assert refused.value.code == "slide_unpacking_timeout"


def test_a_full_disk_is_no_damaged_slide(tmp_path, monkeypatch):
    write_mirax(tmp_path / "slide", smooth(*SIZE))
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    (tmp_path / "made").mkdir()

    def full(done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(child, "tell_progress", full)
    with pytest.raises(SlideError) as refused:
        zipped._work("unpack", str(archive), str(tmp_path / "made"))
    assert refused.value.code == "disk_full"


def test_what_changed_since_it_was_unpacked_is_counted(tmp_path):
    write_mirax(tmp_path / "slide", smooth(*SIZE))
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    path = unpacked(archive, tmp_path / "made")
    assert differing_files(archive, path.parent) == 0
    data = path.parent / "slide" / "Data0001.dat"
    data.chmod(0o600)
    content = data.read_bytes()
    data.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (path.parent / "slide" / "Index.dat").unlink()
    assert differing_files(archive, path.parent) == 2


def test_no_clean_copy_is_promised(tmp_path):
    write_mirax(tmp_path / "slide", smooth(*SIZE), pictures={name: jpeg(smooth(80, 80)) for name in LABEL_LAYERS})
    archive = zip_of(tmp_path / "slide", tmp_path / "slide.zip")
    with pytest.raises(SlideError, match="Export its tissue as tiled TIFF") as refused:
        deidentify_slide(archive, tmp_path / "out.tif")
    assert refused.value.code == "slide_cannot_rewrite"
    assert not (tmp_path / "out.tif").exists()
