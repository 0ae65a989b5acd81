"""The media store: whole or absent, under its hash, never changed."""

import ctypes
import hashlib
import os
import threading

import pytest

from labeling import media, readers
from labeling.slides.errors import SlideError
from labeling.tile_bytes import DrawnTiles


def test_a_file_lies_under_its_hash_and_cannot_be_written(own_media):
    sha256 = media.store_bytes(b"pixels")
    path = media.path_of(sha256)
    assert sha256 == hashlib.sha256(b"pixels").hexdigest()
    assert path == own_media / sha256[:2] / sha256[2:4] / sha256
    assert path.read_bytes() == b"pixels"
    assert path.stat().st_mode & 0o222 == 0
    assert path.stat().st_nlink == 1
    assert list((own_media / "tmp").iterdir()) == []


def test_the_same_bytes_again_leave_the_first_file_alone(own_media):
    path = media.path_of(media.store_bytes(b"pixels"))
    before = path.stat()
    media.store_bytes(b"pixels")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(list(media.stored())) == 1


def test_a_damaged_file_is_never_taken_for_the_whole_one(own_media):
    path = media.path_of(media.store_bytes(b"pixels"))
    path.chmod(0o600)
    path.write_bytes(b"pix")
    with pytest.raises(media.MediaError) as refused:
        media.store_bytes(b"pixels")
    assert refused.value.code == "media_damaged"


def test_a_copy_leaves_the_source(own_media, tmp_path):
    source = tmp_path / "x.png"
    source.write_bytes(b"pixels")
    media.store_copy(source)
    assert source.read_bytes() == b"pixels"


def test_a_file_from_another_disk_is_copied(own_media, tmp_path, monkeypatch):
    source, link = tmp_path / "x", os.link

    def only_near(a, b):
        if a == source:
            raise OSError(18, "Invalid cross-device link")
        link(a, b)

    source.write_bytes(b"pixels")
    monkeypatch.setattr("labeling.media.os.link", only_near)
    assert media.path_of(media.store_file(source)).read_bytes() == b"pixels"
    assert not source.exists()


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "0" * 63, "G" * 64, "0" * 64 + "\n", "A" * 64])
def test_only_hashes_name_files(text):
    with pytest.raises(media.MediaError):
        media.path_of(text)


def test_many_at_once_make_one_file(own_media):
    results = []
    threads = [threading.Thread(target=lambda: results.append(media.store_bytes(b"x" * 10**6))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert len(results) == 6
    assert len(list(media.stored())) == 1


@pytest.mark.django_db
def test_readers_are_kept_lent_to_one_and_closed(field, monkeypatch):
    pool = readers.ReaderPool(keep=1)
    sha256 = field.slide.pyramid_sha256
    with pool.reader(sha256) as first, pool.reader(sha256) as second:
        assert first is not second
        assert first.facts is second.facts
        assert (first.read(0, 0, 9, 9)[0] == second.read(0, 0, 9, 9)[0]).all()
    with pool.reader(sha256) as kept:
        assert kept in (first, second)
    with pytest.raises(ZeroDivisionError), pool.reader(sha256) as broken:
        raise ZeroDivisionError
    with pool.reader(sha256) as fresh:
        assert fresh is not broken
    pool.close()
    with pytest.raises(SlideError), pool.reader("0" * 64):
        pass


@pytest.mark.django_db
def test_readers_of_a_file_that_is_gone_are_closed(field, monkeypatch):
    pool = readers.ReaderPool()
    sha256 = field.slide.pyramid_sha256
    with pool.reader(sha256) as kept:
        pass
    media.path_of(sha256).unlink()
    monkeypatch.setattr(readers, "LOOK_S", 0)
    pool._look_at = 0
    with pytest.raises(SlideError), pool.reader(sha256):
        pass
    with pytest.raises(ctypes.ArgumentError, match="closed"):
        kept.read(0, 0, 1, 1)


def test_drawn_tiles_are_forgotten_when_they_are_too_many():
    tiles = DrawnTiles(keep_bytes=100)
    for n in range(3):
        tiles.keep(("sha", 0, 0, n), bytes(40))
        tiles.find(("sha", 0, 0, 0))
    assert [n for n in range(3) if tiles.find(("sha", 0, 0, n))] == [0, 2]
    tiles.keep(("sha", 0, 0, 2), bytes(60))
    assert [n for n in range(3) if tiles.find(("sha", 0, 0, n))] == [0, 2]
    tiles.keep(("sha", 0, 0, 2), bytes(61))
    assert [n for n in range(3) if tiles.find(("sha", 0, 0, n))] == [2]
    tiles.keep(("sha", 0, 0, 3), bytes(101))
    assert [n for n in range(4) if tiles.find(("sha", 0, 0, n))] == []
