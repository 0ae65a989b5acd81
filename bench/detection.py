"""Detection: window by window, densely, behind the gates, with the low-rank head, in bf16, by PyTorch, by default.

All in one run on one machine; the ratios to the naive evaluation are the figures to keep, seconds belong to a machine
and its load. The naive one is the quickest of several batches in fp32 and bf16, batch norm folded, channels-last,
windows cut out beforehand; it is timed on a sample of the windows and scaled. ``--model`` takes a checkpoint; without,
a model is trained on drawn patches, which takes a minute or two.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from bench.measure import best_of, machine, report
from detection.nn.blocks import DetectionParams, plan_blocks
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint
from detection.nn.config import PRESETS, TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.engine import Engine
from detection.nn.low_rank import fit_head
from detection.nn.network import PaperNet
from detection.nn.nms import suppress
from detection.nn.region import RegionReader
from detection.nn.shape import PATCH_PX
from detection.nn.sliding_window import detect_block
from detection.nn.spent import Spent
from detection.nn.training import TrainingOutcome, train
from labeling.drawn.slide_file import write_slide
from labeling.drawn.tissue import Tissue
from labeling.slides.reader import SlideReader

WIDTH, HEIGHT, SEED = 600, 500, 11
STRIDES = (8, 4, 2)
COMPARED_STRIDES = (8, 4)
"""At stride 2 every window under the full head takes minutes."""
LARGE_PX = 20_000
BLOCK_PX = 2048
NAIVE_BATCHES = (8, 64)
NAIVE_SAMPLE = 128
LONG_S = 20.0
SAME_CELL_PX = 8.0
NMS_COUNT, NMS_PX2_EACH, SECOND_PEAK_PX = 1_000_000, 4000, 10.0
VARIANTS = {
    "dense": DetectionParams(gate=False, tissue_gate=False, head="full", precision="fp32", engine="torch"),
    "gated": DetectionParams(head="full", precision="fp32"),
    "low_rank": DetectionParams(precision="fp32"),
    "bf16": DetectionParams(head="full", precision="bf16"),
    "torch": DetectionParams(engine="torch"),
    "default": DetectionParams(),
}

Points = NDArray[np.float32]


class Field:
    """A picture in memory as a region reader."""

    mpp: float | None = None

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self.size = (image.shape[1], image.shape[0])

    def read(self, x: int, y: int, w: int, h: int, scale: float = 1.0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Cut out a box that lies on the picture."""
        return self.image[y : y + h, x : x + w], np.ones((h, w), dtype=np.bool_)


@dataclass(frozen=True)
class Bench:
    """What every measurement shares."""

    model: PaperNet
    meta: CheckpointMeta
    repeats: int

    def engine(self, params: DetectionParams) -> Engine:
        """Make the network ready as these parameters ask."""
        return Engine(self.model, head=params.head, precision=params.precision, engine=params.engine)

    def detect(self, engine: Engine, reader: RegionReader, params: DetectionParams) -> tuple[Points, Spent]:
        """Run one detection from reading to suppression; returns the cells, best first, and where the time went."""
        engine.spent = spent = Spent()
        found: list[Points] = []
        for block in plan_blocks(reader.size, None, block_px=BLOCK_PX):
            result = detect_block(engine, reader, block, scale=1.0, params=params, gate=self.meta.gate)
            found.append(result.candidates)
        began = time.perf_counter()
        points = np.concatenate([np.zeros((0, 3), dtype=np.float32), *found])
        kept = points[suppress(points[:, :2], points[:, 2], radius_px=params.radius_px)]
        began = spent.add("nms", began)
        with tempfile.TemporaryFile() as file:
            file.write(kept.tobytes())
        spent.add("store", began)
        return kept, spent

    def cells(self, points: Points) -> Points:
        """Those at or above the operating threshold."""
        return points[points[:, 2] >= self.meta.threshold]


