"""One large file over loopback to the real web process: megabytes a second, and the memory of web meanwhile.

Web server and slides worker run as ``./run up`` starts them. The naive way is measured in the same run: the same file
copied to the same disk, synced, and hashed. The ratio is a figure to keep, so is what web computes a gigabyte: other
programs on the machine hardly change it. ``arrived`` is when the last byte is acknowledged, ``whole`` when the worker
has hashed the file and its slide is there. Small uploads warm web first: what it loads once is no growth.
"""

import hashlib
import os
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import psutil  # type: ignore[import-untyped]

from bench.measure import looking, main
from bench.tus import TusClient, signed_in
from launcher.process import GuardedProcess
from launcher.processes import server_processes
from launcher.supervisor import Supervisor

COUNT = 2000
MB = 10**6
PIECE = 16 * 1024**2
WARMING, WARMING_MB = 12, 12
START_S = 60


def write_file(path: Path, size: int) -> str:
    """Write random bytes; returns their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for at in range(0, size, PIECE):
            piece = os.urandom(min(PIECE, size - at))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def naive(source: Path, target: Path) -> float:
    """Copy, sync, hash the copy: seconds."""
    began = time.perf_counter()
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
        hashlib.file_digest(file, "sha256")
    taken = time.perf_counter() - began
    target.unlink()
    return taken


def person() -> tuple[int, dict[str, str]]:
    """Make somebody who may upload: (study, headers of their browser)."""
    from labeling.models import User
    from labeling.services import study_create

    user = User.objects.create(username="bench")
    return study_create(user=user, name="Bench").pk, signed_in(user)


@contextmanager
def served(home: Path) -> Iterator[tuple[int, GuardedProcess]]:
    """Start web and the slides worker; gives web's port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "logs").mkdir()
    processes = server_processes(port=port, env=os.environ, home=home)[:2]
    supervisor = Supervisor(processes)
    try:
        supervisor.start()
        _wait(f"http://127.0.0.1:{port}/api/health/live")
        yield port, processes[0]
    finally:
        supervisor.stop()


def _wait(address: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("web does not answer")


class Watched:
    """Resident memory of a process and all below it, looked at 20 times a second, and what they compute."""

    def __init__(self, process: GuardedProcess) -> None:
        assert process.guard is not None
        self._root = psutil.Process(process.guard.pid)
        self.before = self.peak = self._now()
        self._computed = self._cpu_s()

    def look(self) -> None:
        """Note how much it is now."""
        self.peak = max(self.peak, self._now())

    def _now(self) -> int:
        return int(sum(process.memory_info().rss for process in self._root.children(recursive=True)))

    def _cpu_s(self) -> float:
        times = [process.cpu_times() for process in self._root.children(recursive=True)]
        return float(sum(found.user + found.system for found in times))

    def figures(self, size: int) -> dict[str, float]:
        """Give memory in MB, and seconds of a core for each gigabyte."""
        return {
            "before_mb": round(self.before / MB, 1),
            "growth_mb": round((self.peak - self.before) / MB, 1),
            "cpu_s_per_gb": round((self._cpu_s() - self._computed) * 1000 * MB / size, 2),
        }


def warm(client: TusClient, folder: Path) -> None:
    """Send small files, so that every worker has answered."""
    for number in range(WARMING):
        path = folder / f"small {number}"
        client.send(path, write_file(path, WARMING_MB * MB))


def send(client: TusClient, path: Path, sha256: str) -> dict[str, float]:
    """Send the file; seconds until all has arrived, and until the slide is there."""
    began = time.perf_counter()
    arrived: list[float] = []
    client.send(path, sha256, on_arrived=lambda: arrived.append(time.perf_counter() - began))
    whole_s = time.perf_counter() - began
    # A small file is hashed by the request that brings its last byte.
    return {"arrived": arrived[0] if arrived else whole_s, "whole": whole_s}


def measure(count: int) -> dict[str, Any]:
    """Write, copy naively, serve, warm, send."""
    django.setup()
    from django.conf import settings

    with tempfile.TemporaryDirectory(dir=settings.MEDIA_ROOT) as scratch:
        folder, size = Path(scratch), count * MB
        path = folder / "large.svs"
        sha256 = write_file(path, size)
        plain = naive(path, folder / "copy")
        study, headers = person()
        with served(folder) as (port, web):
            client = TusClient(port, study, headers)
            warm(client, folder)
            watched = Watched(web)
            with looking(watched.look):
                seconds = send(client, path, sha256)
            figures = watched.figures(size)
    rates = {name: round(count / taken, 1) for name, taken in {**seconds, "naive": plain}.items()}
    ratio = {name: round(taken / plain, 2) for name, taken in seconds.items()}
    return {"file_mb": count, "mb_per_s": rates, "seconds_to_naive": ratio, "web": figures}


if __name__ == "__main__":
    main(measure, __doc__, count=COUNT)
