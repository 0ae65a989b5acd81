"""Tiles handed through undecoded: what is shown is what OpenSlide shows, and nothing else goes along."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeling.drawn.tile_file import RGB, YCBCR, Level, Look, write_tiles
from labeling.slides.jpeg import whole_jpeg
from labeling.slides.reader import SlideReader
from labeling.slides.stored_tiles import stored_levels
from labeling.slides.tiles import TilePyramid, render_tile, stored_tile
from tests.labeling.slides.files import APERIO, smooth

PLANTED = b"patient Erika Mustermann"
SIDE = 256
WIDTH, HEIGHT = 700, 600
COLUMNS, ROWS = 3, 3


def decoded(jpeg: bytes | None) -> np.ndarray:
    assert jpeg is not None
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


def encoded(pixels: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **{"quality": 80, "subsampling": 0, **options})
    return out.getvalue()


def cut(pixels: np.ndarray, side: int = SIDE) -> list[np.ndarray]:
    rows, columns = -(-pixels.shape[0] // side), -(-pixels.shape[1] // side)
    room = (0, rows * side - pixels.shape[0]), (0, columns * side - pixels.shape[1]), (0, 0)
    whole = np.pad(pixels, room, mode="edge")
    places = [(row * side, col * side) for row in range(rows) for col in range(columns)]
    return [np.ascontiguousarray(whole[y : y + side, x : x + side]) for y, x in places]


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def with_words(jpeg: bytes) -> bytes:
    """Plant a name in a comment, in an application's segment and behind the end."""
    return jpeg[:2] + segment(0xFE, PLANTED) + segment(0xE1, b"Exif\0\0" + PLANTED) + jpeg[2:] + PLANTED


def tables_apart(tiles: list[np.ndarray], **options) -> tuple[list[bytes], bytes]:
    """Encode with one set of tables for all, kept apart from the tiles, as scanners do."""
    return [encoded(tile, streamtype=2, **options) for tile in tiles], encoded(tiles[0], streamtype=1, **options)


