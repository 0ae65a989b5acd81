"""What the launcher's tests share: waiting for a condition, and owners that can be killed."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]


def eventually(condition: Callable[[], bool], *, within_s: float = 15) -> bool:
    """Wait until a condition holds; False after the time-out."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def start_owner(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python of its own that uses the launcher."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
