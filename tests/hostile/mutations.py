"""Damages sound slides at random, from a seed, and takes each in: ``python -m tests.hostile.mutations``.

Each file is taken in by a fork of this process, so that thousands take minutes, under the limits of a real child:
inspected, made a pyramid where it needs one, opened, and read as the viewer and a detection read it.
"""

import argparse
import io
import json
import os
import random
import re
import select
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import openslide  # noqa: F401 -- loaded before the forks, which have no time for it
import tifffile

from labeling.slides import child, inspection, pyramid, zipped
from labeling.slides.errors import SlideError
from labeling.slides.reader import SlideReader
from labeling.slides.signatures import ZIP_MAGIC
from labeling.slides.tiff_tags import pages_of
from labeling.slides.tiles import TilePyramid, render_tile, thumbnail
from tests.hostile.planted import (
    write_planted_dicom,
    write_planted_jpeg,
    write_planted_mirax,
    write_planted_png,
    write_planted_svs,
    write_planted_vms,
)
from tests.labeling.slides.files import noise, smooth, write_tiff

# Of processor time, as of the inspection; the wall's is longer, since a machine may be busy.
CPU_S, SECONDS = 30, 120.0
MEMORY_MB, FILE_MB = 1536, 512
REAL = (
    *("slides/CMU-1-Small-Region.svs", "slides/OS-1-detail.ome.tif", "slides/OS-2-vsi.ome.tif", "slides/ihc.png"),
    *("slides/HE_example.tif", "shidc-ki67/p1_0299_1.jpg"),
)
# Numbers at the rims of what 8, 16, 32 and 64 bits hold, with and without a sign.
RIMS = [0, 1, 2, 3, 255, 256, 2**15, 2**16 - 1, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
# So many archives are damaged in one of their files: what is wrong elsewhere, checksums find.
INSIDE = 0.8
Mutation = Callable[[random.Random, bytearray], None]


def flip(rng: random.Random, data: bytearray) -> None:
    """Flip 1 to 64 bits anywhere."""
    for _ in range(rng.choice([1, 4, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_head(rng: random.Random, data: bytearray) -> None:
    """Flip 1 to 8 bits in the first or last 2,000 bytes, where formats keep their structure."""
    for _ in range(rng.choice([1, 2, 8])):
        place = rng.randrange(min(2000, len(data)))
        data[place if rng.random() < 0.5 else len(data) - 1 - place] ^= 1 << rng.randrange(8)


def truncate(rng: random.Random, data: bytearray) -> None:
    """Cut the end off; half of the time only a little of it."""
    kept = rng.randrange(len(data)) if rng.random() < 0.5 else len(data) - rng.randrange(1, min(3000, len(data)))
    del data[kept:]


def splice(rng: random.Random, data: bytearray) -> None:
    """Write a part over another place, put it in there, or take it out."""
    length = rng.choice([1, 16, 500, 20_000])
    start, place = rng.randrange(len(data)), rng.randrange(len(data))
    part = data[start : start + length]
    data[place : place + rng.choice([0, len(part)])] = rng.choice([part, b"", bytes(len(part)), b"\xff" * len(part)])


def edit_tag(rng: random.Random, data: bytearray) -> None:
    """Change type, count or value of a TIFF tag to a number at some rim, as a number in a list of words.

    Other formats have bytes flipped.
    """
    places = tag_places(data)
    if not places:
        is_list = data.lstrip(b"\xef\xbb\xbf").startswith(b"[")
        return (edit_number if is_list else flip_head)(rng, data)
    for _ in range(rng.choice([1, 1, 2])):
        place, big = rng.choice(places)
        order = ">" if data[:2] == b"MM" else "<"
        offset, form = rng.choice(
            [(0, "H"), (2, "H"), (4, "Q" if big else "I"), (12 if big else 8, "Q" if big else "I")]
        )
        value = rng.choice([*RIMS, len(data), len(data) - 1, 2**63, 2**64 - 1])
        struct.pack_into(order + form, data, place + offset, value % 2 ** (8 * struct.calcsize(order + form)))
    return None


def edit_number(rng: random.Random, data: bytearray) -> None:
    """Change a number that stands in a list of words, with the name that it may be a part of."""
    found = rng.choice(list(re.finditer(rb"\d+", data)))
    data[found.start() : found.end()] = str(rng.choice([*RIMS, -1, 46_341, 10**18])).encode()


def tag_places(data: bytearray) -> list[tuple[int, bool]]:
    """List where a TIFF's tags stand; True for BigTIFF."""
    if not data.startswith((b"II", b"MM")):
        return []
    with tempfile.NamedTemporaryFile(suffix=".tif") as file:
        file.write(data)
        file.flush()
        with tifffile.TiffFile(file.name) as tiff:
            return [(tag.offset, tiff.is_bigtiff) for page in pages_of(tiff) for tag in page.tags.values()]


MUTATIONS: tuple[Mutation, ...] = (flip, flip_head, truncate, splice, edit_tag, edit_tag)


def drawn_sources(folder: Path) -> list[Path]:
    """Make one sound slide of each kind."""
    pixels = smooth(400, 300)
    return [
        write_planted_svs(folder / "a.svs", pixels),
        write_planted_png(folder / "b.png", pixels),
        write_planted_jpeg(folder / "c.jpg", pixels),
        write_tiff(folder / "d.tif", pixels, tile=(128, 128), compression="zlib", predictor=True),
        write_tiff(folder / "e.tif", noise(200, 150), rowsperstrip=16, byteorder=">"),
        *zipped_sources(folder),
    ]


def zipped_sources(folder: Path) -> list[Path]:
    """Make one sound slide of each kind that consists of several files."""
    pixels = smooth(512, 256)
    return [
        write_planted_mirax(folder / "f.zip", pixels),
        write_planted_vms(folder / "g.zip", pixels),
        write_planted_dicom(folder / "h.zip", pixels),
    ]


def mutate(source: bytes, seed: int) -> tuple[bytes, str]:
    """Damage a file in the way that a seed says."""
    rng = random.Random(seed)
    mutation = rng.choice(MUTATIONS)
    if source.startswith(ZIP_MAGIC) and rng.random() < INSIDE:
        return _damaged_inside(source, lambda data: mutation(rng, data), rng), mutation.__name__
    data = bytearray(source)
    mutation(rng, data)
    return bytes(data), mutation.__name__


def _damaged_inside(source: bytes, change: Callable[[bytearray], None], rng: random.Random) -> bytes:
    """Damage one file of an archive that is whole otherwise, its checksums included."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = rng.choice([info for info in old.infolist() if info.file_size])
        for info in old.infolist():
            data = bytearray(old.read(info))
            if info is chosen:
                change(data)
            new.writestr(info.filename, bytes(data))
    return out.getvalue()


def take_in(path: Path, folder: Path, say: Callable[[str], None]) -> str:
    """Do with a file what worker and web do; the verdict is ``accept``, ``incomplete`` or a refusal's code."""
    try:
        say("inspect")
        if zipped.is_zip(path):
            (folder / "unpacked").mkdir()
            zipped._work("unpack", str(path), str(folder / "unpacked"))
            path = zipped.main_file(folder / "unpacked")
        found = inspection.Inspection(**inspection._inspect(str(path)))
        readable = path
        if found.needs_pyramid:
            say("pyramid")
            readable = folder / "pyramid.tif"
            pyramid._build(str(path), str(readable), repr(found.mpp or 0.0))
        say("read")
        return _read(readable, (found.width, found.height))
    except SlideError as refusal:
        return refusal.code
    except MemoryError:
        return "slide_inspection_memory"


def _read(path: Path, size: tuple[int, int]) -> str:
    with SlideReader(path) as reader:
        if reader.size != size:
            return f"unforeseen: {reader.size} was announced as {size}"
        thumbnail(reader)
        deepest = TilePyramid(*size).max_level
        for level in range(max(0, deepest - 3), deepest + 1):
            render_tile(reader, level, 0, 0)
        # Mutations of a size make slides of gigapixels; their corner tells as much.
        _, mask = reader.read(0, 0, min(size[0], 4096), min(size[1], 4096))
    return "accept" if mask.all() else "incomplete"


def verdict_of(data: bytes) -> dict[str, object]:
    """Take damaged bytes in, in a fork with limits.

    Returns:
        ``verdict``; ``phase`` it ended in; ``cpu_s``; ``peak_mb``. Where a child of the worker would have died of the
        file, that is a refusal for the worker; what dies while the file is read would be the worker itself.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").write_bytes(data)
        start = time.monotonic()
        answers, telling = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            _be_child(folder, telling)
        os.close(telling)
        told = _listen(answers, start + SECONDS)
        late = time.monotonic() - start >= SECONDS
        if late:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        os.close(answers)
    phase = [line for line in told if line in ("inspect", "pyramid", "read")][-1]
    verdict = told[-1] if told[-1] != phase else _ending(phase, status, late=late)
    return {
        "verdict": verdict,
        "phase": phase,
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": usage.ru_maxrss // 1024,
    }


def _be_child(folder: Path, telling: int) -> None:
    def say(line: str) -> None:
        os.write(telling, line.encode() + b"\n")

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    child._limit_self(MEMORY_MB, FILE_MB, CPU_S)
    try:
        say(take_in(folder / "file", folder, say))
    except BaseException as error:  # noqa: BLE001 -- what nobody foresaw is what is looked for
        say(f"unforeseen: {type(error).__name__}: {error}".replace("\n", " ")[:300])
    os._exit(0)


def _listen(answers: int, until: float) -> list[str]:
    told = b""
    while (left := until - time.monotonic()) > 0 and select.select([answers], [], [], left)[0]:
        more = os.read(answers, 4096)
        if not more:
            break
        told += more
    return told.decode().splitlines()


def _ending(phase: str, status: int, *, late: bool) -> str:
    if phase == "read":
        return "crashed: late" if late else f"crashed: status {status}"
    step = "inspection" if phase == "inspect" else phase
    return child._failure(step, os.waitstatus_to_exitcode(status), late=late).code


def run(sources: list[Path], *, count: int, first: int = 0) -> list[dict[str, object]]:
    """Damage the sources in turn and take each in; ``count`` files from seed ``first`` on."""
    contents = [path.read_bytes() for path in sources]
    found = []
    for seed in range(first, first + count):
        source = sources[seed % len(sources)]
        data, mutation = mutate(contents[seed % len(sources)], seed)
        found.append({"seed": seed, "source": source.name, "mutation": mutation, **verdict_of(data)})
    return found


def main() -> None:
    """Write the verdicts as JSON, and their table on stderr."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--real", type=Path, help="the folder of real micrographs; without it the sources are drawn")
    parser.add_argument("--zipped", action="store_true", help="only slides of several files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drawn = zipped_sources if options.zipped else drawn_sources
        sources = [options.real / name for name in REAL] if options.real else drawn(Path(folder))
        found = run(sources, count=options.count, first=options.first)
    table = Counter((row["mutation"], row["verdict"]) for row in found)
    sys.stderr.writelines(f"{n:5} {mutation} {verdict}\n" for (mutation, verdict), n in sorted(table.items()))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
