"""What the web server does before it answers anybody."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection

from config import gunicorn

THREADS = 3


@pytest.fixture
def pool():
    with ThreadPoolExecutor(THREADS) as threads:
        yield threads
        together = threading.Barrier(THREADS)

        def close() -> None:
            together.wait(timeout=10)
            connection.close()

        for _ in range(THREADS):
            threads.submit(close)
    gc.unfreeze()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("over_https", [False, True])
def test_every_thread_has_answered_and_is_connected(over_https, pool, settings):
    settings.ALLOWED_HOSTS = [".lab.example", "*"]
    settings.SECURE_SSL_REDIRECT = over_https
    application, statuses, threads = get_wsgi_application(), [], set()

    def watched(environ, start_response):
        threads.add(threading.get_ident())

        def start(status, headers, exc_info=None):
            statuses.append(status)
            return start_response

        return application(environ, start)

    gunicorn.post_worker_init(SimpleNamespace(tpool=pool, cfg=SimpleNamespace(threads=THREADS), wsgi=watched))
    assert statuses == ["200 OK"] * THREADS
    assert len(threads) == THREADS
    together = threading.Barrier(THREADS)

    def is_connected() -> bool:
        together.wait(timeout=10)
        return connection.connection is not None

    assert gc.get_freeze_count() > len(gc.get_objects())
    found = [pool.submit(is_connected) for _ in range(THREADS)]
    assert all(one.result() for one in found)
