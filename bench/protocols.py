"""How the paper's recipe and ours are judged on the paper's own patches: folds, copies, strips, and what they score."""

import argparse
import csv
import io
import math
import multiprocessing
import os
import re
import statistics
import sys
import tarfile
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.overlaps import groups_of
from detection.nn.config import TrainingConfig
from detection.nn.data import PatchSet, folds, pixel_hash, place_groups, split_sides
from detection.nn.evaluation import evaluate, predict
from detection.nn.shape import PATCH_PX
from detection.nn.training import TrainingOutcome, train
from labeling.splits import taken_back

VALIDATION_SHARE = 0.1
RECALL = 0.93
KINDS = ("background", "negative", "positive")
GUARD_PX = 100
"""More than a patch: what is left of the other strips shows no tissue of the one under test."""


@dataclass(frozen=True)
class Micrograph:
    """Patches of one slide.

    Args:
        patches: their kinds are positions in ``KINDS``.
        names: of their classes.
        corners: int64 (N, 2), columns (x_l0, y_l0).
        order: int64 (N,), in which they were labelled; positives and brown negatives are counted through.
    """

    patches: PatchSet
    names: NDArray[np.str_]
    corners: NDArray[np.int64]
    order: NDArray[np.int64]

    def standing(self) -> NDArray[np.bool_]:
        """Tell which labels were not taken back later: the same cell, another class."""
        one_reader = np.zeros(len(self.corners), dtype=np.int64)
        return ~taken_back(one_reader, self.corners, self.names, self.order)


def real_data(parser: argparse.ArgumentParser) -> Path:
    """Give the folder that TILSCOPE_REAL_DATA names, or end with words."""
    named = os.environ.get("TILSCOPE_REAL_DATA")
    if not named or not (Path(named) / "prisma").is_dir():
        parser.error("TILSCOPE_REAL_DATA must name the folder that holds prisma/.")
    return Path(named)


def paper_patches(data: Path) -> PatchSet:
    """Read the paper's patches in the order of their archive; the 72 stored rows hold the patch in rows 1 to 70.

    Their negatives are blue nuclei, background to the later patches.
    """
    found = _images(data / "prisma" / "lymphocytes_2017-03.tar.gz")
    images = np.stack([image[1 : 1 + PATCH_PX] for image in found.values()])
    names = np.array(["positive" if name.startswith("positive") else "background" for name in found])
    return PatchSet(images, (names == "positive").astype(np.int64), _kinds(names))


