"""Tiles as a viewer asks for them: how long the first look takes, and how many a second come once all is warm.

The product is started as ``./run up`` starts it, with real sessions of eight people and its check of who may see what;
beside it, under gunicorn with as many processes and threads and nobody asked for a session, OpenSlide's own deep-zoom
example and large_image. Servers and clients share two cores (eight clients in one thread with raw sockets). Slides:
one of 100,000 × 80,000 px made of drawn tissue on glass, whose tiles lie in the file as the viewer wants them, and a
real SVS of tiles of 240 px, which have to be drawn; TILSCOPE_REAL_DATA names its folder.

Cold: fresh processes, each tile once, in the order of somebody who zooms in here and there. Warm: the same tiles
again, in another order. Milliseconds and tiles a second belong to a machine and its load; the ratios are the figures
to keep, and ``cpu_ms``, what the server's processes spent on a tile, suffers least from what else goes on.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np

from bench.measure import machine, report
from bench.sparse_slide import SparseSlide
from bench.tile_clients import Heard, load
from bench.tile_peers import deepzoom_grid, large_image_grid
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import TilePyramid
from launcher.paths import ROOT, venv_program
from launcher.processes import web_command

if TYPE_CHECKING:
    from labeling.models import Study, User

CLIENTS, CORES, SEED = 8, 2, 3
LOOKS, LEVELS_OF_A_LOOK, VIEW = 20, 6, (6, 4)
WARM_S = 6.0
ROUNDS = 3
REAL = Path("slides") / "CMU-1-Small-Region.svs"
PEERS = {
    "openslide": ("openslide-python", "bench.tile_peers:openslide_example", deepzoom_grid),
    "large_image": ("large-image", "bench.tile_peers:large_image_server", large_image_grid),
}

Grid = list[tuple[int, int]]


@dataclass(frozen=True)
class Server:
    """One of the three.

    Args:
        command: that starts it.
        port: it listens on.
        paths: of each slide, its tiles in the order of somebody who looks around.
        cookies: one header line for each client.
    """

    command: list[str]
    port: int
    paths: dict[str, list[str]]
    cookies: list[str]

    @contextmanager
    def running(self) -> Iterator[list[int]]:
        """Start it afresh; gives the process ids of its workers, which have loaded all they need."""
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(self.command, cwd=ROOT, env={**os.environ, "TILSCOPE_BENCH_READY": folder})
            try:
                yield _wait_for(Path(folder), workers=_number(self.command, "--workers"))
            finally:
                process.terminate()
                process.wait(timeout=30)

    def measured(self, slide: str) -> dict[str, float]:
        """Look at a slide for the first time, then at the same tiles again."""
        tiles = self.paths[slide]
        with self.running() as workers:
            began = _cpu_s(workers)
            cold = load(self.port, self.cookies, tiles)
            between = _cpu_s(workers)
            warm = load(self.port, self.cookies, _for_seconds(WARM_S, random.Random(SEED).sample(tiles, len(tiles))))
            ended = _cpu_s(workers)
        return {**_figures("cold", cold, between - began), **_figures("warm", warm, ended - between)}


def looks(grid: Grid, count: int) -> Iterator[tuple[int, int, int]]:
    """Zoom in at drawn places: the tiles of each view on the way, each tile once.

    Args:
        grid: (columns, rows) of each level, from the coarsest to the finest.
        count: how many places.

    Yields:
        (level, col, row); no level that is coarser than one which fits into a tile, for a viewer asks for none.
    """
    rng, seen = random.Random(SEED), set()
    coarsest = max(grid.count((1, 1)) - 1, len(grid) - LEVELS_OF_A_LOOK, 0)
    for _ in range(count):
        across, down = rng.random(), rng.random()
        for level in range(coarsest, len(grid)):
            for tile in _view(grid[level], across, down):
                if (level, *tile) not in seen:
                    seen.add((level, *tile))
                    yield level, *tile


def _view(size: tuple[int, int], across: float, down: float) -> Iterator[tuple[int, int]]:
    """The tiles of a level that a window shows, placed so that it stays on the slide."""
    wide, high = (min(side, most) for side, most in zip(size, VIEW, strict=True))
    left, top = int(across * (size[0] - wide + 1)), int(down * (size[1] - high + 1))
    return ((col, row) for row in range(top, top + high) for col in range(left, left + wide))


def _for_seconds(seconds: float, paths: list[str]) -> Iterator[str]:
    until = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < until, cycle(paths))


def _figures(name: str, heard: Heard, cpu_s: float) -> dict[str, float]:
    p50, p95 = (round(float(np.percentile(heard.seconds, percent)) * 1000, 2) for percent in (50, 95))
    return {
        f"{name}_p50_ms": p50,
        f"{name}_p95_ms": p95,
        f"{name}_tiles_per_s": round(len(heard.seconds) / heard.wall_s, 1),
        f"{name}_cpu_ms": round(cpu_s * 1000 / len(heard.seconds), 3),
        f"{name}_clients_cpu_ms": round(heard.cpu_s * 1000 / len(heard.seconds), 3),
    }


def _cpu_s(workers: list[int]) -> float:
    """Add up the processor time of processes so far, seconds."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in workers]
    return sum(int(user) + int(system) for user, system in (found[11:13] for found in fields)) / os.sysconf(
        "SC_CLK_TCK"
    )


