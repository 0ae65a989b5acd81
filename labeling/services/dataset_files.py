"""Data-set versions as files: taken out whole, and brought in again under the same content hash."""

import os
import tarfile
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from numpy.typing import NDArray

from labeling import dataset_columns
from labeling.choices import Source, Split, Verdict
from labeling.dataset_files import (
    FORMAT,
    FORMAT_VERSION,
    ITEMS,
    MANIFEST,
    DatasetArchive,
    DatasetFileError,
    Row,
    add_bytes,
    add_file,
    add_png,
    manifest_bytes,
    open_dataset_file,
    write_items,
)
from labeling.freezing import check_no_leaks, content_hash, free_name, one_at_a_time
from labeling.looks import LENGTH, look_of_png
from labeling.models import DatasetItem, DatasetVersion, LabelClass, Patch, Slide, Study, User
from labeling.services.access import access_record
from labeling.services.datasets import dataset_check
from labeling.splits import NONE, SIDES, Items

BATCH = 500
MOST_ITEMS = 20_000_000
_ROWS = np.dtype(
    [
        ("sha256", "S64"),
        ("class", "i8"),
        ("side", "i1"),
        ("slide", "i8"),
        ("case", "i8"),
        ("x", "i8"),
        ("y", "i8"),
        ("box", "f8"),
    ]
)


def dataset_export(*, dataset: DatasetVersion, user: User, path: Path) -> None:
    """Write a version with its pixels into one tar file; equal versions give equal files.

    Args:
        dataset: the version.
        user: who takes it out, for the record.
        path: written whole or not at all; it must not exist.

    Raises:
        DatasetFileError: the file exists, or cannot be written.
        LeakError, ConflictError: the version leaks, or does not hold what its hash says.
    """
    if path.exists():
        raise DatasetFileError(f"{path} exists. Choose another name.", code="dataset_file_exists")
    dataset_check(dataset)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as archive:
                _write(archive, dataset)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DatasetFileError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    access_record(user=user, study=dataset.study, action="export_dataset", detail=dataset.name)


def _write(archive: tarfile.TarFile, dataset: DatasetVersion) -> None:
    add_bytes(archive, MANIFEST, manifest_bytes(_manifest(dataset)))
    with tempfile.TemporaryFile() as file:
        write_items(file, _rows(dataset))
        size_bytes = file.tell()
        file.seek(0)
        add_file(archive, ITEMS, file, size_bytes)
    written = ""
    rows = dataset.items.order_by("pk").values_list("pk", "patch__sha256", "patch__png")
    for _, sha256, png in dataset_columns.in_chunks(rows, "pk", size=BATCH):
        if sha256 != written:  # items are stored in order of their hashes
            add_png(archive, sha256, bytes(png))
        written = sha256


def _manifest(dataset: DatasetVersion) -> dict[str, Any]:
    names = dataset_columns.frozen_class_names(dataset)
    counted = {c.pk: c.counted for c in dataset.study.classes.all()}
    counted |= {known["id"]: known["counted"] for known in dataset.rule.get("classes", ())}
    used = dataset.items.order_by("label_class").values_list("label_class", flat=True).distinct()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": dataset.name,
        "study": dataset.study.name,
        "content_hash": dataset.content_hash,
        "seed": dataset.seed,
        "count": dataset.items.count(),
        "classes": [{"name": names[pk], "counted": counted[pk]} for pk in used],
        "rule": {key: value for key, value in dataset.rule.items() if key not in ("classes", "readers", "reader")},
        "created_at": dataset.created_at.isoformat(),
        "code_version": settings.CODE_VERSION,
    }


def _rows(dataset: DatasetVersion) -> Iterator[Row]:
    names = dataset_columns.frozen_class_names(dataset)
    boxes, _ = dataset_columns.slides_of(dataset.study)
    slides = {slide.pk: slide for slide in Slide.objects.filter(study=dataset.study)}
    columns = ("pk", "patch__sha256", "label_class_id", "side", "patch__slide_id", "patch__x_l0", "patch__y_l0")
    for _, sha256, class_id, side, slide_id, x, y in dataset_columns.in_chunks(
        dataset.items.order_by("pk").values_list(*columns), "pk"
    ):
        if slide_id is None:
            yield Row(sha256, names[class_id], side, "", "", None)
        else:
            slide = slides[slide_id]
            yield Row(sha256, names[class_id], side, slide.code, slide.case_code, (x, y, boxes[slide_id]))


