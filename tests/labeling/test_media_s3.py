"""The media store in a bucket, on a real S3 server: whole or absent, fetched once, kept while it is used."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config import bucket
from config.bucket import BucketUnreachableError
from labeling import copies, handover, media
from tests.conftest import ROOT

LONG_AGO = time.time() - 3600


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def copy_of(own_media: Path, sha256: str) -> Path:
    return own_media / "cache" / sha256[:2] / sha256


def wipe(own_media: Path) -> None:
    """Be another machine: nothing of what this one had on its disk."""
    shutil.rmtree(own_media)
    own_media.mkdir()


def left_over(own_media: Path) -> list[Path]:
    return list((own_media / "tmp").iterdir())


def test_a_file_lies_in_the_bucket_under_its_hash_and_here_as_a_copy(s3, own_media):
    sha256 = media.store_bytes(b"pixels")
    assert s3.objects() == {media.key_of(sha256): 6}
    path = media.path_of(sha256)
    assert (path, path.read_bytes()) == (copy_of(own_media, sha256), b"pixels")
    assert list(media.stored()) == left_over(own_media) == []


def test_another_machine_gets_it_out_of_the_bucket(s3, own_media):
    sha256 = media.store_bytes(b"pixels")
    wipe(own_media)
    path = media.path_of(sha256)
    assert path.read_bytes() == b"pixels"
    assert path.stat().st_mode & 0o777 == 0o440
    assert left_over(own_media) == []


def test_a_large_file_goes_and_comes_in_parts(s3, own_media, tmp_path):
    source = tmp_path / "large"
    source.write_bytes(os.urandom(40 * 1024**2))
    sha256 = media.store_copy(source)
    assert s3.objects() == {media.key_of(sha256): 40 * 1024**2}
    wipe(own_media)
    assert media.sha256_of(media.path_of(sha256)) == sha256


def test_the_same_bytes_again_leave_the_object_alone(s3, own_media):
    sha256 = media.store_bytes(b"pixels")
    place = s3.folder / "tilscope" / media.key_of(sha256)
    os.utime(place, (LONG_AGO, LONG_AGO))
    media.store_bytes(b"pixels")
    wipe(own_media)
    media.store_bytes(b"pixels")
    assert place.stat().st_mtime == pytest.approx(LONG_AGO, abs=1)


def test_a_damaged_object_is_never_taken_for_the_whole_one(s3, own_media, tmp_path):
    shorter = tmp_path / "shorter"
    shorter.write_bytes(b"pix")
    bucket.put(shorter, media.key_of(digest(b"pixels")))
    with pytest.raises(media.MediaError) as refused:
        media.store_bytes(b"pixels")
    assert refused.value.code == "media_damaged"


def test_what_arrives_damaged_is_refused_and_not_kept(s3, own_media, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"pixelz")
    sha256 = digest(b"pixels")
    bucket.put(other, media.key_of(sha256))
    with pytest.raises(media.MediaError) as refused:
        media.path_of(sha256)
    assert refused.value.code == "media_damaged"
    assert not copy_of(own_media, sha256).exists()
    assert left_over(own_media) == []


def test_a_file_that_is_nowhere_is_told(s3, own_media):
    assert not media.path_of(digest(b"nothing")).exists()
    with media.held(digest(b"nothing")) as path:
        assert not path.exists()
    with pytest.raises(media.MediaError) as refused:
        media.read(digest(b"nothing"))
    assert refused.value.code == "media_missing"


def test_a_bucket_that_is_gone_is_no_missing_file(s3, own_media):
    sha256 = media.store_bytes(b"pixels")
    wipe(own_media)
    (s3.folder / "tilscope").rename(s3.folder.parent / "away")
    with pytest.raises(BucketUnreachableError):
        media.path_of(sha256)


def test_a_wrong_password_is_told_in_words(s3, own_media, settings):
    settings.STORAGES = {**settings.STORAGES, **bucket.storages_from({**s3.environment, SECRET: "another"})}
    with pytest.raises(BucketUnreachableError, match="ask an admin"):
        media.store_bytes(b"pixels")
    assert s3.objects() == {}


SECRET = "TILSCOPE_MEDIA_S3_SECRET"


def test_a_bucket_that_is_down_refuses_and_takes_once_it_is_back(s3, own_media):
    sha256 = media.store_bytes(b"pixels")
    s3.kill()
    assert media.path_of(sha256).read_bytes() == b"pixels"
    with pytest.raises(BucketUnreachableError):
        media.store_bytes(b"more")
    assert not copy_of(own_media, digest(b"more")).exists()
    wipe(own_media)
    with pytest.raises(BucketUnreachableError):
        media.path_of(sha256)
    s3.start()
    assert media.path_of(sha256).read_bytes() == b"pixels"
    media.store_bytes(b"more")
    assert len(s3.objects()) == 2


def test_a_file_killed_halfway_is_not_there(s3, own_media):
    data = os.urandom(48 * 1024**2)

    class Source(io.BytesIO):
        """Kills the server once some parts have been sent."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 32 * 1024**2 and s3.process is not None:
                s3.kill()
            return super().read(size)

    broken: Any = SimpleNamespace(open=lambda _: Source(data))
    with pytest.raises(BucketUnreachableError):
        bucket.put(broken, media.key_of(digest(data)))
    s3.start()
    assert bucket.size_of(media.key_of(digest(data))) is None
    assert media.key_of(digest(data)) not in s3.objects()
    media.store_bytes(data)
    assert s3.objects()[media.key_of(digest(data))] == len(data)


