"""JSON bodies, within limits."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from config.errors import BodyTooLargeError


class JSONParser(parsers.JSONParser):
    """JSON of a bounded size and depth."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Parse a body.

        Raises:
            BodyTooLargeError: it is announced as larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``.
            ParseError: it is no JSON, or nested deeper than Python can follow.
        """
        length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLargeError("This request is too large.")
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError from None
