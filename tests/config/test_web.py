"""What the web server does before it answers anybody."""

import gc

import pytest
from django.db import DatabaseError, connections
from django.test.utils import CaptureQueriesContext

from config import web, wsgi


@pytest.fixture(autouse=True)
def unfrozen():
    yield
    gc.unfreeze()


@pytest.fixture
def statuses(monkeypatch):
    """What the application answered, each time it was asked."""
    found, application = [], wsgi.application

    def watched(environ, start_response):
        def start(status, headers, exc_info=None):
            found.append(status)
            return start_response(status, headers)

        return application(environ, start)

    monkeypatch.setattr(wsgi, "application", watched)
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("over_https", [False, True])
def test_a_process_has_answered_and_read_before_it_is_asked(over_https, statuses, settings):
    settings.ALLOWED_HOSTS = [".lab.example", "*"]
    settings.SECURE_SSL_REDIRECT = over_https
    with CaptureQueriesContext(connections["default"]) as read:
        assert web.warm_application() is wsgi.application
    assert statuses == ["200 OK"]
    assert len([query for query in read if query["sql"].startswith("SELECT")]) >= len(web.READ_FIRST)
    assert connections["default"].connection is None
    assert gc.get_freeze_count() > len(gc.get_objects())


@pytest.mark.django_db(transaction=True)
def test_it_starts_without_a_database_too(statuses, monkeypatch, caplog):
    def refuse(self):
        raise DatabaseError

    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.connect", refuse)
    connections.close_all()
    assert web.warm_application() is wsgi.application
    assert statuses == ["200 OK"]
    assert "does not answer yet" in caplog.text
