"""Every refusal leaves the server in one shape: ``{code, message, extra}``."""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from config.errors import BodyTooLargeError, DomainError

_WORDS = {
    "not_authenticated": "You are not signed in. Sign in and try again.",
    "authentication_failed": "You are not signed in. Sign in and try again.",
    "permission_denied": "You may not do this. Ask an admin of the study.",
    "not_found": "There is nothing here that you may see.",
    "parse_error": "The request is not valid JSON.",
}


def _shape(code: str, message: str, extra: dict[str, Any]) -> dict[str, Any]:
    return {"code": code, "message": message, "extra": extra}


def _first_sentence(detail: Any) -> str:
    """Find the first human sentence in a nested validation error."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        sentence = _first_sentence(inner)
        return sentence if name == "non_field_errors" else f"{name}: {sentence}"
    if isinstance(detail, list):
        return _first_sentence(detail[0])
    return str(detail)


def error_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into the one error shape; None lets Django answer 500."""
    if isinstance(exc, RequestDataTooBig):
        exc = BodyTooLargeError("This request is too large.")
    if isinstance(exc, DomainError):
        set_rollback()
        return Response(_shape(exc.code, exc.message, exc.extra), status=exc.status)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    response = exception_handler(exc, context)
    if response is None or not isinstance(exc, exceptions.APIException):
        return response
    if isinstance(exc, exceptions.ValidationError):
        response.data = _shape("invalid", _first_sentence(exc.detail), {"fields": exc.detail})
        return response
    code = exc.default_code
    response.data = _shape(code, _WORDS.get(code, str(exc.detail)), {})
    return response


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> JsonResponse:
    """Answer somebody who has tried too many passwords."""
    words = "Too many wrong passwords. Wait 15 minutes and try again, or ask an admin."
    return JsonResponse(_shape("locked_out", words, {}), status=429)