def _number(command: list[str], option: str) -> int:
    return int(next(part for part in command if part.startswith(f"{option}=")).partition("=")[2])


def _wait_for(folder: Path, *, workers: int) -> list[int]:
    for _ in range(1200):
        ready = [int(file.name) for file in folder.iterdir()]
        if len(ready) >= workers:
            return ready
        time.sleep(0.1)
    raise SystemExit("A server was not ready after two minutes.")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def our_server(slides: dict[str, Path]) -> Server:
    """The product with these slides taken in, and eight people of their study signed in."""
    from labeling.models import User
    from labeling.services import study_create

    owner = User.objects.create_user("bench")
    study = study_create(user=owner, name="Bench")
    ids = {name: taken_in(study, owner, path) for name, path in slides.items()}
    paths = {
        name: _addresses(f"/api/slides/{ids[name]}/tiles/{{}}/{{}}_{{}}.jpg", our_grid(path))
        for name, path in slides.items()
    }
    port = free_port()
    command = ["bench.tile_workers:our_application" if ":" in part else part for part in web_command(port)]
    return Server(command, port, paths, [signed_in(study, n) for n in range(CLIENTS)])


def taken_in(study: "Study", owner: "User", path: Path) -> int:
    """Store a slide and prepare it, as the worker does."""
    from labeling import media
    from labeling.runs.slides import ingest_slide
    from labeling.services import slide_register

    sha256 = media.store_copy(path)
    slide, _ = slide_register(study=study, user=owner, sha256=sha256, size_bytes=path.stat().st_size)
    ingest_slide(slide.pk)
    slide.refresh_from_db()
    if slide.state != "ready":
        raise SystemExit(f"{path.name} was not taken in: {slide.error}")
    return int(slide.pk)


def signed_in(study: "Study", number: int) -> str:
    """Sign a new pathologist of the study in; give the header line that says so."""
    from django.conf import settings
    from django.test import Client

    from labeling.choices import Role
    from labeling.models import Membership, User

    user = User.objects.create_user(f"reader {number}")
    Membership.objects.create(study=study, user=user, role=Role.PATHOLOGIST)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return f"Cookie: {name}={client.cookies[name].value}\r\n"


def our_grid(path: Path) -> Grid:
    """List (columns, rows) of the levels, from the coarsest to the finest, as the viewer has them."""
    with SlideReader(path) as reader:
        pyramid = TilePyramid(*reader.size)
        return [pyramid.grid(level) for level in range(pyramid.max_level + 1)]


