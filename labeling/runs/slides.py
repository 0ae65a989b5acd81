"""The slides worker's work: from a stored file to a slide the viewer can open."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Case, F, FloatField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now

from config.errors import DomainError
from labeling import media
from labeling.choices import SlideState
from labeling.models import Slide, Upload
from labeling.slides.inspection import Inspection, inspect_slide
from labeling.slides.pyramid import build_pyramid
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import thumbnail

logger = logging.getLogger(__name__)

STALE_UPLOAD = timedelta(days=7)
STALE_TEMP_S = 24 * 3600
RUNG_AT_ONCE = 20
PROGRESS_S = 0.5
# Refusals that say more about the moment than about the file.
PASSING = {"slide_inspection_timeout", "slide_pyramid_timeout", "disk_full"}
GAVE_UP = "This slide could not be prepared: its preparation stopped three times. Ask an admin to look at the server."


class LeaseLostError(Exception):
    """Another worker has the slide now; this one's work is thrown away."""


@dataclass(frozen=True)
class Prepared:
    """What the preparation found and made."""

    inspection: Inspection
    size: tuple[int, int]
    pyramid_sha256: str
    thumbnail_sha256: str


def ingest_slide(slide_id: int) -> None:
    """Prepare a slide, if it waits for that; whatever happens ends on its row.

    Args:
        slide_id: the slide.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row.
    """
    slide = _claim(slide_id)
    if slide is None:
        return
    try:
        with _heartbeat(slide):
            prepared = _prepare(slide)
        _finish(slide, prepared)
    except LeaseLostError:
        logger.warning("slide %s was taken over by another worker", slide_id)
    except DomainError as error:
        _fail(slide, error.code, error.message, again=error.code in PASSING)
    except Exception:
        _fail(slide, "slide_ingest_failed", GAVE_UP, again=True)
        raise


def waiting_slides() -> list[int]:
    """List the slides that no worker has, after giving up on those that stopped three times."""
    spent = _unheld().filter(attempts__gte=settings.LEASE_ATTEMPTS)
    spent.update(state=SlideState.FAILED, error_code="slide_ingest_failed", error=GAVE_UP, message="")
    return list(_unheld().order_by("pk").values_list("pk", flat=True)[:RUNG_AT_ONCE])


def remove_stale_uploads() -> int:
    """Remove uploads nobody has touched for a week, and temporary files nobody will come back for.

    Returns:
        How many uploads were removed.
    """
    stale = Upload.objects.filter(slide__isnull=True, touched_at__lt=Now() - STALE_UPLOAD)
    ids = list(stale.values_list("pk", flat=True))
    for upload_id in ids:
        with transaction.atomic():
            Upload.objects.filter(pk=upload_id, slide__isnull=True).delete()
        media.part_path(upload_id).unlink(missing_ok=True)
    for path in (media.root() / "tmp").glob("*"):
        if path.is_file() and path.stat().st_mtime < time.time() - STALE_TEMP_S:
            path.unlink(missing_ok=True)
    return len(ids)


def _unheld() -> QuerySet[Slide]:
    return Slide.objects.filter(
        Q(state=SlideState.QUEUED) | Q(state=SlideState.PROCESSING, lease_until__lt=Now()),
    )


def _lease() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_S)


@transaction.atomic
def _claim(slide_id: int) -> Slide | None:
    """Take the slide by one conditional UPDATE on the database's clock."""
    claimed = (
        _unheld()
        .filter(pk=slide_id, attempts__lt=settings.LEASE_ATTEMPTS)
        .update(
            state=SlideState.PROCESSING,
            token=F("token") + 1,
            attempts=F("attempts") + 1,
            lease_until=_lease(),
            message="Inspecting the file",
            done=0,
            total=0,
        )
    )
    return Slide.objects.get(pk=slide_id) if claimed else None


def _mine(slide: Slide) -> QuerySet[Slide]:
    return Slide.objects.filter(pk=slide.pk, token=slide.token, state=SlideState.PROCESSING)


@contextmanager
def _heartbeat(slide: Slide) -> Iterator[None]:
    """Extend the lease while the work goes on; a second thread, since the work may be one long call."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(settings.LEASE_S / 3):
            try:
                _mine(slide).update(lease_until=_lease())
            except DatabaseError:
                logger.warning("the lease of slide %s could not be extended", slide.pk)
        connection.close()

    thread = threading.Thread(target=beat, daemon=True, name=f"lease of slide {slide.pk}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _prepare(slide: Slide) -> Prepared:
    original = media.path_of(slide.sha256)
    if not original.is_file():
        raise DomainError("The slide's file is missing from the media store. Upload it again.", code="slide_missing")
    inspection = inspect_slide(original)
    pyramid_sha256 = ""
    if inspection.needs_pyramid:
        _say(slide, 0, 0, "Building the zoom levels")
        pyramid_sha256 = _pyramid(slide, original, inspection)
    _say(slide, 0, 0, "Drawing the overview")
    with SlideReader(media.path_of(pyramid_sha256 or slide.sha256)) as reader:
        picture = media.store_bytes(thumbnail(reader))
        return Prepared(inspection, reader.size, pyramid_sha256, picture)


def _pyramid(slide: Slide, original: Path, inspection: Inspection) -> str:
    media.check_room(2 * 3 * inspection.width * inspection.height)
    with media.temp_file() as target:
        build_pyramid(original, target, mpp=slide.mpp or inspection.mpp, on_progress=_teller(slide))
        return media.store_file(target)


def _teller(slide: Slide) -> Callable[[int, int], None]:
    """Put the progress on the row, twice a second at most."""
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_S:
            last = time.monotonic()
            _say(slide, done, total, "Building the zoom levels")

    return tell


def _say(slide: Slide, done: int, total: int, message: str) -> None:
    if not _mine(slide).update(done=done, total=total, message=message):
        raise LeaseLostError


def _finish(slide: Slide, prepared: Prepared) -> None:
    found = prepared.inspection
    finished = _mine(slide).update(
        state=SlideState.READY,
        format=found.format,
        width=prepared.size[0],
        height=prepared.size[1],
        mpp=Coalesce(F("mpp"), Value(found.mpp, output_field=FloatField())),
        # A scale that somebody set by hand settles the matter.
        mpp_doubt=Case(When(mpp__isnull=True, then=Value(found.mpp_doubt)), default=Value("")),
        objective=found.objective,
        pyramid_sha256=prepared.pyramid_sha256,
        thumbnail_sha256=prepared.thumbnail_sha256,
        done=0,
        total=0,
        message="",
        error_code="",
        error="",
        lease_until=None,
    )
    if not finished:
        raise LeaseLostError


def _fail(slide: Slide, code: str, words: str, *, again: bool) -> None:
    """Note the failure; what may pass is tried again, three times in all."""
    state = SlideState.QUEUED if again and slide.attempts < settings.LEASE_ATTEMPTS else SlideState.FAILED
    _mine(slide).update(state=state, error_code=code, error=words, message="", done=0, total=0, lease_until=None)
