"""Real workers for tests, kept alive by the launcher's own supervisor."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from launcher.paths import ROOT, venv_program
from launcher.process import GuardedProcess
from launcher.supervisor import Supervisor

PAUSE_S = 0.05


class Workers:
    """A detection worker of some processes, and one worker with beat in it that answers the reconciler's bells."""

    def __init__(self, logs: Path, *, processes: int = 1) -> None:
        environment = worker_environment()
        self.detection = self._process("detection", ["-Q", "detection", "-c", str(processes)], logs, environment)
        schedule = ["--beat", "--schedule", str(logs / "beat")]
        self.bells = self._process("bells", ["-Q", "bells", "-P", "solo", *schedule], logs, environment)
        self.said: list[str] = []
        self.supervisor = Supervisor([self.detection, self.bells], say=self.said.append)

    @staticmethod
    def _process(name: str, options: list[str], logs: Path, environment: dict[str, str]) -> GuardedProcess:
        command = [venv_program("celery"), "-A", "config", "worker", "-n", f"{name}-test@%h", *options]
        command += ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        return GuardedProcess(name, command, logs / f"{name}.log", env=environment, cwd=ROOT, grace_s=3)

    def wait_until(self, reached: Callable[[], bool], *, seconds: float) -> float:
        """Wait, restarting what has ended; returns how long it took."""
        began = time.monotonic()
        while not reached():
            waited = time.monotonic() - began
            assert waited < seconds, f"not reached in {waited:.0f} s\n{self.said}\n{self.detection.log_tail(60)}"
            self.supervisor.tick()
            time.sleep(PAUSE_S)
        return time.monotonic() - began

    def kill_detection(self) -> None:
        """SIGKILL the worker's whole process group."""
        kill_guarded(self.detection)

    def forgive(self) -> None:
        """Let the supervisor forget that the worker ended before: the next pause is the shortest again."""
        for watched in self.supervisor.watched:
            watched.failures = 0


class KilledWorker:
    """A worker that is started and killed by hand; its lease is short, so that the next one need not wait."""

    queue = ""

    def __init__(self, logs: Path, name: str = "") -> None:
        self.name = name or self.queue
        self.log = logs / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; torch is loaded with the first run that needs it."""
        command = [venv_program("celery"), "-A", "config", "worker", "-n", f"{self.name}-test@%h", "-Q", self.queue]
        command += ["-P", "solo", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**worker_environment(), "TILSCOPE_LEASE_S": "2"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL it and wait for its end."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def log_tail(self) -> str:
        """What it said last."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


class TrainingWorker(KilledWorker):
    """A worker for trainings."""

    queue = "training"


class FreezeWorker(KilledWorker):
    """A worker for freezes."""

    queue = settings.CELERY_TASK_ROUTES["labeling.tasks.freeze"]["queue"]


def kill_guarded(process: GuardedProcess) -> None:
    """SIGKILL the whole process group behind a guard, and wait for the guard's end."""
    assert process.guard is not None
    os.killpg(children_of(process.guard.pid)[0], signal.SIGKILL)
    process.guard.wait(10)


def children_of(pid: int) -> list[int]:
    """Processes that this one's first thread started, oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def worker_environment() -> dict[str, str]:
    """Our environment, with the test database in place of the real one."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    address = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    return {**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings"}
