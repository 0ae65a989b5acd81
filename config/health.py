"""Is everything up? Database, broker, media store, workers and beat."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection

from config import bucket
from config.errors import UnavailableError

logger = logging.getLogger(__name__)

QUEUES = ("slides", "detection", "training")
SIGN_OF_LIFE_S = 20


class Readiness(TypedDict):
    """What the readiness endpoint says."""

    status: str
    checks: dict[str, bool]


def record_sign_of_life(name: str) -> None:
    """Remember for some seconds that a worker of this queue, or beat, is alive."""
    try:
        cache.set(f"alive:{name}", time.time(), timeout=SIGN_OF_LIFE_S)
    except redis.RedisError:
        logger.warning("no sign of life of %s could be recorded: the broker does not answer", name)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _broker() -> bool:
    cache.set("health", "1", timeout=5)
    return True


def _media() -> bool:
    return os.access(Path(settings.MEDIA_ROOT), os.W_OK)


def _bucket() -> bool:
    bucket.check()
    return True


def _answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, redis.RedisError, OSError, UnavailableError):
        return False


def readiness() -> Readiness:
    """Check every part; a part that does not answer is False, never an exception."""
    checks = {"database": _answers(_database), "broker": _answers(_broker), "media": _answers(_media)}
    if bucket.in_use():
        checks["bucket"] = _answers(_bucket)
    for name in (*QUEUES, "beat"):
        checks[name] = checks["broker"] and _answers(lambda name=name: bool(cache.get(f"alive:{name}")))  # type: ignore[misc]
    return {"status": "ready" if all(checks.values()) else "not ready", "checks": checks}