def old(own_media: Path, sha256: str, age_s: float) -> Path:
    """Let a copy be last asked for some time ago."""
    path = copy_of(own_media, sha256)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_the_longest_unused_copies_make_room(s3, own_media, settings):
    settings.MEDIA_CACHE_BYTES = 25
    first, second, third = (media.store_bytes(bytes([n]) * 10) for n in range(3))
    a, b, c = old(own_media, first, 3000), old(own_media, second, 2000), old(own_media, third, 1000)
    media.path_of(first)
    fourth = media.store_bytes(b"4" * 10)
    assert (a.exists(), b.exists(), c.exists()) == (True, False, False)
    assert len(s3.objects()) == 4
    assert media.path_of(fourth).exists()
    assert media.path_of(second).read_bytes() == bytes([1]) * 10


def test_copies_make_room_where_the_disk_is_short(s3, own_media, monkeypatch):
    paths = [old(own_media, media.store_bytes(bytes([n]) * 10), 3000 - n) for n in range(3)]
    there = [path.exists() for path in paths]

    def usage(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=media.RESERVE_BYTES + 10 * sum(not path.exists() for path in paths))

    monkeypatch.setattr("labeling.media.shutil.disk_usage", usage)
    media.check_room(15)
    assert there == [True] * 3
    assert [path.exists() for path in paths] == [False, False, True]
    with pytest.raises(media.DiskFullError):
        media.check_room(31)


def test_a_copy_that_somebody_has_just_asked_for_stays(s3, own_media, settings):
    settings.MEDIA_CACHE_BYTES = 1
    paths = [media.path_of(media.store_bytes(bytes([n]) * 10)) for n in range(3)]
    assert all(path.exists() for path in paths)


def test_a_copy_stays_as_long_as_it_is_held(s3, own_media, settings):
    settings.MEDIA_CACHE_BYTES = 1
    sha256 = media.store_bytes(b"pixels")
    with media.held(sha256) as path:
        old(own_media, sha256, 3000)
        media.store_bytes(b"more")
        assert path.read_bytes() == b"pixels"
    media.store_bytes(b"still more")
    assert not path.exists()


