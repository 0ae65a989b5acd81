"""What can be wrong with a slide, in words for the person who uploaded it."""

from config.errors import DomainError


class SlideError(DomainError):
    """A slide, or a place on it, that cannot be used; the code says why."""

    code = "slide_invalid"
