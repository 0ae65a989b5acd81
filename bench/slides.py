"""Whole slides by real workers: what tissue costs, what pixels cost in memory, and what a second worker is worth.

The slides are sparse: islands of drawn tissue on glass, written by program, from 10⁸ to 8·10⁹ pixels, each with twice
the tissue of the one before. Each is counted as the product does it: blocks leased from PostgreSQL, candidates stored,
one suppression at the end, by processes of one thread each. Memory is each process's own at its peak (VmHWM), with the
model and the libraries. ``--model`` takes a checkpoint; without, one is trained on drawn patches, in a process apart.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
import uuid
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import django
import numpy as np
import pyvips
from numpy.typing import NDArray
from scipy.stats import linregress

from bench.measure import machine, report

SEED = 11
ISLAND_PX = 4096
GLASS_RGB = (243, 243, 243)


@dataclass(frozen=True)
class Size:
    """A slide to draw: level-0 pixels, and how many islands of ``ISLAND_PX`` squared lie on it."""

    width: int
    height: int
    islands: int

    @property
    def tissue_px(self) -> int:
        """Level-0 pixels of the islands."""
        return self.islands * ISLAND_PX**2


SIZES = (
    Size(10_000, 10_000, 2),
    Size(20_000, 20_000, 4),
    Size(40_000, 40_000, 8),
    Size(80_000, 100_000, 16),
)
QUICK = (Size(5_000, 5_000, 1), Size(20_000, 20_000, 2))


def island() -> NDArray[np.uint8]:
    """Draw tissue that fills a square."""
    from labeling.drawn.tissue import Tissue

    side = 3 * ISLAND_PX
    return Tissue(side, side, SEED).render(ISLAND_PX, ISLAND_PX, ISLAND_PX, ISLAND_PX)


def draw(size: Size, tissue: NDArray[np.uint8], path: Path) -> None:
    """Write a slide whose islands lie apart, as a pyramid of JPEG tiles."""
    stamp = pyvips.Image.new_from_memory(tissue.tobytes(), ISLAND_PX, ISLAND_PX, 3, "uchar")
    slide = (pyvips.Image.black(size.width, size.height, bands=3) + GLASS_RGB).cast("uchar")
    for x, y in places(size):
        slide = slide.insert(stamp, x, y)
    slide.copy(interpretation="srgb", xres=10_000, yres=10_000).tiffsave(
        str(path), compression="jpeg", Q=85, tile=True, tile_width=256, tile_height=256, pyramid=True, bigtiff=True
    )


def places(size: Size) -> list[tuple[int, int]]:
    """Give the islands' corners: the cells of a grid, taken in a drawn order, off the tiles' own grid."""
    columns, rows = size.width // (ISLAND_PX + 300), size.height // (ISLAND_PX + 300)
    chosen = np.random.default_rng(SEED).permutation(columns * rows)[: size.islands]
    wide, high = size.width // columns, size.height // rows
    return [(int(n) % columns * wide + 77, int(n) // columns * high + 133) for n in chosen]


def keep_model(target: Path) -> None:
    """Train a model on drawn patches."""
    from bench.detection import drawn_model
    from detection.nn.checkpoint import save_checkpoint

    save_checkpoint(target, *drawn_model())


def study_with(model: Path) -> int:
    """Make a study whose current model this is; its id."""
    from detection.choices import ModelStatus
    from detection.models import ModelVersion
    from detection.nn.checkpoint import load_checkpoint
    from labeling import media
    from labeling.models import User
    from labeling.services import study_create

    user = User.objects.create(username="bench")
    study = study_create(user=user, name="Bench")
    _, meta = load_checkpoint(model)
    ModelVersion.objects.create(
        study=study, number=1, sha256=media.store_copy(model), size_bytes=model.stat().st_size,
        threshold=meta.threshold, status=ModelStatus.CURRENT, imported_by=user, file_name=model.name,
        dataset_hash=meta.dataset_hash,
    )  # fmt: skip
    return int(study.pk)


def register(study_id: int, size: Size, path: Path) -> int:
    """Put a slide into the study, as its preparation leaves it; its id."""
    from labeling import media
    from labeling.choices import SlideState
    from labeling.models import Slide, Study

    study = Study.objects.get(pk=study_id)
    slide = Slide.objects.create(
        study=study, number=study.slides.count() + 1, size_bytes=path.stat().st_size, state=SlideState.READY,
        sha256=media.store_copy(path), width=size.width, height=size.height, mpp=0.1, uploaded_by=study.created_by,
    )  # fmt: skip
    return int(slide.pk)


def count(slide_id: int, *, workers: int) -> dict[str, Any]:
    """Count a slide with some workers, all of them warm before the clock starts."""
    from detection import services
    from detection.models import DetectionRun
    from labeling.models import Slide

    slide = Slide.objects.select_related("study").get(pk=slide_id)
    started = [_started() for _ in range(workers)]
    _answers(started)
    began = time.monotonic()
    run, _ = services.detection_start(
        slide=slide, user=slide.study.created_by, client_key=uuid.uuid4(), wish=services.DetectionWish()
    )
    for _, line in started:
        line.send(run.pk)
    peak_mb = _answers(started)
    seconds = time.monotonic() - began
    for process, _ in started:
        process.join()
    run = DetectionRun.objects.get(pk=run.pk)
    return {
        "state": run.state,
        "seconds": round(seconds, 2),
        "cells": run.count,
        "points_sha256": run.points_sha256,
        "peak_mb": round(max(peak_mb), 1),
    }


def _started() -> tuple[Any, Connection]:
    """Start a worker, and give the line to it."""
    context = multiprocessing.get_context("spawn")
    line, its_end = context.Pipe()
    process = context.Process(target=_work, args=(its_end,))
    process.start()
    its_end.close()
    return process, line


def _answers(started: list[tuple[Any, Connection]]) -> list[float]:
    """Wait for a word of every worker."""
    try:
        return [line.recv() for _, line in started]
    except EOFError:
        raise SystemExit("A worker did not end well.") from None


def _work(line: Connection) -> None:
    """Be a worker: load what every worker loads, wait for a run, work on it until it ends, tell the peak in MB."""
    os.environ["OMP_NUM_THREADS"] = "1"
    django.setup()
    import torch

    from bench.datasets import status_kb
    from detection.runs import detect

    torch.set_num_threads(1)
    line.send(0.0)
    run_id = line.recv()
    while _is_open(run_id):
        if not detect(run_id):
            time.sleep(0.02)
    line.send(status_kb("VmHWM") / 1024)


def _is_open(run_id: int) -> bool:
    from detection.choices import RunState
    from detection.models import DetectionRun

    return DetectionRun.objects.filter(pk=run_id, state__in=[RunState.QUEUED, RunState.RUNNING]).exists()


def sizes(study_id: int, wanted: tuple[Size, ...], folder: Path, *, workers: int) -> tuple[list[dict[str, Any]], int]:
    """Draw and count each slide; the table, and the id of the slide of middle size."""
    tissue, rows, ids = island(), [], []
    for size in wanted:
        path, began = folder / "slide.tif", time.monotonic()
        draw(size, tissue, path)
        print(f"{size} drawn in {time.monotonic() - began:.0f} s, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        ids.append(register(study_id, size, path))
        found = count(ids[-1], workers=workers)
        rows.append(
            {
                "size_px": [size.width, size.height],
                "tissue_megapixels": round(size.tissue_px / 1e6, 1),
                "tissue_megapixels_per_minute": round(size.tissue_px / 1e6 / found["seconds"] * 60, 1),
                **found,
            }
        )
        print(rows[-1], flush=True)
    return rows, ids[len(ids) // 2]


def two_against_one(slide_id: int, *, repeats: int) -> dict[str, Any]:
    """Count one slide with one worker and with two, by turns; medians."""
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(repeats):
        for workers, runs in found.items():
            runs.append(count(slide_id, workers=workers))
    one, two = (statistics.median(run["seconds"] for run in runs) for runs in found.values())
    hashes = {run["points_sha256"] for runs in found.values() for run in runs}
    return {"one_s": one, "two_s": two, "ratio": round(one / two, 3), "same_points": len(hashes) == 1}


def slope(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Fit seconds to tissue by a line, and say how well it fits."""
    x = np.array([row["tissue_megapixels"] for row in rows])
    y = np.array([row["seconds"] for row in rows])
    fitted = linregress(x, y)
    return {
        "s_per_megapixel": round(float(fitted.slope), 4),
        "start_s": round(float(fitted.intercept), 2),
        "r2": round(float(fitted.rvalue) ** 2, 4),
    }


def main() -> None:
    """Read the options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a checkpoint to measure with")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (%(default)s)")
    parser.add_argument("--repeats", type=int, default=2, help="of two workers against one (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="two small slides")
    options = parser.parse_args()
    django.setup()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = options.model or folder / "model.safetensors"
        if options.model is None:
            _apart(keep_model, model)
        study_id = study_with(model)
        rows, middle = sizes(study_id, QUICK if options.quick else SIZES, folder, workers=options.workers)
        figures = {"slides": rows, "line": slope(rows), "workers": two_against_one(middle, repeats=options.repeats)}
    report({"machine": machine(), **figures}, options.json)


def _apart(work: Any, *arguments: Any) -> None:
    """Do something in a process of its own, so that its memory goes with it."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} did not end well")


if __name__ == "__main__":
    main()
