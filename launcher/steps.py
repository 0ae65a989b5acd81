"""Long steps in front of a person: what runs, how long already, and the end of the log when it fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launcher.errors import LauncherError
from launcher.guard import die_with_parent
from launcher.process import GuardedProcess

TICK_S = 0.2
LINE_EVERY_S = 15


def say(text: str = "") -> None:
    """Print one line at once; to stderr, because a command's own output may go into a file."""
    print(text, file=sys.stderr, flush=True)


class Ticker:
    """Seconds that tick on a terminal; a plain line now and then where there is none."""

    def __init__(self, title: str) -> None:
        self.title, self.started, self.last_line = title, time.monotonic(), time.monotonic()
        self.terminal = sys.stderr.isatty()
        if not self.terminal:
            say(f"  {title} …")

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def tick(self, detail: str = "") -> None:
        """Show that it still goes on."""
        now = time.monotonic()
        if self.terminal:
            sys.stderr.write(f"\r\x1b[K  {self.title} … {self.elapsed_s:.0f} s {detail[:80]}")
            sys.stderr.flush()
        elif now - self.last_line >= LINE_EVERY_S:
            self.last_line = now
            say(f"  {self.title} … {self.elapsed_s:.0f} s {detail}".rstrip())

    def end(self, *, ok: bool = True) -> None:
        """Replace the ticking line by the result."""
        clear = "\r\x1b[K" if self.terminal else ""
        say(f"{clear}{'✓' if ok else '✗'} {self.title} ({self.elapsed_s:.1f} s)")


def run_step(
    title: str,
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    explain: Mapping[str, str] | None = None,
) -> None:
    """Run a command behind a ticking line.

    Args:
        title: what it does, for people.
        command: program and arguments.
        log: file for its output, written anew.
        env: whole environment, ours if None.
        cwd: folder to run in.
        explain: phrase in the log → what it means and the next step.

    Raises:
        LauncherError: with the meaning, if known, and the end of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    process = GuardedProcess(name=title, command=command, log=log, env=env, cwd=cwd)
    ticker = Ticker(title)
    process.start()
    try:
        while process.running:
            time.sleep(TICK_S)
            ticker.tick(process.log_tail(1).strip())
    finally:
        process.stop()
    ticker.end(ok=process.exit_status == 0)
    if process.exit_status != 0:
        raise LauncherError(_why(title, process, explain or {}))


def _why(title: str, process: GuardedProcess, explain: Mapping[str, str]) -> str:
    text = process.log.read_text(errors="replace")
    meaning = next((words for phrase, words in explain.items() if phrase in text), "")
    tail = "\n".join(f"    {line}" for line in process.log_tail(20).splitlines())
    return f"{title}: failed.{' ' + meaning if meaning else ''}\nThe end of {process.log}:\n{tail}"


def run_foreground(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> int:
    """Run a command that owns the terminal; Ctrl-C reaches it, and it never outlives us.

    Args:
        command: program and arguments.
        env: whole environment.
        cwd: folder to run in.
        meanwhile: called every half second.

    Returns:
        Its exit status (128 + n when it ended by signal n).
    """
    me = os.getpid()
    child = subprocess.Popen(command, env=dict(env), cwd=cwd, preexec_fn=lambda: die_with_parent(me, signal.SIGTERM))
    try:
        status = _wait_as_spectator(child, meanwhile)
    except BaseException:
        _end(child)
        raise
    return status if status >= 0 else 128 - status


def _wait_as_spectator(child: subprocess.Popen[bytes], meanwhile: Callable[[], None]) -> int:
    """Wait; a Ctrl-C on a terminal has reached the child too, and what it does with it is its own business."""
    while True:
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            meanwhile()
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                raise


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
