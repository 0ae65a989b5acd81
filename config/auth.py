"""Who is asking: the session cookie, with CSRF always enforced."""

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from config.errors import ForbiddenError


class SessionAuthentication(authentication.SessionAuthentication):
    """Sessions that answer 401, not 403, to someone who is not signed in."""

    def authenticate_header(self, request: Request) -> str:
        """Name a scheme, so that DRF answers 401."""
        return "Session"

    def enforce_csrf(self, request: Request) -> None:
        """Refuse a write whose page has no valid token, in words.

        Raises:
            ForbiddenError: the token is missing or stale (``csrf_failed``).
        """
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise ForbiddenError("This page is out of date. Reload it and try again.", code="csrf_failed") from None
