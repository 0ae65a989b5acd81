"""Uploads over a line that is cut at random bytes, to a web process that is killed: whole or absent, every one."""

import hashlib
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db.models import Sum

from bench.tus import TusClient, signed_in
from labeling import media, runs
from labeling.choices import Role
from labeling.models import Slide, Upload
from tests.factories import MembershipFactory
from tests.faults.web import CuttingProxy, Web

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]

MB = 1024**2
AT_ONCE = 4
SEED = 11


@dataclass(frozen=True)
class Sent:
    """A file to send."""

    path: Path
    sha256: str
    size: int


def drawn_files(folder: Path, sizes: list[int]) -> list[Sent]:
    """Write files of random bytes, the sizes in bytes."""
    rng, found = random.Random(SEED), []
    for number, size in enumerate(sizes):
        path, data = folder / f"{number}.svs", rng.randbytes(size)
        path.write_bytes(data)
        found.append(Sent(path, hashlib.sha256(data).hexdigest(), size))
    return found


@pytest.fixture
def web(tmp_path, settings) -> Iterator[Web]:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    Path(settings.MEDIA_ROOT).mkdir()
    web = Web(tmp_path / "home", settings.MEDIA_ROOT)
    web.start()
    yield web
    web.kill()


def nothing_half_is_visible(files: dict[str, Sent]) -> None:
    """Whatever a row or the store names is there in its whole size."""
    for sha256, size in Slide.objects.values_list("sha256", "size_bytes"):
        assert media.path_of(sha256).stat().st_size == size == files[sha256].size
    for path in media.stored():
        assert path.stat().st_size == files[path.name].size


def arrived() -> int:
    """Bytes that the server has said are safe."""
    return int(Upload.objects.aggregate(total=Sum("offset_bytes"))["total"] or 0)


def do_what_beat_rings_for() -> None:
    """Finish what a killed process left whole."""
    for upload_id in runs.whole_uploads():
        runs.finish_upload(upload_id)


def send_all(web: Web, files: list[Sent], *, longest: int, kills: int) -> int:
    """Send the files, killing the web process at even shares of the bytes; returns the number of cuts."""
    person = MembershipFactory.create(role=Role.LAB)
    proxy = CuttingProxy(web.port, longest=longest, seed=SEED)
    client = TusClient(proxy.port, person.study_id, signed_in(person.user))
    total, by_hash = sum(file.size for file in files), {file.sha256: file for file in files}
    moments = [total * (n + 1) // (kills + 1) for n in range(kills)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: list[Future[int]] = [pool.submit(client.send, file.path, file.sha256) for file in files]
        while not all(future.done() for future in running):
            if moments and arrived() >= moments[0]:
                moments.pop(0)
                web.kill()
                web.start()
            nothing_half_is_visible(by_hash)
            do_what_beat_rings_for()
            time.sleep(0.05)
    slides = [future.result() for future in running]
    assert moments == []
    assert len(set(slides)) == len(files)
    proxy.close()
    return proxy.cuts


def all_is_whole(files: list[Sent]) -> None:
    """Every file is a slide, every hash agrees, and nothing else is left."""
    runs.remove_stale_uploads()
    expected = {file.sha256 for file in files}
    assert set(Slide.objects.values_list("sha256", flat=True)) == expected
    assert {media.sha256_of(path) for path in media.stored()} == {path.name for path in media.stored()} == expected
    assert not Upload.objects.filter(slide__isnull=True).exists()
    left = [path for name in ("uploads", "tmp") for path in (media.root() / name).glob("*")]
    assert left == []


def test_cuts_and_kills_lose_nothing(web, tmp_path):
    rng = random.Random(SEED)
    files = drawn_files(tmp_path, [rng.randrange(1, 4 * MB) for _ in range(10)])
    cuts = send_all(web, files, longest=2 * MB, kills=2)
    assert cuts >= 5
    all_is_whole(files)


@pytest.mark.slow
def test_a_hundred_files_with_cuts_and_ten_kills(web, tmp_path):
    rng = random.Random(SEED)
    files = drawn_files(tmp_path, [rng.randrange(MB, 64 * MB) for _ in range(100)])
    cuts = send_all(web, files, longest=24 * MB, kills=10)
    assert cuts >= 100
    all_is_whole(files)
