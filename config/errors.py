"""The one error that every layer raises on purpose; free of Django, so that the pure packages can use it."""

from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal in words, with a stable code.

    Args:
        message: what is wrong and what to do next, for the person who reads it.
        code: stable machine-readable code; the class's own by default.
        extra: JSON-ready details for the caller.
    """

    code: str = "invalid"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, code: str | None = None, extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.extra = extra or {}


class NotFoundError(DomainError):
    """Absent, or somebody else's: both look the same from outside."""

    code = "not_found"
    status = 404


class ForbiddenError(DomainError):
    """Visible, but this role may not do it."""

    code = "forbidden"
    status = 403


class BodyTooLargeError(DomainError):
    """More than a JSON body may hold."""

    code = "body_too_large"
    status = 413


class ConflictError(DomainError):
    """The row is not in a state that allows it."""

    code = "conflict"
    status = 409


class UnavailableError(DomainError):
    """Something that the server needs does not answer now; the same will work once it does."""

    code = "unavailable"
    status = 503
