"""Patch sets, and splits in which nothing of the same cell, place or slide stands on both sides."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from detection.nn.errors import TrainingError
from detection.nn.shape import PATCH_PX

_PATCHES_AT_ONCE = 4096


@dataclass(frozen=True)
class PatchSet:
    """Labelled patches: ``images`` uint8 (N, 70, 70, 3) RGB, ``labels`` int64 (N,), 1 = positive, 0 = not.

    ``kinds`` int64 (N,), the finer classes, tells apart what one label stands for; without it each label is one kind.
    The images may be a memory-mapped file: training, prediction and the gate read them in parts.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    kinds: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (PATCH_PX, PATCH_PX, 3):
            raise TrainingError(
                f"Patches are {PATCH_PX}×{PATCH_PX} RGB with 8 bits, got {self.images.shape} {self.images.dtype}.",
                code="patches_invalid",
            )
        if self.labels.shape != (len(self.images),) or not np.isin(self.labels, (0, 1)).all():
            raise TrainingError("Every patch needs one label, 1 or 0.", code="patches_invalid")
        if self.kinds is not None and self.kinds.shape != self.labels.shape:
            raise TrainingError("Every patch is of one kind.", code="patches_invalid")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "PatchSet":
        """Return the chosen patches, by mask or index."""
        return PatchSet(self.images[chosen], self.labels[chosen], None if self.kinds is None else self.kinds[chosen])

    def counts(self) -> dict[str, int]:
        """Count both classes."""
        positive = int(self.labels.sum())
        return {"positive": positive, "negative": len(self) - positive}

    def content_hash(self) -> str:
        """Name the patches, their classes and their order; read in parts, so that memory stays flat."""
        digest = sha256(np.ascontiguousarray(self.labels).tobytes())
        if self.kinds is not None:
            digest.update(np.ascontiguousarray(self.kinds).tobytes())
        for start in range(0, len(self), _PATCHES_AT_ONCE):
            digest.update(np.ascontiguousarray(self.images[start : start + _PATCHES_AT_ONCE]).data)
        return digest.hexdigest()


def pixel_hash(image: NDArray[np.uint8]) -> str:
    """Name a patch by its pixels, so that exact duplicates are found."""
    return sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def place_groups(slides: Sequence[Hashable], points: NDArray[np.int64], *, reach_px: float = PATCH_PX) -> list[int]:
    """Group patches that may show the same tissue: chains of patches of one slide within reach of each other.

    Args:
        slides: which slide each patch is from, length N.
        points: patch centres (N, 2), columns (x_l0, y_l0).
        reach_px: two patches whose centres lie at most this far apart (per axis) belong together.

    Returns:
        Group number of each patch.
    """
    numbers = _numbered(slides)
    pairs: list[NDArray[np.intp]] = []
    for slide in np.unique(numbers):
        members = np.flatnonzero(numbers == slide)
        near = cKDTree(points[members]).query_pairs(reach_px, p=np.inf, output_type="ndarray")
        pairs.append(members[near])
    joined = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.intp)
    return [int(group) for group in _components(joined, len(numbers))]


def split_sides(
    groups: Sequence[Hashable],
    labels: Sequence[int] | NDArray[np.int64],
    *,
    fractions: Sequence[float],
    seed: int,
    duplicates: Sequence[Hashable] | None = None,
) -> NDArray[np.int64]:
    """Deal groups to sides so that each side gets its share of both classes.

    Args:
        groups: group of each patch (slide, place); a group is never split.
        labels: class of each patch.
        fractions: share of each side, positive, summing to 1; e.g. (0.7, 0.1, 0.2).
        seed: order in which groups of equal size are dealt.
        duplicates: name of each patch's pixels; patches of equal name join their groups.

    Returns:
        Side of each patch, int64 (N,), 0 for the first fraction.

    Raises:
        TrainingError: ``split_invalid`` if fractions are no shares or a side would stay empty.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if len(shares) < 2 or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise TrainingError("The shares of a split must be positive and sum to 1.", code="split_invalid")
    together = _joined(groups, duplicates)
    classes = np.asarray(labels, dtype=np.int64)
    table = np.zeros((int(together.max(initial=-1)) + 1, int(classes.max(initial=0)) + 1))
    np.add.at(table, (together, classes), 1)
    side_of_group = _deal(table, shares, seed)
    if len(np.unique(side_of_group)) < len(shares):
        raise TrainingError(
            f"{len(table)} groups of patches cannot fill {len(shares)} sides: label more places or slides.",
            code="split_invalid",
            extra={"groups": len(table), "sides": len(shares)},
        )
    return side_of_group[together]


def folds(
    groups: Sequence[Hashable], labels: Sequence[int] | NDArray[np.int64], *, k: int, seed: int
) -> NDArray[np.int64]:
    """Deal groups to folds of about the same number of both classes, for cross-validation.

    Args:
        groups: group of each patch (slide, place, chain of duplicates); a group is never split.
        labels: class of each patch.
        k: number of folds, at least 2.
        seed: order in which groups of equal size are dealt.

    Returns:
        Fold of each patch, int64 (N,), 0 to ``k`` - 1; each holds both classes.

    Raises:
        TrainingError: ``folds_invalid`` if there are fewer than two folds, or too few groups of a class for them.
    """
    if k < 2:
        raise TrainingError("Cross-validation needs at least two folds.", code="folds_invalid")
    together, classes = _numbered(groups), np.asarray(labels, dtype=np.int64)
    table = np.zeros((int(together.max(initial=-1)) + 1, 2))
    np.add.at(table, (together, classes), 1)
    fold_of_group = _deal(table, np.full(k, 1 / k), seed)
    held = np.zeros((k, 2))
    np.add.at(held, fold_of_group, table)
    if not held.all():
        raise TrainingError(
            f"{len(table)} groups of patches cannot give each of {k} folds both classes: choose fewer folds.",
            code="folds_invalid",
            extra={"groups": len(table), "folds": k},
        )
    return fold_of_group[together]


def _deal(table: NDArray[np.float64], shares: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Give each group, largest first, to the side that lacks most of what the group holds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table))
    order = order[np.argsort(-table.sum(axis=1)[order], kind="stable")]
    totals = np.maximum(table.sum(axis=0), 1)
    wanted = shares[:, None] * totals
    held = np.zeros_like(wanted)
    sides = np.zeros(len(table), dtype=np.int64)
    for group in order:
        weight = table[group] / totals
        lack = ((wanted - held) / wanted * weight).sum(axis=1)
        side = int(np.argmax(lack))
        sides[group] = side
        held[side] += table[group]
    return sides


def _joined(groups: Sequence[Hashable], duplicates: Sequence[Hashable] | None) -> NDArray[np.int64]:
    numbers = _numbered(groups)
    if duplicates is None:
        return numbers
    copies = _numbered(duplicates) + int(numbers.max(initial=-1)) + 1
    edges = np.stack([numbers, copies], axis=1)
    component = _components(edges, int(copies.max(initial=-1)) + 1)
    return _numbered(component[numbers].tolist())


def _numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names], dtype=np.int64)


def _components(edges: NDArray[np.intp] | NDArray[np.int64], count: int) -> NDArray[np.int64]:
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)
