"""The coarse tiles that are drawn once, when a slide comes in."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from labeling.slides import overview
from labeling.slides.overview import draw_overview, overview_levels, overview_tile
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import TilePyramid, render_tile
from tests.labeling.slides.files import smooth, write_svs
from tests.labeling.slides.test_stored_tiles import cut, decoded, encoded, write

SIZE = (1301, 1003)


@pytest.fixture(scope="module")
def flat(tmp_path_factory) -> Path:
    """A slide of one level in JPEG tiles, of odd sides."""
    tiles = [encoded(part) for part in cut(smooth(*SIZE))]
    return write(tmp_path_factory.mktemp("flat") / "s.tif", tiles, width=SIZE[0], height=SIZE[1])


def drawn(path: Path, target: Path, **options) -> bool:
    with SlideReader(path) as reader:
        return draw_overview(reader, target, **options)


def places(levels: range) -> list[tuple[int, int, int]]:
    pyramid = TilePyramid(*SIZE)
    grids = {level: pyramid.grid(level) for level in levels}
    return [(n, col, row) for n, (columns, rows) in grids.items() for col in range(columns) for row in range(rows)]


def test_it_holds_the_tiles_that_would_be_drawn(flat, tmp_path):
    assert drawn(flat, tmp_path / "o.zip")
    with SlideReader(flat) as reader:
        assert overview_levels(reader) == range(8, 11)
        for place in places(range(8, 11)):
            found = decoded(overview_tile(tmp_path / "o.zip", place)).astype(int)
            asked = decoded(render_tile(reader, *place)).astype(int)
            assert found.shape == asked.shape
            assert np.abs(found - asked).mean() < 2, place
    assert len(zipfile.ZipFile(tmp_path / "o.zip").namelist()) == len(places(range(8, 11))) == 1 + 2 + 6
    assert overview_tile(tmp_path / "o.zip", (11, 0, 0)) is None


def test_the_same_slide_gives_the_same_bytes(flat, tmp_path):
    drawn(flat, tmp_path / "one.zip")
    drawn(flat, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_slide_with_coarse_levels_of_its_own_needs_none(tmp_path):
    path = write_svs(tmp_path / "s.svs", smooth(1000, 800), levels=2)
    assert not drawn(path, tmp_path / "o.zip")
    assert not (tmp_path / "o.zip").exists()


def test_between_levels_far_apart_only_what_is_coarser_than_all(tmp_path):
    path = write_svs(tmp_path / "s.svs", smooth(2400, 1200), levels=2)
    with SlideReader(path) as reader:
        assert reader.coarsest == 4
        assert list(overview_levels(reader)) == [8, 9]


def test_it_stays_small_whatever_the_slide(flat, tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "MOST_TILES", 4)
    told = []
    assert drawn(flat, tmp_path / "o.zip", on_progress=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    assert overview_tile(tmp_path / "o.zip", (10, 0, 0)) is None
    assert overview_tile(tmp_path / "o.zip", (9, 1, 0)) is not None


def test_what_shows_an_unreadable_part_is_left_to_be_drawn_when_it_is_looked_at(tmp_path):
    tiles = [encoded(part) for part in cut(smooth(*SIZE))]
    tiles[0] = b""
    path = write(tmp_path / "s.tif", tiles, width=SIZE[0], height=SIZE[1])
    assert drawn(path, tmp_path / "o.zip")
    left_out = {place for place in places(range(8, 11)) if overview_tile(tmp_path / "o.zip", place) is None}
    assert left_out == {(10, 0, 0), (9, 0, 0), (8, 0, 0)}


def test_who_watches_can_stop_it(flat, tmp_path):
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        drawn(flat, tmp_path / "o.zip", on_progress=stop)


@pytest.mark.parametrize("damage", [b"", b"PK\x05\x06", None])
def test_a_damaged_or_missing_overview_has_no_tiles(damage, flat, tmp_path):
    drawn(flat, tmp_path / "o.zip")
    if damage is None:
        (tmp_path / "o.zip").unlink()
    else:
        (tmp_path / "o.zip").write_bytes(damage)
    assert overview_tile(tmp_path / "o.zip", (8, 0, 0)) is None


def test_what_it_holds_is_listed_once_and_a_flipped_bit_is_seen(flat, tmp_path):
    path = tmp_path / "o.zip"
    drawn(flat, path)
    first, second = (overview_tile(path, (10, col, 0)) for col in (0, 1))
    assert second
    whole = path.read_bytes()
    list_at = whole.index(b"PK\x01\x02")
    path.write_bytes(whole[:list_at].replace(second[-8:], bytes(8)))
    assert overview_tile(path, (10, 0, 0)) == first
    assert overview_tile(path, (10, 1, 0)) is None
    path.write_bytes(whole[: whole.index(second) + 8])
    assert overview_tile(path, (10, 1, 0)) is None
