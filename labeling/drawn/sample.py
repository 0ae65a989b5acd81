"""What the sample is made of: one slide, six fields and the points a pathologist would have labelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from labeling.drawn.tissue import Tissue

MPP: Final = 0.1
PATCH_PX: Final = 70
POSITIVE: Final = "positive"
NEGATIVE: Final = "negative"
# Of the negatives: blue nuclei, brown things, windows beside a lymphocyte, and plain tissue or glass for the rest.
_SHARES: Final = {"nucleus": 0.35, "debris": 0.25, "beside": 0.25}
_BESIDE_PX: Final = (20.0, 35.0)
_BESIDE_CLEAR_PX: Final = 15.0
_PLAIN_CLEAR_PX: Final = 45.0

Points = list[tuple[int, int, str]]


@dataclass(frozen=True)
class SampleSlide:
    """One drawn slide of the sample."""

    name: str
    case_code: str
    width: int
    height: int
    seed: int

    def tissue(self) -> Tissue:
        return Tissue(self.width, self.height, self.seed, MPP)


@dataclass(frozen=True)
class SampleField:
    """One field, cut out of a section of its own where lymphocytes are of a certain density.

    Attributes:
        rank: 0 to 1; 1 is the field of its section with the most lymphocytes.
    """

    name: str
    case_code: str
    section: SampleSlide
    rank: float
    width: int = 600
    height: int = 500

    def box(self, tissue: Tissue) -> tuple[int, int, int, int]:
        """Where on its section the field lies: (x, y, width, height) in level-0 pixels."""
        left, top = np.meshgrid(
            np.arange(0, tissue.width - self.width + 1, self.width // 4),
            np.arange(0, tissue.height - self.height + 1, self.height // 4),
        )
        origins = np.column_stack([left.ravel(), top.ravel()])
        cells = tissue.cells[tissue.cells["kind"] == "lymphocyte"]
        counts = np.array([_inside(cells, x, y, self.width, self.height) for x, y in origins])
        order = np.lexsort((np.arange(len(counts)), counts))
        order = order[counts[order] > 0] if (counts > 0).any() else order
        x, y = origins[order[round(self.rank * (len(order) - 1))]]
        return int(x), int(y), self.width, self.height


SLIDE: Final = SampleSlide("sample-slide.tif", "DRAWN-01", 12_000, 9_000, 20170301)
FIELDS: Final = tuple(
    SampleField(
        name=f"sample-field-{n}.png",
        case_code=f"DRAWN-{n + 1:02d}",
        section=SampleSlide(f"section-{n}", f"DRAWN-{n + 1:02d}", 3_000, 2_500, 20170310 + n),
        rank=rank,
    )
    for n, rank in enumerate((1.0, 0.98, 0.96, 0.9, 0.75, 0.3), start=1)
)


def labelled_points(tissue: Tissue, n: int = 400, seed: int = 20170302) -> Points:
    """Choose points on a section and say what a patch round each of them shows.

    Half are lymphocytes. The others are blue nuclei, brown things that are no lymphocytes, plain tissue and glass,
    and windows 20 to 35 pixels beside a lymphocyte: without those a counter finds one cell twice.

    Args:
        tissue: the section; every whole patch lies on it.
        n: how many points; fewer come back where the section has not enough of a kind.
        seed: of the choice.

    Returns:
        (x_l0, y_l0, class name) with ``POSITIVE`` or ``NEGATIVE``, shuffled.
    """
    rng = np.random.default_rng(seed)
    cells = tissue.cells[_whole(tissue.cells["x"], tissue.cells["y"], tissue)]
    lymphocytes = _places(cells[cells["kind"] == "lymphocyte"])
    positive, negative = n // 2, n - n // 2
    points = [(x, y, POSITIVE) for x, y in _some(lymphocytes, positive, rng)]
    found: list[NDArray[np.int64]] = []
    # The centre of a negative must not be a lymphocyte, so what lies close to one is left out.
    for kind in ("nucleus", "debris"):
        others = _clear(_places(cells[cells["kind"] == kind]), tissue, _BESIDE_CLEAR_PX)
        found.append(_some(others, round(_SHARES[kind] * negative), rng))
    found.append(_some(_beside(lymphocytes, tissue, rng), round(_SHARES["beside"] * negative), rng))
    found.append(_some(_plain(tissue, rng), negative - sum(len(part) for part in found), rng))
    points += [(x, y, NEGATIVE) for part in found for x, y in part]
    return [(int(x), int(y), name) for x, y, name in (points[i] for i in rng.permutation(len(points)))]


def lymphocytes_in(tissue: Tissue, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Centres of the lymphocytes of a box, relative to its corner, shape (N, 2), columns (x, y)."""
    x, y, w, h = box
    cells = tissue.cells[tissue.cells["kind"] == "lymphocyte"]
    kept = cells[(cells["x"] >= x) & (cells["x"] < x + w) & (cells["y"] >= y) & (cells["y"] < y + h)]
    return np.column_stack([kept["x"] - x, kept["y"] - y]).astype(np.float32)


