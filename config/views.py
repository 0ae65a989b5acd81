"""The browser's one page, and the health endpoints."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.errors import NotFoundError
from config.health import readiness

NOT_BUILT = "The pages are not built yet. Run ./run up, or npm run build in frontend/."


class LiveSerializer(serializers.Serializer[dict[str, str]]):
    """The process answers."""

    status = serializers.CharField()


class ReadySerializer(LiveSerializer):
    """Which parts answer."""

    checks = serializers.DictField(child=serializers.BooleanField())


class LiveApi(APIView):
    access = {"GET": "public"}
    permission_classes = [AllowAny]
    authentication_classes = []

    @extend_schema(operation_id="health_live", responses=LiveSerializer)
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class ReadyApi(APIView):
    access = {"GET": "public"}
    permission_classes = [AllowAny]
    authentication_classes = []

    @extend_schema(operation_id="health_ready", responses={200: ReadySerializer, 503: ReadySerializer})
    def get(self, request: Request) -> Response:
        answer = readiness()
        return Response(answer, status=200 if answer["status"] == "ready" else 503)


@extend_schema(exclude=True)
class NoSuchApi(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFoundError("There is no such address.")


@lru_cache(maxsize=2)
def _index(path: Path, modified: float) -> str:
    return path.read_text(encoding="utf-8")


@require_safe
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """Serve the built page with this answer's nonce in it."""
    path = Path(settings.FRONTEND_DIST) / "index.html"
    if not path.is_file():
        return HttpResponse(NOT_BUILT, status=503, content_type="text/plain; charset=utf-8")
    text = _index(path, path.stat().st_mtime).replace("__CSP_NONCE__", str(request.csp_nonce))  # type: ignore[attr-defined]
    response = HttpResponse(text)
    response["Cache-Control"] = "no-store"
    return response
