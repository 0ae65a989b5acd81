"""The command that watches a folder: killed in the middle, started again, stopped politely."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labeling import media
from labeling.models import Slide
from launcher.paths import ROOT
from tests.factories import StudyFactory
from tests.faults.workers import worker_environment
from tests.labeling.conftest import drawn_pixels, write_png

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
WAIT_S = 60


class Watcher:
    """``manage.py import_slides --watch`` in a process of its own."""

    def __init__(self, folder: Path, study: int, media_root: str) -> None:
        self.log = folder.with_name("watch.log")
        command = [sys.executable, "manage.py", "import_slides", "--watch", str(folder), "--study", str(study)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--still", "0.2", "--every", "0.1"],
                cwd=ROOT,
                env={**worker_environment(), "TILSCOPE_MEDIA_ROOT": media_root},
                stdout=log,
                stderr=log,
            )

    def wait_until(self, reached: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not reached():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - began < WAIT_S, self.log.read_text()
            time.sleep(0.02)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def folder(tmp_path, settings) -> Path:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    Path(settings.MEDIA_ROOT).mkdir()
    folder: Path = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(folder, settings) -> Iterator[Callable[[], Watcher]]:
    study = StudyFactory.create()
    started: list[Watcher] = []

    def start() -> Watcher:
        started.append(Watcher(folder, study.pk, settings.MEDIA_ROOT))
        return started[-1]

    yield start
    for watcher in started:
        watcher.process.kill()
        watcher.process.wait()


def test_a_killed_watch_takes_the_rest_and_ends_politely(folder, watch):
    for number in range(12):
        write_png(folder / f"{number}.png", drawn_pixels(60, 60, number))
    (folder / "notes.txt").write_text("no image")
    first = watch()
    first.wait_until(lambda: Slide.objects.count() >= 3)
    first.end(signal.SIGKILL)
    second = watch()
    second.wait_until(lambda: Slide.objects.count() == 12)
    second.wait_until(lambda: "'notes.txt' This is a text file" in second.log.read_text())
    assert second.end(signal.SIGTERM) == 0
    said = second.log.read_text()
    assert "Stopped. What was not taken yet is taken next time." in said
    assert said.count("'notes.txt'") == 1
    assert {media.sha256_of(path) for path in folder.glob("*.png")} == set(
        Slide.objects.values_list("sha256", flat=True)
    )
    assert len(list(media.stored())) == 12


def test_ctrl_c_ends_it(folder, watch):
    watcher = watch()
    watcher.wait_until(lambda: "Watching" in watcher.log.read_text())
    assert watcher.end(signal.SIGINT) == 0
    assert "Traceback" not in watcher.log.read_text()