def main() -> None:
    """Read the options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a checkpoint to measure with")
    parser.add_argument("--fields", type=Path, metavar="FOLDER", help="pictures to compare detections on as well")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement (%(default)s); medians are told")
    parser.add_argument("--quick", action="store_true", help=f"leave the slide of {LARGE_PX} x {LARGE_PX} px out")
    options = parser.parse_args()
    model, meta = _model(options.model)
    bench = Bench(model, meta, max(1, options.repeats))
    figures: dict[str, Any] = {"machine": machine(), "model": _model_words(meta), "gemm_gflop_s": gemm_peak()}
    naive_s = naive_seconds(model)
    figures["naive_ms_per_window"] = {name: 1000 * seconds for name, seconds in naive_s.items()}
    best_naive_s = min(naive_s.values())
    reader = Field(Tissue(4000, 3000, SEED).render(1500, 1000, WIDTH, HEIGHT))
    figures["field"] = {
        str(stride): _field(bench, reader, stride, best_naive_s, figures["gemm_gflop_s"]) for stride in STRIDES
    }
    figures["ratio_to_naive"] = {
        stride: field["variants"]["default"]["ratio_to_naive"] for stride, field in figures["field"].items()
    }
    figures["differences"] = list(differences(bench, {"drawn": reader, **_pictures(options.fields)}))
    figures["nms"] = nms()
    if not options.quick:
        figures["slide"] = _slide(bench, best_naive_s, figures["gemm_gflop_s"])
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report(figures, options.json)


def gemm_peak(side: int = 2048) -> dict[str, float]:
    """Measure what the machine reaches in a plain matrix product, GFLOP/s."""
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
        found[name] = 2 * side**3 / best_of(5, lambda a=a, b=b: a @ b) / 1e9  # type: ignore[misc]
    return found


def naive_seconds(model: PaperNet) -> dict[str, float]:
    """Time the network on windows one by one, seconds per window, by precision and batch."""
    found = {}
    pixels = torch.randint(0, 256, (max(NAIVE_BATCHES), PATCH_PX, PATCH_PX, 3), dtype=torch.uint8)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        net = model.folded()
        windows = net.prepare(pixels).to(dtype).contiguous(memory_format=torch.channels_last)
        net = net.to(dtype)
        for batch in NAIVE_BATCHES:
            with torch.inference_mode():
                for _ in range(2):
                    net(windows[:batch])
                times = max(1, NAIVE_SAMPLE // batch)
                began = time.perf_counter()
                for _ in range(times):
                    net(windows[:batch])
                found[f"{name}, batches of {batch}"] = (time.perf_counter() - began) / (times * batch)
    return found


def _field(bench: Bench, reader: Field, stride_px: int, naive_s: float, peak: dict[str, float]) -> dict[str, Any]:
    """Measure every variant on one field; the naive one judges the same windows, those over the edge too."""
    windows = -(-(WIDTH - 3) // stride_px) * -(-(HEIGHT - 3) // stride_px)
    variants = {
        name: _variant(bench, reader, replace(params, stride_px=stride_px), windows * naive_s, peak)
        for name, params in VARIANTS.items()
    }
    return {"size_px": [WIDTH, HEIGHT], "windows": windows, "naive_s": windows * naive_s, "variants": variants}


def _variant(
    bench: Bench, reader: RegionReader, params: DetectionParams, naive_s: float, peak: dict[str, float]
) -> dict[str, Any]:
    engine = bench.engine(params)
    seconds: list[float] = []
    runs: list[Spent] = []
    # The first run warms up; what takes long is not measured more often than it must be.
    while len(seconds) <= bench.repeats and sum(seconds) < LONG_S:
        began = time.perf_counter()
        cells, spent = bench.detect(engine, reader, params)
        seconds.append(time.perf_counter() - began)
        runs.append(spent)
    if len(seconds) > 1:
        seconds, runs = seconds[1:], runs[1:]
    median = statistics.median_low(seconds)
    spent = runs[seconds.index(median)]
    return {
        "head": engine.head,
        "precision": engine.precision,
        "engine": engine.engine,
        "count": len(bench.cells(cells)),
        "ratio_to_naive": naive_s / median,
        "repeats": len(seconds),
        **_told(spent, median, peak[engine.precision]),
    }


def _told(spent: Spent, seconds: float, peak: float) -> dict[str, Any]:
    network = spent.seconds.get("trunk", 0.0) + spent.seconds.get("head", 0.0)
    return {
        "seconds": seconds,
        "seconds_of": spent.seconds,
        "share_outside_network": 1 - network / seconds,
        "gflop": spent.flop / 1e9,
        "gflop_s": spent.flop / seconds / 1e9,
        "share_of_gemm_peak": spent.flop / seconds / 1e9 / peak,
    }


def differences(bench: Bench, readers: dict[str, Field]) -> Iterator[dict[str, Any]]:
    """Compare the default's cells with those of every window under the full head in fp32, by PyTorch."""
    for name, reader in readers.items():
        for stride_px in COMPARED_STRIDES:
            found = []
            for params in (VARIANTS["dense"], VARIANTS["default"]):
                one = replace(params, stride_px=stride_px)
                found.append(bench.cells(bench.detect(bench.engine(one), reader, one)[0]))
            exact, default = found
            yield {
                "field": name,
                "stride_px": stride_px,
                "count_exact": len(exact),
                "count_default": len(default),
                "cells_apart": _apart(exact, default) + _apart(default, exact),
            }


def _apart(cells: Points, others: Points) -> int:
    """Count the cells that have no other within a few pixels."""
    if not len(cells) or not len(others):
        return len(cells)
    distances, _ = cKDTree(others[:, :2]).query(cells[:, :2])
    return int(np.count_nonzero(distances > SAME_CELL_PX))


