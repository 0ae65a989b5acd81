"""Early pytest plugin: a PostgreSQL and a Valkey of this run's own, started before Django reads its settings.

Named by ``-p tests.embedded_services`` in pyproject.toml, not in conftest.py: pytest-django loads the settings first.
``DATABASE_URL`` and ``REDIS_URL`` in the environment are taken instead where both are set. Of several pytest processes
side by side each has a pair of its own, for one may empty its Valkey or stop its PostgreSQL.
"""

import atexit
import os
import secrets
import shutil
import tempfile

import pytest

from launcher.embedded import EmbeddedServices, named_servers

_OURS = "TILSCOPE_TEST_SERVICES"
"""Set where the addresses in the environment are those of another pytest process that started this one."""
_services: EmbeddedServices | None = None
_media = ""


def _start() -> None:
    global _services, _media
    _media = tempfile.mkdtemp(prefix="tilscope-media-")
    os.environ["TILSCOPE_MEDIA_ROOT"] = _media
    os.environ["TILSCOPE_DEBUG"] = "0"
    os.environ.setdefault("TILSCOPE_SECRET_KEY", secrets.token_urlsafe(50))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if _OURS in os.environ or not named_servers():
        os.environ[_OURS] = "1"
        _services = EmbeddedServices.for_tests()
        _services.start()
        os.environ.update(_services.environment())


def _stop() -> None:
    global _services, _media
    services, media = _services, _media
    _services, _media = None, ""
    if services:
        services.stop()
    if media:
        shutil.rmtree(media, ignore_errors=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers after the last report; atexit does it where pytest ends before its configuration."""
    _stop()


atexit.register(_stop)
_start()
