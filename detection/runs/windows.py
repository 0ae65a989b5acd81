"""Windows beside the counted cells of a data-set version: where they lie, and their pixels, cut from the slides.

The labels of the version alone say where, so that all trainings on it, trials and folds share the same windows.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.nn.beside import cell_like_from, core_density, draw_beside, is_clear, is_off
from labeling import readers
from labeling.choices import Side
from labeling.dataset_columns import frozen_places, slides_of
from labeling.media import MediaError
from labeling.models import DatasetVersion, Slide
from labeling.progress import Tell, silent
from labeling.slides.crop import patch_pixels
from labeling.slides.errors import SlideError
from labeling.slides.geometry import patch_centre
from labeling.slides.reader import SlideReader
from labeling.splits import NONE, SIDES

_TRAIN = SIDES.index(Side.TRAIN)
_ROW_PX = 256
"""Windows are read row by row of a file's tiles, so that most tiles are decoded once."""
_TELL_EVERY = 100
_LOOKED_AT = 256
"""Cells, and windows, of a slide by which it is told what looks like a cell there."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class SlidePlan:
    """Windows of one slide.

    Args:
        slide: with its study.
        scale: level-0 pixels per pixel of the model.
        cells: centre pixels of the cells they lie beside, level 0, int64 (N, 2), columns (x, y).
        places: those of the windows.
    """

    slide: Slide
    scale: float
    cells: Places
    places: Places


def plan(dataset: DatasetVersion, *, each: int, tell: Tell = silent) -> list[SlidePlan]:
    """Choose windows beside the counted cells of the training side that lie on a slide.

    Each lies wholly on the slide, on none of the version's counted cells, whatever their side, and shares no pixel with
    a patch of the validation or test side; where the version has a guard band, it keeps that from them as well.

    Args:
        dataset: a version; the same one always gives the same windows.
        each: windows drawn for each cell; those that do not fit are left out.
        tell: told how far it is.
    """
    rows = frozen_places(dataset, tell=tell)
    aimed = rows["counted"] & (rows["side"] == _TRAIN) & (rows["slide"] != NONE)
    slides = Slide.objects.select_related("study").filter(pk__in=np.unique(rows["slide"][aimed]).tolist())
    boxes, _ = slides_of(dataset.study)
    plans = []
    for slide in slides.order_by("number"):
        here, box_px = rows[rows["slide"] == slide.pk], boxes[slide.pk]
        cells = _centres(here[here["counted"] & (here["side"] == _TRAIN)])
        places = _places(dataset, slide, here, cells, each=each, box_px=box_px)
        plans.append(SlidePlan(slide, box_px / slide.study.patch_px, cells, places))
    return plans


def reach_px(dataset: DatasetVersion, box_px: float) -> float:
    """Tell how near, along x and y, the centres of patches come that may not lie on two sides; level-0 pixels."""
    return box_px + (dataset.rule.get("guard_px") or 0)


def _centres(rows: NDArray[Any]) -> Places:
    """Give the places of rows in an order that does not depend on theirs."""
    found = np.column_stack([rows["x"], rows["y"]])
    return found[np.lexsort(found.T)]


def _places(
    dataset: DatasetVersion, slide: Slide, rows: NDArray[Any], cells: Places, *, each: int, box_px: float
) -> Places:
    scale, learned = box_px / slide.study.patch_px, rows["side"] == _TRAIN
    # A patch at the slide's edge was moved inwards: its cell lies still farther from a window that fits on the slide.
    drawn = np.rint(draw_beside(cells, each=each, chance=_chance(dataset, slide), scale=scale))
    fits = (
        _is_inside(drawn, slide, scale)
        & is_off(drawn, _centres(rows[rows["counted"]]), scale=scale)
        & is_clear(drawn, _centres(rows[~learned]), reach=reach_px(dataset, box_px))
    )
    x, y = drawn[fits].astype(np.int64).T
    return np.column_stack([x, y])[np.lexsort((y, x, y // _ROW_PX))]


def _chance(dataset: DatasetVersion, slide: Slide) -> np.random.Generator:
    """Draw by content, not by a training's seed, so that trials and trainings share what was cut."""
    digest = hashlib.sha256(f"{dataset.content_hash} {slide.sha256}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


def _is_inside(places: NDArray[np.float64], slide: Slide, scale: float) -> NDArray[np.bool_]:
    size = slide.width or 0, slide.height or 0
    low, high = (
        patch_centre(*corner, size=size, patch_px=slide.study.patch_px, scale=scale)
        for corner in ((0, 0), (size[0] - 1, size[1] - 1))
    )
    return np.asarray(((places >= low) & (places <= high)).all(axis=1))


class Cutting:
    """Cuts planned windows, and knows afterwards what came of it.

    Args:
        plans: slide by slide.
        tell: told how far it is; where it raises, that ends it.
    """

    def __init__(self, plans: Sequence[SlidePlan], tell: Tell = silent) -> None:
        self._plans, self._tell = plans, tell
        self._is_read = [np.zeros(len(part.places), dtype=np.bool_) for part in plans]
        self._is_cut = [np.zeros_like(is_read) for is_read in self._is_read]
        self._looked = 0

    @property
    def planned(self) -> int:
        """Count the windows that are to be cut."""
        return sum(map(len, self._is_cut))

    def pixels(self) -> Iterator[NDArray[np.uint8]]:
        """Give the windows, uint8 (70, 70, 3) RGB; what cannot be read, or looks like a cell, is passed over.

        Raises:
            UnavailableError: a slide cannot be had now.
            DiskFullError: there is no room for the copy of a slide.
        """
        for number, part in enumerate(self._plans):
            with suppress(SlideError, MediaError), readers.slide_reader(part.slide.file_sha256) as reader:
                yield from self._of_slide(number, reader)

    def places(self) -> Places:
        """Tell where those lie that were cut, in their order: int64 (N, 3), columns slide, x, y."""
        found = [
            np.insert(part.places[is_cut], 0, part.slide.pk, axis=1)
            for part, is_cut in zip(self._plans, self._is_cut, strict=True)
        ]
        return np.concatenate([np.zeros((0, 3), dtype=np.int64), *found])

    def unreadable(self) -> list[Slide]:
        """List the slides of which no window could be read."""
        pairs = zip(self._plans, self._is_read, strict=True)
        return [part.slide for part, is_read in pairs if len(is_read) and not is_read.any()]

    def _of_slide(self, number: int, reader: SlideReader) -> Iterator[NDArray[np.uint8]]:
        part = self._plans[number]
        like_a_cell = cell_like_from(_cores(part, part.cells, reader), _cores(part, part.places, reader))
        for n, window in _read(part, part.places, reader, self._count):
            self._is_read[number][n] = True
            if core_density(window[None])[0] < like_a_cell:
                self._is_cut[number][n] = True
                yield window

    def _count(self) -> None:
        if self._looked % _TELL_EVERY == 0:
            self._tell("Cutting windows beside cells", self._looked, self.planned)
        self._looked += 1


def _read(
    part: SlidePlan, places: Places, reader: SlideReader, count: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Read the windows at places, numbered; those that cannot be read are passed over."""
    for n, (x, y) in enumerate(places.tolist()):
        count()
        with suppress(SlideError):
            yield n, patch_pixels(reader, x, y, patch_px=part.slide.study.patch_px, scale=part.scale)


def _cores(part: SlidePlan, places: Places, reader: SlideReader) -> NDArray[np.float64]:
    """Measure the middles of windows at some of the places, taken from all over."""
    some = places[:: max(1, -(-len(places) // _LOOKED_AT))]
    images = [image for _, image in _read(part, some, reader)]
    return core_density(np.stack(images)) if images else np.zeros(0)
