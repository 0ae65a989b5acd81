"""Runs work on strangers' files in a child process with limits, so that a hostile file fails alone."""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labeling.slides.errors import SlideError
from labeling.slides.network import cut_network

_ROOT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1
# One malloc arena and one thread per library: address space is limited, and every arena reserves 64 MB of it.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "VIPS_CONCURRENCY": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
}
# A decoder opens the file, its own libraries and a few pipes; a file that needs more is an attack.
_OPEN_FILES = 64
_OUT_OF_MEMORY = {-signal.SIGABRT, -signal.SIGTRAP}
_OUT_OF_TIME = {-signal.SIGXCPU}


def run_limited(
    module: str,
    arguments: list[str],
    *,
    step: str,
    timeout_s: float,
    memory_mb: int,
    file_mb: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run ``python -m module`` without a network, with limits on memory, time, open files and what it writes.

    Args:
        module: dotted name of a module that calls ``serve``.
        arguments: its arguments, strings.
        step: word for the error codes: ``slide_<step>_timeout``, ``slide_<step>_memory``.
        timeout_s: wall time after which the child is killed.
        memory_mb: limit of the child's address space.
        file_mb: the most that any file it writes may hold; 0: it writes none.
        on_progress: called with (done, total) when the child says so; if it raises, the child is killed.

    Returns:
        What the child's function returned.

    Raises:
        SlideError: the child's own refusal, or that it ran out of time or memory, or that it crashed.
    """
    limits = [str(memory_mb), str(file_mb), str(int(timeout_s) + 1)]
    command = [sys.executable, "-m", module, *limits, *arguments]
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout_s, stop)
    timer.daemon = True
    timer.start()
    try:
        answer = _listen(process, on_progress)
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    if answer is not None and code == 0:
        return answer
    raise _failure(step, code, late=late.is_set())


def serve(work: Callable[..., dict[str, Any]]) -> None:
    """Run ``work`` in the child on the arguments of the command line and print its answer or its refusal."""
    memory_mb, file_mb, cpu_s, *arguments = sys.argv[1:]
    _limit_self(int(memory_mb), int(file_mb), int(cpu_s))
    try:
        answer: dict[str, Any] = {"result": work(*arguments)}
    except SlideError as error:
        answer = {"error": {"code": error.code, "message": error.message, "extra": error.extra}}
    except MemoryError:
        answer = {"memory": True}
    print(json.dumps(answer), flush=True)  # noqa: T201 -- the answer to the parent


def tell_progress(done: int, total: int) -> None:
    """Tell the parent, from inside the child, how far the work is."""
    print(json.dumps({"progress": [done, total]}), flush=True)  # noqa: T201 -- the answer to the parent


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR") if key in os.environ}
    return {**kept, **_ENVIRONMENT, "PYTHONPATH": str(_ROOT)}


def _limit_self(memory_mb: int, file_mb: int, cpu_s: int) -> None:
    # A child never outlives the worker that started it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    cut_network()
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_mb << 20, file_mb << 20))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    # Several threads may run at once; the wall clock of the parent is the sharper limit.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s * 2, cpu_s * 2 + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _listen(process: "subprocess.Popen[str]", on_progress: Callable[[int, int], None] | None) -> dict[str, Any] | None:
    for message in _messages(process):
        if "progress" in message and on_progress:
            on_progress(*message["progress"])
        if "error" in message:
            error = message["error"]
            raise SlideError(error["message"], code=error["code"], extra=error["extra"])
        if "result" in message:
            result: dict[str, Any] = message["result"]
            return result
    return None


def _messages(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    for line in process.stdout or ():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict):
            yield message


def _failure(step: str, code: int, *, late: bool) -> SlideError:
    if late or code in _OUT_OF_TIME:
        return SlideError(
            "Reading this file took too long, so it was stopped. Export it again as a tiled TIFF and upload that.",
            code=f"slide_{step}_timeout",
        )
    if code == 0 or code in _OUT_OF_MEMORY:
        return SlideError(
            "Reading this file needs more memory than one upload may take. Export it again as a tiled TIFF.",
            code=f"slide_{step}_memory",
        )
    return SlideError(
        "This file is damaged: reading it failed. Export the image again and upload it.",
        code="slide_damaged",
        extra={"exit_code": code},
    )
