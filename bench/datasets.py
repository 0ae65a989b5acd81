"""Data-set versions of many patches: freeze, check, decode and learn, in seconds and in memory at its peak.

The patches are ten by ten random greys, drawn cheaply; every second one lies on a slide, apart from most others.
Each step runs in a process of its own, so that its peak is its own: ``peak_mb`` is the kernel's (VmHWM), with the
mapped pages of files, which it takes back when it needs the room; ``own_mb`` is without them, looked at 20 times a
second.
"""

import hashlib
import io
import multiprocessing
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import django
import numpy as np
from numpy.typing import NDArray

from bench.measure import looking, main

COUNT, SEED = 50_000, 7
FEW, STEPS = 1000, 3
BATCH = 5000
SLIDES, SLIDE_PX = 50, 100_000
GREYS, TIMES = 10, 7
_COPY_PATCHES = (
    "COPY labeling_patch (study_id, slide_id, x_l0, y_l0, png, sha256, source, origin, created_at) FROM STDIN"
)
_LABEL_ALL = """
INSERT INTO labeling_label (patch_id, reader_id, label_class_id, client_key, created_at)
SELECT id, %s, (%s::bigint[])[1 + id / 2 %% 2], gen_random_uuid(), now() FROM labeling_patch ORDER BY id
"""


