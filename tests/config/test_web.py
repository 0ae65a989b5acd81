"""What the web server does before it answers anybody."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper

from config import web, wsgi


@pytest.fixture
def connects(monkeypatch) -> list[int]:
    """The thread of each connection that was made."""
    found: list[int] = []
    made = DatabaseWrapper.get_new_connection

    def watched(self, parameters):
        found.append(threading.get_ident())
        return made(self, parameters)

    monkeypatch.setattr(DatabaseWrapper, "get_new_connection", watched)
    return found


@pytest.fixture
def statuses(monkeypatch) -> list[str]:
    """What the application answered, each time it was asked."""
    found: list[str] = []
    application = get_wsgi_application()

    def watched(environ, start_response):
        def start(status, headers, exc_info=None):
            found.append(status)
            return start_response(status, headers)

        return application(environ, start)

    monkeypatch.setattr(wsgi, "application", watched)
    return found


@pytest.fixture
def server():
    """A process's first thread, which loads the application."""
    loaded: list[web.WarmApplication] = []

    def load() -> web.WarmApplication:
        loaded.append(thread.submit(web.warm_application).result())
        return loaded[-1]

    with ThreadPoolExecutor(1) as thread:
        yield load
    for spare in loaded[-1].ready:
        spare.close()
    gc.unfreeze()


def asked_by(warm: web.WarmApplication, *, threads: int) -> list[int]:
    """Let so many threads ask at once; the numbers of the database's processes that served them."""
    together = threading.Barrier(threads)

    def ask() -> int:
        together.wait(timeout=10)
        environ: dict[str, Any] = {"PATH_INFO": "/api/health/ready"}
        setup_testing_defaults(environ)
        warm(environ, lambda status, headers: None).close()
        found = int(connection.connection.info.backend_pid)
        together.wait(timeout=10)
        connection.close()
        return found

    with ThreadPoolExecutor(threads) as pool:
        return [one.result() for one in [pool.submit(ask) for _ in range(threads)]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("over_https", [False, True])
def test_a_process_has_answered_before_it_is_asked(over_https, statuses, server, settings):
    settings.ALLOWED_HOSTS = [".lab.example", "*"]
    settings.SECURE_SSL_REDIRECT = over_https
    server()
    assert statuses == ["200 OK"]
    assert gc.get_freeze_count() > len(gc.get_objects())


@pytest.mark.django_db(transaction=True)
def test_threads_take_over_connections_that_are_there(server, connects):
    warm = server()
    assert len(connects) == web.THREADS
    served = asked_by(warm, threads=web.THREADS)
    assert len(set(served)) == web.THREADS == len(connects)
    assert len(asked_by(warm, threads=2)) == 2
    assert len(connects) == web.THREADS + 2


@pytest.mark.django_db(transaction=True)
def test_it_starts_without_a_database_too(server, statuses, monkeypatch, caplog):
    def refuse(self, parameters):
        raise OperationalError

    with monkeypatch.context() as away:
        away.setattr(DatabaseWrapper, "get_new_connection", refuse)
        warm = server()
    assert statuses == ["200 OK"]
    assert caplog.text.count("does not answer yet") == 1
    assert len(asked_by(warm, threads=1)) == 1