@transaction.atomic
def dataset_import(*, study: Study, user: User, path: Path, name: str = "") -> tuple[DatasetVersion, bool]:
    """Bring in a version from a file, with the sides it has there.

    Patches that the study has already, at the place the file says or as imported patches, are taken; the others come in
    as imported patches. Nobody's labels come with them: a version names classes, not readers.

    Args:
        study: it needs classes of the same names, counted alike.
        user: who brings it.
        path: see ``dataset_export``.
        name: instead of the file's own; a name that is taken gets a number.

    Returns:
        (version, made); one of the same content that the study has already is taken again.

    Raises:
        DatasetFileError: the file is none, or damaged, or not what its content hash says (``dataset_file_invalid``), or
            the study's classes do not fit (``dataset_classes_differ``).
        LeakError: something lies on two sides.
    """
    one_at_a_time(study.pk)
    with open_dataset_file(path) as archive:
        manifest = archive.manifest
        classes = _classes(study, manifest["classes"])
        table = _table(archive, manifest["count"], classes)
        _check_content(table, classes, manifest)
        earlier = DatasetVersion.objects.filter(study=study, content_hash=manifest["content_hash"]).first()
        if earlier is not None:
            return earlier, False
        _store_patches(study, archive, table)
    version = _version(study, user, manifest, classes, name)
    _store_items(version, table)
    dataset_check(version)
    return version, True


def _classes(study: Study, wanted: Sequence[dict[str, Any]]) -> list[LabelClass]:
    """Find the study's class for each of the file's.

    Raises:
        DatasetFileError: ``dataset_classes_differ``.
    """
    own = {c.name: c for c in study.classes.all()}
    for kind in wanted:
        known = own.get(kind["name"])
        if known is None or known.counted != kind["counted"]:
            how = "counted" if kind["counted"] else "not counted"
            raise DatasetFileError(
                f"The study needs a class {kind['name'][:60]!r} that is {how}. Its classes: {', '.join(own)}.",
                code="dataset_classes_differ",
            )
    return [own[kind["name"]] for kind in wanted]


def _table(archive: DatasetArchive, count: int, classes: Sequence[LabelClass]) -> NDArray[Any]:
    """Read the items into one array, in order of their hashes."""
    if count > MOST_ITEMS:
        raise DatasetFileError(f"The file says it has {count:,} items; {MOST_ITEMS:,} is the most.")
    numbers = {c.name: c.pk for c in classes}
    table = np.fromiter(islice(_coded(archive.rows(), numbers), count + 1), dtype=_ROWS)
    if len(table) != count:
        raise DatasetFileError(f"The file says it has {count:,} items and does not.")
    return table[np.argsort(table["sha256"], kind="stable")]