def sections() -> Iterator[tuple[SampleField, Tissue]]:
    """Each field of the sample with the section it is cut from."""
    for field in FIELDS:
        yield field, field.section.tissue()


def _inside(cells: NDArray[Any], x: int, y: int, w: int, h: int) -> int:
    return int(((cells["x"] >= x) & (cells["x"] < x + w) & (cells["y"] >= y) & (cells["y"] < y + h)).sum())


def _whole(x: NDArray[Any], y: NDArray[Any], tissue: Tissue) -> NDArray[np.bool_]:
    half = PATCH_PX // 2
    return np.asarray((x >= half) & (x < tissue.width - half) & (y >= half) & (y < tissue.height - half), bool)


def _places(cells: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(np.floor(np.column_stack([cells["x"], cells["y"]])), np.int64).reshape(-1, 2)


def _some(places: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return places[rng.permutation(len(places))[:count]]


def _clear(places: NDArray[np.int64], tissue: Tissue, clear_px: float, *, of: str = "lymphocyte") -> NDArray[np.int64]:
    """Of some places those with no cell of a kind ("" for any) within ``clear_px``."""
    cells = tissue.cells[tissue.cells["kind"] == of] if of else tissue.cells
    if not len(cells) or not len(places):
        return places
    distance, _ = cKDTree(_places(cells)).query(places)
    return places[distance > clear_px]


def _beside(lymphocytes: NDArray[np.int64], tissue: Tissue, rng: np.random.Generator) -> NDArray[np.int64]:
    """One place beside each lymphocyte, where no other lymphocyte is meant."""
    # Rounding to whole pixels must not leave the promised distance.
    distance = rng.uniform(_BESIDE_PX[0] + 1, _BESIDE_PX[1] - 1, len(lymphocytes))
    angle = rng.uniform(0, 2 * np.pi, len(lymphocytes))
    shift = np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])
    places = np.rint(lymphocytes + shift).astype(np.int64)
    return _clear(places[_whole(places[:, 0], places[:, 1], tissue)], tissue, _BESIDE_CLEAR_PX)


def _plain(tissue: Tissue, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places with no cell near: collagen, hollows, gaps, glass."""
    places = rng.integers((0, 0), (tissue.width, tissue.height), (4000, 2))
    clear = _clear(places[_whole(places[:, 0], places[:, 1], tissue)], tissue, _PLAIN_CLEAR_PX, of="")
    on_glass = ~tissue.is_tissue(clear[:, 0], clear[:, 1])
    # Glass is easy: at most a third of the plain places.
    tissue_part = clear[~on_glass]
    return np.concatenate([tissue_part, clear[on_glass][: max(1, len(tissue_part) // 2)]])
