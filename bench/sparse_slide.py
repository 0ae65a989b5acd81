"""A slide of 100,000 × 80,000 px in seconds and megabytes: one drawn block of tissue, shown again and again."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeling.drawn.slide_file import TILE_PX
from labeling.drawn.tile_file import Level, Look, write_tiles
from labeling.drawn.tissue import Tissue

WIDTH, HEIGHT, MPP, SEED = 100_000, 80_000, 0.25, 7
BLOCK_PX = 2048
QUALITY = 85
_GLASS = (242, 240, 243)
_FINE_LEVELS = (BLOCK_PX // TILE_PX).bit_length()
"""Levels on which a block is one tile or more; coarser ones are drawn as one picture."""


class SparseSlide:
    """Draws the levels one after the other and keeps each distinct tile once."""

    def __init__(self) -> None:
        self._tiles: list[bytes] = []
        self._glass = self._add(np.full((TILE_PX, TILE_PX, 3), _GLASS, dtype=np.uint8))
        self._has_tissue = tissue_plan(-(-HEIGHT // BLOCK_PX), -(-WIDTH // BLOCK_PX))

    def write(self, path: Path) -> None:
        """Write the slide."""
        block = Tissue(BLOCK_PX, BLOCK_PX, SEED, MPP).render(0, 0, BLOCK_PX, BLOCK_PX)
        levels = []
        for number in range((max(WIDTH, HEIGHT) // TILE_PX).bit_length()):
            width, height = WIDTH >> number, HEIGHT >> number
            if number < _FINE_LEVELS:
                levels.append(Level(width, height, self._fine(width, height, block)))
            else:
                levels.append(Level(width, height, self._coarse(width, height, block)))
            block = np.asarray(Image.fromarray(block).reduce(2))
        write_tiles(path, self._tiles, levels, Look(mpp=MPP))

    def _fine(self, width: int, height: int, block: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Number the tiles of a level whose block is whole tiles."""
        side = len(block) // TILE_PX
        own = np.array([[self._add(_cut(block, row, col)) for col in range(side)] for row in range(side)])
        rows, columns = np.indices((-(-height // TILE_PX), -(-width // TILE_PX)))
        return np.where(self._has_tissue[rows // side, columns // side], own[rows % side, columns % side], self._glass)

    def _coarse(self, width: int, height: int, block: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Draw a level whole and cut it into tiles."""
        shown = np.repeat(np.repeat(self._has_tissue, len(block), axis=0), len(block), axis=1)[..., None]
        picture = np.where(shown, np.tile(block, (*self._has_tissue.shape, 1)), np.array(_GLASS, dtype=np.uint8))[
            :height, :width
        ]
        rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
        room = (0, rows * TILE_PX - picture.shape[0]), (0, columns * TILE_PX - picture.shape[1]), (0, 0)
        picture = np.pad(picture, room, mode="edge")
        return np.array([[self._add(_cut(picture, row, col)) for col in range(columns)] for row in range(rows)])

    def _add(self, pixels: NDArray[np.uint8]) -> int:
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=QUALITY, subsampling=0)
        self._tiles.append(out.getvalue())
        return len(self._tiles) - 1


def tissue_plan(rows: int, columns: int) -> NDArray[np.bool_]:
    """Say which blocks hold tissue: a large oval and a small one, half of the slide."""
    y, x = np.mgrid[:rows, :columns] + 0.5
    y, x = y / rows, x / columns
    large = ((x - 0.4) / 0.34) ** 2 + ((y - 0.5) / 0.42) ** 2 < 1
    small = ((x - 0.87) / 0.1) ** 2 + ((y - 0.3) / 0.2) ** 2 < 1
    return np.asarray(large | small)


def _cut(picture: NDArray[np.uint8], row: int, col: int) -> NDArray[np.uint8]:
    return picture[row * TILE_PX : (row + 1) * TILE_PX, col * TILE_PX : (col + 1) * TILE_PX]
