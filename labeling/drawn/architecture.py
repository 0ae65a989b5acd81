"""Where tissue, glands, infiltrates and folds lie on a drawn slide; camera pixels of 0.2 µm throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from labeling.drawn.noise import Floats, Ints, hash01, value_noise

FRAGMENT_PITCH_PX: Final = 9000
GLAND_PITCH_PX: Final = 430
FIBRE_SWING_PX: Final = 110.0
_FIBRE_PERIOD_PX: Final = 330.0


@dataclass(frozen=True)
class Glands:
    """The gland of each square of the bent lattice, in its coordinates; ``radius`` 0 where there is none."""

    x: Floats
    y: Floats
    radius: Floats
    squeeze: Floats
    tilt: Floats
    lumen: Floats


@dataclass(frozen=True)
class Zones:
    """What lies at some places; every field has the places' shape.

    Attributes:
        tissue: above 0 inside the tissue, in units of a fragment's radius.
        gland: distance from the middle of the gland in its radii; 9 where there is no gland.
        lumen: the part of that radius that is hollow.
        infiltrate: 0 to 1, how crowded with lymphocytes.
        fold: 0 to 1, how much the section lies double.
        thickness: factor for all stain, about 1.
    """

    tissue: Floats
    gland: Floats
    lumen: Floats
    infiltrate: Floats
    fold: Floats
    thickness: Floats


class Architecture:
    """The plan of one section. Every answer depends on the place and the seed only.

    Args:
        width: of the section in camera pixels.
        height: of the section in camera pixels.
        seed: tells one section from another.
    """

    def __init__(self, width: float, height: float, seed: int) -> None:
        self.width, self.height = float(width), float(height)
        self.salt = int(np.random.default_rng([seed, 1]).integers(1, 2**24))
        self.slant = float(np.random.default_rng([seed, 4]).uniform(-1, 1))
        self.columns = max(1, round(width / FRAGMENT_PITCH_PX))
        self.rows = max(1, round(height / FRAGMENT_PITCH_PX))
        self.pitch = (self.width / self.columns, self.height / self.rows)

    def tissue(self, x: Floats, y: Floats) -> Floats:
        """Above 0 inside tissue, below 0 on glass; irregular at every scale down to a cell."""
        lone = self.columns * self.rows == 1
        pitch_x, pitch_y = self.pitch
        column, row = self._fragment(x, y)
        here = hash01(column, row, self.salt + 1)
        reach = 0.48 if lone else 0.37
        centre_x = (column + 0.5 + 0.06 * (hash01(column, row, self.salt + 2) - 0.5)) * pitch_x
        centre_y = (row + 0.5 + 0.06 * (hash01(column, row, self.salt + 3) - 0.5)) * pitch_y
        away = np.hypot((x - centre_x) / (reach * pitch_x), (y - centre_y) / (reach * pitch_y))
        large = min(self.pitch)
        outline = 0.16 * value_noise(x, y, period=large / 3.1, salt=self.salt + 4)
        outline += 0.08 * value_noise(x, y, period=large / 9.7, salt=self.salt + 5)
        fine = 12.0 / large
        outline += fine * value_noise(x, y, period=45, salt=self.salt + 6)
        inside = 1 - away + np.clip(outline, -0.24, 0.24)
        vessel = 0.72 - value_noise(x, y, period=330, salt=self.salt + 7) + 4 * fine * outline
        inside = np.minimum(inside, vessel * (420 / large))
        return np.asarray(inside if lone else np.where(here < 0.62, inside, -1.0), np.float32)

    def zones(self, x: Floats, y: Floats, tissue: Floats | None = None) -> Zones:
        """Everything about some places (float arrays that broadcast with each other)."""
        inside = self.tissue(x, y) if tissue is None else tissue
        gland, lumen = self._gland(x, y)
        wave = value_noise(x, y, period=1500, salt=self.salt + 20)
        crease = 1 - np.abs(wave) / (0.012 + 0.02 * value_noise(x, y, period=400, salt=self.salt + 21) ** 2)
        gate = value_noise(x, y, period=1300, salt=self.salt + 22)
        return Zones(
            tissue=inside,
            gland=gland,
            lumen=lumen,
            infiltrate=self._infiltrate(x, y),
            fold=np.clip(crease, 0, 1) * np.clip(4 * gate - 1, 0, 1),
            thickness=1 + 0.16 * value_noise(x, y, period=700, salt=self.salt + 23),
        )

    def fibre_shift(self, x: Floats, y: Floats) -> Floats:
        """How far the collagen fibres, level by nature, are bent downwards at some places, in pixels."""
        swing = FIBRE_SWING_PX * value_noise(x, y, period=_FIBRE_PERIOD_PX, salt=self.salt + 30)
        swing += 14 * value_noise(x, y, period=70, salt=self.salt + 31)
        return np.asarray(swing + np.float32(self.slant) * x, np.float32)

    def fibre_angle(self, x: Floats, y: Floats) -> Floats:
        """Direction of the fibres in radians, clockwise on the screen from the x axis."""
        step = 8.0
        across = (self.fibre_shift(x + step, y) - self.fibre_shift(x - step, y)) / (2 * step)
        along = (self.fibre_shift(x, y + step) - self.fibre_shift(x, y - step)) / (2 * step)
        return np.asarray(np.arctan2(-across, 1 + along), np.float32)

    def glands(self, column: Ints, row: Ints) -> Glands:
        """The glands of some squares of the bent lattice; each lies whole inside its square."""
        pitch, salt = GLAND_PITCH_PX, self.salt + 40
        radius = pitch * (0.22 + 0.2 * hash01(column, row, salt + 1))
        x = (column + _row_offset(row) + 0.5 + 0.14 * (hash01(column, row, salt + 2) - 0.5)) * pitch
        y = (row + 0.5 + 0.14 * (hash01(column, row, salt + 3) - 0.5)) * pitch
        at_x, at_y = self.unbent(x, y)
        region = value_noise(at_x, at_y, period=2400, salt=salt + 4) + 0.35 * (hash01(column, row, salt + 5) - 0.5)
        deep = np.ones(region.shape, bool)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            deep &= self.tissue(at_x + dx * radius, at_y + dy * radius) > 0
        present = (region > -0.05) & deep
        return Glands(
            x=np.asarray(x, np.float32),
            y=np.asarray(y, np.float32),
            radius=np.where(present, radius, 0).astype(np.float32),
            squeeze=0.72 + 0.28 * hash01(column, row, salt + 6),
            tilt=np.float32(np.pi) * hash01(column, row, salt + 7),
            lumen=0.18 + 0.2 * hash01(column, row, salt + 8),
        )

    def _fragment(self, x: Floats, y: Floats) -> tuple[Ints, Ints]:
        column = np.clip(np.floor(x / self.pitch[0]), 0, self.columns - 1).astype(np.int64)
        row = np.clip(np.floor(y / self.pitch[1]), 0, self.rows - 1).astype(np.int64)
        return column, row

    def unbent(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """From places in the glands' straight lattice to places on the slide: the inverse of the bending."""
        at_x, at_y = x, y
        for _ in range(6):
            shift_x, shift_y = self._bend(at_x, at_y)
            at_x, at_y = x - shift_x, y - shift_y
        return at_x, at_y

    def _bend(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """How the lattice of glands is bent, so that they stand in no rows and are no ellipses."""
        shift_x, shift_y = (
            130 * value_noise(x, y, period=900, salt=self.salt + k)
            + 30 * value_noise(x, y, period=260, salt=self.salt + k + 2)
            for k in (70, 71)
        )
        return shift_x, shift_y

    def _gland(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        shift_x, shift_y = self._bend(x, y)
        bent_x, bent_y = x + shift_x, y + shift_y
        row = np.floor(bent_y / GLAND_PITCH_PX).astype(np.int64)
        column = np.floor(bent_x / GLAND_PITCH_PX - _row_offset(row)).astype(np.int64)
        # One look-up per lattice square, not per place: a tile has few squares and many places.
        first_x, first_y = int(column.min()), int(row.min())
        span_x, span_y = int(column.max()) - first_x + 1, int(row.max()) - first_y + 1
        squares = self.glands(
            first_x + np.arange(span_x, dtype=np.int64)[None, :], first_y + np.arange(span_y, dtype=np.int64)[:, None]
        )
        at = (row - first_y, column - first_x)
        dx, dy = bent_x - squares.x[at], bent_y - squares.y[at]
        cos, sin = np.cos(squares.tilt[at]), np.sin(squares.tilt[at])
        radius = np.maximum(squares.radius[at], 1)
        along, across = dx * cos + dy * sin, (dy * cos - dx * sin) / squares.squeeze[at]
        away = np.hypot(along, across) / radius
        return np.where(squares.radius[at] > 0, away, 9).astype(np.float32), squares.lumen[at]

    def _infiltrate(self, x: Floats, y: Floats) -> Floats:
        """Wandering patches, and one sure hot spot in each fragment."""
        column, row = self._fragment(x, y)
        spot_x = (column + 0.38 + 0.24 * hash01(column, row, self.salt + 60)) * self.pitch[0]
        spot_y = (row + 0.38 + 0.24 * hash01(column, row, self.salt + 61)) * self.pitch[1]
        reach = max(160.0, 0.14 * min(self.pitch))
        spot = np.exp(-((x - spot_x) ** 2 + (y - spot_y) ** 2) / np.float32(reach**2))
        wander = value_noise(x, y, period=900, salt=self.salt + 62)
        wander = wander + 0.5 * value_noise(x, y, period=260, salt=self.salt + 63)
        return np.clip(1.1 * wander - 0.25 + 1.3 * spot, 0, 1).astype(np.float32)


def _row_offset(row: Ints) -> Floats:
    """Every other row of glands is moved by half a square."""
    return ((row % 2) * np.float32(0.5)).astype(np.float32)
