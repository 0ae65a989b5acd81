"""The application as each process of the web server loads it: with all done that can be done before anybody asks."""

import gc
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

LIVE = "/api/health/live"
READ_FIRST = ("sessions.Session", "labeling.User", "labeling.Slide", "labeling.Membership")
"""What tells who may see a tile: the first look at it takes the database several times as long on each connection."""
THREADS = 8
"""As many as the server is started with; others connect when they are first asked."""

Application = Callable[..., Any]
logger = logging.getLogger(__name__)


class WarmApplication:
    """The application, and connections for the threads that will answer."""

    def __init__(self, application: Application, ready: list[BaseDatabaseWrapper]) -> None:
        self.application, self.ready = application, ready

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer; a thread that has no connection yet takes one over."""
        if self.ready and connections[DEFAULT_DB_ALIAS].connection is None:
            with suppress(IndexError):  # another thread may have been quicker
                connections[DEFAULT_DB_ALIAS] = self.ready.pop()
        return self.application(environ, start_response)


def warm_application() -> WarmApplication:
    """Load it, let it answer one request, and connect to the database for as many threads as there will be.

    A viewer asks for many tiles at once. Else the first people would wait while all threads load, in the same moment,
    what is made on first use, and connect. What is loaded by then stays: nobody has to wait while all of it is searched
    for garbage, a tenth of a second each time.
    """
    from config import wsgi

    application: Application = wsgi.application
    application(_request(), lambda status, headers: None).close()
    ready: list[BaseDatabaseWrapper] = []
    while len(ready) < THREADS and (connected := _connected()) is not None:
        ready.append(connected)
    gc.collect()
    gc.freeze()
    return WarmApplication(application, ready)


def _connected() -> BaseDatabaseWrapper | None:
    """Give a connection that has read, for whichever thread takes it over; None while the database does not answer."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        for name in READ_FIRST:
            apps.get_model(name).objects.order_by("pk").first()
    except DatabaseError:
        logger.warning("The database does not answer yet; each request will try again.")
        return None
    finally:
        del connections[DEFAULT_DB_ALIAS]  # the next one is another
    connection.inc_thread_sharing()
    return connection


def _request() -> dict[str, Any]:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    host = next((name.lstrip(".*") for name in settings.ALLOWED_HOSTS), "") or "localhost"
    https = {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "https"}  # else it is led there, and that is all
    return {**environ, **https, "PATH_INFO": LIVE, "HTTP_HOST": host}