def write(path: Path, tiles: list[bytes], *, width: int = WIDTH, height: int = HEIGHT, **look) -> Path:
    side = look.get("tile_px", SIDE)
    shape = -(-height // side), -(-width // side)
    write_tiles(path, tiles, [Level(width, height, np.arange(len(tiles)).reshape(shape))], Look(**look))
    return path


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(5)
    found: np.ndarray = np.clip(smooth(WIDTH, HEIGHT) + rng.integers(-9, 9, (HEIGHT, WIDTH, 3)), 0, 255).astype(
        np.uint8
    )
    return found


LOOKS = [
    ("whole", YCBCR, 0),
    ("whole", YCBCR, 2),
    ("whole", RGB, 0),
    ("apart", YCBCR, 0),
    ("apart", YCBCR, 2),
    ("apart", RGB, 0),
]


@pytest.mark.parametrize("vendor", ["generic-tiff", "aperio"])
@pytest.mark.parametrize(("tables", "photometric", "subsampling"), LOOKS)
def test_a_tile_handed_through_shows_what_openslide_shows(tables, photometric, subsampling, vendor, pixels, tmp_path):
    options = {"subsampling": subsampling, "keep_rgb": photometric == RGB}
    parts = cut(pixels)
    tiles, shared = (
        tables_apart(parts, **options) if tables == "apart" else ([encoded(p, **options) for p in parts], b"")
    )
    look = {"photometric": photometric, "tables": shared, "subsampling": (2, 2) if subsampling else (1, 1)}
    if vendor == "aperio":
        look["description"] = APERIO.format(w=WIDTH, h=HEIGHT, tile=SIDE, mpp=0.25)
    with SlideReader(write(tmp_path / "s.tif", tiles, **look)) as reader:
        level = TilePyramid(*reader.size).max_level
        for col, row in [(0, 0), (1, 0), (1, 1)]:
            own = stored_tile(reader, level, col, row)
            seen, mask = reader.read(col * SIDE, row * SIDE, SIDE, SIDE)
            assert mask.all()
            assert np.array_equal(decoded(own), seen)
            assert np.abs(seen.astype(int) - parts[row * COLUMNS + col]).mean() < 6
        for col, row in [(2, 0), (0, 2), (2, 2)]:
            assert stored_tile(reader, level, col, row) is None
            _, _, w, h = TilePyramid(*reader.size).box(level, col, row)
            assert decoded(render_tile(reader, level, col, row)).shape == (h, w, 3)


def test_the_declared_colour_space_is_said_and_honoured(pixels, tmp_path):
    """Three channels that the file calls RGB are shown as such by a browser, though nothing in the JPEG says so."""
    bare = [whole_jpeg(encoded(p, keep_rgb=True), b"", size=(SIDE, SIDE), is_ycbcr=False) or b"" for p in cut(pixels)]
    nameless = [tile.replace(tile[2:18], b"", 1) for tile in bare]
    assert not any(b"Adobe" in tile for tile in nameless)
    with SlideReader(write(tmp_path / "s.tif", nameless, photometric=RGB)) as reader:
        own = stored_tile(reader, 10, 0, 0)
        assert np.array_equal(decoded(own), reader.read(0, 0, SIDE, SIDE)[0])
        assert np.abs(decoded(own).astype(int) - pixels[:SIDE, :SIDE]).mean() < 4


def test_no_word_of_the_vendor_goes_along(pixels, tmp_path):
    tiles, tables = tables_apart(cut(pixels))
    path = write(tmp_path / "s.tif", [with_words(tile) for tile in tiles], tables=with_words(tables)[: -len(PLANTED)])
    assert PLANTED in path.read_bytes()
    with SlideReader(path) as reader:
        own = stored_tile(reader, 10, 1, 1)
        assert own is not None
        assert PLANTED not in own
        assert PLANTED not in render_tile(reader, 10, 2, 2)
        with Image.open(io.BytesIO(own)) as image:
            assert not image.getexif()
            assert set(image.info) <= {"adobe", "adobe_transform"}
        assert np.array_equal(decoded(own), reader.read(SIDE, SIDE, SIDE, SIDE)[0])


def frame(jpeg: bytes) -> int:
    return jpeg.index(b"\xff\xc0")


def in_scan(jpeg: bytes) -> int:
    return jpeg.index(b"\xff\xda") + 200


DAMAGE = {
    "left out": lambda jpeg: b"",
    "overwritten": lambda jpeg: b"\xee" * len(jpeg),
    "zeroed": lambda jpeg: bytes(len(jpeg)),
    "cut off": lambda jpeg: jpeg[: len(jpeg) // 2],
    "no header": lambda jpeg: jpeg[:2] + jpeg[in_scan(jpeg) :],
    "a marker in the scan": lambda jpeg: jpeg[: in_scan(jpeg)] + b"\xff\xc4" + jpeg[in_scan(jpeg) + 2 :],
    "another size": lambda jpeg: jpeg[: frame(jpeg) + 5] + struct.pack(">H", 9) + jpeg[frame(jpeg) + 7 :],
    "two frames": lambda jpeg: jpeg[: frame(jpeg)] + segment(0xC0, bytes(15)) + jpeg[frame(jpeg) :],
    "a segment of no length": lambda jpeg: jpeg[:2] + b"\xff\xfe\0\0" + jpeg[2:],
    "no tables": lambda jpeg: jpeg.replace(b"\xff\xdb", b"\xff\xfe").replace(b"\xff\xc4", b"\xff\xfe"),
    "progressive": lambda jpeg: encoded(decoded(jpeg), progressive=True),
    "grey": lambda jpeg: encoded(decoded(jpeg)[..., 0]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_tile_is_not_handed_through(damage, pixels, tmp_path):
    tiles = [encoded(part) for part in cut(pixels)]
    tiles[0] = DAMAGE[damage](tiles[0])
    with SlideReader(write(tmp_path / "s.tif", tiles)) as reader:
        assert stored_tile(reader, 10, 0, 0) is None
        assert stored_tile(reader, 10, 1, 0) is not None
        assert reader.look((0, 0, 128, 128), 2.0) is None


@pytest.mark.parametrize("damage", ["left out", "overwritten", "zeroed", "no header"])
def test_an_unreadable_tile_is_hatched_on_every_level(damage, pixels, tmp_path):
    tiles = [encoded(part // 4) for part in cut(pixels)]
    tiles[0] = DAMAGE[damage](tiles[0])
    with SlideReader(write(tmp_path / "s.tif", tiles)) as reader:
        for level in (10, 9):
            side = SIDE >> (10 - level)
            tile = decoded(render_tile(reader, level, 0, 0, quality=95))[4 : side - 8, 4 : side - 8]
            assert tile.min() > 170
            assert np.ptp(tile[10]) > 20
        assert decoded(render_tile(reader, 10, 1, 0)).max() < 100


def test_a_drawn_tile_has_openslides_colours(tmp_path, pixels):
    path = write(tmp_path / "s.tif", [encoded(part) for part in cut(pixels, 240)], tile_px=240)
    with SlideReader(path) as reader:
        assert stored_tile(reader, 10, 1, 1) is None
        seen, _ = reader.read(SIDE, SIDE, SIDE, SIDE)
        looked = reader.look((SIDE, SIDE, SIDE, SIDE), 1.0)
        assert looked is not None
        assert np.array_equal(looked, seen)
        shown = decoded(render_tile(reader, 10, 1, 1, quality=100))
    off = np.abs(shown.astype(int) - seen)
    assert off.max() <= 3
    assert off.mean() < 0.6


@pytest.mark.parametrize(("side", "scale"), [(256, 2), (256, 4), (256, 8), (256, 16), (240, 2), (240, 4), (240, 16)])
def test_a_coarse_view_is_the_mean_of_what_is_there(side, scale, pixels, tmp_path):
    path = write(tmp_path / "s.tif", [encoded(part) for part in cut(pixels, side)], tile_px=side)
    width, height = WIDTH // scale, HEIGHT // scale
    with SlideReader(path) as reader:
        seen, _ = reader.read(0, 0, *reader.size)
        box = (3, 2, width - 3, height - 2)
        shown = reader.look(box, float(scale))
    assert shown is not None
    means = seen[: height * scale, : width * scale].reshape(height, scale, width, scale, 3).mean((1, 3))
    assert shown.shape == (height - 2, width - 3, 3)
    assert np.abs(shown - means[2:, 3:]).mean() < 3


@pytest.mark.parametrize(("box", "scale"), [((0, 0, 20, 20), 3.0), ((0, 0, 400, 20), 2.0), ((-1, 0, 9, 9), 2.0)])
def test_what_cannot_be_looked_at_is_read(box, scale, pixels, tmp_path):
    with SlideReader(write(tmp_path / "s.tif", [encoded(part) for part in cut(pixels)])) as reader:
        assert reader.look(box, scale) is None


def test_levels_that_cannot_be_told_apart_are_not_handed_through(pixels, tmp_path):
    tiles = [encoded(part) for part in cut(pixels)]
    level = Level(WIDTH, HEIGHT, np.arange(9).reshape(3, 3))
    write_tiles(tmp_path / "s.tif", tiles, [level, level])
    assert not stored_levels(tmp_path / "s.tif")


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_pyramid_of_another_writer_is_handed_through_on_every_level(bigtiff, pixels, tmp_path):
    """Classic TIFF and BigTIFF, tables apart, chroma subsampled, as libvips writes them."""
    path = tmp_path / "s.tif"
    image = pyvips.Image.new_from_array(np.tile(pixels, (2, 2, 1)))
    image.tiffsave(
        str(path), compression="jpeg", tile=True, tile_width=SIDE, tile_height=SIDE, pyramid=True, bigtiff=bigtiff
    )
    with SlideReader(path) as reader:
        pyramid = TilePyramid(*reader.size)
        for level in (pyramid.max_level, pyramid.max_level - 1):
            seen, _ = reader.read(SIDE, SIDE, SIDE, SIDE, float(pyramid.scale(level)))
            assert np.array_equal(decoded(stored_tile(reader, level, 1, 1)), seen)


def test_uncompressed_tiles_are_drawn(pixels, tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb")
    with SlideReader(path) as reader:
        assert stored_tile(reader, 10, 0, 0) is None
        assert np.abs(decoded(render_tile(reader, 10, 0, 0)).astype(int) - pixels[:SIDE, :SIDE]).mean() < 6


@pytest.fixture(scope="module")
def sound(tmp_path_factory, pixels) -> bytes:
    tiles, tables = tables_apart(cut(pixels))
    return write(tmp_path_factory.mktemp("sound") / "s.tif", tiles, tables=tables).read_bytes()


@given(data=st.data())
def test_whatever_the_directory_says_nothing_breaks(data, sound, tmp_path_factory):
    changed = bytearray(sound)
    start = struct.unpack_from("<Q", sound, 8)[0] - 400
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(start, len(sound) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.tif"
    path.write_bytes(changed[: data.draw(st.integers(0, 40)) or None])
    tiles = stored_levels(path).get((WIDTH, HEIGHT))
    if tiles is not None:
        answer = tiles.jpeg((SIDE, SIDE, SIDE, SIDE))
        assert answer is None or answer.startswith(b"\xff\xd8\xff\xee")


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_no_bytes_break_the_jpeg_writer(tile, tables):
    for start in (b"", b"\xff\xd8"):
        assert whole_jpeg(start + tile, tables and start + tables, size=(SIDE, SIDE), is_ycbcr=True) is None


def test_what_is_counted_is_read_strictly(pixels, tmp_path):
    """A decoder that only shows pictures takes a tile with overwritten bytes; for a count it is an area not read."""
    tiles = [encoded(part) for part in cut(pixels)]
    middle = len(tiles[0]) // 2
    tiles[0] = tiles[0][:middle] + b"\x55" * 16 + tiles[0][middle + 16 :]
    with SlideReader(write(tmp_path / "s.tif", tiles)) as reader:
        assert reader.look((0, 0, SIDE, SIDE), 1.0) is not None
        _, mask = reader.read(0, 0, WIDTH, HEIGHT)
        assert not mask[:SIDE, :SIDE].any()
        assert mask[:, SIDE:].all()
        assert mask[SIDE:].all()
