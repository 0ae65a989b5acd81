"""The short way to a tile: no session, no database, where the long way said yes seconds ago."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls.resolvers import RoutePattern

from config.errors import DomainError
from labeling.apis.images import TILE_ROUTE, decisions, tile_answer

_ROUTE = RoutePattern(f"/api/{TILE_ROUTE}", is_endpoint=True)


class TileDoor:
    """Middleware that answers a tile itself if ``TileApi`` let the same session see the same slide a moment ago.

    It stands behind SecurityMiddleware, which leads to HTTPS, looks at the host itself, and its answers carry their own
    headers. All it does not know, and every error, goes the long way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the tile, or pass the request on."""
        return self._tile(request) or self._get_response(request)

    def _tile(self, request: HttpRequest) -> HttpResponse | None:
        found = _ROUTE.match(request.path_info) if request.method == "GET" else None
        session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if not found or not session_key:
            return None
        request.get_host()  # refuses a host that is not ours
        slide_id, level, col, row = (int(found[2][name]) for name in ("slide_id", "level", "col", "row"))
        known = decisions.find(session_key, slide_id)
        try:
            return tile_answer(request, known, level=level, col=col, row=row) if known else None
        except DomainError:
            return None
