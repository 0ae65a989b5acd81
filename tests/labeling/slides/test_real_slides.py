"""Real micrographs: accepted, right in colour, and cropped byte for byte."""

import io
import itertools

import numpy as np
import openslide
import pytest
import tifffile
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

from labeling.slides.crop import crop_patch
from labeling.slides.inspection import inspect_slide
from labeling.slides.pyramid import build_pyramid
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import TILE_PX, TilePyramid, render_tile, thumbnail

pytestmark = pytest.mark.real_data

OME = {
    "OS-1-detail.ome.tif": (1101, 1101, 0.2271),
    "OS-2-ndpi.ome.tif": (2202, 2202, 0.2271),
    "OS-2-vsi.ome.tif": (1445, 1445, 0.3461),
}


SLIDES = {
    "slides/CMU-1-Small-Region.svs": 0.499,
    **{f"slides/{name}": mpp for name, (_, _, mpp) in OME.items()},
    "slides/HE_example.tif": 0.5,
    "slides/ihc.png": None,
    "shidc-ki67/p1_0299_1.jpg": None,
}


def patch_of(reader: SlideReader, x: int, y: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(crop_patch(reader, x, y).png)))


def test_svs(real_data):
    path = real_data / "slides" / "CMU-1-Small-Region.svs"
    found = inspect_slide(path)
    assert (found.format, found.width, found.height, found.mpp, found.objective) == ("pyramid", 2220, 2967, 0.499, 20)
    with SlideReader(path) as reader, openslide.OpenSlide(path) as slide:
        for x, y in ((35, 35), (240, 240), (1111, 2000), (2185, 2932)):
            source = np.asarray(slide.read_region((x - 35, y - 35), 0, (70, 70)).convert("RGB"))
            assert np.array_equal(patch_of(reader, x, y), source)
        served = thumbnail(reader) + render_tile(reader, 12, 0, 0)
    assert b"Aperio" not in served
    assert b"CMU-1" not in served


@pytest.mark.parametrize("name", ["slides/ihc.png", "slides/HE_example.tif", "shidc-ki67/p1_0299_1.jpg"])
def test_flat_images_keep_every_pixel(real_data, tmp_path, name):
    source, target = real_data / name, tmp_path / "t.tif"
    found = inspect_slide(source)
    assert found.needs_pyramid
    build_pyramid(source, target, mpp=found.mpp)
    true = np.asarray(Image.open(source).convert("RGB"))
    with SlideReader(target) as reader:
        assert reader.size == (found.width, found.height) == (true.shape[1], true.shape[0])
        for x, y in ((35, 35), (256, 256), (300, 211)):
            assert np.array_equal(patch_of(reader, x, y), true[y - 35 : y + 35, x - 35 : x + 35])


@pytest.mark.parametrize("name", OME)
def test_ome_tiffs_have_their_scale_and_true_colours(real_data, tmp_path, name):
    width, height, mpp = OME[name]
    source, target = real_data / "slides" / name, tmp_path / "t.tif"
    found = inspect_slide(source)
    assert (found.format, found.width, found.height) == ("tiff", width, height)
    assert found.mpp == pytest.approx(mpp, rel=1e-3)
    build_pyramid(source, target, mpp=found.mpp)
    with tifffile.TiffFile(source) as tiff, source.open("rb") as file:
        page = tiff.pages.first
        file.seek(page.dataoffsets[0])
        first_tile = np.asarray(Image.open(io.BytesIO(file.read(page.databytecounts[0]))))
    with SlideReader(target) as reader:
        assert reader.mpp == pytest.approx(found.mpp, rel=1e-6)
        pixels, mask = reader.read(0, 0, 512, 512)
    assert mask.all()
    assert np.array_equal(pixels, first_tile)


def block_means(image: np.ndarray, side: int) -> np.ndarray:
    """Average squares of pixels; at the right and lower edge the last pixel is repeated."""
    height, width = image.shape[:2]
    whole = np.pad(image, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge").astype(np.float32)
    means: np.ndarray = whole.reshape(-(-height // side), side, -(-width // side), side, 3).mean(axis=(1, 3))
    return means


@pytest.mark.parametrize("name", SLIDES)
def test_coarser_levels_show_the_same_colours_at_the_same_places(real_data, tmp_path, name):
    """Each pixel is about the mean of those it covers: no level is tinted, and none is moved by a pixel of its own."""
    readable = real_data / name
    found = inspect_slide(readable)
    if found.needs_pyramid:
        readable = tmp_path / "t.tif"
        build_pyramid(real_data / name, readable, mpp=found.mpp)
    with SlideReader(readable) as reader:
        pyramid = TilePyramid(*reader.size)
        whole, mask = reader.read(0, 0, *reader.size)
        assert mask.all()
        for level in range(pyramid.max_level - 4, pyramid.max_level):
            rows = [
                [
                    np.asarray(Image.open(io.BytesIO(render_tile(reader, level, col, row, quality=100))))
                    for col in range(pyramid.grid(level)[0])
                ]
                for row in range(pyramid.grid(level)[1])
            ]
            shown = np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0).astype(np.float32)
            wanted = block_means(whole, pyramid.scale(level))
            assert np.abs((shown - wanted).mean(axis=(0, 1))).max() < 0.6, level
            off = np.abs(shown - wanted).mean()
            moved = [np.abs(np.roll(shown, step, axis) - wanted).mean() for step in (-1, 1) for axis in (0, 1)]
            assert off < 0.5 * min(moved), level


@pytest.mark.parametrize("name", SLIDES)
def test_tiles_at_quality_100_are_openslides_to_the_pixel(real_data, tmp_path, name):
    """At the slide's own resolution; on coarser levels OpenSlide's generator averages otherwise (Lanczos, we bicubic).

    Compared is what a browser decodes: OpenSlide's own deep-zoom tile as JPEG of quality 100 without subsampling of
    colour, and ours. For files that OpenSlide does not read, it reads the lossless pyramid that was made of them.
    """
    source, readable = real_data / name, real_data / name
    found = inspect_slide(source)
    if found.needs_pyramid:
        readable = tmp_path / "t.tif"
        build_pyramid(source, readable, mpp=found.mpp)
    if SLIDES[name] is not None:
        assert found.mpp == pytest.approx(SLIDES[name], rel=1e-3)
        assert found.mpp_doubt == ""
    with SlideReader(readable) as reader, openslide.OpenSlide(readable) as slide:
        theirs = DeepZoomGenerator(slide, tile_size=TILE_PX, overlap=0)
        ours = TilePyramid(*reader.size)
        level = ours.max_level
        assert (theirs.level_count - 1, theirs.level_tiles[-1]) == (level, ours.grid(level))
        for col, row in itertools.product(*map(range, ours.grid(level))):
            out = io.BytesIO()
            theirs.get_tile(level, (col, row)).save(out, "JPEG", quality=100, subsampling=0)
            tile = Image.open(io.BytesIO(render_tile(reader, level, col, row, quality=100)))
            assert tile.tobytes() == Image.open(out).tobytes(), (col, row)
