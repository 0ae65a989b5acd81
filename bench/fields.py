"""Counts on real fields that no patch of the training shows: the east of a micrograph, rebuilt from its patches.

A model learns from the paper's patches and from those of the later micrograph west of 9,000 px (``--model`` takes one
that did). The patches east of 9,100 px are pasted on glass, the default detection looks for cells there, and what lies
on the patches is held against the labels: precision, recall and F1 within 16 px, and the error of the count in each
field of 600 x 500 px. Beside it, what a threshold on the DAB channel finds on the same pixels, its three numbers fitted
to the west; and how many cells the model finds in glass and in tissue without DAB. The data are found through
TILSCOPE_REAL_DATA.
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, label
from skimage.measure import regionprops_table

from bench.detection import Bench, Field, with_head
from bench.measure import machine, report
from bench.protocols import Micrograph, joined, learn, micrograph, names_of, paper_patches, real_data
from detection.nn.blocks import DetectionParams
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint, save_checkpoint
from detection.nn.config import PRESETS, TrainingConfig
from detection.nn.data import place_groups
from detection.nn.matching import match_points, merge_near, point_scores
from detection.nn.network import PaperNet
from detection.nn.shape import PATCH_PX
from detection.nn.stain import UNITS_PER_OD, dab_density
from labeling.splits import SAME_CELL_PX

WEST_PX, EAST_PX, SEED = 9000, 9100, 5
FIELD = np.array([600, 500])
HIT_PX = 16.0
GLASS = (222, 218, 222)
NEAR, FAR = 5, 11
"""The paper's yardsticks: fields whose count is at most so many cells off."""
SIGMAS_PX, DENSITIES, AREAS_PX2 = (2.0, 4.0, 8.0), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7), (150, 300, 600, 1200)

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Canvas:
    """A part of the micrograph.

    Args:
        image: uint8 (H, W, 3), glass where no patch lies.
        covered: bool (H, W).
        cells: (N, 2), columns x, y; cells that were labelled twice are merged.
    """

    image: NDArray[np.uint8]
    covered: NDArray[np.bool_]
    cells: Points

    @classmethod
    def of(cls, place: Micrograph, inside: NDArray[np.bool_]) -> "Canvas":
        """Paste the patches that are ``inside``."""
        corners = place.corners[inside] - place.corners[inside].min(axis=0)
        width, height = (corners.max(axis=0) + PATCH_PX).tolist()
        image = np.full((height, width, 3), GLASS, dtype=np.uint8)
        covered = np.zeros((height, width), dtype=np.bool_)
        for (x, y), patch in zip(corners.tolist(), place.patches.images[inside], strict=True):
            image[y : y + PATCH_PX, x : x + PATCH_PX] = patch
            covered[y : y + PATCH_PX, x : x + PATCH_PX] = True
        cells = corners[place.patches.labels[inside] == 1] + PATCH_PX / 2
        return cls(image, covered, merge_near(cells, distance_px=SAME_CELL_PX))

    def on_patches(self, points: Points) -> Points:
        """Keep what lies on the patches; of what lies between them nothing is known."""
        x, y = np.rint(points).astype(np.int64).T
        return np.asarray(points[self.covered[y, x]])

    def judged(self, found: Points) -> dict[str, float]:
        """Hold finds on the patches against the cells, all together and field by field."""
        matched = len(match_points(self.cells, found, radius_px=HIT_PX).truth)
        scores = point_scores(truth=len(self.cells), found=len(found), matched=matched)
        height, width = self.covered.shape
        fields = np.unique(np.argwhere(self.covered)[:, ::-1] // FIELD, axis=0)
        frames = -(-np.array([width, height]) // FIELD)
        counts = [np.zeros(frames, dtype=np.int64) for _ in range(2)]
        for count, points in zip(counts, (self.cells, found), strict=True):
            np.add.at(count, tuple((points // FIELD).astype(np.int64).T), 1)
        errors = np.abs(counts[0] - counts[1])[tuple(fields.T)]
        return {
            "cells": len(self.cells),
            "found": len(found),
            "precision": 100 * scores.precision,
            "recall": 100 * scores.recall,
            "f1": 100 * scores.f1,
            "fields": len(fields),
            f"fields_within_{NEAR}": int((errors <= NEAR).sum()),
            f"fields_within_{FAR}": int((errors <= FAR).sum()),
            "largest_error": int(errors.max()),
        }


def trained(data: Path, place: Micrograph, config: TrainingConfig, *, seed: int) -> tuple[PaperNet, CheckpointMeta]:
    """Learn from the paper's patches and the west, without labels that were taken back."""
    known = paper_patches(data)
    west = np.flatnonzero((place.corners[:, 0] + PATCH_PX < WEST_PX) & place.standing())
    patches = joined(known, place.patches.take(west))
    chains = place_groups(["slide"] * len(west), place.corners[west])
    outcome = learn(patches, [*names_of(known), *chains], config, seed=seed)
    return with_head(outcome, config, patches, patches.take(np.arange(0, len(patches), 10)))


def counted(bench: Bench, image: NDArray[np.uint8]) -> Points:
    """Find the cells, as a detection does by default."""
    params = DetectionParams()
    points, _ = bench.detect(bench.engine(params), Field(image), params)
    return bench.cells(points)[:, :2].astype(np.float64)


def empty_places(data: Path) -> dict[str, NDArray[np.uint8]]:
    """Give pictures that hold no brown cell: tissue in haematoxylin and eosin, and glass."""
    found = {"glass": np.full((*FIELD[::-1], 3), GLASS, dtype=np.uint8)}
    path = data / "slides" / "HE_example.tif"
    if path.exists():
        with Image.open(path) as picture:
            found["haematoxylin_and_eosin"] = np.asarray(picture.convert("RGB"))
    return found


def stained_spots(canvas: Canvas, *, sigma_px: float, density: float, area_px2: float) -> Points:
    """Find the spots of DAB on the patches."""
    return canvas.on_patches(spots(canvas.image, sigma_px=sigma_px, density=density, area_px2=area_px2))


def spots(image: NDArray[np.uint8], *, sigma_px: float, density: float, area_px2: float) -> Points:
    """Find connected spots of DAB: smoothed optical density above a threshold, of some area; their centroids."""
    smooth = gaussian_filter(dab_density(image).astype(np.float32) / UNITS_PER_OD, sigma_px)
    numbered, _ = label(smooth > density)
    found = regionprops_table(numbered, properties=("area", "centroid"))  # type: ignore[no-untyped-call]
    centres = np.column_stack([found["centroid-1"], found["centroid-0"]])
    return np.asarray(centres[found["area"] >= area_px2])


def thresholded(west: Canvas, east: Canvas) -> dict[str, Any]:
    """Choose smoothing, threshold and area on the west, judge them on the east."""
    settings = [
        {"sigma_px": sigma, "density": density, "area_px2": area}
        for sigma, density, area in product(SIGMAS_PX, DENSITIES, AREAS_PX2)
    ]
    best = max(settings, key=lambda chosen: west.judged(stained_spots(west, **chosen))["f1"])
    return {**best, **east.judged(stained_spots(east, **best))}


def main(arguments: list[str] | None = None) -> None:
    """Read the options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a model that learned from the west")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the model that learned")
    parser.add_argument("--preset", choices=PRESETS, default="default", help="the recipe to learn by (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help="of the training (%(default)s)")
    options = parser.parse_args(arguments)
    data = real_data(parser)
    place = micrograph(data)
    if options.model:
        model, meta = load_checkpoint(options.model)
    else:
        model, meta = trained(data, place, PRESETS[options.preset], seed=options.seed)
    if options.keep:
        save_checkpoint(options.keep, model, meta)
    x = place.corners[:, 0]
    west, east = Canvas.of(place, x + PATCH_PX < WEST_PX), Canvas.of(place, x > EAST_PX)
    bench = Bench(model, meta, repeats=1)
    figures = {
        "model": east.judged(east.on_patches(counted(bench, east.image))),
        "dab_threshold": thresholded(west, east),
        "found_where_nothing_is": {name: len(counted(bench, image)) for name, image in empty_places(data).items()},
    }
    report({"machine": machine(), "threshold": meta.threshold, **figures}, options.json)


if __name__ == "__main__":
    main()
