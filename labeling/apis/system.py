"""What runs here."""

from django.conf import settings
from django.core.cache import cache
from drf_spectacular.utils import extend_schema
from redis import RedisError
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.permissions import SIGNED_IN, Api
from labeling.serializers import SystemSerializer


def _device() -> str:
    """Name what the workers compute on; they say it themselves, since the web process never loads torch."""
    try:
        return str(cache.get("device") or "cpu")
    except RedisError:
        return "cpu"


class SystemApi(Api):
    access = {"GET": SIGNED_IN}

    @extend_schema(operation_id="system", responses=SystemSerializer)
    def get(self, request: Request) -> Response:
        answer = {
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "device": _device(),
            "commit": settings.CODE_VERSION,
        }
        return Response(SystemSerializer(answer).data)