def nms(count: int = NMS_COUNT, radius_px: float = DetectionParams.radius_px) -> dict[str, Any]:
    """Time the suppression of drawn candidates as dense as in much stained tissue."""
    points, scores = drawn_candidates(count, SEED)
    began, began_cpu = time.perf_counter(), time.process_time()
    kept = suppress(points, scores, radius_px=radius_px)
    return {
        "candidates": count,
        "radius_px": radius_px,
        "px2_each": NMS_PX2_EACH,
        "kept": len(kept),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
    }


def drawn_candidates(count: int, seed: int) -> tuple[Points, NDArray[np.float32]]:
    """Strew places (N, 2), a quarter of them beside another as the second peak of one cell, and scores (N,)."""
    rng = np.random.default_rng(seed)
    seconds = count // 4
    cells = rng.uniform(0, np.sqrt(count * NMS_PX2_EACH), (count - seconds, 2))
    beside = cells[rng.integers(0, len(cells), seconds)] + rng.normal(0, SECOND_PEAK_PX, (seconds, 2))
    return np.concatenate([cells, beside]).astype(np.float32), rng.uniform(0.1, 1.0, count).astype(np.float32)


def _slide(bench: Bench, naive_s: float, peak: dict[str, float]) -> dict[str, Any]:
    """Measure the default on a drawn slide, from its file."""
    params = VARIANTS["default"]
    with _drawn_slide() as path, SlideReader(path) as reader:
        engine = bench.engine(params)
        began = time.perf_counter()
        points, spent = bench.detect(engine, reader, params)
        seconds = time.perf_counter() - began
    windows = (LARGE_PX // params.stride_px) ** 2
    return {
        "size_px": [LARGE_PX, LARGE_PX],
        "count": len(bench.cells(points)),
        "naive_s": windows * naive_s,
        "ratio_to_naive": windows * naive_s / seconds,
        "megapixels_per_minute": LARGE_PX**2 / 1e6 / seconds * 60,
        **_told(spent, seconds, peak[engine.precision]),
    }


@contextmanager
def _drawn_slide() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.tif"
        write_slide(Tissue(LARGE_PX, LARGE_PX, SEED), path)
        yield path


def _pictures(folder: Path | None) -> dict[str, Field]:
    """Cut a field out of the middle of each picture of a folder."""
    found = {}
    for path in sorted(folder.iterdir()) if folder else []:
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff"):
            with Image.open(path) as picture:
                image = np.asarray(picture.convert("RGB"))
            y, x = max(0, (image.shape[0] - HEIGHT) // 2), max(0, (image.shape[1] - WIDTH) // 2)
            found[path.name] = Field(np.ascontiguousarray(image[y : y + HEIGHT, x : x + WIDTH]))
    return found


def _model(path: Path | None) -> tuple[PaperNet, CheckpointMeta]:
    return load_checkpoint(path) if path is not None else drawn_model()


def drawn_model() -> tuple[PaperNet, CheckpointMeta]:
    """Train a model on drawn patches."""
    training, validation = drawn_patches(640, SEED), drawn_patches(320, SEED + 1)
    config = PRESETS["quick"]
    outcome = train(training, validation, config, seed=SEED)
    return with_head(outcome, config, training, validation)


def with_head(
    outcome: TrainingOutcome, config: TrainingConfig, training: PatchSet, validation: PatchSet
) -> tuple[PaperNet, CheckpointMeta]:
    """Give what a training left its low-rank head, where one comes near enough, and describe it."""
    fitted = fit_head(outcome.model, training, validation, threshold=outcome.threshold)
    model, low_rank = fitted or (outcome.model, None)
    meta = CheckpointMeta(
        shape=model.shape,
        preprocessing=model.preprocessing,
        class_names=("other", "lymphocyte"),
        threshold=outcome.threshold,
        gate=outcome.gate,
        dataset_hash=training.content_hash(),
        config=config,
        low_rank=low_rank,
    )
    return model, meta


def drawn_patches(count: int, seed: int) -> PatchSet:
    """Cut drawn lymphocytes, and as many other cells, out of drawn tissue."""
    side = 4000
    tissue, half = Tissue(side, side, seed), PATCH_PX // 2
    cells = tissue.cells
    inside = (np.minimum(cells["x"], cells["y"]) > half) & (np.maximum(cells["x"], cells["y"]) < side - half)
    images, labels = [], []
    for label, chosen in ((1, cells["kind"] == "lymphocyte"), (0, cells["kind"] != "lymphocyte")):
        for cell in cells[inside & chosen][: count // 2]:
            images.append(tissue.render(int(cell["x"]) - half, int(cell["y"]) - half, PATCH_PX, PATCH_PX))
            labels.append(label)
    return PatchSet(np.stack(images), np.array(labels, dtype=np.int64))


def _model_words(meta: CheckpointMeta) -> dict[str, Any]:
    return {
        "threshold": meta.threshold,
        "gate": meta.gate.to_json() if meta.gate else None,
        "low_rank": meta.low_rank.to_json() if meta.low_rank else None,
    }


if __name__ == "__main__":
    main()
