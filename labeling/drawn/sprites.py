"""Single cells and specks as stamps of stain density, drawn once and stamped many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from labeling.drawn.noise import Floats

VARIANTS: Final = 24
ORIENTATIONS: Final = 12
FOCUS_SIGMA_PX: Final = (0.3, 0.65, 1.2)
# A density that changes no pixel by more than one step of 255.
_UNSEEN: Final = 0.004
_SHARPENING: Final = 0.32
_LIBRARY_SEED = 20170302


class Variety(IntEnum):
    """What is drawn; the first is what CD3 marks, then the blue nuclei, then what is brown and no lymphocyte."""

    LYMPHOCYTE = 0
    EPITHELIAL = 1
    STROMAL = 2
    PLASMA = 3
    PYKNOTIC = 4
    OVAL = 5
    MACROPHAGE = 6
    GRANULES = 7
    PIGMENT = 8
    STREAK = 9


# Radius in camera pixels (0.2 µm) of the circle that a neighbour should keep out of.
RADIUS_PX: Final = np.array([10.5, 11.0, 8.5, 10.0, 6.0, 11.0, 15.0, 10.0, 5.0, 11.0], np.float32)
_HALF_PX: Final = (22, 22, 24, 20, 14, 24, 34, 26, 14, 36)


@dataclass(frozen=True)
class Sprite:
    """Three square stamps of odd side: stain of the cell, and how much of the ground it leaves.

    Attributes:
        haematoxylin: density of the blue stain.
        dab: density of the brown stain.
        keep: factor for the ground's stain, 1 where the cell is not.
    """

    haematoxylin: Floats
    dab: Floats
    keep: Floats

    @property
    def half_px(self) -> int:
        return int(self.keep.shape[0] // 2)


@dataclass(frozen=True)
class _Canvas:
    """The plane round one cell: random source, Cartesian axes turned with the cell."""

    rng: np.random.Generator
    u: Floats
    v: Floats

    @property
    def theta(self) -> Floats:
        return np.arctan2(self.v, self.u)

    def rho(self, long_px: float, short_px: float, *, wobble: float) -> Floats:
        """Distance from the centre in units of a wobbly ellipse's radius."""
        theta, radius = self.theta, np.ones_like(self.u)
        for k in (1, 2, 3, 4):
            phase, size = self.rng.uniform(0, 2 * np.pi), self.rng.normal(0, wobble / k**1.4)
            radius = radius + np.float32(size) * np.cos(k * theta + np.float32(phase))
        away = np.hypot(self.u / np.float32(long_px), self.v / np.float32(short_px))
        return np.asarray(away / np.clip(radius, 0.6, 1.5), np.float32)

    def around(self, *, unevenness: float) -> Floats:
        """A positive factor that changes with the direction: one side of a membrane stains more than the other."""
        factor = np.ones_like(self.u)
        for k in (1, 2, 3, 5):
            phase, size = self.rng.uniform(0, 2 * np.pi), self.rng.normal(0, unevenness / np.sqrt(k))
            factor = factor + np.float32(size) * np.cos(k * self.theta + np.float32(phase))
        # A direction means nothing in the very centre.
        near = np.clip(np.hypot(self.u, self.v) / 5, 0, 1)
        return np.asarray(np.clip(1 + (factor - 1) * near, 0.15, 1.9), np.float32)

    def grain(self, sigma_px: float) -> Floats:
        noise = gaussian_filter(self.rng.standard_normal(self.u.shape, dtype=np.float32), sigma_px)
        return np.asarray(noise / noise.std(), np.float32)

    def blob(self, x: float, y: float, radius_px: float) -> Floats:
        square = (self.u - np.float32(x)) ** 2 + (self.v - np.float32(y)) ** 2
        return np.exp(-square / np.float32(radius_px**2))


def _inside(rho: Floats, radius_px: float, *, soft_px: float = 0.9) -> Floats:
    return np.asarray(1 / (1 + np.exp(np.clip((rho - 1) * np.float32(radius_px / soft_px), -30, 30))), np.float32)


def _bell(rho: Floats, at: float, width: float) -> Floats:
    return np.asarray(np.exp(-(((rho - np.float32(at)) / np.float32(width)) ** 2)), np.float32)


