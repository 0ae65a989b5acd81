"""How a file that lies whole on the server's disk becomes a slide: hashed, stored, registered, in this order.

Whatever is done here can be done again after a kill at any moment, and comes to the same end.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Max

from config.errors import DomainError, NotFoundError
from labeling import media
from labeling.choices import SlideState
from labeling.models import Slide, Study, Upload, User

GONE = "This upload is gone. Send the file again."


class HashMismatchError(DomainError):
    """The bytes that arrived are not those that were announced."""

    code = "upload_hash_mismatch"


@transaction.atomic
def register(*, study: Study, user: User, sha256: str, size_bytes: int) -> tuple[Slide, bool]:
    """Make the row of a file that lies whole in the media store.

    Args:
        study: where it belongs.
        user: who brought it.
        sha256: the file's hash.
        size_bytes: the file's size.

    Returns:
        (slide, made). The same file twice is the same slide; one that was refused waits to be tried again.
    """
    Study.objects.select_for_update().get(pk=study.pk)
    slide = Slide.objects.select_for_update().filter(study=study, sha256=sha256).first()
    if slide is not None:
        if slide.state == SlideState.FAILED:
            _queue_again(slide)
        return slide, False
    last = Slide.objects.filter(study=study).aggregate(last=Max("number"))["last"] or 0
    slide = Slide.objects.create(
        study=study, number=last + 1, sha256=sha256, size_bytes=size_bytes, uploaded_by=user, message="Waiting"
    )
    return slide, True


def _queue_again(slide: Slide) -> None:
    slide.state, slide.attempts, slide.lease_until = SlideState.QUEUED, 0, None
    slide.error_code = slide.error = ""
    slide.message = "Waiting"
    slide.save(update_fields=["state", "attempts", "lease_until", "error_code", "error", "message"])


def finish(upload: Upload) -> Slide | None:
    """Make the slide of an upload whose bytes are all there.

    The hash of gigabytes takes long, so no row is locked meanwhile: nothing is written to a file that is whole. It
    reaches the store before the row says so, and its half-file's name goes last.

    Args:
        upload: the upload; its ``offset_bytes`` is its ``size_bytes``.

    Returns:
        The slide; None where another process is at it.

    Raises:
        HashMismatchError: the hash is not the announced one; the upload and its bytes are removed.
        NotFoundError: somebody took it back, or its bytes are gone (``upload_gone``).
    """
    with _alone_with(upload.pk) as is_alone:
        if not is_alone:
            return None
        row = _row(upload.pk)
        slide = row.slide or _to_slide(row, _stored(row))
    media.part_path(upload.pk).unlink(missing_ok=True)
    return slide


@contextmanager
def _alone_with(upload_id: uuid.UUID) -> Iterator[bool]:
    """Keep others from hashing the same file meanwhile; the database forgets it with a killed process."""
    key = upload_id.int % 2**63
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        (is_alone,) = cursor.fetchone()
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _row(upload_id: uuid.UUID, *, lock: bool = False) -> Upload:
    rows = Upload.objects.select_for_update(of=("self",)) if lock else Upload.objects
    row = rows.select_related("study", "owner", "slide").filter(pk=upload_id).first()
    if row is None:
        raise NotFoundError(GONE, code="upload_gone")
    return row


def _stored(row: Upload) -> str:
    """Hash the file and give it its name in the store; the half-file's own name stays."""
    part = media.part_path(row.pk)
    try:
        arrived = media.sha256_of(part)
        if row.sha256 not in ("", arrived):
            discard(row.pk)
            raise HashMismatchError(
                "The file arrived damaged: its SHA-256 is not the one that was announced. Send it again.",
                extra={"announced": row.sha256, "arrived": arrived},
            )
        return media.store_file(part, sha256=arrived, keep=True)
    except FileNotFoundError:
        raise NotFoundError(GONE, code="upload_gone") from None


@transaction.atomic
def _to_slide(row: Upload, sha256: str) -> Slide:
    locked = _row(row.pk, lock=True)
    slide, _ = register(study=locked.study, user=locked.owner, sha256=sha256, size_bytes=locked.size_bytes)
    locked.slide, locked.sha256 = slide, sha256
    locked.save(update_fields=["slide", "sha256"])
    return slide


@transaction.atomic
def discard(upload_id: uuid.UUID) -> None:
    """Remove an upload and what has arrived of it; a slide made from it stays.

    The bytes go first: a row without them is found again and removed, bytes without a row are not.
    """
    Upload.objects.select_for_update().filter(pk=upload_id).first()
    media.part_path(upload_id).unlink(missing_ok=True)
    Upload.objects.filter(pk=upload_id).delete()
