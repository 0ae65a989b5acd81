"""However a slide is cut, and in whatever order: the same cells to the bit, each found once."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.spatial import cKDTree

from detection.nn.blocks import CELL_PX, Block, DetectionParams, plan_blocks
from detection.nn.engine import Engine
from detection.nn.gate import Gate
from detection.nn.nms import suppress
from detection.nn.shape import STRIDE_PX
from detection.nn.sliding_window import Scorer, detect_block
from detection.nn.spent import Spent
from detection.nn.trunk import TILE
from tests.detection.nn.test_engine import both_engines, low_rank
from tests.detection.nn.toys import TINY, ArrayReader

GRID_PX = TILE * STRIDE_PX
WIDTH, HEIGHT = 700, 580
TILINGS = 50


def cut(length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Cut a side at some of the grid's lines, (start, end) of each part."""
    lines = np.arange(GRID_PX, length, GRID_PX)
    chosen = sorted(rng.choice(lines, size=rng.integers(0, 4), replace=False).tolist())
    return list(zip([0, *chosen], [*chosen, length], strict=True))


def random_blocks(rng: np.random.Generator) -> list[Block]:
    """Cut the slide into blocks of uneven sizes and offsets, in any order."""
    boxes = [(x, y, x1 - x, y1 - y) for y, y1 in cut(HEIGHT, rng) for x, x1 in cut(WIDTH, rng)]
    return [Block(n, *boxes[place]) for n, place in enumerate(rng.permutation(len(boxes)))]


def found_in(blocks: list[Block], model: Scorer, reader: ArrayReader, params: DetectionParams, gate: Gate | None):
    """Return the cells in the order of their scores, the candidates in any, and the pixels that were read."""
    results = [detect_block(model, reader, block, scale=1.0, params=params, gate=gate) for block in blocks]
    candidates = np.concatenate([result.candidates for result in results])
    kept = suppress(candidates[:, :2], candidates[:, 2], radius_px=params.radius_px)
    return candidates[kept], candidates, sum(result.read_px for result in results)


@both_engines
@pytest.mark.parametrize(("stride_px", "head"), [(8, "low_rank"), pytest.param(4, "full", marks=pytest.mark.slow)])
def test_fifty_tilings_give_the_same_bits(stride_px, head, engine):
    image = np.random.default_rng(stride_px).integers(0, 256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)
    model, reader = Engine(low_rank(TINY, stride_px), head=head, engine=engine), ArrayReader(image)
    params, gate = DetectionParams(stride_px=stride_px, floor=0.001), Gate(dab_min=0.0, tissue_min=0.3)
    whole = found_in([Block(0, 0, 0, WIDTH, HEIGHT)], model, reader, params, gate)
    assert (model.head, model.engine) == (head, engine)
    assert 20 < len(whole[0]) < len(whole[1])
    sizes = set()
    for seed in range(TILINGS):
        blocks = random_blocks(np.random.default_rng(seed))
        cells, candidates, read_px = found_in(blocks, model, reader, params, gate)
        assert cells.tobytes() == whole[0].tobytes(), f"tiling {seed}"
        assert (len(candidates), read_px) == (len(whole[1]), WIDTH * HEIGHT), f"tiling {seed}"
        sizes |= {(block.x, block.y, block.w, block.h) for block in blocks}
    assert len(sizes) > TILINGS


class PlaceReader:
    """A slide whose pixels say where they are, in steps of four: no need to draw it."""

    mpp: float | None = None

    def __init__(self, side: int) -> None:
        self.size = (side, side)

    def read(self, x: int, y: int, w: int, h: int, scale: float = 1.0):
        image = np.zeros((h, w, 3), dtype=np.uint8)
        place = np.arange(x, x + w)[None, :] // 4 + ((np.arange(y, y + h)[:, None] // 4) << 12)
        for channel in range(3):
            image[..., channel] = (place >> (8 * channel)) & 255
        inside = [(at >= 0) & (at < self.size[0]) for at in (np.arange(y, y + h), np.arange(x, x + w))]
        return image, inside[0][:, None] & inside[1][None, :]


