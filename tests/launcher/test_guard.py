"""A guarded process: stopped politely, then firmly, and never left behind."""

import signal
import sys

import pytest

from launcher.process import GuardedProcess
from tests.launcher.helpers import alive, eventually, family, start_owner

POLITE = """
import signal, sys, time
def leave(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
WITH_A_CHILD_OF_ITS_OWN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def guarded(tmp_path, code, **options):
    return GuardedProcess(name="it", command=[sys.executable, "-c", code], log=tmp_path / "it.log", **options)


def said(process, word):
    return eventually(lambda: word in process.log_tail())


def test_the_exit_status_comes_through(tmp_path):
    process = guarded(tmp_path, "import sys; print('words'); sys.exit(7)")
    process.start()
    assert eventually(lambda: not process.running)
    assert process.exit_status == 7
    assert process.log_tail() == "words"


def test_a_child_killed_by_a_signal_has_the_shells_status(tmp_path):
    process = guarded(tmp_path, "import os; os.kill(os.getpid(), 11)")
    process.start()
    assert eventually(lambda: not process.running)
    assert process.exit_status == 128 + signal.SIGSEGV


def test_it_is_asked_politely_first(tmp_path):
    process = guarded(tmp_path, POLITE)
    process.start()
    assert said(process, "ready")
    process.stop()
    assert process.exit_status == 0
    assert "goodbye" in process.log_tail()


def test_a_stubborn_one_is_killed_after_the_grace_time(tmp_path):
    process = guarded(tmp_path, STUBBORN, grace_s=0.3)
    process.start()
    assert said(process, "ready")
    process.stop()
    assert process.exit_status == 128 + signal.SIGKILL


def test_a_killed_leader_leaves_no_pool_behind(tmp_path):
    process = guarded(tmp_path, WITH_A_CHILD_OF_ITS_OWN)
    process.start()
    assert eventually(lambda: process.log_tail().isdigit())
    _, leader, pool = family(process.guard.pid)
    signal_to(leader, signal.SIGKILL)
    assert eventually(lambda: not alive(pool))
    assert eventually(lambda: not process.running)


def signal_to(pid, number):
    import os

    os.kill(pid, number)


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_an_owner_that_is_killed(tmp_path, number):
    folder = tmp_path / "to-remove"
    folder.mkdir()
    owner = start_owner(
        "from pathlib import Path; import time\n"
        "from launcher.process import GuardedProcess\n"
        "p = GuardedProcess(name='it', command=[sys.executable, '-c', sys.argv[1]], log=Path(sys.argv[2]),\n"
        "                   remove=[Path(sys.argv[3])])\n"
        "p.start(); time.sleep(60)",
        WITH_A_CHILD_OF_ITS_OWN,
        str(tmp_path / "it.log"),
        str(folder),
    )
    try:
        assert eventually(lambda: (tmp_path / "it.log").exists() and (tmp_path / "it.log").read_text().strip() != "")
        everyone = family(owner.pid)
        assert len(everyone) == 4
        owner.send_signal(number)
        owner.wait(10)
        assert eventually(lambda: not any(alive(pid) for pid in everyone))
        assert eventually(lambda: not folder.exists())
    finally:
        owner.kill()
        owner.communicate()


@pytest.mark.faults
def test_a_killed_guard_takes_its_child_along(tmp_path):
    process = guarded(tmp_path, POLITE)
    process.start()
    assert said(process, "ready")
    guard, child = family(process.guard.pid)
    signal_to(guard, signal.SIGKILL)
    assert eventually(lambda: not alive(child))
