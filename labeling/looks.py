"""How a patch looks, small enough to compare a million of them: finds pairs that show the same pixels again.

A patch is shrunk to 10×10 grey means. Two patches are near duplicates where their looks correlate at least ``ALIKE``.
Comparing all pairs would be quadratic, so only pairs are compared that agree in one of eight words of 16 bits: signs of
cosine coefficients, of those that a centred cell does not decide by itself.

Source of the constants: the paper's 2,717 patches and 1,665 of a later slide. Of copies, JPEG of quality 75 is found
again in 99 %, a change of brightness in 99 %, a shift of one pixel in 84 to 87 %; places and overlaps catch what shifts
further. Among the originals 8 and 52 pairs are near duplicates; where places are known, all lie 0 to 3 px apart.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

SIDE: Final = 10
ALIKE: Final = 0.98
LEAST_CONTRAST: Final = 3.0
"""Standard deviation in grey levels; of glass nothing can be recognised."""
_GREY: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_WORDS, _WORD_BITS, _ROBUST_BITS = 8, 16, 36
_MOST_BITS_APART: Final = 8
_MOST_NEIGHBOURS: Final = 128
"""Within a word's bucket, sorted; beyond that a set is so uniform that comparing more would be quadratic."""
_CHUNK: Final = 20_000

Pairs = NDArray[np.int64]


def look_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink an RGB patch (h, w, 3), uint8, to grey means, uint8 (SIDE * SIDE,)."""
    height, width = pixels.shape[:2]
    rows, cols = (np.arange(SIDE) * n // SIDE for n in (height, width))
    grey = pixels.astype(np.float32) @ _GREY
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), cols, axis=1)
    areas = np.outer(np.diff([*rows, height]), np.diff([*cols, width]))
    return np.asarray(np.rint(sums / areas), dtype=np.uint8).ravel()


def look_of_png(png: bytes) -> NDArray[np.uint8]:
    """Decode a stored patch and shrink it; see ``look_of``."""
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        return look_of(np.asarray(image.convert("RGB")))


def looks_of_pngs(pngs: Iterable[bytes], count: int) -> NDArray[np.uint8]:
    """Shrink stored patches one after the other.

    Returns:
        Array of shape (count, SIDE * SIDE), uint8.
    """
    looks = np.zeros((count, SIDE * SIDE), dtype=np.uint8)
    for n, png in enumerate(pngs):
        looks[n] = look_of_png(png)
    return looks


def near_duplicates(looks: NDArray[np.uint8]) -> Pairs:
    """Find the pairs of patches that show the same pixels again, a little changed.

    Args:
        looks: one row per patch, uint8 (N, SIDE * SIDE).

    Returns:
        Pairs of rows, int64 (M, 2), first smaller than second, sorted, each once.
    """
    telling = np.flatnonzero(_contrast(looks) >= LEAST_CONTRAST)
    bits = _signatures(looks[telling])
    found = [_alike(looks[telling], pairs) for word in _words(bits) for pairs in _bucket_pairs(word, bits)]
    pairs = telling[np.concatenate([np.zeros((0, 2), dtype=np.int64), *found])]
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _contrast(looks: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *(part.std(axis=1) for part in _parts(looks))])


def _parts(rows: NDArray[np.uint8]) -> Iterable[NDArray[np.uint8]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _telling_coefficients() -> tuple[list[int], list[int]]:
    """Rows and columns of the 64 coarsest coefficients that are odd along an axis, so that either sign is as likely."""
    odd = [(u, v) for u in range(SIDE) for v in range(SIDE) if u % 2 or v % 2]
    coarsest = sorted(odd, key=lambda place: (sum(place), place))[:64]
    return [u for u, _ in coarsest], [v for _, v in coarsest]


def _signatures(looks: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Pack the signs of the coefficients, the coarsest in the lowest bit: uint64 (N,)."""
    rows, cols = _telling_coefficients()
    weights = np.uint64(1) << np.arange(64, dtype=np.uint64)
    signatures = [np.zeros(0, dtype=np.uint64)]
    for part in _parts(looks):
        waves = dctn(part.reshape(-1, SIDE, SIDE).astype(np.float32), axes=(1, 2), norm="ortho")
        signatures.append(((waves[:, rows, cols] > 0) * weights).sum(axis=1, dtype=np.uint64))
    return np.concatenate(signatures)


def _words(bits: NDArray[np.uint64]) -> Iterable[NDArray[np.int64]]:
    """Read eight words of a signature: its four quarters, and four drawn from its coarsest bits."""
    rng = np.random.default_rng(0)
    quarters = [np.arange(16) + 16 * n for n in range(4)]
    drawn = [rng.permutation(_ROBUST_BITS)[:_WORD_BITS] for _ in range(_WORDS - len(quarters))]
    for chosen in (*quarters, *drawn):
        word = np.zeros(len(bits), dtype=np.int64)
        for position, bit in enumerate(chosen):
            word |= ((bits >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) << position
        yield word


def _bucket_pairs(word: NDArray[np.int64], bits: NDArray[np.uint64]) -> Iterable[Pairs]:
    """List pairs of equal word whose signatures differ in few of the coarsest bits."""
    coarse = bits & np.uint64((1 << _ROBUST_BITS) - 1)
    order = np.argsort(word, kind="stable")
    word = word[order]
    for step in range(1, min(_MOST_NEIGHBOURS, len(word) - 1) + 1):
        at = np.flatnonzero(word[step:] == word[:-step])
        if not len(at):
            return
        first, second = order[at], order[at + step]
        near = np.bitwise_count(coarse[first] ^ coarse[second]) <= _MOST_BITS_APART
        yield np.column_stack([first[near], second[near]])


def _alike(looks: NDArray[np.uint8], pairs: Pairs) -> Pairs:
    """Keep the pairs that correlate."""
    kept = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, len(pairs), _CHUNK):
        part = pairs[start : start + _CHUNK]
        a, b = (looks[part[:, n]].astype(np.float32) for n in (0, 1))
        a, b = (values - values.mean(axis=1, keepdims=True) for values in (a, b))
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        kept.append(part[(a * b).sum(axis=1) >= ALIKE * norms])
    return np.concatenate(kept)
