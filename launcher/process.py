"""A child process behind a guard: it has a log file, is stopped politely and never outlives us."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


@dataclass
class GuardedProcess:
    """What to run, and the running guard once started.

    Attributes:
        name: shown to people and used for the log file's name.
        command: program and arguments.
        log: file that receives stdout and stderr, appended.
        env: whole environment of the child; None keeps ours.
        user: account to run as when we are root; empty for our own.
        stop_signal: the child's polite signal, without "SIG".
        grace_s: seconds between the polite signal and SIGKILL.
        remove: folders the guard removes after the child's end.
        keep_fds: descriptors the guard inherits, such as a lock that must hold until the child is gone.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    user: str = ""
    stop_signal: str = "TERM"
    grace_s: float = 10
    remove: Sequence[Path] = ()
    keep_fds: Sequence[int] = ()
    guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start the guard, which starts the child."""
        options = ["--parent", str(os.getpid()), "--stop", self.stop_signal, "--grace", str(self.grace_s)]
        if self.user:
            options += ["--user", self.user]
        for folder in self.remove:
            options += ["--remove", str(folder)]
        with open(self.log, "ab") as log:
            self.guard = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), *options, "--", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                pass_fds=tuple(self.keep_fds),
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """True while the guard, and so the child, lives."""
        return self.guard is not None and self.guard.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Exit status of the ended child, None while it runs or before it was started."""
        return self.guard.poll() if self.guard else None

    def ask_to_stop(self) -> None:
        """Send the polite signal without waiting."""
        if self.guard is not None and self.guard.poll() is None:
            self.guard.send_signal(signal.SIGTERM)

    def wait_stopped(self) -> None:
        """Wait until child and guard are gone; the guard itself sees to the SIGKILL after the grace time."""
        if self.guard is None:
            return
        try:
            self.guard.wait(self.grace_s + 5)
        except subprocess.TimeoutExpired:
            self.guard.kill()
            self.guard.wait()

    def stop(self) -> None:
        """Stop the child and wait for its end."""
        self.ask_to_stop()
        self.wait_stopped()

    def log_tail(self, lines: int = 15) -> str:
        """Last lines of the log, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""
