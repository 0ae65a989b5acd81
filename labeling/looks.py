"""How a patch looks, small enough to compare a million of them: finds patches that show the same pixels again.

A patch is shrunk to 10×10 grey means. Two patches are near duplicates where these correlate at least ``ALIKE``. What
only looks similar stays well below; a copy that was compressed again or cropped a pixel aside stays above.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from labeling.progress import Tell, silent

SIDE: Final = 10
LENGTH: Final = SIDE * SIDE
ALIKE: Final = 0.985
"""Measured on the paper's 2,717 patches: the 8 pairs above it show one cell twice, as do those down to 0.975. Of copies
JPEG of quality 75, another brightness and a shift by one pixel are found in 99 %, a shift along both axes in 91 %;
where places are known, overlaps catch what shifts further."""
LEAST_CONTRAST: Final = 2.0
"""Standard deviation in grey levels; below it, as on bare glass, there is only noise to compare."""
LEAF: Final = 2048
MARGIN: Final = 0.04
"""How far beyond a cut both halves reach. Vectors that correlate by ``ALIKE`` lie 0.17 apart, spread over many axes;
with 0.03 already, all of 10,279 pairs of real patches and their copies were found when cut into leaves of 16."""
_WORTH_CUTTING: Final = 0.85
_AXES: Final = 16
_ROUNDING: Final = 1e-4
_CHUNK: Final = 20_000

Looks = NDArray[np.uint8]
Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]


def look_of(pixels: NDArray[np.uint8]) -> Looks:
    """Shrink an RGB patch (h, w, 3), uint8, to grey means, uint8 (LENGTH,), by row and column."""
    small = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).reshape(LENGTH)


def look_of_png(png: bytes) -> Looks:
    """Decode a stored patch and shrink it; see ``look_of``."""
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        return look_of(np.asarray(image.convert("RGB")))


def near_duplicates(looks: Looks, *, leaf: int = LEAF, tell: Tell = silent) -> Numbers:
    """Find the patches that show the same pixels again, a little changed.

    They are halved again and again where they differ most; both halves keep what lies within ``MARGIN`` of the cut, so
    that hardly a pair is torn, and within a leaf all are compared. Up to ``leaf`` patches nothing is cut.

    Args:
        looks: one row per patch, uint8 (N, LENGTH).
        leaf: about how many patches are compared with each other at once.
        tell: told how far it is.

    Returns:
        Pairs of rows, int64 (M, 2), first smaller than second, sorted, each once. They join every group of near
        duplicates: of three that are alike, two pairs may be listed.

    Source: spill trees (Liu, Moore, Gray and Yang 2004).
    """
    telling, axes = _main_axes(looks)
    found = [np.zeros((0, 2), dtype=np.int64)]
    done = 0.0
    for members, share in _leaves(axes, np.arange(len(telling)), leaf, share=1.0):
        tell("Comparing the patches", int(done * len(telling)), len(telling))
        done += share
        found.append(telling[_pairs_within(looks, telling, axes, members)])
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _vectors(looks: Looks) -> Vectors:
    """Centre and scale to length 1: a product of two is their correlation. What tells nothing becomes 0."""
    values = looks.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.where(lengths < LEAST_CONTRAST * SIDE, 0, values / np.maximum(lengths, 1)).astype(np.float32)


def _parts(looks: Looks) -> Iterable[Vectors]:
    return (_vectors(looks[start : start + _CHUNK]) for start in range(0, len(looks), _CHUNK))


def _main_axes(looks: Looks) -> tuple[Numbers, Vectors]:
    """Project the patches that tell something on the 16 directions in which they differ most.

    Returns:
        Their rows, int64 (K,), and float32 (K, 16).
    """
    moment = np.zeros((LENGTH, LENGTH))
    for part in _parts(looks):
        moment += part.T @ part
    directions = np.linalg.eigh(moment)[1][:, -_AXES:].astype(np.float32)
    telling = [np.zeros(0, dtype=np.int64)]
    axes = [np.zeros((0, _AXES), dtype=np.float32)]
    for n, part in enumerate(_parts(looks)):
        kept = np.flatnonzero(part.any(axis=1))
        telling.append(kept + n * _CHUNK)
        axes.append(part[kept] @ directions)
    return np.concatenate(telling), np.concatenate(axes)


def _leaves(axes: Vectors, members: Numbers, leaf: int, *, share: float) -> Iterator[tuple[Numbers, float]]:
    """Halve along the members' own main axis until few enough are left; each leaf with its part of the ``share``.

    Where a cut would part hardly any they are a heap of copies: then along that axis, each leaf with half of the next.
    """
    if len(members) <= leaf:
        yield members, share
        return
    own = axes[members]
    along = own @ np.linalg.eigh(np.cov(own, rowvar=False))[1][:, -1].astype(np.float32)
    middle = np.median(along)
    halves = [members[along <= middle + MARGIN], members[along >= middle - MARGIN]]
    if max(map(len, halves)) > _WORTH_CUTTING * len(members):
        members = members[np.argsort(along, kind="stable")]
        starts = range(0, len(members), leaf // 2)
        yield from ((members[start : start + leaf], share / len(starts)) for start in starts)
        return
    for half in halves:
        yield from _leaves(axes, half, leaf, share=share / 2)


def _pairs_within(looks: Looks, telling: Numbers, axes: Vectors, members: Numbers) -> Numbers:
    """Compare all members, first by their main axes, whose distance is never larger than the whole one."""
    own = axes[members]
    squares, ones = (own * own).sum(axis=1, keepdims=True), np.ones((len(members), 1), dtype=np.float32)
    # One product gives all squared distances: a² + b² − 2ab.
    near = np.hstack([-2 * own, squares, ones]) @ np.hstack([own, ones, squares]).T <= 2 * (1 - ALIKE) + _ROUNDING
    np.fill_diagonal(near, val=False)
    likely = members[near.any(axis=1)]
    if not len(likely):
        return np.zeros((0, 2), dtype=np.int64)
    vectors = _vectors(looks[telling[likely]])
    _, component = connected_components(coo_array(vectors @ vectors.T >= ALIKE), directed=False)
    _, first, which = np.unique(component, return_index=True, return_inverse=True)
    root = first[which]
    joined = np.flatnonzero(root != np.arange(len(likely)))
    return np.stack([likely[root[joined]], likely[joined]], axis=1)