def micrograph(data: Path) -> Micrograph:
    """Read the later patches, whose negatives are brown, with their place."""
    found = _images(data / "prisma" / "slide3_west.tar.gz")
    with (data / "prisma" / "slide3_west.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = np.array([row["label"] for row in rows])
    images = np.stack([found[row["file"]] for row in rows])
    corners = np.array([[int(row["x_l0"]), int(row["y_l0"])] for row in rows], dtype=np.int64)
    order = np.array([int(re.sub(r"\D", "", row["file"])) for row in rows], dtype=np.int64)
    return Micrograph(PatchSet(images, (names == "positive").astype(np.int64), _kinds(names)), names, corners, order)


def _kinds(names: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.searchsorted(KINDS, names).astype(np.int64)


def _images(archive: Path) -> dict[str, NDArray[np.uint8]]:
    found: dict[str, NDArray[np.uint8]] = {}
    with tarfile.open(archive) as members:
        for member in members:
            stream = members.extractfile(member) if member.name.endswith(".jpg") else None
            if stream is not None:
                with Image.open(io.BytesIO(stream.read()), formats=["JPEG"]) as image:
                    found[Path(member.name).name] = np.asarray(image.convert("RGB"))
    return found


def eight_copies(patches: PatchSet) -> PatchSet:
    """Turn and reflect every patch into its eight forms, copies of one patch side by side."""
    forms = [
        np.rot90(images, turns, axes=(1, 2))
        for images in (patches.images, patches.images[:, :, ::-1])
        for turns in range(4)
    ]
    images = np.stack(forms, axis=1).reshape(-1, PATCH_PX, PATCH_PX, 3)
    kinds = None if patches.kinds is None else np.repeat(patches.kinds, len(forms))
    return PatchSet(images, np.repeat(patches.labels, len(forms)), kinds)


def names_of(patches: PatchSet) -> list[str]:
    """Name each patch by its pixels: equal patches then stand in one fold."""
    return [pixel_hash(image) for image in patches.images]


def learn(patches: PatchSet, groups: Sequence[Hashable], config: TrainingConfig, *, seed: int) -> TrainingOutcome:
    """Train on nine tenths; the last tenth, whole groups, chooses stopping and threshold."""
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE)
    sides = split_sides(groups, patches.labels, fractions=shares, seed=seed)
    return train(patches.take(sides == 0), patches.take(sides == 1), config, seed=seed)


Row = dict[str, float]
Work = Callable[[], Row]


def each(works: Sequence[Work], *, jobs: int) -> list[Row]:
    """Do all of them; several jobs work side by side, in processes of one thread each."""
    jobs = min(jobs, len(works))
    if jobs == 1:
        return [work() for work in works]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def cross_validation(
    title: str,
    patches: PatchSet,
    groups: Sequence[Hashable],
    config: TrainingConfig,
    *,
    k: int,
    first: int | None = None,
    seed: int,
) -> list[Work]:
    """Prepare to train without each fold and to test on it.

    Args:
        title: said with each fold's figures.
        patches: all of them.
        groups: of each patch; a group stands in one fold.
        config: the recipe.
        k: number of folds.
        first: stop after so many folds.
        seed: of folds and trainings.

    Returns:
        What gives the scores of each fold, percent.
    """
    fold = folds(groups, patches.labels, k=k, seed=seed)
    numbers = range(k if first is None else first)
    return [partial(_fold, title, patches, list(groups), config, fold, seed, number) for number in numbers]


def _fold(
    title: str,
    patches: PatchSet,
    groups: list[Hashable],
    config: TrainingConfig,
    fold: NDArray[np.int64],
    seed: int,
    number: int,
) -> Row:
    began = time.monotonic()
    inside = fold != number
    learned = [groups[index] for index in np.flatnonzero(inside)]
    outcome = learn(patches.take(np.flatnonzero(inside)), learned, config, seed=seed + number)
    scores = evaluate(outcome.model, patches.take(~inside), outcome.threshold)
    found = {name: 100 * getattr(scores, name) for name in ("accuracy", "precision", "recall", "f1")}
    _tell(f"{title}, fold {number + 1}/{int(fold.max()) + 1}", found, outcome, began)
    return found


def strips(corners: NDArray[np.int64], *, k: int) -> NDArray[np.int64]:
    """Cut a micrograph into vertical strips of equal count: strip of each patch, from left to right."""
    order = np.argsort(corners[:, 0], kind="stable")
    found = np.zeros(len(corners), dtype=np.int64)
    for number, members in enumerate(np.array_split(order, k)):
        found[members] = number
    return found


def away_from(corners: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which patches lie more than the guard band to the left or right of every patch that is ``inside``."""
    low, high = corners[inside, 0].min(), corners[inside, 0].max()
    return np.asarray((corners[:, 0] < low - GUARD_PX) | (corners[:, 0] > high + GUARD_PX))


def by_place(known: PatchSet, place: Micrograph, config: TrainingConfig, *, k: int, seed: int) -> list[Work]:
    """Prepare to train on the paper's patches and all strips but one, and to test on that one.

    Returns:
        What gives, by strip, percent: ``negatives_refused`` (brown, not lymphocytes), ``positive_recall`` and
        ``background_refused`` (blue nuclei), where the strip holds such patches; ``negatives_refused_at_93`` with the
        threshold looked up on the strip; as ``standing_…`` of those patches alone whose label was not taken back.
    """
    return [partial(_strip, known, place, config, k, seed, number) for number in range(k)]


def _strip(known: PatchSet, place: Micrograph, config: TrainingConfig, k: int, seed: int, number: int) -> Row:
    began = time.monotonic()
    inside = strips(place.corners, k=k) == number
    tested = place.patches.take(inside)
    apart = away_from(place.corners, inside) & _unlike(place.patches, tested) & place.standing()
    chains = place_groups(["slide"] * len(apart), place.corners)
    old = known.take(_unlike(known, tested))
    groups = [*names_of(old), *(chains[index] for index in np.flatnonzero(apart))]
    outcome = learn(joined(old, place.patches.take(apart)), groups, config, seed=seed + number)
    found = _judged(outcome, place, inside)
    _tell(f"strip {number + 1}/{k}", found, outcome, began)
    return found


def transfer(known: PatchSet, place: Micrograph, config: TrainingConfig, *, seed: int) -> list[Work]:
    """Prepare to train on the paper's patches alone, and to test on the later micrograph; scores as of ``by_place``."""
    return [partial(_transfer, known, place, config, seed)]


def _transfer(known: PatchSet, place: Micrograph, config: TrainingConfig, seed: int) -> Row:
    began = time.monotonic()
    known = known.take(_unlike(known, place.patches))
    outcome = learn(known, groups_of(known.images), config, seed=seed)
    found = _judged(outcome, place, np.ones(len(place.names), dtype=np.bool_))
    _tell(f"the later micrograph, seed {seed}", found, outcome, began)
    return found


def _unlike(patches: PatchSet, tested: PatchSet) -> NDArray[np.bool_]:
    """Tell which patches equal none under test."""
    return ~np.isin(names_of(patches), names_of(tested))


def _judged(outcome: TrainingOutcome, place: Micrograph, inside: NDArray[np.bool_]) -> Row:
    predicted, tested = predict(outcome.model, place.patches.images[inside]), place.names[inside]
    called, stood = predicted >= outcome.threshold, place.standing()[inside]
    undisputed = _shares(tested[stood], called[stood]) | refused_at_recall(tested[stood], predicted[stood])
    found = _shares(tested, called) | refused_at_recall(tested, predicted)
    return found | {f"standing_{name}": share for name, share in undisputed.items()}


def _shares(names: NDArray[np.str_], called: NDArray[np.bool_]) -> dict[str, float]:
    """Give the share of each class that was judged rightly, percent; a class that is not there has none."""
    right = {
        "negatives_refused": ~called[names == "negative"],
        "positive_recall": called[names == "positive"],
        "background_refused": ~called[names == "background"],
    }
    return {name: 100 * float(share.mean()) for name, share in right.items() if len(share)}


def refused_at_recall(names: NDArray[np.str_], predicted: NDArray[np.float32]) -> dict[str, float]:
    """Give the share of brown negatives that are refused where ``RECALL`` of these positives are called, percent."""
    positives, negatives = predicted[names == "positive"], predicted[names == "negative"]
    if not len(positives) or not len(negatives):
        return {}
    threshold = np.sort(positives)[-math.ceil(RECALL * len(positives))]
    return {f"negatives_refused_at_{100 * RECALL:.0f}": 100 * float((negatives < threshold).mean())}


def joined(one: PatchSet, two: PatchSet) -> PatchSet:
    """Put two sets of patches one after the other."""
    kinds = None if one.kinds is None or two.kinds is None else np.concatenate([one.kinds, two.kinds])
    return PatchSet(np.concatenate([one.images, two.images]), np.concatenate([one.labels, two.labels]), kinds)


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each figure over the folds that have it, and give its spread (sample standard deviation) as ``…_sd``."""
    return {"folds": len(rows), **_means(rows)}


def of_seeds(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average the summaries of several seeds; spreads are those of their means."""
    plain = [{name: value for name, value in one.items() if not name.endswith("_sd")} for one in found]
    return {"seeds": len(found), "folds": sum(one.pop("folds") for one in plain), **_means(plain)}


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        found[name] = round(statistics.fmean(values), 3)
        found[f"{name}_sd"] = round(statistics.stdev(values), 3) if len(values) > 1 else 0.0
    return found


def averaged(trials: Mapping[str, Sequence[Work]], *, jobs: int) -> dict[str, dict[str, float]]:
    """Do the work of all trials, so many at once whichever they belong to, and average each."""
    rows = iter(each([work for works in trials.values() for work in works], jobs=jobs))
    return {name: summary(list(islice(rows, len(works)))) for name, works in trials.items()}


def _tell(title: str, found: Mapping[str, float], outcome: TrainingOutcome, began: float) -> None:
    words = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    how = f"{outcome.steps} steps, {outcome.stopped_because}, {time.monotonic() - began:.0f} s"
    print(f"  {title}: {words}; {how}", file=sys.stderr, flush=True)