class NearScorer:
    """Scores a window by the distance of its centre from the next cell."""

    reads_ahead = True

    def __init__(self, cells: np.ndarray, width_px: float = 12.0) -> None:
        self.tree, self.width_px = cKDTree(cells), width_px
        self.spent = Spent()

    def score(self, image, chosen, stride_px):
        rows, cols = np.nonzero(chosen)
        centre = image[35 + stride_px * rows, 35 + stride_px * cols].astype(np.int64)
        place = centre @ np.array([1, 256, 65_536])
        apart, _ = self.tree.query(4 * np.stack([place & 4095, place >> 12], axis=1) + 3)
        scores = np.zeros(chosen.shape, dtype=np.float32)
        scores[chosen] = np.exp(-((apart / self.width_px) ** 2) / 2)
        return scores


def on_seams(side: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Strew cells over every corner of the blocks, and along the seams between them, on both sides."""
    lines = np.arange(CELL_PX, side, CELL_PX)
    for y in lines:
        yield from np.stack([lines, np.full(len(lines), y)], axis=1) + rng.integers(-2, 3, (len(lines), 2))
    along = np.concatenate([np.arange(start + 60, start + CELL_PX - 50, 60) for start in range(0, side, CELL_PX)])
    for line in lines:
        for flip in (False, True):
            places = np.stack([along, np.full(len(along), line)], axis=1) + rng.integers(-6, 7, (len(along), 2))
            yield from places[:, ::-1] if flip else places


@pytest.mark.parametrize("stride_px", [8, 4])
def test_two_thousand_cells_on_seams_and_corners_are_found_once(stride_px):
    side, rng = 13 * CELL_PX, np.random.default_rng(stride_px)
    cells = np.array(list(on_seams(side, rng)))[:2000]
    reader, model = PlaceReader(side), NearScorer(cells)
    params = DetectionParams(stride_px=stride_px, gate=False, radius_px=20)
    blocks = plan_blocks(reader.size, None, block_px=CELL_PX)
    order = rng.permutation(len(blocks))
    results = [
        detect_block(model, reader, blocks[place], scale=1.0, params=params, gate=None).candidates for place in order
    ]
    found = np.concatenate(results)
    found = found[found[:, 2] >= 0.5]
    found = found[suppress(found[:, :2], found[:, 2], radius_px=params.radius_px)]
    apart, nearest = map(np.asarray, cKDTree(cells).query(found[:, :2]))
    assert len(found) == len(cells) == 2000
    assert sorted(nearest) == list(range(2000))
    assert apart.max() <= 4


class LopsidedScorer(NearScorer):
    """Scores stay high as far as 20 pixels from a cell, and are highest towards its upper left."""

    def score(self, image, chosen, stride_px):
        near = super().score(image, chosen, stride_px)
        ahead = np.pad(near, ((0, 2), (0, 2)))[2:, 2:]
        high = near >= np.exp(-((20 / self.width_px) ** 2) / 2)
        return np.where(high, 0.9 + 0.09 * ahead, 0).astype(np.float32)


def test_a_cell_lies_in_the_middle_of_its_plateau_not_at_the_highest_score():
    rng = np.random.default_rng(3)
    cells = np.array([(x, y) for x in range(90, 1400, 100) for y in range(90, 1400, 100)])
    cells = cells + rng.integers(-8, 9, cells.shape)
    block = Block(0, 0, 0, 1500, 1500)
    params = DetectionParams(gate=False)
    found = detect_block(
        LopsidedScorer(cells), PlaceReader(1500), block, scale=1.0, params=params, gate=None
    ).candidates
    apart, nearest = map(np.asarray, cKDTree(cells).query(found[:, :2]))
    assert sorted(nearest) == list(range(len(cells)))
    assert apart.max() <= 5
