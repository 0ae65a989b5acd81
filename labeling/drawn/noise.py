"""Noise that depends on the place and the seed only, so that neighbours drawn apart fit together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

TEXTURE_PX = 1024
_LIBRARY_SEED = 20170301


def hash01(ix: Ints, iy: Ints, salt: int) -> Floats:
    """Hash lattice points to numbers in [0, 1), the same on every machine.

    Args:
        ix: integer columns, any shape.
        iy: integer rows, of a shape that broadcasts with ``ix``.
        salt: tells one use of the hash from another.

    Returns:
        Float32 array of the broadcast shape.

    Source: the "lowbias32" integer mix of C. Wellons (Hash prospector, 2018).
    """
    mixed = ix.astype(np.uint32) * np.uint32(0x9E3779B1) ^ iy.astype(np.uint32) * np.uint32(0x85EBCA77)
    mixed = mixed ^ np.uint32((salt * 0xC2B2AE3D) & 0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    mixed = mixed ^ (mixed >> np.uint32(16))
    return (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def value_noise(x: Floats, y: Floats, *, period: float, salt: int) -> Floats:
    """Smooth noise in [-1, 1] with one random value per ``period`` pixels."""
    u, v = np.asarray(x, np.float64) / period, np.asarray(y, np.float64) / period
    ix, iy = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    fx, fy = (u - ix).astype(np.float32), (v - iy).astype(np.float32)
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    top = hash01(ix, iy, salt) * (1 - fx) + hash01(ix + 1, iy, salt) * fx
    bottom = hash01(ix, iy + 1, salt) * (1 - fx) + hash01(ix + 1, iy + 1, salt) * fx
    return np.asarray(2 * (top * (1 - fy) + bottom * fy) - 1, np.float32)


def smoothstep(value: Floats, low: float, high: float) -> Floats:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``; ``high`` below ``low`` falls instead."""
    t = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


@lru_cache(maxsize=8)
def texture(sigma_y: float, sigma_x: float, layer: int) -> Floats:
    """A square of smoothed noise of unit variance that repeats without a seam every ``TEXTURE_PX``."""
    rng = np.random.default_rng([_LIBRARY_SEED, layer])
    smooth = gaussian_filter(
        rng.standard_normal((TEXTURE_PX, TEXTURE_PX), dtype=np.float32), (sigma_y, sigma_x), mode="wrap"
    )
    found: Floats = (smooth / smooth.std()).astype(np.float32)
    found.setflags(write=False)
    return found


def textured(stamp: Floats, x0: int, y0: int, shape: tuple[int, int]) -> Floats:
    """Cut the window at (x0, y0) of ``shape`` (rows, cols) out of an endlessly repeated texture."""
    rows = (y0 + np.arange(shape[0])) % TEXTURE_PX
    cols = (x0 + np.arange(shape[1])) % TEXTURE_PX
    return stamp[rows[:, None], cols[None, :]]
