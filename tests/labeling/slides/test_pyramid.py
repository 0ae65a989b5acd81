"""A pyramid has exactly the pixels of its source, and is whole or absent."""

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image, ImageOps

from labeling.slides.errors import SlideError
from labeling.slides.inspection import inspect_slide
from labeling.slides.pyramid import build_pyramid
from labeling.slides.reader import SlideReader
from labeling.slides.tiff_tags import jpeg_is_ycbcr
from tests.labeling.slides.files import break_tiles, edit, noise, smooth, write_tiff


@pytest.fixture
def folder(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    return own


def pixels_of(path) -> np.ndarray:
    with SlideReader(path) as reader:
        pixels, mask = reader.read(0, 0, *reader.size)
    assert mask.all()
    return pixels


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_level_0_equals_the_source(tmp_path, kind):
    source, target = tmp_path / "source", tmp_path / "target.tif"
    Image.fromarray(noise(701, 503)).save(source, kind)
    build_pyramid(source, target, mpp=0.25)
    assert np.array_equal(pixels_of(target), np.asarray(Image.open(source)))
    with SlideReader(target) as reader:
        assert reader.mpp == pytest.approx(0.25)
    with openslide.OpenSlide(target) as slide:
        assert max(slide.level_dimensions[-1]) <= 256


def test_unknown_scale_stays_unknown(tmp_path):
    Image.fromarray(noise(100, 80)).save(tmp_path / "s.png", dpi=(300, 300))
    build_pyramid(tmp_path / "s.png", tmp_path / "t.tif", mpp=None)
    with SlideReader(tmp_path / "t.tif") as reader:
        assert reader.mpp is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    source, target = tmp_path / "s.png", tmp_path / "t.tif"
    Image.fromarray(noise(120, 80)).save(source, exif=exif)
    build_pyramid(source, target, mpp=None)
    with Image.open(source) as image:
        assert np.array_equal(pixels_of(target), np.asarray(ImageOps.exif_transpose(image)))
    assert inspect_slide(target).width == pixels_of(target).shape[1]


def test_nothing_of_the_sources_metadata_is_kept(tmp_path):
    exif = Image.Exif()
    exif[270] = "Patient Q. Person"
    Image.fromarray(smooth(300, 200)).save(tmp_path / "s.jpg", exif=exif, comment=b"Patient Q. Person")
    assert b"Q. Person" in (tmp_path / "s.jpg").read_bytes()
    build_pyramid(tmp_path / "s.jpg", tmp_path / "t.tif", mpp=None)
    assert b"Q. Person" not in (tmp_path / "t.tif").read_bytes()


def test_progress_rises_to_the_end(tmp_path):
    Image.fromarray(noise(1500, 1000)).save(tmp_path / "s.png")
    seen: list[tuple[int, int]] = []
    build_pyramid(tmp_path / "s.png", tmp_path / "t.tif", mpp=None, on_progress=lambda *step: seen.append(step))
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert all(done <= total == 100 for done, total in seen)


def test_damaged_source_leaves_the_old_target_and_nothing_else(folder):
    source, target = folder / "s.tif", folder / "t.tif"
    target.write_bytes(b"old")
    break_tiles(write_tiff(source, noise(300, 200), rowsperstrip=16, compression="zlib"), [4])
    with pytest.raises(SlideError) as refusal:
        build_pyramid(source, target, mpp=None)
    assert refusal.value.code == "slide_damaged"
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in folder.iterdir()) == ["s.tif", "t.tif"]


def test_cancelled_work_leaves_nothing(folder):
    Image.fromarray(noise(1500, 1000)).save(folder / "s.png")

    def cancel(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_pyramid(folder / "s.png", folder / "t.tif", mpp=None, on_progress=cancel)
    assert [path.name for path in folder.iterdir()] == ["s.png"]


@pytest.fixture
def false_colours(tmp_path):
    """A JPEG-compressed TIFF whose YCbCr strips are declared as RGB, as Bio-Formats writes them."""
    path = tmp_path / "false.tif"
    Image.fromarray(smooth(320, 240)).save(path, compression="jpeg", quality=95)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        strips = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        photometric, offsets, counts = (page.tags[tag] for tag in (262, 273, 279))
        rows = page.tags[278]
    whole = tmp_path / "whole.jpg"
    Image.fromarray(smooth(320, 240)).save(whole, quality=95)
    stream = whole.read_bytes()
    assert len(strips) >= 1

    def change(data: bytearray) -> None:
        place = len(data)
        data.extend(stream)
        data[photometric.valueoffset : photometric.valueoffset + 2] = (2).to_bytes(2, "little")
        for tag, value in ((rows, 240), (offsets, place), (counts, len(stream))):
            entry = tag.code.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
            data[tag.offset : tag.offset + 12] = entry

    return edit(path, change), whole


def test_ycbcr_declared_as_rgb_keeps_its_colours(tmp_path, false_colours):
    source, whole = false_colours
    original = source.read_bytes()
    assert inspect_slide(source).format == "tiff"
    build_pyramid(source, tmp_path / "t.tif", mpp=None)
    assert np.array_equal(pixels_of(tmp_path / "t.tif"), np.asarray(Image.open(whole)))
    assert source.read_bytes() == original


def test_jpeg_streams_own_colour_space(tmp_path):
    path = tmp_path / "s.jpg"
    Image.fromarray(smooth(80, 80)).save(path)
    assert jpeg_is_ycbcr(path.read_bytes())
    Image.fromarray(smooth(80, 80)).save(path, keep_rgb=True)
    assert not jpeg_is_ycbcr(path.read_bytes())
    assert not jpeg_is_ycbcr(b"")
    assert not jpeg_is_ycbcr(b"\xff\xd8\xff")
