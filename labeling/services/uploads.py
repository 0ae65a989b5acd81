"""Uploads: bytes arrive in any number of pieces; a slide appears only once the file is whole and its hash agrees."""

import errno
import os
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.errors import ConflictError, DomainError, NotFoundError
from labeling import media
from labeling.models import Slide, Study, Upload, User
from labeling.services.slides import slide_register
from labeling.slides.signatures import check_name

SLICE_BYTES = 4 * 1024**2


class UploadError(DomainError):
    """An upload that cannot be."""

    code = "upload_invalid"


class TooLargeError(UploadError):
    """More than the server takes."""

    code = "upload_too_large"
    status = 413


class ByteStream(Protocol):
    """Where bytes come from: the body of a request."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far an upload is, and the slide once it is whole."""

    offset_bytes: int
    slide_id: int | None = None


def upload_create(*, user: User, study: Study, file_name: str, size_bytes: int, sha256: str = "") -> Upload:
    """Announce a file.

    Args:
        user: who sends it.
        study: where it will belong.
        file_name: its name on the sender's machine; kept as data only.
        size_bytes: its whole size.
        sha256: its hash in hex, if the sender knows it yet.

    Raises:
        SlideError: it is one file of a slide that has many (``slide_several_files``).
        TooLargeError: it is larger than the server takes.
        DiskFullError: there is no room for it.
    """
    check_name(file_name)
    limit = settings.UPLOAD_LIMIT_BYTES
    if size_bytes > limit:
        words = f"Files of up to {limit / 1e9:.1f} GB are taken; this one has {size_bytes / 1e9:.1f} GB."
        raise TooLargeError(words, extra={"limit_bytes": limit})
    media.check_room(size_bytes)
    upload = Upload(study=study, owner=user, file_name=clean_name(file_name), size_bytes=size_bytes, sha256=sha256)
    path = media.part_path(upload.pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=False)
    upload.save()
    return upload


def clean_name(file_name: str) -> str:
    """Keep the last part of a name, without control and direction marks."""
    last = file_name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:255] or "unnamed"


def upload_append(*, upload: Upload, offset: int, stream: ByteStream) -> Progress:
    """Write what a request carries at the upload's offset; every few megabytes are safe on the disk and in the row.

    Args:
        upload: the upload.
        offset: where the sender believes it is.
        stream: the request's body; more than the announced size is refused.

    Returns:
        The new offset; with the slide's id once the file is whole.

    Raises:
        ConflictError: the upload is elsewhere by now (``upload_offset``).
        UploadError: the file is whole but its hash is not the announced one (``upload_hash_mismatch``).
        DiskFullError: the disk filled up; what was written stays.
    """
    progress = Progress(offset, upload.slide_id)
    _check_offset(upload, offset)
    while progress.offset_bytes < upload.size_bytes:
        piece = _fill(stream, min(SLICE_BYTES, upload.size_bytes - progress.offset_bytes))
        if not piece:
            return progress
        progress = _write(upload, progress.offset_bytes, piece)
    if stream.read(1):
        raise UploadError("More bytes came than were announced.", code="upload_too_long")
    return progress


def _fill(stream: ByteStream, wanted: int) -> bytes:
    """Read up to ``wanted`` bytes; fewer where the sender stops or the line breaks."""
    piece = bytearray()
    while len(piece) < wanted:
        try:
            more = stream.read(wanted - len(piece))
        except OSError:
            break
        if not more:
            break
        piece += more
    return bytes(piece)


def _check_offset(upload: Upload, offset: int) -> None:
    if offset != upload.offset_bytes:
        raise ConflictError(
            "The upload is at another place by now.", code="upload_offset", extra={"offset": upload.offset_bytes}
        )


def _write(upload: Upload, offset: int, piece: bytes) -> Progress:
    with transaction.atomic():
        row = Upload.objects.select_for_update().filter(pk=upload.pk).first()
        if row is None:
            raise NotFoundError("This upload was taken back.", code="upload_gone")
        if row.slide_id is not None:
            return Progress(row.offset_bytes, row.slide_id)
        _check_offset(row, offset)
        _write_part(row, offset, piece)
        whole = offset + len(piece) == row.size_bytes
        arrived = media.sha256_of(media.part_path(row.pk)) if whole else ""
        agrees = not whole or row.sha256 in ("", arrived)
        if not agrees:
            upload_remove(upload=row)
        else:
            row.slide = _to_slide(row, arrived) if whole else None
            row.offset_bytes, row.touched_at = offset + len(piece), timezone.now()
            row.save(update_fields=["offset_bytes", "slide", "sha256", "touched_at"])
    if not agrees:
        raise UploadError(
            "The file arrived damaged: its SHA-256 is not the one that was announced. Send it again.",
            code="upload_hash_mismatch",
            extra={"announced": upload.sha256, "arrived": arrived},
        )
    return Progress(row.offset_bytes, row.slide_id)


def _to_slide(row: Upload, sha256: str) -> Slide:
    row.sha256 = media.store_file(media.part_path(row.pk), sha256=sha256)
    slide, _ = slide_register(study=row.study, user=row.owner, sha256=sha256, size_bytes=row.size_bytes)
    return slide


def _write_part(upload: Upload, offset: int, piece: bytes) -> None:
    try:
        with media.part_path(upload.pk).open("r+b") as file:
            file.seek(offset)
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        raise NotFoundError("This upload is gone. Send the file again.", code="upload_gone") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise media.DiskFullError("The server's disk is full. Ask an admin to make room, then resume.") from error
        raise


def upload_remove(*, upload: Upload) -> None:
    """Take an upload back, with what has arrived of it; a slide made from it stays."""
    Upload.objects.filter(pk=upload.pk).delete()
    media.part_path(upload.pk).unlink(missing_ok=True)
