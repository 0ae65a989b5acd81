"""Uploads: bytes arrive in any number of pieces; a slide appears only once the file is whole and its hash agrees."""

import errno
import os
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config import bucket
from config.bells import ring
from config.errors import ConflictError, DomainError, NotFoundError
from labeling import arrivals, media, tasks
from labeling.models import Slide, Study, Upload, User
from labeling.services.quotas import quota_check
from labeling.services.slides import slide_register
from labeling.slides.signatures import check_name

SLICE_BYTES = 8 * 1024**2
"""How much is safe on the disk and in the row at a time: half of it halves the speed, by the disk's own syncs."""
READ_BYTES = 1024**2
HASHED_AT_ONCE_BYTES = 256 * 1024**2
"""What is larger is hashed by a worker: no proxy waits for an answer as long as gigabytes take."""


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
    """How far an upload is, and the slide once it is whole and its hash agrees."""

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

    Returns:
        The upload; whole already, with its slide, where the study has a slide of this hash.

    Raises:
        SlideError: it is one file of a slide that has many (``slide_several_files``).
        TooLargeError: it is larger than the server takes.
        DiskFullError: there is no room for it.
        QuotaError: the study may not hold that much.
    """
    check_name(file_name)
    _check_size(size_bytes)
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        slide = _here_already(study, user, sha256, size_bytes)
        if slide is None:
            media.check_room(size_bytes)
            quota_check(study=study, size_bytes=size_bytes)
        return Upload.objects.create(
            study=study,
            owner=user,
            file_name=clean_name(file_name),
            size_bytes=size_bytes,
            offset_bytes=size_bytes if slide else 0,
            sha256=sha256,
            slide=slide,
        )


def _check_size(size_bytes: int) -> None:
    limit = settings.UPLOAD_LIMIT_BYTES
    if size_bytes > limit:
        words = f"Files of up to {limit / 1e9:.1f} GB are taken; this one has {size_bytes / 1e9:.1f} GB."
        raise TooLargeError(words, extra={"limit_bytes": limit})


def _here_already(study: Study, user: User, sha256: str, size_bytes: int) -> Slide | None:
    """Find the study's slide of this file; one that was refused is tried again, as if the file had been sent."""
    known = Slide.objects.filter(study=study, sha256=sha256, size_bytes=size_bytes)
    if not sha256 or not known.exists() or not media.is_stored(sha256):
        return None
    slide, _ = slide_register(study=study, user=user, sha256=sha256, size_bytes=size_bytes)
    return slide


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
        The new offset; with the slide's id once the file is whole and was small enough to be hashed at once.

    Raises:
        ConflictError: the upload is elsewhere by now (``upload_offset``).
        UploadError: more bytes came than were announced (``upload_too_long``).
        HashMismatchError: the file is whole but its hash is not the announced one (``upload_hash_mismatch``).
        DiskFullError: the disk filled up; what was written stays.
    """
    _check_offset(upload, offset)
    progress = Progress(offset, upload.slide_id)
    buffer = memoryview(bytearray(min(SLICE_BYTES, upload.size_bytes - offset)))
    while progress.offset_bytes < upload.size_bytes:
        length = _fill(buffer[: upload.size_bytes - progress.offset_bytes], stream)
        if length == 0:
            return progress
        progress = _write(upload, progress.offset_bytes, buffer[:length])
    if stream.read(1):
        raise UploadError("More bytes came than were announced.", code="upload_too_long")
    return progress if progress.slide_id else _whole(upload)


def _fill(buffer: memoryview, stream: ByteStream) -> int:
    """Fill a buffer from a stream; less comes where the sender stops or the line breaks."""
    length = 0
    while length < len(buffer):
        try:
            more = stream.read(min(READ_BYTES, len(buffer) - length))
        except OSError:
            break
        if not more:
            break
        buffer[length : length + len(more)] = more
        length += len(more)
    return length


def _check_offset(upload: Upload, offset: int) -> None:
    if offset != upload.offset_bytes:
        raise ConflictError(
            "The upload is at another place by now.", code="upload_offset", extra={"offset": upload.offset_bytes}
        )


@transaction.atomic
def _write(upload: Upload, offset: int, piece: memoryview) -> Progress:
    row = Upload.objects.select_for_update().filter(pk=upload.pk).first()
    if row is None:
        raise NotFoundError("This upload was taken back.", code="upload_gone")
    if row.slide_id is not None:
        return Progress(row.offset_bytes, row.slide_id)
    _check_offset(row, offset)
    _write_part(row, offset, piece)
    row.offset_bytes, row.touched_at = offset + len(piece), timezone.now()
    row.save(update_fields=["offset_bytes", "touched_at"])
    return Progress(row.offset_bytes)


def _write_part(upload: Upload, offset: int, piece: memoryview) -> None:
    path = media.part_path(upload.pk)
    if offset == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    try:
        with path.open("r+b", buffering=0) as file:
            file.seek(offset)
            while piece:
                piece = piece[file.write(piece) :]
            os.fsync(file.fileno())
    except FileNotFoundError:
        raise NotFoundError(arrivals.GONE, code="upload_gone") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise media.DiskFullError("The server's disk is full. Ask an admin to make room, then resume.") from error
        raise


def _whole(upload: Upload) -> Progress:
    # With a bucket, the worker may be on another machine, which has no half-file.
    if upload.size_bytes > HASHED_AT_ONCE_BYTES and not bucket.in_use():
        ring(tasks.finish_upload, str(upload.pk))
        return Progress(upload.size_bytes)
    slide = arrivals.finish(upload)
    if slide is None:
        return Progress(upload.size_bytes)
    ring(tasks.ingest_slide, slide.pk)
    return Progress(upload.size_bytes, slide.pk)


def upload_state(*, upload: Upload) -> Progress:
    """Tell how far an upload is; with a bucket, a whole one is put there that could not be put before.

    Raises:
        HashMismatchError: see ``upload_append``.
        BucketUnreachableError: the bucket does not answer yet.
    """
    is_whole = upload.offset_bytes == upload.size_bytes
    if is_whole and upload.slide_id is None and bucket.in_use():
        return _whole(upload)
    return Progress(upload.offset_bytes, upload.slide_id)


def upload_remove(*, upload: Upload) -> None:
    """Take an upload back, with what has arrived of it; a slide made from it stays."""
    arrivals.discard(upload.pk)