def _lymphocyte(c: _Canvas) -> Sprite:
    """A round blue nucleus under an uneven brown membrane; in half of them the stain lies over the nucleus too."""
    radius = c.rng.uniform(7.2, 9.2)
    stretch = float(c.rng.choice([1.0, 1.15, 1.35, 1.7, 2.2], p=[0.28, 0.3, 0.2, 0.14, 0.08]))
    rho = c.rho(radius * np.sqrt(stretch), radius / np.sqrt(stretch), wobble=0.15)
    body = _inside(rho, radius)
    strength = c.rng.uniform(0.55, 1.2)
    chromatin = c.rng.uniform(0.44, 0.8) * (1 + 0.2 * c.grain(1.2) + 0.14 * c.grain(2.4)) + 0.16 * _bell(rho, 0.9, 0.18)
    # The membrane is cut aslant: its ring is not quite the nucleus's, nor of one width.
    askew = rho + np.float32(c.rng.uniform(0, 0.16)) * np.cos(c.theta - np.float32(c.rng.uniform(-np.pi, np.pi)))
    ring = _bell(askew, 1.06, c.rng.uniform(0.15, 0.3)) * c.around(unevenness=0.36) * (1 + 0.18 * c.grain(1.5))
    over = body * np.clip(c.rng.uniform(0.0, 0.85) + 0.18 * c.grain(1.6), 0, None)
    cytoplasm = _bell(askew, 1.3, c.rng.uniform(0.2, 0.55)) * np.clip(0.3 + 0.24 * c.grain(2.4), 0, None)
    dab = strength * (0.7 * ring + over) + c.rng.uniform(0.3, 1.3) * cytoplasm * c.around(unevenness=0.6)
    halo = _inside(rho / np.float32(1.45), radius, soft_px=1.6)
    return Sprite(body * np.clip(chromatin, 0.1, None), dab, 1 - c.rng.uniform(0.6, 1.0) * halo)


def _nucleus(c: _Canvas, long_px: float, short_px: float, depth: float, *, coarse: float = 0.1) -> Sprite:
    """An oval blue nucleus: darker rim, clumped chromatin."""
    radius = np.sqrt(long_px * short_px)
    rho = c.rho(long_px, short_px, wobble=0.1)
    body = _inside(rho, radius)
    chromatin = depth * (1 + coarse * c.grain(1.2) + 0.7 * coarse * c.grain(2.8)) + 0.22 * _bell(rho, 0.93, 0.13)
    return Sprite(body * np.clip(chromatin, 0.05, None), np.zeros_like(body), 1 - 0.8 * body)


def _epithelial(c: _Canvas) -> Sprite:
    base = _nucleus(c, c.rng.uniform(10.5, 13.5), c.rng.uniform(7.5, 9.5), c.rng.uniform(0.34, 0.6), coarse=0.22)
    nucleoli = np.zeros_like(c.u)
    for _ in range(c.rng.integers(1, 3)):
        nucleoli = nucleoli + c.blob(c.rng.normal(0, 3.5), c.rng.normal(0, 2.2), c.rng.uniform(1.4, 2.2))
    return Sprite(base.haematoxylin + 0.32 * nucleoli, base.dab, base.keep)


def _stromal(c: _Canvas) -> Sprite:
    return _nucleus(c, c.rng.uniform(9.5, 16), c.rng.uniform(3.4, 5.6), c.rng.uniform(0.42, 0.8))


def _plasma(c: _Canvas) -> Sprite:
    radius = c.rng.uniform(6.8, 8.2)
    base = _nucleus(c, radius * 1.08, radius, c.rng.uniform(0.5, 0.75), coarse=0.14)
    rho = np.asarray(np.hypot(c.u, c.v) / radius, np.float32)
    wheel = np.clip(np.cos(6 * c.theta), 0, 1) * _bell(rho, 0.75, 0.2) * 0.12
    cytoplasm = 0.14 * np.exp(-(((c.u - 6) / 12) ** 2) - (c.v / 9) ** 2).astype(np.float32)
    blue = base.haematoxylin + wheel * (rho < 1) + cytoplasm * base.keep
    return Sprite(blue, base.dab, base.keep)


def _pyknotic(c: _Canvas) -> Sprite:
    radius = c.rng.uniform(4.0, 6.2)
    return _nucleus(c, radius * c.rng.uniform(1, 1.4), radius, c.rng.uniform(0.7, 1.0), coarse=0.06)


def _oval(c: _Canvas) -> Sprite:
    return _nucleus(c, c.rng.uniform(8.0, 11.5), c.rng.uniform(6.2, 8.8), c.rng.uniform(0.34, 0.76), coarse=0.19)