def peer(app: str, grid: Callable[[Path], Grid], slides: dict[str, Path]) -> Server:
    """One of the others under gunicorn, with our number of processes and threads."""
    port = free_port()
    paths = {name: _addresses(f"/{name}/{{}}/{{}}_{{}}", grid(path)) for name, path in slides.items()}
    workers, threads = (_number(web_command(port), option) for option in ("--workers", "--blocking-threads"))
    command = [
        *[venv_program("gunicorn"), app, f"--bind=127.0.0.1:{port}", "--config=python:bench.tile_workers"],
        *["--worker-class=gthread", f"--workers={workers}", f"--threads={threads}", "--no-control-socket"],
    ]
    return Server(command, port, paths, [""] * CLIENTS)


def _addresses(form: str, grid: Grid) -> list[str]:
    return [form.format(*place) for place in looks(grid, LOOKS)]


def servers(slides: dict[str, Path]) -> tuple[dict[str, Server], dict[str, str]]:
    """All servers there are, and a word on each peer: its version, or how to get it."""
    found = {"tilscope": our_server(slides)}
    words = {}
    for name, (package, app, grid) in PEERS.items():
        try:
            words[name] = f"{package} {version(package)}"
            found[name] = peer(app, grid, slides)
        except (PackageNotFoundError, ImportError):
            words[name] = f"not measured: pip install {package} large-image-source-openslide"
    return found, words


def best(rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Keep the best round of each figure, for the others were disturbed; and say how far they lay apart."""
    figures: dict[str, Any] = {}
    for name in rounds[0]:
        found = [one[name] for one in rounds]
        figures[name] = max(found) if name.endswith("_per_s") else min(found)
    return {**figures, "rounds": rounds}


def measure(slides: dict[str, Path]) -> dict[str, Any]:
    """Measure every server on every slide, the servers by turns."""
    everybody, words = servers(slides)
    figures = {}
    for slide in slides:
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in everybody}
        for name in [*everybody] * ROUNDS:
            rounds[name].append(everybody[name].measured(slide))
        found = {name: best(rounds[name]) for name in everybody}
        figures[slide] = {
            "tiles": {name: len(one.paths[slide]) for name, one in everybody.items()},
            **found,
            "ratios": {name: ratios(found["tilscope"], found[name]) for name in found if name in PEERS},
        }
    ours = {name: figures[name]["tilscope"] for name in slides}
    return {
        "warm_tiles_per_s": ours["drawn"]["warm_tiles_per_s"],
        "cold_p95_ms": max(one["cold_p95_ms"] for one in ours.values()),
        "clients": CLIENTS,
        "cores": CORES,
        "server": web_command(0)[1:],
        "peers": words,
        "slides": figures,
    }


def ratios(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """How many times better we are; above 1 is better."""
    return {
        "warm_tiles_per_s": round(ours["warm_tiles_per_s"] / theirs["warm_tiles_per_s"], 2),
        "warm_cpu_ms": round(theirs["warm_cpu_ms"] / ours["warm_cpu_ms"], 2),
        "cold_p95_ms": round(theirs["cold_p95_ms"] / ours["cold_p95_ms"], 2),
        "cold_cpu_ms": round(theirs["cold_cpu_ms"] / ours["cold_cpu_ms"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        slides = {"drawn": Path(folder) / "drawn.tif"}
        SparseSlide().write(slides["drawn"])
        real = Path(os.environ.get("TILSCOPE_REAL_DATA", "")) / REAL
        if real.is_file():
            slides["real"] = real
        os.environ["TILSCOPE_BENCH_SLIDES"] = json.dumps({name: str(path) for name, path in slides.items()})
        report({"machine": machine(), **measure(slides)}, options.json)


if __name__ == "__main__":
    main()
