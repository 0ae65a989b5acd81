"""Refuse to start with a route that has no rule of access."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "post", "put", "patch", "delete", "head")


def api_views(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, type[Any]]]:
    """Walk the URL resolver.

    Yields:
        (route, view class) for every class-based view under ``api/``.
    """
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_views(pattern, route)
        elif isinstance(pattern, URLPattern) and route.lstrip("^").startswith("api/"):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            if view is not None:
                yield route, view


def _has_rule(view: type[Any], method: str) -> bool:
    """Tell whether a method of a view says who may call it."""
    rules = getattr(view, "access", None)
    return isinstance(rules, dict) and method.upper() in rules


def _methods(view: type[Any]) -> list[str]:
    """List the methods a view answers; HEAD only where it is more than a GET without a body."""
    answered = [method for method in METHODS if getattr(view, method, None)]
    return [method for method in answered if method != "head" or "get" not in answered]


@register("routes")
def every_route_has_a_rule(**_: Any) -> list[CheckMessage]:
    """Name each API method that does not say who may call it."""
    return [
        Error(f"{method.upper()} {route} has no rule of access.", hint="Set `access` on the view.", id="tilscope.E001")
        for route, view in api_views()
        for method in _methods(view)
        if not _has_rule(view, method)
    ]