def _macrophage(c: _Canvas) -> Sprite:
    rho = c.rho(c.rng.uniform(13, 20), c.rng.uniform(7, 12), wobble=0.3)
    cloud = _inside(rho, 12, soft_px=3.5) * np.clip(0.55 + 0.4 * c.grain(3.2) + 0.12 * c.grain(1.2), 0, None)
    dab = c.rng.uniform(0.45, 1.0) * cloud * c.around(unevenness=0.3)
    return Sprite(0.1 * cloud, dab, 1 - 0.3 * np.clip(cloud, 0, 1))


def _granules(c: _Canvas) -> Sprite:
    spots = np.zeros_like(c.u)
    for _ in range(c.rng.integers(4, 12)):
        x, y = c.rng.normal(0, 6), c.rng.normal(0, 5)
        spots = spots + np.float32(c.rng.uniform(0.4, 1.1)) * c.blob(x, y, c.rng.uniform(1.2, 2.8))
    return Sprite(0.05 * spots, np.clip(spots, 0, 1.3), np.ones_like(spots))


def _pigment(c: _Canvas) -> Sprite:
    rho = c.rho(c.rng.uniform(2.2, 5), c.rng.uniform(2, 3.6), wobble=0.16)
    speck = _inside(rho, 3.5, soft_px=0.8)
    return Sprite(0.35 * speck, c.rng.uniform(0.7, 1.3) * speck, 1 - 0.5 * speck)


def _streak(c: _Canvas) -> Sprite:
    bend = c.rng.normal(0, 0.012)
    across = c.v - np.float32(bend) * c.u**2
    width, length = c.rng.uniform(2.0, 4.2), c.rng.uniform(15, 26)
    band = np.exp(-((across / np.float32(width)) ** 2) - np.abs(c.u / np.float32(length)) ** 3)
    dab = c.rng.uniform(0.5, 1.1) * band * np.clip(0.9 + 0.3 * c.grain(3.0), 0.2, None)
    return Sprite(0.08 * band, dab, 1 - 0.5 * band)


_DRAW: Final[tuple[Callable[[_Canvas], Sprite], ...]] = (
    _lymphocyte,
    _epithelial,
    _stromal,
    _plasma,
    _pyknotic,
    _oval,
    _macrophage,
    _granules,
    _pigment,
    _streak,
)


@lru_cache(maxsize=12_000)
def sprite(variety: int, variant: int, orientation: int, focus: int) -> Sprite:
    """The stamp of one variety: same arguments, same stamp.

    Args:
        variety: a ``Variety``.
        variant: which individual, 0 to ``VARIANTS`` - 1.
        orientation: direction of the long axis in steps of 180° / ``ORIENTATIONS``, clockwise on the screen.
        focus: index into ``FOCUS_SIGMA_PX``, 0 the sharpest.
    """
    half = _HALF_PX[variety]
    angle = np.pi * orientation / ORIENTATIONS
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    canvas = _Canvas(np.random.default_rng([_LIBRARY_SEED, variety, variant]), x * cos + y * sin, y * cos - x * sin)
    drawn = _DRAW[variety](canvas)
    rim = np.clip((half - np.hypot(x, y)) / 4, 0, 1).astype(np.float32)
    sigma = FOCUS_SIGMA_PX[focus]
    blue, brown, taken = (
        gaussian_filter(channel.astype(np.float32) * rim, sigma, mode="constant")
        for channel in (drawn.haematoxylin, drawn.dab, 1 - drawn.keep)
    )
    return _trimmed(_sharpened(blue), _sharpened(brown), taken)


def _sharpened(channel: Floats) -> Floats:
    """What a scanner's own sharpening does: stronger rims, and a bright fringe (density below 0) outside them."""
    return np.asarray(channel + np.float32(_SHARPENING) * (channel - gaussian_filter(channel, 1.8)), np.float32)


def _trimmed(blue: Floats, brown: Floats, taken: Floats) -> Sprite:
    """Cut off the margin that changes no pixel: less to keep, less to stamp."""
    half = blue.shape[0] // 2
    seen = np.maximum(np.maximum(np.abs(blue), np.abs(brown)), taken) > _UNSEEN
    reach = max(int(np.abs(np.argwhere(seen) - half).max(initial=1)), 1)
    middle = np.s_[half - reach : half + reach + 1, half - reach : half + reach + 1]
    cut = [np.ascontiguousarray(channel[middle]) for channel in (blue, brown, 1 - taken)]
    for channel in cut:
        channel.setflags(write=False)
    return Sprite(*cut)
