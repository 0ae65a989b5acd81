"""gunicorn's settings file: what each process of the web server does before it answers anybody."""

import gc
import logging
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Barrier
from typing import Any
from wsgiref.util import setup_testing_defaults

LIVE = "/api/health/live"
READ_FIRST = ("sessions.Session", "labeling.User", "labeling.Slide", "labeling.Membership")
"""What tells who may see a tile: the first look at it takes the database several times as long on each connection."""
MOST_S = 10.0

logger = logging.getLogger(__name__)


def post_worker_init(worker: Any) -> None:
    """Let every thread answer one request, connect to the database and read there.

    A viewer asks for many tiles at once. Else the first people would wait while all threads load, in the same moment,
    what is made on first use, and connect. What is loaded by then stays: nobody has to wait while all of it is searched
    for garbage, a tenth of a second each time.
    """
    threads: ThreadPoolExecutor = worker.tpool
    all_started = Barrier(worker.cfg.threads)
    wait([threads.submit(_warm_up, worker.wsgi, all_started) for _ in range(worker.cfg.threads)], timeout=MOST_S)
    gc.collect()
    gc.freeze()


def _warm_up(application: Any, all_started: Barrier) -> None:
    from django.apps import apps
    from django.db import DatabaseError

    all_started.wait(timeout=MOST_S)  # else one quick thread would do it for the others
    try:
        application(_request(), lambda status, headers: None).close()
        for name in READ_FIRST:
            apps.get_model(name).objects.order_by("pk").first()
    except DatabaseError:
        logger.warning("The database does not answer yet; each request will try again.")


def _request() -> dict[str, Any]:
    from django.conf import settings

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    host = next((name.lstrip(".*") for name in settings.ALLOWED_HOSTS), "") or "localhost"
    https = {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "https"}  # else it is led there, and that is all
    return {**environ, **https, "PATH_INFO": LIVE, "HTTP_HOST": host}
