"""The application as each process of the web server loads it: with all done that can be done before anybody asks."""

import gc
import logging
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections

Application = Callable[..., Any]

LIVE = "/api/health/live"
READ_FIRST = ("sessions.Session", "labeling.User", "labeling.Slide", "labeling.Membership")
"""What tells who may see a tile: the first look at it takes the database several times as long."""

logger = logging.getLogger(__name__)


def warm_application() -> Application:
    """Load it, answer one request and read from the database.

    A viewer asks for many tiles at once. Else the first people would wait while all threads load, in the same moment,
    what is made on first use. What is loaded by then stays: nobody has to wait while all of it is searched for garbage,
    a tenth of a second each time.
    """
    from config.wsgi import application

    _warm_up(application)
    gc.collect()
    gc.freeze()
    return application


def _warm_up(application: Application) -> None:
    try:
        application(_request(), lambda status, headers: None).close()
        for name in READ_FIRST:
            apps.get_model(name).objects.order_by("pk").first()
    except DatabaseError:
        logger.warning("The database does not answer yet; each request will try again.")
    finally:
        connections.close_all()  # the threads that answer have their own


def _request() -> dict[str, Any]:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    host = next((name.lstrip(".*") for name in settings.ALLOWED_HOSTS), "") or "localhost"
    https = {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "https"}  # else it is led there, and that is all
    return {**environ, **https, "PATH_INFO": LIVE, "HTTP_HOST": host}
