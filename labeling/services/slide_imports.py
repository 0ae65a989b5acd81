"""Slides from a disk of the server, or a share that it sees."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from django.db import transaction

from config.errors import ConflictError
from labeling import media
from labeling.models import Slide, Study, User
from labeling.services.quotas import quota_check
from labeling.services.slides import slide_register
from labeling.slides.signatures import check_beside, check_name, container_of

PIECE_BYTES = 4 * 1024**2


class ChangedError(ConflictError):
    """The file was written to while it was copied."""

    code = "import_changed"


def slide_import(
    *, study: Study, user: User, path: Path, on_piece: Callable[[], None] | None = None
) -> tuple[Slide, bool]:
    """Copy a file into the media store and make its slide; the file itself stays as it is.

    Args:
        study: where it belongs.
        user: who brings it.
        path: the file; it is read once.
        on_piece: called every few megabytes; what it raises ends the copy and leaves nothing behind.

    Returns:
        (slide, made). The same file twice is the same slide.

    Raises:
        SlideError: it begins like no image that is known here, or is one file of a slide that has many.
        QuotaError: the study may not hold that much.
        DiskFullError: there is no room for it.
        ChangedError: somebody is still writing to it.
        OSError: it cannot be read.
    """
    check_name(path.name)
    check_beside(path)
    container_of(path)
    before = path.stat()
    quota_check(study=study, size_bytes=before.st_size)
    media.check_room(before.st_size)
    with media.temp_file() as temp:
        sha256 = _copy(path, temp, on_piece)
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ChangedError("Somebody is still writing to this file. Bring it again when it is finished.")
        media.store_file(temp, sha256=sha256)
    return _registered(study, user, sha256, before.st_size)


def _copy(source: Path, target: Path, on_piece: Callable[[], None] | None) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while piece := reader.read(PIECE_BYTES):
            digest.update(piece)
            writer.write(piece)
            if on_piece:
                on_piece()
    return digest.hexdigest()


@transaction.atomic
def _registered(study: Study, user: User, sha256: str, size_bytes: int) -> tuple[Slide, bool]:
    if not Slide.objects.filter(study=study, sha256=sha256).exists():
        quota_check(study=study, size_bytes=size_bytes)
    return slide_register(study=study, user=user, sha256=sha256, size_bytes=size_bytes)
