"""Decoded patches of data-set versions, kept on disk: a million of them are read as if they lay in memory.

``MEDIA/patches/<key>/`` holds ``images.npy``, uint8 (N, 70, 70, 3), side after side, ``labels.npy``, int64 (N, 2),
whether each counts and its kind, ``places.npy``, int64 (M, 3), slide, x and y of the windows beside cells, which come
last, and ``unreadable.json``, codes of the slides that had to be left out of these. The key names the content of the
version, and where there are windows or mined patches the version and how many windows were wanted, so that only
versions without them share a folder; it can be deleted at any time.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import numpy as np
from django.db.models import Count
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from detection.nn.beside import KIND
from detection.nn.data import PatchSet
from detection.nn.shape import PATCH_PX
from detection.runs.windows import Cutting, Places, plan
from labeling import media
from labeling.choices import Side, Source
from labeling.dataset_columns import in_chunks
from labeling.models import DatasetVersion
from labeling.progress import Tell, silent, told

_SHAPE = (PATCH_PX, PATCH_PX, 3)
_PATCH_BYTES = PATCH_PX * PATCH_PX * 3
_FORMAT = 4
_ORDER = (Side.VALIDATION, Side.TEST, Side.TRAIN)
"""The training side comes last, so that the windows that belong to it follow it and nothing has to be copied."""
_AT_ONCE = 500
"""Patches decoded before they are written: 7 MB."""

Counts = Mapping[str, int]


class BesideCounts(TypedDict):
    """What became of windows beside cells, as it stands in ``TrainingRun.windows_beside``.

    ``cells`` are the counted ones of the training side, ``without_slide`` those of them that were imported.
    """

    each: int
    cells: int
    without_slide: int
    cut: int
    unreadable_slides: list[str]


@dataclass(frozen=True)
class Loaded:
    """The patches of a data set, and the windows beside its cells.

    Args:
        sides: a set for each of ``Side``, see ``load_sides``; the training side ends with the windows.
        places: of the windows, int64 (M, 3), columns slide, x, y.
        beside: what became of the windows.
    """

    sides: dict[str, PatchSet]
    places: Places
    beside: BesideCounts


@dataclass(frozen=True)
class _Asked:
    """What a folder is to hold; ``each`` is 0 where no cell of the training side lies on a slide."""

    dataset: DatasetVersion
    counts: Counts
    each: int

    @property
    def folder(self) -> Path:
        """Name it by the content, what counts of it, how it is laid out, and the windows.

        A content hash knows no slides and no sources, so windows and what is mined belong to their version alone.
        """
        counted = sorted(self.dataset.study.classes.filter(counted=True).values_list("name", flat=True))
        what = [_FORMAT, self.dataset.content_hash, counted, sorted(self.counts.items())]
        mined = self.dataset.items.filter(patch__source=Source.MINED).exists()
        alone = [self.dataset.pk, self.each] if self.each or mined else []
        return _root() / hashlib.sha256(json.dumps([*what, *alone]).encode()).hexdigest()


def load_sides(dataset: DatasetVersion, *, tell: Tell = silent) -> dict[str, PatchSet]:
    """Give the patches of a data set, side by side; 1 stands for the counted classes.

    The pixels stay on the disk until they are looked at. They may be written to; nothing of that reaches the disk.

    Args:
        dataset: a version; within a side its patches come in the order they were stored in, which is that of their
            hashes.
        tell: told how many are decoded; where it raises, nothing is left behind.

    Returns:
        A set for each of ``Side``; a side without patches is an empty set. The kind of a patch is its class, less than
        zero where a model had proposed it: those are few, and hard, and are to be drawn as a kind of their own.

    Raises:
        DiskFullError: the decoded patches do not fit on the disk, even without those of other versions.
    """
    return load(dataset, beside=0, tell=tell).sides


def load(dataset: DatasetVersion, *, beside: int, tell: Tell = silent) -> Loaded:
    """Give the patches of a data set as ``load_sides`` does, the training side with windows beside its counted cells.

    Args:
        dataset: a version.
        beside: windows drawn for each cell, see ``windows.plan``; they are negatives of the kind ``beside.KIND``.
        tell: told how far it is; where it raises, nothing is left behind.

    Raises:
        DiskFullError: see ``load_sides``; or there is no room for the copy of a slide.
        UnavailableError: a slide cannot be had now. One that cannot be read is left out and named.
    """
    cells = dataset.items.filter(side=Side.TRAIN, label_class__counted=True)
    total, loose = cells.count(), cells.filter(patch__slide__isnull=True).count()
    asked = _Asked(dataset, _counts(dataset), beside if total > loose else 0)
    folder = asked.folder
    if folder.is_dir() and _is_mended(asked, folder):
        shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir():
        _build(asked, folder, tell)
    places, unreadable = _beside(folder)
    counts: BesideCounts = {
        "each": beside,
        "cells": total,
        "without_slide": loose,
        "cut": len(places),
        "unreadable_slides": unreadable,
    }
    return Loaded(_opened(folder, asked.counts), places, counts)


def decode_png(png: bytes) -> NDArray[np.uint8]:
    """Decode a stored patch: uint8 (h, w, 3) RGB."""
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))


def patch_set(images: list[Any], labels: list[int]) -> PatchSet:
    """Stack decoded patches; an empty list makes an empty set."""
    stacked = np.stack(images) if images else np.zeros((0, *_SHAPE), dtype=np.uint8)
    return PatchSet(stacked, np.asarray(labels, dtype=np.int64))


def _root() -> Path:
    return media.root() / "patches"


def _counts(dataset: DatasetVersion) -> Counts:
    rows = dataset.items.order_by().values_list("side").annotate(n=Count("pk"))
    return dict(rows)


def _opened(folder: Path, counts: Counts) -> dict[str, PatchSet]:
    images = np.load(folder / "images.npy", mmap_mode="c")
    labels = np.load(folder / "labels.npy")
    ends = np.cumsum([counts.get(side, 0) for side in _ORDER[:-1]]).tolist()
    cuts = zip(_ORDER, [0, *ends], [*ends, len(labels)], strict=True)
    return {side: PatchSet(images[start:end], *labels[start:end].T) for side, start, end in cuts}


def _beside(folder: Path) -> tuple[Places, list[str]]:
    return np.load(folder / "places.npy"), json.loads((folder / "unreadable.json").read_text())


def _is_mended(asked: _Asked, folder: Path) -> bool:
    """Tell whether a slide can be read now that could not when its windows were cut."""
    _, codes = _beside(folder)
    if not codes:
        return False
    plans = [part for part in plan(asked.dataset, each=asked.each) if part.slide.code in codes]
    return next(Cutting(plans).pixels(), None) is not None


def _build(asked: _Asked, folder: Path, tell: Tell) -> None:
    """Decode into a folder of another name, make it safe, then give it its name: nobody sees half of it."""
    cutting = Cutting(plan(asked.dataset, each=asked.each, tell=tell) if asked.each else [], tell)
    _make_room((sum(asked.counts.values()) + cutting.planned) * _PATCH_BYTES)
    with _folder_in_the_making() as temp:
        _write(asked, cutting, temp, tell)
        try:
            temp.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another worker was first, with the same bytes
                raise
        media.fsync(folder.parent)


@contextmanager
def _folder_in_the_making() -> Iterator[Path]:
    folder = _root() / f"{uuid.uuid4().hex}.part"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_room(size_bytes: int) -> None:
    """Where the disk is short, remove the patches of other versions, the oldest first; whoever reads them still can."""
    old = sorted((p for p in _root().glob("*") if p.is_dir()), key=lambda p: p.stat().st_mtime)
    for folder in old:
        try:
            media.check_room(size_bytes)
        except media.DiskFullError:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return
    media.check_room(size_bytes)


def _write(asked: _Asked, cutting: Cutting, folder: Path, tell: Tell) -> None:
    """Write chunk after chunk with plain writes: mapped pages that are dirty would count as memory."""
    total = sum(asked.counts.values())
    rows = chain.from_iterable(_rows(asked.dataset, side) for side in _ORDER)
    decoded = (
        (counted, -label_class if source == Source.MINED else label_class, decode_png(bytes(png)))
        for _, counted, label_class, source, png in told(tell, "Decoding the patches", total)(rows)
    )
    windows = ((False, KIND, window) for window in cutting.pixels())
    with _synced(folder / "images.npy") as file:
        _write_header(file, 0)
        labels = _write_images(file, chain(decoded, windows))
        file.seek(0)  # how many windows can be read is known only now; a header leaves room for any number
        _write_header(file, len(labels))
    with _synced(folder / "labels.npy") as file:
        np.save(file, labels)
    with _synced(folder / "places.npy") as file:
        np.save(file, cutting.places())
    with _synced(folder / "unreadable.json") as file:
        file.write(json.dumps([slide.code for slide in cutting.unreadable()]).encode())
    media.fsync(folder)


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_header(file: BinaryIO, count: int) -> None:
    header = {"descr": npy.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": (count, *_SHAPE)}
    npy.write_array_header_1_0(file, header)


def _rows(dataset: DatasetVersion, side: str) -> Iterator[tuple[Any, ...]]:
    rows = dataset.items.filter(side=side).order_by("pk")
    columns = ("pk", "label_class__counted", "label_class_id", "patch__source", "patch__png")
    return in_chunks(rows.values_list(*columns), "pk", size=_AT_ONCE)


def _write_images(file: BinaryIO, patches: Iterator[tuple[bool, int, NDArray[np.uint8]]]) -> NDArray[np.int64]:
    labels = [np.zeros((0, 2), dtype=np.int64)]
    while chunk := list(islice(patches, _AT_ONCE)):
        file.write(np.stack([image for *_, image in chunk]).tobytes())
        labels.append(np.array([(counted, kind) for counted, kind, _ in chunk], dtype=np.int64))
    return np.concatenate(labels)
