"""The clean copy has the tissue's own bytes, the scale, and no word of the original."""

import io

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from labeling.slides import deidentify
from labeling.slides.deidentify import deidentify_slide
from labeling.slides.errors import SlideError
from labeling.slides.jpeg_segments import picture_only
from labeling.slides.pyramid import build_pyramid
from labeling.slides.tiff_tags import pages_of
from tests.hostile.planted import WORDS, write_planted_svs
from tests.labeling.slides.files import noise, smooth, write_svs, write_tiff, zero_tiles


def level_bytes(path) -> list[list[bytes]]:
    """The compressed tiles of each level."""
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        pages = [page for page in pages_of(tiff) if page.is_tiled]
        places = [zip(page.dataoffsets, page.databytecounts, strict=True) for page in pages]
    return [[data[offset : offset + count] for offset, count in level] for level in places]


def test_svs_keeps_tissue_and_scale_and_loses_every_word(tmp_path):
    source = write_planted_svs(tmp_path / "in.svs", smooth(700, 500))
    copy = deidentify_slide(source, tmp_path / "out.tif")
    assert (copy.levels, copy.tiles, copy.tiles_cut, copy.images_dropped, copy.regions) == (2, 26, 0, 2, 24)
    assert level_bytes(tmp_path / "out.tif") == level_bytes(source)
    data = (tmp_path / "out.tif").read_bytes()
    assert [word for word in WORDS if word in data] == []
    assert all(word in source.read_bytes() for word in WORDS)
    with openslide.OpenSlide(source) as old, openslide.OpenSlide(tmp_path / "out.tif") as new:
        assert not new.associated_images
        assert set(old.associated_images) == {"label", "macro"}
        for name in ("openslide.vendor", "openslide.mpp-x", "openslide.mpp-y", "openslide.objective-power"):
            assert new.properties[name] == old.properties[name]
        for level, size in enumerate(old.level_dimensions):
            pixels = [slide.read_region((0, 0), level, size).tobytes() for slide in (old, new)]
            assert pixels[0] == pixels[1]
    assert {path.name for path in tmp_path.iterdir()} == {"in.svs", "out.tif", "media"}


def test_plain_tiff_keeps_its_scale(tmp_path):
    source = write_tiff(
        tmp_path / "in.tif",
        noise(600, 400),
        tile=(128, 128),
        compression="zlib",
        predictor=True,
        resolution=(40_000, 40_000),
        resolutionunit=3,
        software="Scanner of Ana Quispe",
    )
    deidentify_slide(source, tmp_path / "out.tif")
    with openslide.OpenSlide(tmp_path / "out.tif") as slide:
        assert slide.properties["openslide.mpp-x"] == "0.25"
        pixels = np.asarray(slide.read_region((0, 0), 0, (600, 400)).convert("RGB"))
        assert np.array_equal(pixels, noise(600, 400))
    assert b"Quispe" not in (tmp_path / "out.tif").read_bytes()


def test_the_pyramid_of_a_flat_image_can_be_copied(tmp_path):
    Image.fromarray(noise(600, 400)).save(tmp_path / "flat.png")
    build_pyramid(tmp_path / "flat.png", tmp_path / "pyramid.tif", mpp=0.25)
    assert deidentify_slide(tmp_path / "pyramid.tif", tmp_path / "out.tif").levels == 3
    assert level_bytes(tmp_path / "out.tif") == level_bytes(tmp_path / "pyramid.tif")


def test_damaged_tiles_stay_damaged_and_all_others_are_kept(tmp_path):
    source = zero_tiles(write_svs(tmp_path / "in.svs", noise(600, 400), levels=1), [3])
    deidentify_slide(source, tmp_path / "out.tif")
    assert level_bytes(tmp_path / "out.tif") == level_bytes(source)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: Image.fromarray(noise(90, 80)).save(path, "PNG"), "a plain image"),
        (lambda path: write_tiff(path, noise(90, 80)), "must be read in as a whole"),
        (
            lambda path: write_tiff(path, noise(300, 200), tile=(128, 128), extratags=[(274, 3, 1, 6, True)]),
            "must be turned",
        ),
    ],
)
def test_what_cannot_be_copied_is_refused_in_words(make, words, tmp_path):
    make(tmp_path / "in")
    with pytest.raises(SlideError, match=words) as refusal:
        deidentify_slide(tmp_path / "in", tmp_path / "out.tif")
    assert refusal.value.code == "slide_cannot_rewrite"
    assert "give its code" in refusal.value.message
    assert {path.name for path in tmp_path.iterdir()} == {"in", "media"}


def test_a_copy_that_reads_otherwise_is_thrown_away(tmp_path, monkeypatch):
    source = write_svs(tmp_path / "in.svs", noise(600, 400), levels=1)
    monkeypatch.setattr(deidentify, "picture_only", lambda stream: stream[::-1])
    with pytest.raises(SlideError) as refusal:
        deidentify._deidentify(str(source), str(tmp_path / "out.tif"))
    assert refusal.value.code == "slide_copy_differs"


def jpeg(**options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(smooth(120, 100)).save(out, "JPEG", **options)
    return out.getvalue()


def test_comments_and_what_follows_the_end_are_cut_out_of_a_jpeg():
    plain = jpeg()
    exif = Image.Exif()
    exif[315] = "Ana Quispe"
    told = jpeg(comment=b"Ana Quispe", exif=exif, icc_profile=b"Ana Quispe") + b"Ana Quispe"
    assert picture_only(plain) is plain
    assert picture_only(told) == plain
    assert b"Quispe" not in picture_only(told)


def test_comments_are_cut_out_of_jpeg_2000():
    out = io.BytesIO()
    Image.fromarray(smooth(120, 100)).save(out, "JPEG2000", no_jp2=True, comment=b"Ana Quispe")
    short = picture_only(out.getvalue())
    assert b"Quispe" in out.getvalue()
    assert b"Quispe" not in short
    assert Image.open(io.BytesIO(short)).tobytes() == Image.open(out).tobytes()


@pytest.mark.parametrize("stream", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xfe\xff\xff", b"x" * 99])
def test_what_is_no_whole_picture_does_no_harm(stream):
    assert len(picture_only(stream)) <= len(stream)


@pytest.mark.real_data
def test_a_real_svs(real_data, tmp_path):
    source = real_data / "slides" / "CMU-1-Small-Region.svs"
    copy = deidentify_slide(source, tmp_path / "out.tif")
    assert (copy.levels, copy.tiles, copy.tiles_cut, copy.images_dropped) == (1, 130, 0, 3)
    assert level_bytes(tmp_path / "out.tif") == level_bytes(source)[:1]
    with openslide.OpenSlide(source) as old, openslide.OpenSlide(tmp_path / "out.tif") as new:
        pixels = [slide.read_region((0, 0), 0, (2220, 2967)).tobytes() for slide in (old, new)]
        assert pixels[0] == pixels[1]
        assert (new.properties["openslide.mpp-x"], new.properties["openslide.objective-power"]) == ("0.499", "20")
    data = (tmp_path / "out.tif").read_bytes()
    for word in (b"ScanScope", b"Filename", b"Time", b"User", b"CMU"):
        assert word not in data
