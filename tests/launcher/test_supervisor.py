"""The supervisor restarts what ends, waits longer each time, and stops everything."""

import os
import signal
import sys

import pytest

from launcher import supervisor as module
from launcher.process import GuardedProcess
from launcher.supervisor import Supervisor
from tests.launcher.helpers import alive, eventually, family


def process(tmp_path, name, code):
    return GuardedProcess(name=name, command=[sys.executable, "-c", code], log=tmp_path / f"{name}.log", grace_s=2)


@pytest.fixture
def said():
    return []


def test_a_killed_process_is_started_again(tmp_path, said, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.1)
    one = process(tmp_path, "one", "import time; print('up', flush=True); time.sleep(60)")
    keeper = Supervisor([one], say=said.append)
    keeper.start()
    try:
        assert eventually(lambda: one.log_tail() == "up")
        _, first = family(one.guard.pid)
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: not one.running)

        def is_back():
            keeper.tick()
            return one.log_tail() == "up\nup"

        assert eventually(is_back)
        assert "one ended (status 137); starting it again" in said[0]
        assert keeper.failing() == []
    finally:
        keeper.stop()
    assert not one.running


def test_pauses_grow_and_repeated_failure_is_told(tmp_path, said, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("launcher.supervisor.time.monotonic", lambda: now[0])
    broken = process(tmp_path, "broken", "import sys; sys.exit(3)")
    keeper = Supervisor([broken], say=said.append)
    keeper.start()
    pauses = []
    for _ in range(7):
        broken.guard.wait(20)
        keeper.tick()
        retry_at = keeper.watched[0].retry_at
        assert retry_at is not None
        pauses.append(retry_at - now[0])
        now[0] = retry_at
        keeper.tick()
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert keeper.failing() == [broken]
    keeper.stop()


def test_a_long_healthy_run_is_forgiven(tmp_path, said, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("launcher.supervisor.time.monotonic", lambda: now[0])
    once = process(tmp_path, "once", "")
    keeper = Supervisor([once], say=said.append)
    keeper.start()
    keeper.watched[0].failures = 5
    once.guard.wait(20)
    now[0] += module.HEALTHY_AFTER_S + 1
    keeper.tick()
    assert keeper.watched[0].failures == 1
    keeper.stop()


def test_stopping_ends_all_of_them_together(tmp_path, said):
    pair = [process(tmp_path, name, "import time; print('up', flush=True); time.sleep(60)") for name in ("a", "b")]
    keeper = Supervisor(pair, say=said.append)
    keeper.start()
    assert eventually(lambda: all(one.log_tail() == "up" for one in pair))
    everyone = [pid for one in pair for pid in family(one.guard.pid)]
    keeper.stop()
    assert not any(alive(pid) for pid in everyone)
    assert said == []