def test_an_open_copy_can_be_read_after_its_removal(s3, own_media, settings):
    settings.MEDIA_CACHE_BYTES = 1
    sha256 = media.store_bytes(b"pixels")
    with media.path_of(sha256).open("rb") as file:
        path = old(own_media, sha256, 3000)
        media.store_bytes(b"more")
        assert not path.exists()
        assert file.read() == b"pixels"


def test_what_was_stored_before_there_was_a_bucket_is_never_removed(s3, own_media, settings):
    settings.MEDIA_CACHE_BYTES = 1
    local = own_media / media.key_of(digest(b"local"))
    local.parent.mkdir(parents=True)
    local.write_bytes(b"local")
    os.utime(local, (LONG_AGO, LONG_AGO))
    media.store_bytes(b"more")
    assert list(media.stored()) == [local]


def test_many_at_once_fetch_it_once(s3, own_media, monkeypatch):
    sha256 = media.store_bytes(os.urandom(1024**2))
    wipe(own_media)
    fetched: list[str] = []
    fetch = bucket.fetch

    def counted(key: str, target: Path) -> None:
        fetched.append(key)
        fetch(key, target)

    monkeypatch.setattr(bucket, "fetch", counted)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(media.sha256_of(media.path_of(sha256)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sha256] * 6
    assert fetched == [media.key_of(sha256)]


def test_a_copy_removed_under_us_is_brought_again(s3, own_media, monkeypatch):
    sha256 = media.store_bytes(b"pixels")
    lost = iter([True, False])
    is_at = copies._is_at

    def removed(path: Path, descriptor: int) -> bool:
        if path == copy_of(own_media, sha256) and next(lost):
            path.unlink()
        return is_at(path, descriptor)

    monkeypatch.setattr(copies, "_is_at", removed)
    with media.held(sha256) as path:
        assert path.read_bytes() == b"pixels"


def counted_at_once(program: str, arguments: list[str], own_media: Path, settings: dict[str, str]) -> int:
    """Run a program in three processes side by side, and add up what they count."""
    environment = {
        **os.environ,
        **settings,
        "TILSCOPE_MEDIA_ROOT": str(own_media),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    command, pipe = [sys.executable, "-c", program, *arguments], subprocess.PIPE
    readers = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True) for _ in range(3)
    ]
    total = 0
    for reader in readers:
        counted, said = reader.communicate(timeout=120)
        assert reader.returncode == 0, said
        total += int(counted)
    return total


READ_ON = """
import os, random, sys, time
import django
django.setup()
from config import bucket
from labeling import copies, media
copies.GRACE_S = 0.05  # with none at all they could take what was just brought from one another for ever
names, brought, fetch = sys.argv[1:], [], bucket.fetch

def counted(key, path):
    brought.append(key)
    fetch(key, path)

bucket.fetch = counted
for _ in range(12):
    sha256 = random.choice(names)
    with media.held(sha256) as path:
        assert media.sha256_of(path) == sha256
        assert media.sha256_of(path) == sha256
    time.sleep(copies.GRACE_S)
    media.store_bytes(os.urandom(100))  # makes room, with all six here too
print(len(brought))
"""


def test_processes_that_fetch_and_make_room_at_once_never_read_wrong_bytes(s3, own_media):
    names = [media.store_bytes(os.urandom(100_000)) for _ in range(6)]
    wipe(own_media)
    brought = counted_at_once(READ_ON, names, own_media, {**s3.environment, "TILSCOPE_MEDIA_CACHE_BYTES": "250000"})
    assert brought > len(names), "no copy was removed and brought again"
    assert left_over(own_media) == []


def test_a_file_set_aside_is_found_by_another_machine_and_withdrawn(s3, own_media):
    with media.temp_file() as path:
        path.write_bytes(b"no model yet")
        key = handover.set_aside(path)
    wipe(own_media)
    assert handover.waiting_path(key).read_bytes() == b"no model yet"
    assert handover.waiting_keys() == {key}
    handover.withdraw(key)
    assert (handover.waiting_keys(), s3.objects()) == (set(), {})
    assert not handover.waiting_path(key).exists()
