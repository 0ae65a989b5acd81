"""Decoded patches of data-set versions, kept on disk: a million of them are read as if they lay in memory.

``MEDIA/patches/<key>/`` holds ``images.npy``, uint8 (N, 70, 70, 3), side after side, and ``labels.npy``, int64 (N, 2),
whether each counts and its class. The key names the content of the version, so that two versions of the same content
share a folder; it can be deleted at any time.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from django.db.models import Count
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from detection.nn.data import PatchSet
from detection.nn.shape import PATCH_PX
from labeling import media
from labeling.choices import Side
from labeling.dataset_columns import in_chunks
from labeling.models import DatasetVersion
from labeling.progress import Tell, silent, told

_SHAPE = (PATCH_PX, PATCH_PX, 3)
_PATCH_BYTES = PATCH_PX * PATCH_PX * 3
_FORMAT = 2
_AT_ONCE = 500
"""Patches decoded before they are written: 7 MB."""

Counts = Mapping[str, int]


def load_sides(dataset: DatasetVersion, *, tell: Tell = silent) -> dict[str, PatchSet]:
    """Give the patches of a data set, side by side; 1 stands for the counted classes.

    The pixels stay on the disk until they are looked at. They may be written to; nothing of that reaches the disk.

    Args:
        dataset: a version; within a side its patches come in the order they were stored in, which is that of their
            hashes.
        tell: told how many are decoded; where it raises, nothing is left behind.

    Returns:
        A set for each of ``Side``; a side without patches is an empty set.

    Raises:
        DiskFullError: the decoded patches do not fit on the disk, even without those of other versions.
    """
    counts = _counts(dataset)
    folder = _root() / _key(dataset, counts)
    if not folder.is_dir():
        _build(dataset, counts, folder, tell)
    return _opened(folder, counts)


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


def _key(dataset: DatasetVersion, counts: Counts) -> str:
    """Name what the folder holds: the content, what counts of it, and how it is laid out."""
    counted = sorted(dataset.study.classes.filter(counted=True).values_list("name", flat=True))
    what = [_FORMAT, dataset.content_hash, counted, sorted(counts.items())]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _opened(folder: Path, counts: Counts) -> dict[str, PatchSet]:
    images = np.load(folder / "images.npy", mmap_mode="c")
    labels = np.load(folder / "labels.npy")
    sides, start = {}, 0
    for side in Side.values:
        end = start + counts.get(side, 0)
        sides[side] = PatchSet(images[start:end], *labels[start:end].T)
        start = end
    return sides


def _build(dataset: DatasetVersion, counts: Counts, folder: Path, tell: Tell) -> None:
    """Decode into a folder of another name, make it safe, then give it its name: nobody sees half of it."""
    _make_room(sum(counts.values()) * _PATCH_BYTES)
    with _folder_in_the_making() as temp:
        _write(dataset, counts, temp, tell)
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


def _write(dataset: DatasetVersion, counts: Counts, folder: Path, tell: Tell) -> None:
    """Write chunk after chunk with plain writes: mapped pages that are dirty would count as memory."""
    total = sum(counts.values())
    rows = chain.from_iterable(_rows(dataset, side) for side in Side.values)
    with (folder / "images.npy").open("wb") as file:
        _write_header(file, (total, *_SHAPE))
        labels = _write_images(file, told(tell, "Decoding the patches", total)(rows))
        file.flush()
        os.fsync(file.fileno())
    with (folder / "labels.npy").open("wb") as file:
        np.save(file, np.concatenate(labels))
        file.flush()
        os.fsync(file.fileno())
    media.fsync(folder)


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    header = {"descr": npy.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)


def _rows(dataset: DatasetVersion, side: str) -> Iterator[tuple[Any, ...]]:
    rows = dataset.items.filter(side=side).order_by("pk")
    columns = ("pk", "label_class__counted", "label_class_id", "patch__png")
    return in_chunks(rows.values_list(*columns), "pk", size=_AT_ONCE)


def _write_images(file: Any, rows: Iterator[tuple[Any, ...]]) -> list[NDArray[np.int64]]:
    labels = [np.zeros((0, 2), dtype=np.int64)]
    while chunk := list(islice(rows, _AT_ONCE)):
        file.write(np.stack([decode_png(bytes(png)) for *_, png in chunk]).tobytes())
        labels.append(np.array([(counted, kind) for _, counted, kind, _ in chunk], dtype=np.int64))
    return labels
