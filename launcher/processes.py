"""The processes of one server: web, three workers and beat."""

import os
from collections.abc import Mapping
from pathlib import Path

from launcher.install import has_nvidia
from launcher.paths import ROOT, venv_program
from launcher.process import GuardedProcess

GRACE_S = 8.0
CARDS = Path("/proc/driver/nvidia/gpus")


def server_processes(*, port: int, env: Mapping[str, str], home: Path) -> list[GuardedProcess]:
    """Name the processes that serve this home on this port."""
    return [
        _process("web", web_command(port), env=env, home=home),
        # The reconciler's bells are short: the worker that is mostly idle answers them.
        _process("slides", _worker("slides", queues="slides,bells", processes=1), env=env, home=home),
        _process("detection", _worker("detection", processes=detection_processes()), env=_threads(env), home=home),
        _process("training", _worker("training", processes=training_processes()), env=env, home=home),
        _process("beat", _beat(home), env=env, home=home),
    ]


def detection_processes() -> int:
    """One per core and at most four, quicker than threads; one with an NVIDIA card, where each holds its own model."""
    chosen = os.environ.get("TILSCOPE_DETECTION_PROCESSES")
    if chosen:
        return max(1, int(chosen))
    return 1 if has_nvidia() else max(1, min(4, cores()))


def training_processes() -> int:
    """One per NVIDIA card, so that the trials of a search run side by side; one where there is none."""
    chosen = os.environ.get("TILSCOPE_TRAINING_PROCESSES")
    return max(1, int(chosen) if chosen else cards())


def cards() -> int:
    """NVIDIA cards that the processes will see."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return len(list(CARDS.iterdir())) if CARDS.is_dir() else 0


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads(env: Mapping[str, str]) -> dict[str, str]:
    threads = str(max(1, cores() // detection_processes()))
    return {"OMP_NUM_THREADS": threads, **env}


def _process(name: str, command: list[str], *, env: Mapping[str, str], home: Path) -> GuardedProcess:
    return GuardedProcess(
        name=name, command=command, log=home / "logs" / f"{name}.log", env=env, cwd=ROOT, grace_s=GRACE_S
    )


def web_command(port: int) -> list[str]:
    """How the web server is started."""
    return [
        venv_program("granian"),
        "config.web:warm_application",
        "--factory",
        "--interface=wsgi",
        "--http=1",
        "--no-ws",
        f"--port={port}",
        f"--workers={max(2, min(4, cores()))}",
        "--blocking-threads=8",
        "--blocking-threads-idle-timeout=600",
        "--respawn-failed-workers",
        "--workers-kill-timeout=5",
    ]


def _worker(name: str, *, queues: str = "", processes: int) -> list[str]:
    return [
        *[venv_program("celery"), "-A", "config", "worker", "-Q", queues or name, "-n", f"{name}@%h"],
        *["--concurrency", str(processes), "--loglevel", "INFO", "--without-gossip", "--without-mingle"],
    ]


def _beat(home: Path) -> list[str]:
    schedule = home / "beat-schedule"
    return [venv_program("celery"), "-A", "config", "beat", "--schedule", str(schedule), "--pidfile=", "-l", "INFO"]
