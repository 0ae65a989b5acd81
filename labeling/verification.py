"""Compares rows and files of the media store, and names every difference."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db.models import CharField

from labeling import media
from labeling.models import Patch, Upload


@dataclass(frozen=True)
class Difference:
    """Something that should not be."""

    kind: str
    what: str


# Their hashes name no file of their own: PNG bytes in a row, a set of rows, a second note of a slide's file, a path.
_NO_FILE = {"patch", "datasetversion", "upload", "watchedfile"}


def file_columns() -> list[tuple[str, str]]:
    """List (model label, column) of every column that names a file in the store, in all apps."""
    return [
        (model._meta.label_lower, column.name)
        for model in apps.get_models()
        if model._meta.app_label in ("labeling", "detection") and model._meta.model_name not in _NO_FILE
        for column in model._meta.get_fields()
        if isinstance(column, CharField) and column.max_length == 64 and column.name.endswith("sha256")
    ]


def named_files() -> dict[str, str]:
    """Map each hash that rows name to the first row that names it."""
    named: dict[str, str] = {}
    for label, column in file_columns():
        rows = apps.get_model(label)._default_manager.exclude(**{column: ""}).values_list("pk", column)
        for pk, sha256 in rows.iterator(chunk_size=2000):
            named.setdefault(sha256, f"{label} {pk} ({column})")
    return named


def differences(*, on_file: Callable[[Path], None] | None = None) -> Iterator[Difference]:
    """Find what is missing, damaged, or named by no row.

    Args:
        on_file: called with each file before it is read.

    Yields:
        One difference after the other; ``unnamed`` files are harmless and only take room.
    """
    named = named_files()
    present = set()
    for path in media.stored():
        present.add(path.name)
        if on_file:
            on_file(path)
        if media.sha256_of(path) != path.name:
            yield Difference("damaged", f"{path}: its bytes are not those of its name")
        elif path.name not in named:
            yield Difference("unnamed", f"{path}: no row names it")
    for sha256, row in named.items():
        if sha256 not in present:
            yield Difference("missing", f"{row}: its file {sha256} is not in the store")
    yield from _patches()
    yield from _uploads()


def _patches() -> Iterator[Difference]:
    for pk, png, sha256 in Patch.objects.order_by("pk").values_list("pk", "png", "sha256").iterator(chunk_size=500):
        if hashlib.sha256(png).hexdigest() != sha256:
            yield Difference("damaged", f"labeling.patch {pk}: its pixels are not those of its hash")


def _uploads() -> Iterator[Difference]:
    for upload in Upload.objects.filter(slide__isnull=True).order_by("pk"):
        path = media.part_path(upload.pk)
        size = path.stat().st_size if path.is_file() else -1
        if size < upload.offset_bytes:
            yield Difference("missing", f"labeling.upload {upload.pk}: bytes that were acknowledged are gone")
