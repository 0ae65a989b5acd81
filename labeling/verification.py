"""Compares rows and files of the media store, and names every difference."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from django.apps import apps
from django.db.models import CharField

from config import bucket
from labeling import copies, handover, media
from labeling.models import Patch, Upload
from labeling.slides.errors import SlideError
from labeling.slides.zipped import differing_files


@dataclass(frozen=True)
class Difference:
    """Something that should not be."""

    kind: str
    what: str


NOT_ITS_BYTES = "its bytes are not those of its name"
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


@dataclass(frozen=True)
class Stored:
    """A file of the store, and what is wrong with its bytes: nothing, as a rule."""

    sha256: str
    place: str
    damage: str = ""


def differences(*, on_file: Callable[[str], None] | None = None, hashes: bool = False) -> Iterator[Difference]:
    """Find what is missing, damaged, or named by no row.

    Args:
        on_file: called with the name of each file before it is looked at.
        hashes: with a bucket, read every object and hash it too; otherwise sizes are compared. Local files always are.

    Yields:
        One difference after the other; ``unnamed`` files are harmless and only take room.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    named = named_files()
    present = set()
    tell = on_file or (lambda _: None)
    for file in _objects(tell, hashes=hashes) if bucket.in_use() else _files(tell):
        present.add(file.sha256)
        if file.damage:
            yield Difference("damaged", f"{file.place}: {file.damage}")
        elif file.sha256 not in named:
            yield Difference("unnamed", f"{file.place}: no row names it")
    for sha256, row in named.items():
        if sha256 not in present:
            yield Difference("missing", f"{row}: its file {sha256} is not in the store")
    yield from _unpacked(named, hashes=hashes or not bucket.in_use())
    yield from _patches()
    yield from _uploads()


def _files(tell: Callable[[str], None]) -> Iterator[Stored]:
    for path in media.stored():
        tell(path.name)
        yield Stored(path.name, str(path), "" if media.sha256_of(path) == path.name else NOT_ITS_BYTES)


def _objects(tell: Callable[[str], None], *, hashes: bool) -> Iterator[Stored]:
    """List the bucket's objects; what is only on its way from one worker to another is passed over."""
    sizes = _known_sizes()
    for key, size_bytes in bucket.listing():
        if key.startswith((handover.WAITING, handover.SHARED)):
            continue
        name = key.rpartition("/")[2]
        sha256 = name if media.key_of(name) == key else key
        tell(sha256)
        yield Stored(sha256, f"object {key}", _damage(key, size_bytes, sizes.get(sha256, size_bytes), hashes=hashes))


def _unpacked(named: dict[str, str], *, hashes: bool) -> Iterator[Difference]:
    """Look at the folders that slides were unpacked to; whatever is wrong with one, it can be made again."""
    for place in media.unpacked():
        if place.name not in named:
            yield Difference("unnamed", f"{place}: no row names its ZIP file")
        elif hashes and (count := _differing(place)):
            words = f"{count} of its files are not those of its ZIP file; remove the folder, it is made again"
            yield Difference("damaged", f"{place}: {words}")


def _differing(place: Path) -> int:
    """Count the files of a folder that its ZIP file has otherwise; if that is gone or damaged, it is told elsewhere."""
    with suppress(SlideError, media.MediaError), copies.held(place) as is_there, media.held(place.name) as archive:
        return differing_files(archive, place) if is_there and archive.is_file() else 0
    return 0


def _damage(key: str, size_bytes: int, known_bytes: int, *, hashes: bool) -> str:
    if size_bytes != known_bytes:
        return f"it has {size_bytes:,} bytes, and the row that names it says {known_bytes:,}"
    if not hashes:
        return ""
    with media.temp_file() as path:
        bucket.fetch(key, path)
        return "" if media.key_of(media.sha256_of(path)) == key else NOT_ITS_BYTES


def _known_sizes() -> dict[str, int]:
    """Map hashes to sizes, where rows tell them."""
    tables = [apps.get_model(label) for label, column in file_columns() if column == "sha256"]
    sized = [table for table in tables if any(field.name == "size_bytes" for field in table._meta.get_fields())]
    pairs = [table._default_manager.values_list("sha256", "size_bytes").iterator(chunk_size=2000) for table in sized]
    return dict(chain.from_iterable(pairs))


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
