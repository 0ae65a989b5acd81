"""Uploads in the background: large ones hashed, half ones that nobody finishes removed."""

import logging
import shutil
import time
import uuid
from datetime import timedelta
from pathlib import Path

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from config import bucket
from config.errors import NotFoundError, UnavailableError
from labeling import arrivals, media
from labeling.models import Upload

logger = logging.getLogger(__name__)

STALE_UPLOAD = timedelta(days=7)
STALE_TEMP_S = 24 * 3600
UNTOUCHED = timedelta(seconds=5)
"""What is whole for longer is no longer with the request that brought its last byte, or its worker's bell is lost."""
RUNG_AT_ONCE = 20


def finish_upload(upload_id: str) -> int | None:
    """Make the slide of an upload that is whole.

    Args:
        upload_id: the upload.

    Returns:
        The slide's id; None where there is nothing to do, or nothing that can be done.
    """
    upload = _whole().filter(pk=upload_id).first()
    # With a bucket, the half-file may lie on another machine's disk: its web server finishes it.
    if upload is None or (bucket.in_use() and not media.part_path(upload.pk).exists()):
        return None
    try:
        slide = arrivals.finish(upload)
    except (arrivals.HashMismatchError, UnavailableError) as error:
        logger.warning("upload %s became no slide: %s", upload_id, error.message)
        return None
    except NotFoundError:
        _give_up(upload)
        return None
    return slide.pk if slide else None


def _give_up(upload: Upload) -> None:
    """Remove the row of bytes that are gone, unless the whole folder is away: it may come back."""
    logger.error("the bytes of upload %s are gone", upload.pk)
    if media.part_path(upload.pk).parent.is_dir():
        arrivals.discard(upload.pk)


def whole_uploads() -> list[str]:
    """List the uploads whose bytes are all there and that nobody has made a slide of."""
    waiting = _whole().filter(touched_at__lt=Now() - UNTOUCHED).order_by("touched_at")
    return [str(pk) for pk in waiting.values_list("pk", flat=True)[:RUNG_AT_ONCE]]


def _whole() -> QuerySet[Upload]:
    return Upload.objects.filter(slide__isnull=True, offset_bytes=F("size_bytes"))


def remove_stale_uploads() -> int:
    """Remove uploads nobody has touched for a week, and files nobody will come back for.

    Returns:
        How many uploads were removed.
    """
    stale = Upload.objects.filter(slide__isnull=True, touched_at__lt=Now() - STALE_UPLOAD)
    ids = list(stale.values_list("pk", flat=True))
    for upload_id in ids:
        arrivals.discard(upload_id)
    _remove_parts_of_slides()
    for path in (media.root() / "tmp").glob("*"):
        if path.exists() and path.stat().st_mtime < time.time() - STALE_TEMP_S:
            _remove(path)
    return len(ids)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_parts_of_slides() -> None:
    """Remove the half-files of uploads that became a slide: their process was killed in the last moment."""
    keys = [_key(path) for path in (media.root() / "uploads").glob("*.part")]
    ended = Upload.objects.filter(pk__in=[key for key in keys if key], slide__isnull=False)
    for upload_id in ended.values_list("pk", flat=True):
        media.part_path(upload_id).unlink(missing_ok=True)


def _key(path: Path) -> uuid.UUID | None:
    try:
        return uuid.UUID(path.stem)
    except ValueError:
        return None
