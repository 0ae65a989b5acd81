"""Pixels: deep-zoom tiles, thumbnails, patches."""

import time
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.errors import ConflictError, NotFoundError
from labeling import media, selectors
from labeling.apis.base import AnyAccept, forever, not_modified, unchanged
from labeling.choices import SlideState
from labeling.models import Patch, Slide
from labeling.permissions import MEMBER, Api
from labeling.slides.errors import SlideError
from labeling.tile_bytes import TileSource, tile_bytes

TILE_ROUTE = "slides/<int:slide_id>/tiles/<int:level>/<int:col>_<int:row>.jpg"
DECISION_S = 5.0
DECISIONS_KEPT = 10_000
JPEG = {(200, "image/jpeg"): OpenApiTypes.BINARY}
PNG = {(200, "image/png"): OpenApiTypes.BINARY}


@dataclass(frozen=True)
class Seen:
    """A decision of a moment ago: who holds this session may see this slide, and these are its files."""

    source: TileSource
    until: float


class Decisions:
    """Which session may see which slide, remembered for a few seconds; only yes is remembered."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], Seen] = {}

    def find(self, session_key: str, slide_id: int) -> TileSource | None:
        """Give the slide's files if a fresh yes is known."""
        seen = self._seen.get((session_key, slide_id))
        return seen.source if seen and seen.until > time.monotonic() else None

    def keep(self, session_key: str, slide_id: int, source: TileSource) -> None:
        """Remember a yes."""
        if len(self._seen) >= DECISIONS_KEPT:
            self._seen.clear()
        self._seen[(session_key, slide_id)] = Seen(source, time.monotonic() + DECISION_S)

    def forget(self) -> None:
        """Ask the database again from now on."""
        self._seen.clear()


decisions = Decisions()


def _check_ready(slide: Slide) -> None:
    if slide.state != SlideState.READY:
        raise ConflictError("This slide is not ready yet. Wait until it is prepared.", code="slide_not_ready")


def _tile_slide(slide_id: int, **_: int) -> Slide:
    return selectors.slide_files(slide_id)


def tile_answer(request: HttpRequest | Request, source: TileSource, *, level: int, col: int, row: int) -> HttpResponse:
    """Answer a tile of a slide that the person may see."""
    etag = f'"{source.file_sha256[:32]}-{level}-{col}-{row}"'
    if unchanged(request, etag):
        return not_modified(etag)
    return forever(tile_bytes(source, level, col, row), content_type="image/jpeg", etag=etag)


# It decides; for a few seconds TileDoor goes by what it decided.
class TileApi(Api):
    access = {"GET": MEMBER}
    locate = _tile_slide
    content_negotiation_class = AnyAccept
    found: Slide

    @extend_schema(operation_id="slide_tile", responses=JPEG)
    def get(self, request: Request, slide_id: int, level: int, col: int, row: int) -> HttpResponse:
        _check_ready(self.found)
        source = TileSource(self.found.file_sha256, self.found.overview_sha256)
        session_key = request.session.session_key
        if session_key:
            decisions.keep(session_key, slide_id, source)
        try:
            return tile_answer(request, source, level=level, col=col, row=row)
        except SlideError as error:
            if error.code == "tile_not_found":
                raise NotFoundError("There is no such tile.", code="tile_not_found") from None
            raise


class ThumbnailApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.slide_located
    content_negotiation_class = AnyAccept
    found: Slide

    @extend_schema(operation_id="slide_thumbnail", responses=JPEG)
    def get(self, request: Request, slide_id: int) -> HttpResponse:
        _check_ready(self.found)
        etag = f'"{self.found.thumbnail_sha256}"'
        if unchanged(request, etag):
            return not_modified(etag)
        body = media.read(self.found.thumbnail_sha256)
        return forever(body, content_type="image/jpeg", etag=etag)


class PatchImageApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.patch_located
    content_negotiation_class = AnyAccept
    found: Patch

    @extend_schema(operation_id="patch_image", responses=PNG)
    def get(self, request: Request, patch_id: int) -> HttpResponse:
        etag = f'"{self.found.sha256}"'
        if unchanged(request, etag):
            return not_modified(etag)
        return forever(bytes(self.found.png), content_type="image/png", etag=etag)
