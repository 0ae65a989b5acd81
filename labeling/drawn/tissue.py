"""A section of CD3-stained tissue, drawn from a seed: any window of it, and the place and kind of every cell."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeling.drawn.architecture import Architecture, Zones
from labeling.drawn.cells import KINDS, Placed, kind_codes, place_cells
from labeling.drawn.noise import TEXTURE_PX, Floats, smoothstep, texture, textured
from labeling.drawn.sprites import RADIUS_PX, Variety, sprite
from labeling.drawn.stain import GLASS, colour

# The camera's pixel, µm: a 40x scan of which the paper's patches are twice enlarged (0.1 µm).
CAMERA_UM: Final = 0.2
_LATTICE_PX: Final = 8
_REACH_PX: Final = 38
_BIN_PX: Final = 256
_CACHED_TILES: Final = 6

CELL: Final = np.dtype([("x", "f4"), ("y", "f4"), ("kind", "U10"), ("variety", "U10"), ("radius_px", "f4")])


class Tissue:
    """One drawn section.

    Args:
        width: of the slide in level-0 pixels, at least 1.
        height: of the slide in level-0 pixels, at least 1.
        seed: everything is drawn from it; the same seed and size give the same pixels.
        mpp: µm per level-0 pixel; 0.1 is the scale of the paper's patches.

    Raises:
        ValueError: if the size or the scale makes no slide.
    """

    def __init__(self, width: int, height: int, seed: int, mpp: float = 0.1) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"A slide needs at least one pixel, not {width} x {height}.")
        if not 0.05 <= mpp <= 2:
            raise ValueError(f"The scale must lie between 0.05 and 2 µm per pixel, not {mpp}.")
        self.width, self.height, self.seed, self.mpp = int(width), int(height), int(seed), float(mpp)
        self._ratio = self.mpp / CAMERA_UM
        self._plan = Architecture(self.width * self._ratio, self.height * self._ratio, self.seed)
        rng = np.random.default_rng([self.seed, 3])
        self._stain = (float(rng.uniform(0.88, 1.12)), float(rng.uniform(0.85, 1.1)))
        self._tiles: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
        self._glass: dict[tuple[int, int], NDArray[np.uint8]] = {}

    @cached_property
    def tile_px(self) -> int:
        """Side of the canonical tile, level-0 pixels: about 512 camera pixels."""
        return int(np.clip(2 ** np.floor(np.log2(512 / self._ratio)), 64, 1024))

    @cached_property
    def cells(self) -> NDArray[Any]:
        """Every cell: ``x``, ``y`` (centre, level-0 pixels), ``kind``, ``variety``, ``radius_px``; by y, then x."""
        placed = self._placed
        cells = np.empty(len(placed), CELL)
        for axis in ("x", "y"):
            cells[axis] = (placed[axis] + 0.5) / self._ratio
        cells["kind"] = np.array(KINDS)[kind_codes(placed["variety"])]
        cells["variety"] = np.array([variety.name.lower() for variety in Variety])[placed["variety"]]
        cells["radius_px"] = RADIUS_PX[placed["variety"]] / self._ratio
        return cells

    def render(self, x: int, y: int, w: int, h: int) -> NDArray[np.uint8]:
        """Draw a window; how a slide is cut into windows never changes a pixel.

        Args:
            x: left edge, level-0 pixels.
            y: top edge, level-0 pixels.
            w: width in pixels, at least 1.
            h: height in pixels, at least 1.

        Returns:
            Array (h, w, 3), uint8, RGB. Places outside the slide are drawn as if it went on.
        """
        out = np.empty((h, w, 3), np.uint8)
        side = self.tile_px
        for row in range(y // side, (y + h - 1) // side + 1):
            for column in range(x // side, (x + w - 1) // side + 1):
                x0, y0 = column * side, row * side
                left, top, right, bottom = max(x, x0), max(y, y0), min(x + w, x0 + side), min(y + h, y0 + side)
                piece = self._tile(column, row)[top - y0 : bottom - y0, left - x0 : right - x0]
                out[top - y : bottom - y, left - x : right - x] = piece
        return out

    def is_tissue(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether some level-0 places lie inside the tissue's outline."""
        scaled = [np.asarray(axis, np.float32) * np.float32(self._ratio) for axis in (x, y)]
        return np.asarray(self._plan.tissue(*scaled) > 0, bool)

    @cached_property
    def _placed(self) -> Placed:
        return place_cells(self._plan, self.seed)

    @cached_property
    def _bins(self) -> dict[tuple[int, int], NDArray[np.int64]]:
        """Cells by the square of ``_BIN_PX`` camera pixels that their centre lies in."""
        keys = np.column_stack([self._placed["x"], self._placed["y"]]).astype(np.int64) // _BIN_PX
        order = np.lexsort((keys[:, 0], keys[:, 1]))
        if not len(order):
            return {}
        keys = keys[order]
        starts = np.flatnonzero((np.diff(keys, axis=0) != 0).any(1)) + 1
        groups = np.split(order, starts)
        return {(int(keys[at, 0]), int(keys[at, 1])): group for at, group in zip([0, *starts], groups, strict=True)}

    def _tile(self, column: int, row: int) -> NDArray[np.uint8]:
        key = (column, row)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        tile = self._draw_tile(column, row)
        self._tiles[key] = tile
        if len(self._tiles) > _CACHED_TILES:
            self._tiles.popitem(last=False)
        return tile

    def _draw_tile(self, column: int, row: int) -> NDArray[np.uint8]:
        """Draw at the camera's scale, a little more than the tile, then enlarge as the viewer of a scan would."""
        side = self.tile_px * self._ratio
        spare = int(3 * max(1.0, 1 / self._ratio, self._ratio)) + 2
        x0 = int(np.floor((column * side - spare) / _LATTICE_PX)) * _LATTICE_PX
        y0 = int(np.floor((row * side - spare) / _LATTICE_PX)) * _LATTICE_PX
        size = int(np.ceil((side + 2 * spare + _LATTICE_PX) / _LATTICE_PX)) * _LATTICE_PX
        window = _Window(self._plan, x0, y0, size)
        bare = not window.has_tissue
        phase = (x0 % TEXTURE_PX, y0 % TEXTURE_PX)
        if bare and phase in self._glass:
            return self._glass[phase]
        blue, brown = window.glass() if bare else window.ground()
        if not bare:
            self._stamp_cells(blue, brown, window)
        left, top = column * side - x0, row * side - y0
        tile = _enlarge(self._photograph(blue, brown, window), (left, top, left + side, top + side), self.tile_px)
        if bare and len(self._glass) < 16:
            self._glass[phase] = tile
        return tile

    def _stamp_cells(self, blue: Floats, brown: Floats, window: _Window) -> None:
        """Lay every cell that reaches into the window on its ground, in the slide's order."""
        x0, y0, size = window.x0, window.y0, window.size
        squares = [
            self._bins.get((column, row))
            for row in range((y0 - _REACH_PX) // _BIN_PX, (y0 + size + _REACH_PX) // _BIN_PX + 1)
            for column in range((x0 - _REACH_PX) // _BIN_PX, (x0 + size + _REACH_PX) // _BIN_PX + 1)
        ]
        found = [square for square in squares if square is not None]
        if not found:
            return
        cell_blue, cell_brown = np.zeros_like(blue), np.zeros_like(brown)
        for x, y, variety, variant, orientation, focus, gain in self._placed[np.sort(np.concatenate(found))].tolist():
            stamp = sprite(variety, variant, orientation, focus)
            left, top = x - stamp.half_px - x0, y - stamp.half_px - y0
            side = 2 * stamp.half_px + 1
            a, b, c, d = max(top, 0), min(top + side, size), max(left, 0), min(left + side, size)
            if a >= b or c >= d:
                continue
            here, there = np.s_[a:b, c:d], np.s_[a - top : b - top, c - left : d - left]
            blue[here] *= stamp.keep[there]
            brown[here] *= stamp.keep[there]
            _overlay(cell_blue[here], stamp.haematoxylin[there], gain)
            _overlay(cell_brown[here], stamp.dab[there], gain)
        blue += cell_blue * window.thickness
        brown += cell_brown * window.thickness

    def _photograph(self, blue: Floats, brown: Floats, window: _Window) -> NDArray[np.uint8]:
        """Stain to colour, under a lamp that falls off towards the rim of each camera frame, with sensor noise."""
        blue *= np.float32(self._stain[0])
        brown *= np.float32(self._stain[1])
        turn = np.float32(2 * np.pi / TEXTURE_PX)
        span = np.arange(window.size, dtype=np.int64)
        falloff_x = np.cos(((window.x0 + span) % TEXTURE_PX).astype(np.float32) * turn)
        falloff_y = np.cos(((window.y0 + span) % TEXTURE_PX).astype(np.float32) * turn)
        light = 1 - np.float32(0.012) * (falloff_x[None, :] + falloff_y[:, None])
        seen = colour(blue, brown, light)
        for channel in range(3):
            seen[..., channel] += np.float32(1.5) * window.noise(0.75, 0.75, layer=10 + channel)
        return np.asarray(np.clip(seen + np.float32(0.5), 0, 255), np.uint8)


class _Window:
    """A square of camera pixels whose corner lies on the lattice on which the plan is sampled."""

    def __init__(self, plan: Architecture, x0: int, y0: int, size: int) -> None:
        self.plan, self.x0, self.y0, self.size = plan, x0, y0, size
        count = size // _LATTICE_PX + 1
        self.columns = (x0 + _LATTICE_PX * np.arange(count)).astype(np.float32)[None, :]
        self.rows = (y0 + _LATTICE_PX * np.arange(count)).astype(np.float32)[:, None]
        self.tissue = plan.tissue(self.columns, self.rows)
        # Stain and sprites reach a little past the outline.
        self.has_tissue = bool((self.tissue > -40 / min(plan.pitch)).any())
        self.thickness: Floats = np.ones((1, 1), np.float32)

    def glass(self) -> tuple[Floats, Floats]:
        shape = (self.size, self.size)
        return np.full(shape, GLASS[0], np.float32), np.full(shape, GLASS[1], np.float32)

    def ground(self) -> tuple[Floats, Floats]:
        """Both stains' densities of everything that is no cell: collagen, cytoplasm, hollows, gaps, folds."""
        zones = self.plan.zones(self.columns, self.rows, self.tissue)
        coarse = self.noise(5, 5, layer=1)
        fine = self.noise(1.1, 1.1, layer=2)
        inside = smoothstep(self.full(zones.tissue * np.float32(min(self.plan.pitch) * 0.4)) + 2.5 * coarse, -2, 5)
        gland = self.full(np.minimum(zones.gland, 2))
        epithelium = smoothstep(gland + 0.02 * coarse, 1.04, 0.98)
        hollow = smoothstep(gland + 0.03 * coarse - self.full(zones.lumen), 0.06, -0.04) * epithelium
        fibre = self._fibres()
        stroma = 0.092 + 0.024 * fibre + 0.024 * coarse + 0.012 * fine
        stroma *= 1 - 0.9 * smoothstep(0.6 * fibre - 0.8 * coarse, 0.5, 1.4)
        cytoplasm = 0.14 + 0.03 * coarse + 0.016 * fine
        blue = stroma + (cytoplasm - stroma) * epithelium
        blue += (0.02 + 0.012 * np.maximum(coarse, 0) - blue) * hollow
        self.thickness = self.full(zones.thickness * (1 + 0.75 * zones.fold))
        blue = np.maximum(blue, 0.004) * self.thickness
        blue = GLASS[0] + (blue - GLASS[0]) * inside
        return blue, GLASS[1] * (1 - inside) + self._brown(zones, coarse, inside) * (1 - hollow)

    def _brown(self, zones: Zones, coarse: Floats, inside: Floats) -> Floats:
        """DAB that binds nowhere in particular: a breath over all, more in infiltrates, folds and at the rim."""
        rim = np.clip(1 - np.abs(zones.tissue) * np.float32(min(self.plan.pitch) * 0.4 / 22), 0, 1)
        level = 0.024 + 0.035 * zones.infiltrate + 0.1 * zones.fold + 0.12 * rim
        return np.asarray(self.full(level.astype(np.float32)) * np.clip(1 + 0.7 * coarse, 0, 3) * inside, np.float32)

    def _fibres(self) -> Floats:
        """Collagen: streaks of a level texture, bent by the plan."""
        shift = self.full(self.plan.fibre_shift(self.columns, self.rows))
        stamp = texture(1.6, 16.0, 3)
        at = (self.y0 + np.arange(self.size))[:, None] + shift
        whole = np.floor(at)
        weight = (at - whole).astype(np.float32)
        rows = whole.astype(np.int64) % TEXTURE_PX
        cols = ((self.x0 + np.arange(self.size)) % TEXTURE_PX)[None, :]
        return np.asarray(stamp[rows, cols] * (1 - weight) + stamp[(rows + 1) % TEXTURE_PX, cols] * weight, np.float32)

    def noise(self, sigma_y: float, sigma_x: float, *, layer: int) -> Floats:
        return textured(texture(sigma_y, sigma_x, layer), self.x0, self.y0, (self.size, self.size))

    def full(self, sampled: Floats) -> Floats:
        """From the lattice to every pixel, linearly between its points."""
        weight = (np.arange(_LATTICE_PX, dtype=np.float32) / _LATTICE_PX)[None, :, None]
        tall = sampled[:-1, None] * (1 - weight) + sampled[1:, None] * weight
        tall = tall.reshape(self.size, -1)
        weight = weight.reshape(1, 1, -1)
        wide = tall[:, :-1, None] * (1 - weight) + tall[:, 1:, None] * weight
        return np.asarray(wide.reshape(self.size, self.size), np.float32)


def _overlay(ground: Floats, stamp: Floats, gain: float) -> None:
    """Add a stamp to a layer in place; where two cells lie on each other the thinner one counts by a third."""
    stamp = stamp * np.float32(gain)
    np.subtract(ground + stamp, np.float32(0.65) * np.minimum(ground, stamp), out=ground)


def _enlarge(seen: NDArray[np.uint8], box: tuple[float, float, float, float], side: int) -> NDArray[np.uint8]:
    tile = np.array(Image.fromarray(seen).resize((side, side), Image.Resampling.BICUBIC, box=box))
    tile.setflags(write=False)
    return tile
