"""Another stain, another cell: Ki-67 in breast tissue, learned from points on 18 fields, counted on 8 of other cases.

A model learns from patches round the labelled cells of the 18 fields, positive against negative cells and lymphocytes,
with and without windows beside positive cells among the negatives, and once more with what it then finds wrongly on the
18 fields among them as well. It counts the positive cells of the 8 fields whole. Beside it, what a threshold on the DAB
channel finds on the same pixels, its numbers fitted to the 18 fields. Precision, recall and F1 of positive cells within
30 px (half a nucleus), and the error of the count by field. The pictures are found through TILSCOPE_REAL_DATA.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.detection import Bench, Field, with_head
from bench.fields import AREAS_PX2, DENSITIES, SIGMAS_PX, Points, spots
from bench.measure import machine, report
from bench.protocols import VALIDATION_SHARE, joined, real_data, summary
from detection.nn.beside import cell_like_from, core_density, draw_beside, is_clear, is_off
from detection.nn.blocks import DetectionParams
from detection.nn.config import PRESETS, TrainingConfig
from detection.nn.data import PatchSet, place_groups, split_sides
from detection.nn.matching import match_points, point_scores
from detection.nn.mining import Known, Reach, hard_finds
from detection.nn.shape import PATCH_PX
from detection.nn.training import train

SEED = 5
POSITIVE, OTHERS, BESIDE, MINED = 1, (2, 3), 4, 5
TEST_CASES = ("p1_0300", "p1_0313", "p1_0318", "p1_0322", "p2_0184", "p2_0191")
"""Eight fields with 112 of the 391 positive cells."""
HIT_PX = 30.0
EACH = PRESETS["default"].windows_beside
"""Windows beside each positive cell, as many as the recipe cuts."""

REACH = Reach(cell_px=HIT_PX, same_px=PATCH_PX / 2, apart_px=PATCH_PX, looked_px=10 * PATCH_PX)
MOST_MINED = 24
"""Finds of a field that are judged, as many as the product proposes at a time."""

NOWHERE: Points = np.zeros((0, 2))
Count = Callable[[NDArray[np.uint8]], Points]
"""Finds the cells of a picture, at least (x, y) of each."""


@dataclass(frozen=True)
class Photo:
    """A labelled field.

    Args:
        case: the patient it comes from.
        image: uint8 (H, W, 3).
        cells: float64 (N, 2), columns x, y.
        kinds: int64 (N,), the labels.
    """

    case: str
    image: NDArray[np.uint8]
    cells: Points
    kinds: NDArray[np.int64]

    @property
    def positive(self) -> Points:
        """Cells that count."""
        return np.asarray(self.cells[self.kinds == POSITIVE])

    @classmethod
    def read(cls, path: Path) -> "Photo":
        """Read a JPEG and the points beside it."""
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"))
        points = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        cells = np.array([(p["x"], p["y"]) for p in points], dtype=np.float64).reshape(-1, 2)
        case = "_".join(path.stem.split("_")[:2])
        return cls(case, image, cells, np.array([p["label_id"] for p in points], dtype=np.int64))


def photos(data: Path) -> tuple[list[Photo], list[Photo]]:
    """Read all fields: those to learn from, and those of other cases to count on."""
    found = [Photo.read(path) for path in sorted((data / "shidc-ki67").glob("*.jpg"))]
    return [p for p in found if p.case not in TEST_CASES], [p for p in found if p.case in TEST_CASES]


def around(photo: Photo, centres: Points, kinds: NDArray[np.int64]) -> PatchSet:
    """Cut the patches round places of a field, (N, 2)."""
    half = PATCH_PX // 2
    padded = np.pad(photo.image, ((half, half), (half, half), (0, 0)), mode="reflect")
    images = [padded[y : y + PATCH_PX, x : x + PATCH_PX] for x, y in np.rint(centres).astype(np.int64).tolist()]
    return PatchSet(np.stack(images), (kinds == POSITIVE).astype(np.int64), kinds)


def off_cells(photo: Photo, teaches: NDArray[np.bool_], *, seed: int) -> Points:
    """Draw places beside those positive cells that teach; on the field, on no positive cell, clear of what judges."""
    found = draw_beside(_teaching(photo, teaches), each=EACH, chance=np.random.default_rng(seed))
    found = found[((found >= 0) & (found <= np.array(photo.image.shape[1::-1]) - 1)).all(axis=1)]
    return found[is_off(found, photo.positive) & is_clear(found, photo.cells[~teaches], reach=PATCH_PX)]


def _teaching(photo: Photo, teaches: NDArray[np.bool_]) -> Points:
    return np.asarray(photo.cells[teaches & (photo.kinds == POSITIVE)])


def _windows(photo: Photo, off: Points, beside: Points) -> PatchSet:
    """Cut the windows at places beside cells, but for those that look like one of the cells."""
    windows = around(photo, off, np.full(len(off), BESIDE))
    cells = around(photo, beside, np.full(len(beside), POSITIVE))
    cores = core_density(windows.images)
    return windows.take(cores < cell_like_from(core_density(cells.images), cores))


def mined(photo: Photo, finds: Points) -> Points:
    """Choose finds (N, 3) that are wrong for certain, since all positive cells of a field are labelled; (M, 2)."""
    known = Known(cells=photo.positive, labels=photo.cells, patches=photo.cells)
    return np.asarray(finds[hard_finds(finds, known, REACH, limit=MOST_MINED), :2])


def model_finds(
    known: Sequence[Photo], config: TrainingConfig, *, beside: bool, seed: int, wrong: Sequence[Points] = ()
) -> Count:
    """Learn from fields; what comes back finds cells, (N, 3) with their scores.

    Windows beside cells teach, and judge nothing, as in the product; so do places that are ``wrong``, by field.
    """
    cells = reduce(joined, (around(photo, photo.cells, photo.kinds) for photo in known))
    field = np.repeat(np.arange(len(known)), [len(photo.cells) for photo in known])
    chains = place_groups(
        field.astype(str).tolist(), np.rint(np.concatenate([p.cells for p in known])).astype(np.int64)
    )
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE)
    teaches = split_sides(chains, cells.labels, fractions=shares, seed=seed) == 0
    training = cells.take(teaches)
    for number, photo in enumerate(known):
        here = teaches[field == number]
        off = off_cells(photo, here, seed=seed + number) if beside else NOWHERE
        if len(off):
            training = joined(training, _windows(photo, off, _teaching(photo, here)))
        places = wrong[number] if wrong else NOWHERE
        places = places[is_clear(places, photo.cells[~here], reach=PATCH_PX)]
        if len(places):
            training = joined(training, around(photo, places, np.full(len(places), MINED)))
    outcome = train(training, cells.take(~teaches), config, seed=seed)
    model, meta = with_head(outcome, config, training, cells.take(~teaches))
    bench, params = Bench(model, meta, repeats=1), DetectionParams()
    engine = bench.engine(params)

    def find(image: NDArray[np.uint8]) -> Points:
        points, _ = bench.detect(engine, Field(image), params)
        return bench.cells(points).astype(np.float64)

    return find


def after_mining(known: Sequence[Photo], config: TrainingConfig, *, seed: int) -> Count:
    """Learn, look for wrong finds on the same fields, and learn once more with them."""
    find = model_finds(known, config, beside=True, seed=seed)
    wrong = [mined(photo, find(photo.image)) for photo in known]
    print(f"  seed {seed}: {sum(map(len, wrong))} wrong finds", file=sys.stderr, flush=True)
    return model_finds(known, config, beside=True, seed=seed, wrong=wrong)


def judged(fields: Sequence[Photo], count: Count) -> dict[str, Any]:
    """Hold what is found against the positive cells, over all fields, and count by count."""
    found = [count(photo.image)[:, :2] for photo in fields]
    matched = sum(
        len(match_points(photo.positive, points, radius_px=HIT_PX).truth)
        for photo, points in zip(fields, found, strict=True)
    )
    cells = [len(photo.positive) for photo in fields]
    finds = [len(points) for points in found]
    scores = point_scores(truth=sum(cells), found=sum(finds), matched=matched)
    errors = np.abs(np.array(cells) - np.array(finds))
    return {
        "precision": 100 * scores.precision,
        "recall": 100 * scores.recall,
        "f1": 100 * scores.f1,
        "counts": list(zip(cells, finds, strict=True)),
        "mean_error": float(errors.mean()),
        "largest_error": int(errors.max()),
        "count_error_percent": 100 * (sum(finds) - sum(cells)) / sum(cells),
    }


def over_seeds(
    title: str, fields: Sequence[Photo], learned: Callable[[int], Count], seeds: Sequence[int]
) -> dict[str, Any]:
    """Judge one model for each seed; the mean of each figure, its spread, and the figures by seed."""
    rows = []
    for seed in seeds:
        rows.append(judged(fields, learned(seed)))
        print(f"  {title}, seed {seed}: F1 {rows[-1]['f1']:.1f}", file=sys.stderr, flush=True)
    plain = [{name: value for name, value in row.items() if name != "counts"} for row in rows]
    return {**summary(plain), "by_seed": rows}


def thresholded(known: Sequence[Photo], fields: Sequence[Photo]) -> dict[str, Any]:
    """Choose smoothing, threshold and area on the known fields, judge them on the others."""
    settings = [
        {"sigma_px": sigma, "density": density, "area_px2": area}
        for sigma, density, area in product(SIGMAS_PX, DENSITIES, AREAS_PX2)
    ]
    best = max(settings, key=lambda chosen: judged(known, lambda image: spots(image, **chosen))["f1"])
    return {**best, **judged(fields, lambda image: spots(image, **best))}


def main(arguments: list[str] | None = None) -> None:
    """Read the options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    parser.add_argument("--preset", choices=PRESETS, default="default", help="the recipe to learn by (%(default)s)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="models of each kind (%(default)s)")
    options = parser.parse_args(arguments)
    seeds = range(SEED, SEED + options.seeds)
    known, fields = photos(real_data(parser))
    config = PRESETS[options.preset]
    ways: dict[str, Callable[[int], Count]] = {
        "model": lambda seed: model_finds(known, config, beside=False, seed=seed),
        "model_with_windows_beside": lambda seed: model_finds(known, config, beside=True, seed=seed),
        "model_after_mining": lambda seed: after_mining(known, config, seed=seed),
    }
    figures = {
        "fields": [len(known), len(fields)],
        "dab_threshold": thresholded(known, fields),
        **{name: over_seeds(name, fields, learned, seeds) for name, learned in ways.items()},
    }
    report({"machine": machine(), **figures}, options.json)


if __name__ == "__main__":
    main()
