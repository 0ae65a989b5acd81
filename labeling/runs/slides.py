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

from config.errors import DomainError, UnavailableError
from config.leases import PAUSE_S
from labeling import media, unpacked
from labeling.choices import ScaleSource, SlideState
from labeling.models import Slide
from labeling.slides.inspection import Inspection, inspect_slide
from labeling.slides.overview import draw_overview
from labeling.slides.pyramid import build_pyramid
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import thumbnail

logger = logging.getLogger(__name__)

RUNG_AT_ONCE = 20
PROGRESS_S = 0.5
# Refusals that say more about the moment than about the file.
PASSING = {"slide_inspection_timeout", "slide_pyramid_timeout", "slide_unpacking_timeout", "disk_full"}
UNPACKING, ZOOM_LEVELS, OVERVIEW = "Unpacking the slide", "Building the zoom levels", "Drawing the overview"
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
    overview_sha256: str


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
    except UnavailableError as error:
        _postpone(slide, error.message)
    except DomainError as error:
        unpacked.forget(slide.sha256)
        _fail(slide, error.code, error.message, again=error.code in PASSING)
    except Exception:
        _fail(slide, "slide_ingest_failed", GAVE_UP, again=True)
        raise


def waiting_slides() -> list[int]:
    """List the slides that no worker has, after giving up on those that stopped three times."""
    spent = _unheld().filter(attempts__gte=settings.LEASE_ATTEMPTS)
    spent.update(state=SlideState.FAILED, error_code="slide_ingest_failed", error=GAVE_UP, message="")
    return list(_unheld().order_by("pk").values_list("pk", flat=True)[:RUNG_AT_ONCE])


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
    with unpacked.held(slide.sha256, on_progress=_teller(slide, UNPACKING)) as original:
        if not original.is_file():
            words = "The slide's file is missing from the media store. Upload it again."
            raise DomainError(words, code="slide_missing")
        inspection = inspect_slide(original)
        pyramid_sha256 = ""
        if inspection.needs_pyramid:
            _say(slide, 0, 0, ZOOM_LEVELS)
            pyramid_sha256 = _pyramid(slide, original, inspection)
    _say(slide, 0, 0, OVERVIEW)
    with unpacked.held(pyramid_sha256 or slide.sha256) as path, SlideReader(path) as reader:
        overview_sha256 = _overview(slide, reader)
        picture = media.store_bytes(thumbnail(reader))
        return Prepared(inspection, reader.size, pyramid_sha256, picture, overview_sha256)


def _overview(slide: Slide, reader: SlideReader) -> str:
    with media.temp_file() as target:
        return media.store_file(target) if draw_overview(reader, target, on_progress=_teller(slide, OVERVIEW)) else ""


def _pyramid(slide: Slide, original: Path, inspection: Inspection) -> str:
    media.check_room(2 * 3 * inspection.width * inspection.height)
    with media.temp_file() as target:
        build_pyramid(original, target, mpp=slide.mpp or inspection.mpp, on_progress=_teller(slide, ZOOM_LEVELS))
        return media.store_file(target)


def _teller(slide: Slide, message: str) -> Callable[[int, int], None]:
    """Put the progress on the row, twice a second at most."""
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_S:
            last = time.monotonic()
            _say(slide, done, total, message)

    return tell


def _say(slide: Slide, done: int, total: int, message: str) -> None:
    if not _mine(slide).update(done=done, total=total, message=message):
        raise LeaseLostError


def _finish(slide: Slide, prepared: Prepared) -> None:
    found = prepared.inspection
    file_mpp = Value(found.mpp, output_field=FloatField())
    of_file = ScaleSource.FILE if found.mpp else ""
    finished = _mine(slide).update(
        state=SlideState.READY,
        format=found.format,
        width=prepared.size[0],
        height=prepared.size[1],
        mpp=Coalesce(F("mpp"), file_mpp),
        mpp_source=Case(When(mpp__isnull=True, then=Value(of_file)), default=F("mpp_source")),
        # A scale that somebody set by hand settles the matter.
        mpp_doubt=Case(When(mpp__isnull=True, then=Value(found.mpp_doubt)), default=Value("")),
        file_mpp=file_mpp,
        objective=found.objective,
        pyramid_sha256=prepared.pyramid_sha256,
        thumbnail_sha256=prepared.thumbnail_sha256,
        overview_sha256=prepared.overview_sha256,
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


def _postpone(slide: Slide, words: str) -> None:
    """Let the slide rest for a moment and be taken again; the attempt does not count."""
    _mine(slide).update(
        lease_until=Now() + timedelta(seconds=PAUSE_S), attempts=F("attempts") - 1, message=words, done=0, total=0
    )
