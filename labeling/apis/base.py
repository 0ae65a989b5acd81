"""What the operations share: lists in pages, and answers that are no JSON."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework import generics, negotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.permissions import Api

FOREVER = "private, max-age=31536000, immutable"
# Stricter than the pages' own, and the same every time, so that nobody has to put it together for each tile.
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class ListApi(Api, generics.GenericAPIView[Any]):
    """A list: filtered by an allow-list, ordered, in pages."""

    def page_of(self, rows: Any, **context: Any) -> Response:
        """Answer one page of the rows."""
        page = self.paginate_queryset(self.filter_queryset(rows))
        serializer = self.get_serializer(page, many=True, context={**self.get_serializer_context(), **context})
        return self.get_paginated_response(serializer.data)


class AnyAccept(negotiation.BaseContentNegotiation):
    """For files: whatever the browser says it likes, it gets the file, and errors as JSON."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        """Take the first parser."""
        return parsers[0] if parsers else None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Take the first renderer."""
        return renderers[0], renderers[0].media_type


def unchanged(request: HttpRequest | Request, etag: str) -> bool:
    """Tell whether the browser has this answer already."""
    # Not by request.headers, which takes in all of them first: a tile has no time for that.
    known = request.META.get("HTTP_IF_NONE_MATCH", "")
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in known.split(","))


def forever(body: bytes, *, content_type: str, etag: str) -> HttpResponse:
    """Answer bytes that never change under this address; the server names the type, never the file."""
    response = _kept(HttpResponse(body, content_type=content_type), etag)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Length"] = str(len(body))
    return response


def not_modified(etag: str) -> HttpResponse:
    """Answer 304."""
    return _kept(HttpResponse(status=304), etag)


def _kept(response: HttpResponse, etag: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = FOREVER
    response["Content-Security-Policy"] = NO_PAGE
    response["X-Frame-Options"] = "DENY"
    # Whoever signs in next in the same browser does not get what this person's cookie got.
    response["Vary"] = "Cookie"
    return response
