"""How a patch looks, small enough to compare a million of them: finds patches that show the same pixels again.

A patch is shrunk to 10×10 grey means. Two patches are near duplicates where these correlate at least ``ALIKE``, or
``ALIKE_TURNED`` once the one is turned by quarter turns or mirrored. What only looks similar stays well below; a copy
that was compressed again or cropped a pixel aside stays above.
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
ALIKE_TURNED: Final = 0.995
"""Higher, for round cells on plain ground are much alike in one of eight forms. Of copies of the same patches, turned
and written as JPEG of quality 75, also with another brightness, 99.8 % are found; no two cells of them reach 0.97."""
LEAST_CONTRAST: Final = 2.0
"""Standard deviation in grey levels; below it, as on bare glass, there is only noise to compare."""
LEAF: Final = 2048
MARGIN: Final = 0.04
"""How far beyond a cut both halves reach. Vectors that correlate by ``ALIKE`` lie 0.17 apart, spread over many axes;
none of 21,856 copies of real patches, turned and not, is lost when cut into leaves of 16."""
TILT: Final = 0.06
"""How far a pose may lean over its bounds (see ``_posed``): 1.8 poses for each real patch. None of those copies is
lost; with 0.03 two of them are, and two of the 55 pairs among the originals."""
_WORTH_CUTTING: Final = 0.85
_AXES: Final = 16
_ROUNDING: Final = 1e-4
_CHUNK: Final = 20_000

Looks = NDArray[np.uint8]
Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]

_PLACES = np.arange(LENGTH).reshape(SIDE, SIDE)
_FORMS = np.stack([np.rot90(side, turns).ravel() for side in (_PLACES, _PLACES[:, ::-1]) for turns in range(4)])
"""The eight ways to turn and mirror a look: where each of its means comes from, int64 (8, LENGTH)."""
_RISE = _PLACES % SIDE - (SIDE - 1) / 2
_ACROSS, _DOWN = (
    (rise.ravel()[np.argsort(_FORMS)].T / np.linalg.norm(rise)).astype(np.float32) for rise in (_RISE, _RISE.T)
)
"""A vector times these: how much each of its forms grows from left to right and from top to bottom, (LENGTH, 8)."""


def look_of(pixels: NDArray[np.uint8]) -> Looks:
    """Shrink an RGB patch (h, w, 3), uint8, to grey means, uint8 (LENGTH,), by row and column."""
    small = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).reshape(LENGTH)


def look_of_png(png: bytes) -> Looks:
    """Decode a stored patch and shrink it; see ``look_of``."""
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        return look_of(np.asarray(image.convert("RGB")))


def near_duplicates(looks: Looks, *, leaf: int = LEAF, tell: Tell = silent) -> Numbers:
    """Find the patches that show the same pixels again, turned, mirrored or as they were, a little changed.

    Each is turned into its pose, or poses. These are halved again and again where they differ most; both halves keep
    what lies within ``MARGIN`` of the cut, so that hardly a pair is torn, and within a leaf all are compared. Up to
    ``leaf`` poses nothing is cut.

    Args:
        looks: one row per patch, uint8 (N, LENGTH).
        leaf: about how many poses are compared with each other at once.
        tell: told how far it is.

    Returns:
        Pairs of rows, int64 (M, 2), first smaller than second, sorted, each once. They join every group of near
        duplicates: of three that are alike, two pairs may be listed.

    Source: spill trees (Liu, Moore, Gray and Yang 2004).
    """
    poses, axes = _main_axes(looks)
    found = [np.zeros((0, 2), dtype=np.int64)]
    done = 0.0
    for members, share in _leaves(axes, np.arange(len(axes)), leaf, share=1.0):
        tell("Comparing the patches", int(done * len(looks)), len(looks))
        done += share
        found.append(_pairs_within(looks, poses, axes, members))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _vectors(looks: Looks) -> Vectors:
    """Centre and scale to length 1: a product of two is their correlation. What tells nothing becomes 0."""
    values = looks.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.where(lengths < LEAST_CONTRAST * SIDE, 0, values / np.maximum(lengths, 1)).astype(np.float32)


def _parts(looks: Looks) -> Iterable[Vectors]:
    return (_vectors(looks[start : start + _CHUNK]) for start in range(0, len(looks), _CHUNK))


def _posed(vectors: Vectors) -> NDArray[np.bool_]:
    """Tell which forms of a vector grow from left to right, and from top to bottom too but no more than that.

    Of a vector and of the same one turned or mirrored, the same form is found, without trying eight of the one on the
    other. What grows but little, or as much both ways, has several, so that a small change does not lead to another.

    Args:
        vectors: float32 (N, LENGTH).

    Returns:
        bool (N, 8), at least one of each row true.
    """
    across, down = vectors @ _ACROSS, vectors @ _DOWN
    return np.asarray((down >= -TILT) & (across - down >= -TILT * np.sqrt(2)))


def _main_axes(looks: Looks) -> tuple[Numbers, Vectors]:
    """Pose the patches that tell something, and project them on the 16 directions in which they differ most.

    Returns:
        Row and form of each pose, int64 (K, 2), and float32 (K, 16).
    """
    moment = np.zeros((LENGTH, LENGTH))
    posed = []
    for part in _parts(looks):
        posed.append(np.argwhere(_posed(part) & part.any(axis=1, keepdims=True)))
        vectors = _turned(part, posed[-1])
        moment += vectors.T @ vectors
    directions = np.linalg.eigh(moment)[1][:, -_AXES:].astype(np.float32)
    poses, axes = [np.zeros((0, 2), dtype=np.int64)], [np.zeros((0, _AXES), dtype=np.float32)]
    for n, (part, here) in enumerate(zip(_parts(looks), posed, strict=True)):
        poses.append(here + np.array([n * _CHUNK, 0]))
        axes.append(_turned(part, here) @ directions)
    return np.concatenate(poses), np.concatenate(axes)


def _turned(vectors: Vectors, poses: Numbers) -> Vectors:
    """Turn rows of vectors into their poses, float32 (K, LENGTH)."""
    return np.take_along_axis(vectors[poses[:, 0]], _FORMS[poses[:, 1]], axis=1)


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


def _pairs_within(looks: Looks, poses: Numbers, axes: Vectors, members: Numbers) -> Numbers:
    """Compare all members, first by their main axes, whose distance is never larger than the whole one."""
    own = axes[members]
    squares, ones = (own * own).sum(axis=1, keepdims=True), np.ones((len(members), 1), dtype=np.float32)
    # One product gives all squared distances: a² + b² − 2ab.
    near = np.hstack([-2 * own, squares, ones]) @ np.hstack([own, ones, squares]).T <= 2 * (1 - ALIKE) + _ROUNDING
    np.fill_diagonal(near, val=False)
    likely = members[near.any(axis=1)]
    if not len(likely):
        return np.zeros((0, 2), dtype=np.int64)
    rows, forms = poses[likely].T
    vectors = _turned(_vectors(looks[rows]), np.stack([np.arange(len(rows)), forms], axis=1))
    alike = vectors @ vectors.T >= np.where(forms[:, None] == forms, ALIKE, ALIKE_TURNED)
    _, component = connected_components(coo_array(alike), directed=False)
    _, first, which = np.unique(component, return_index=True, return_inverse=True)
    pairs = np.stack([rows[first[which]], rows], axis=1)
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])
