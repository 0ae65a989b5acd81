"""The web server's processes: one that dies is replaced, and none outlives the first."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.faults.web import Web
from tests.faults.workers import children_of
from tests.launcher.helpers import eventually

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def web(tmp_path) -> Iterator[Web]:
    web = Web(tmp_path / "home", str(tmp_path / "media"))
    web.start()
    yield web
    web.kill()


def parent_of(web: Web) -> int:
    assert web.process.guard is not None
    return children_of(web.process.guard.pid)[0]


def test_a_process_that_dies_is_replaced(web):
    parent = parent_of(web)
    before = children_of(parent)
    assert len(before) >= 2
    os.kill(before[0], signal.SIGKILL)
    assert eventually(lambda: len(set(children_of(parent)) - {before[0]}) == len(before))
    assert all(web.answers() for _ in range(20))
    assert parent_of(web) == parent


def test_none_outlives_the_first(web):
    assert web.answers()
    os.kill(parent_of(web), signal.SIGKILL)
    assert eventually(lambda: not web.process.running)
    assert not web.answers()