def png_of(greys: NDArray[np.uint8]) -> bytes:
    """Spell a patch of big pixels, uint8 (GREYS, GREYS), as an RGB PNG; a line like the one above takes no room."""
    lines = np.zeros((GREYS * TIMES, 1 + 3 * GREYS * TIMES), dtype=np.uint8)
    lines[:, 0] = 2
    lines[::TIMES, 0] = 0
    lines[::TIMES, 1:] = np.repeat(greys, 3 * TIMES, axis=1)
    header = struct.pack(">IIBBBBB", GREYS * TIMES, GREYS * TIMES, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def fill(count: int) -> int:
    """Store labelled patches, past the ORM; the study's id."""
    from labeling.models import User
    from labeling.services import study_create

    user = User.objects.create(username="bench")
    study = study_create(user=user, name="Bench")
    slides = [slide.pk for slide in _slides(study, user)]
    _copy_patches(study.pk, slides, count)
    _label(user.pk, [c.pk for c in study.classes.all()])
    return int(study.pk)


def _slides(study: Any, user: Any) -> list[Any]:
    from labeling.choices import SlideState
    from labeling.models import Slide

    return Slide.objects.bulk_create(
        Slide(study=study, number=n, sha256=f"{n:064x}", size_bytes=1, width=SLIDE_PX, height=SLIDE_PX,
              state=SlideState.READY, uploaded_by=user)
        for n in range(1, SLIDES + 1)
    )  # fmt: skip


def _copy_patches(study_id: int, slides: list[int], count: int) -> None:
    from django.db import connection

    lines = (f"{study_id}\t{line}\tnow\n" for line in _patch_lines(slides, count))
    with connection.cursor() as cursor:
        while part := "".join(islice(lines, BATCH)):
            cursor.copy_expert(_COPY_PATCHES, io.StringIO(part))


def _patch_lines(slides: list[int], count: int) -> Iterator[str]:
    """Spell slide, place, PNG, hash, source and origin as COPY reads them."""
    rng = np.random.default_rng(SEED)
    places = rng.permutation(max(count, SLIDE_PX * 10)).tolist()  # a column of a slide and a row of it, each taken once
    for n in range(count):
        if n % BATCH == 0:
            greys = rng.integers(0, 256, (BATCH, GREYS, GREYS), dtype=np.uint8)
        png = png_of(greys[n % BATCH])
        sha256, place = hashlib.sha256(png).hexdigest(), places[n]
        if n % 2:
            where = f"{slides[place % SLIDES]}\t{place % 1000 * 100 + 50}\t{place // 1000 * 100 + 50}"
            yield f"{where}\t\\\\x{png.hex()}\t{sha256}\tpoints\t"
        else:
            yield f"\\N\t\\N\t\\N\t\\\\x{png.hex()}\t{sha256}\timport\t"


def _label(reader_id: int, classes: list[int]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_LABEL_ALL, [reader_id, classes])
        cursor.execute("ANALYZE")


def freeze(study_id: int) -> int:
    """Freeze everything; the version's id."""
    from labeling.models import Study
    from labeling.services import dataset_freeze

    study = Study.objects.get(pk=study_id)
    return int(dataset_freeze(study=study, user=study.created_by, seed=SEED, tell=_say_once()).pk)


def check(dataset_id: int) -> None:
    """Look for leaks and hold the items against the hash, as before every training."""
    from labeling.services import dataset_check

    dataset_check(_dataset(dataset_id), tell=_say_once())


def load(dataset_id: int) -> dict[str, int]:
    """Give the number of patches on each side: decoded the first time, mapped from then on."""
    from detection.runs.patch_cache import load_sides

    return {side: len(patches) for side, patches in load_sides(_dataset(dataset_id), tell=_say_once()).items()}


def learn(dataset_id: int, most: int | None) -> None:
    """Take the default recipe's first steps with its own network, and validate; of each side ``most`` patches."""
    from detection.nn.config import PRESETS
    from detection.nn.training import train
    from detection.runs.patch_cache import load_sides
    from labeling.choices import Side

    sides = load_sides(_dataset(dataset_id))
    if most is not None:
        sides = {side: patches.take(_balanced(patches.labels, most)) for side, patches in sides.items()}
    with tempfile.TemporaryDirectory() as folder:
        config = PRESETS["default"].changed(max_steps=STEPS)
        train(sides[Side.TRAIN], sides[Side.VALIDATION], config, seed=SEED, state_path=Path(folder) / "state")


def _balanced(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Choose the first patches of both classes, half and half."""
    return np.sort(np.concatenate([np.flatnonzero(labels == kind)[: most // 2] for kind in (0, 1)]))


def nothing() -> None:
    """Import what every step imports."""
    import detection.nn.training
    import detection.runs.patch_cache  # noqa: F401


def _dataset(dataset_id: int) -> Any:
    from labeling.models import DatasetVersion

    return DatasetVersion.objects.select_related("study").get(pk=dataset_id)


def _say_once() -> Callable[[str, int, int], None]:
    """Name each step when it begins, with the seconds since the first."""
    said: set[str] = set()
    began = time.perf_counter()

    def tell(message: str, done: int, total: int) -> None:
        if message not in said:
            said.add(message)
            print(f"  {time.perf_counter() - began:7.1f} s  {message}", flush=True)

    return tell


class Peak:
    """The most memory of this process, MB: all of it (VmHWM), and without mapped files (RssAnon)."""

    def __init__(self) -> None:
        self.own_kb = 0

    def look(self) -> None:
        """Note how much it is now."""
        self.own_kb = max(self.own_kb, status_kb("RssAnon"))

    def figures(self) -> dict[str, float]:
        """Give both."""
        return {"peak_mb": round(status_kb("VmHWM") / 1024, 1), "own_mb": round(self.own_kb / 1024, 1)}


def status_kb(name: str) -> int:
    """Read a figure of this process from the kernel's table, kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _in_child(work: Callable[..., Any], arguments: tuple[Any, ...], answers: Any) -> None:
    django.setup()
    nothing()
    peak, began = Peak(), time.perf_counter()
    with looking(peak.look):
        result = work(*arguments)
    answers.send((result, {"seconds": round(time.perf_counter() - began, 2), **peak.figures()}))


class Steps:
    """Steps, each in a new process, and what they took."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    def run(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do one step and return what it gave."""
        print(name, flush=True)
        context = multiprocessing.get_context("spawn")
        answers, child_end = context.Pipe(duplex=False)
        child = context.Process(target=_in_child, args=(work, arguments, child_end))
        child.start()
        child_end.close()
        try:
            result, self.found[name] = answers.recv()
        except EOFError:
            raise SystemExit(f"{name} did not end well") from None
        finally:
            child.join()
        print(name, self.found[name], flush=True)
        return result

    def beyond(self, name: str, other: str) -> dict[str, float]:
        """Say by how much the peaks of a step exceed those of another."""
        return {key: round(self.found[name][key] - self.found[other][key], 1) for key in ("peak_mb", "own_mb")}


def measure(count: int) -> dict[str, Any]:
    """Fill, freeze, check, decode, open again, learn from a few, learn from all."""
    django.setup()
    from labeling import media

    steps = Steps()
    steps.run("nothing", nothing)
    study_id = steps.run("fill", fill, count)
    dataset_id = steps.run("freeze", freeze, study_id)
    steps.run("check", check, dataset_id)
    steps.run("decode", load, dataset_id)
    sides = steps.run("open_again", load, dataset_id)
    steps.run("learn_few", learn, dataset_id, FEW)
    steps.run("learn", learn, dataset_id, None)
    shutil.rmtree(media.root() / "patches")
    beyond = steps.beyond("learn", "learn_few")
    return {"patches": count, "sides": sides, "steps": steps.found, "learn_beyond_few": beyond}


if __name__ == "__main__":
    main(measure, __doc__, count=COUNT)