def _coded(rows: Iterator[Row], classes: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    slides: dict[str, int] = {}
    cases: dict[str, int] = {}
    for row in rows:
        if row.class_name not in classes or row.side not in SIDES:
            raise DatasetFileError(f"Patch {row.sha256[:12]}… has a class or side that the file does not name.")
        head = (row.sha256, classes[row.class_name], SIDES.index(row.side))
        if row.place is None:
            yield (*head, NONE, NONE, 0, 0, 1.0)
        else:
            slide = slides.setdefault(row.slide, _slide_number(row.slide))
            yield (*head, slide, cases.setdefault(row.case_code or f"\0{row.slide}", len(cases)), *row.place)


def _slide_number(code: str) -> int:
    digits = code.removeprefix("S")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise DatasetFileError(f"{code[:20]!r} is no code of a slide.")
    return int(digits)


def _check_content(table: NDArray[Any], classes: Sequence[LabelClass], manifest: dict[str, Any]) -> None:
    """Hold the items against the content hash, and look for leaks by the places that the file tells."""
    items = Items(
        patch_ids=np.arange(len(table)),
        sha256=table["sha256"],
        class_ids=table["class"],
        slide_ids=table["slide"],
        cases=table["case"],
        x_l0=table["x"],
        y_l0=table["y"],
        box_px=table["box"],
        looks=np.zeros((len(table), LENGTH), dtype=np.uint8),  # the pixels are compared once they are stored
    )
    if content_hash(items, table["side"], {c.pk: c.name for c in classes}) != manifest["content_hash"]:
        raise DatasetFileError("The file does not hold what its content hash says. Take it out anew.")
    check_no_leaks(items, table["side"], _kept(manifest["rule"])["split"])


def _store_patches(study: Study, archive: DatasetArchive, table: NDArray[Any]) -> None:
    """Check the PNGs and store those that the study lacks."""
    wanted = np.unique(table["sha256"])
    seen = np.zeros(len(wanted), dtype=np.bool_)
    pngs = archive.pngs()
    while batch := dict(islice(pngs, BATCH)):
        names = np.array(sorted(batch), dtype="S64")
        at = np.minimum(np.searchsorted(wanted, names), len(wanted) - 1)
        if (wanted[at] != names).any():
            raise DatasetFileError("The file holds patches that are no items.")
        seen[at] = True
        there = set(Patch.objects.filter(study=study, sha256__in=batch).values_list("sha256", flat=True))
        Patch.objects.bulk_create(
            Patch(study=study, png=png, sha256=sha256, source=Source.IMPORT, look=look_of_png(png).tobytes())
            for sha256, png in batch.items()
            if sha256 not in there
        )
    if not seen.all():
        raise DatasetFileError(f"The file lacks the pixels of {int((~seen).sum()):,} items.")


def _version(
    study: Study, user: User, manifest: dict[str, Any], classes: Sequence[LabelClass], name: str
) -> DatasetVersion:
    rows = DatasetVersion.objects.filter(study=study)
    number = (rows.aggregate(last=Max("number"))["last"] or 0) + 1
    rule = _kept(manifest["rule"]) | {
        "imported": True,
        "study": str(manifest.get("study", ""))[:120],
        "classes": [{"id": c.pk, "name": c.name, "counted": c.counted} for c in classes],
        "readers": [],
        "reader": None,
        "sources": [],
        "slides": [],
    }
    taken = rows.values_list("name", flat=True)
    return DatasetVersion.objects.create(
        study=study,
        number=number,
        name=free_name(taken, name.strip() or manifest["name"].strip()),
        content_hash=manifest["content_hash"],
        seed=manifest["seed"],
        rule=rule,
        created_by=user,
    )


def _kept(rule: dict[str, Any]) -> dict[str, Any]:
    """Take from a file's rule what can be said of it here."""
    left_out = ("left_out_taken_back", "left_out_ties", "refused_overlaps")
    numbers = {key: rule.get(key) for key in ("guard_px", "tile_px", *left_out)}
    split, label = rule.get("split"), rule.get("label")
    return {
        "split": split if split in Split.values else Split.CLUSTER,
        "label": label if label in Verdict.values else Verdict.MAJORITY,
        **{key: value for key, value in numbers.items() if type(value) is int and 0 <= value < 2**31},
    }


@dataclass(frozen=True)
class _Candidate:
    """A patch of the study: its id and where it lies; an imported patch lies nowhere."""

    pk: int
    place: tuple[int, int, int] | None


def _store_items(version: DatasetVersion, table: NDArray[Any]) -> None:
    """Give each item the study's patch of its pixels: the one at its place first, each patch once."""
    for start in range(0, len(table), BATCH):
        # Items of one hash may lie on both sides of the border between two batches.
        part = table[start : start + BATCH]
        used = set(version.items.filter(patch__sha256=part["sha256"][0].decode()).values_list("patch_id", flat=True))
        candidates = _candidates(version.study, sorted({name.decode() for name in part["sha256"]}), used)
        DatasetItem.objects.bulk_create(
            DatasetItem(
                dataset=version,
                patch_id=_taken(candidates[row["sha256"].decode()], row),
                label_class_id=int(row["class"]),
                side=SIDES[row["side"]],
            )
            for row in part
        )


def _candidates(study: Study, hashes: list[str], used: set[int]) -> dict[str, list[_Candidate]]:
    found: dict[str, list[_Candidate]] = {sha256: [] for sha256 in hashes}
    rows = Patch.objects.filter(study=study, sha256__in=hashes).exclude(pk__in=used).order_by("pk")
    for pk, sha256, number, x, y in rows.values_list("pk", "sha256", "slide__number", "x_l0", "y_l0"):
        found[sha256].append(_Candidate(pk, None if number is None else (number, x or 0, y or 0)))
    return found


def _taken(candidates: list[_Candidate], row: Any) -> int:
    """Take a patch out of the candidates."""
    place = None if row["slide"] == NONE else (int(row["slide"]), int(row["x"]), int(row["y"]))
    if not candidates:
        raise DatasetFileError(
            f"Two items have the pixels {row['sha256'].decode()[:12]}…, and this study has them once only.",
            code="dataset_pixels_twice",
        )
    best = min(candidates, key=lambda c: (c.place != place, c.place is not None, c.pk))
    candidates.remove(best)
    return best.pk
