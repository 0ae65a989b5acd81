"""Runs one child process and makes sure that it never outlives its owner.

Used as a script: ``python -I guard.py --parent PID [--user NAME] [--stop INT] [--grace 10] [--remove DIR] -- command``.
The guard leads its own session, so a Ctrl-C in the terminal reaches only the owner, who stops the guard in order.
When the owner dies, however it dies, the guard stops the child by its polite signal, then by SIGKILL to the whole
group, and removes the folders named by ``--remove`` (not when the child ended by itself: it may be started again).
"""

import argparse
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_S = 0.2


def die_with_parent(parent: int, signal_number: int) -> None:
    """Ask the kernel for a signal when the parent thread ends; elsewhere than on Linux the polling alone serves."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


class Guard:
    """One child, the owner that it must not outlive, and the way to stop it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.asked_to_stop = False
        self.child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Start the child, wait for its end or the owner's, tidy up; return the child's exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        die_with_parent(self.options.parent, signal.SIGTERM)
        try:
            self.child = self._start()
            while self.child.poll() is None and not self._must_stop():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.child.wait(POLL_S)
            return self._stop(self.child)
        finally:
            if self._must_stop():
                for folder in self.options.remove:
                    shutil.rmtree(folder, ignore_errors=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop = True

    def _must_stop(self) -> bool:
        return self.asked_to_stop or os.getppid() != self.options.parent

    def _start(self) -> subprocess.Popen[bytes]:
        me = os.getpid()

        def become_child() -> None:
            die_with_parent(me, signal.SIGKILL)

        command, user = self.options.command, self.options.user
        if not user:
            return subprocess.Popen(command, start_new_session=True, preexec_fn=become_child)
        account = pwd.getpwnam(user)
        return subprocess.Popen(
            command,
            start_new_session=True,
            preexec_fn=become_child,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
        )

    def _stop(self, child: subprocess.Popen[bytes]) -> int:
        if child.poll() is None:
            child.send_signal(getattr(signal, f"SIG{self.options.stop}"))
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(self.options.grace)
        # The leader may be gone and its pool children not: the group is cleared in every case.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._wait_for_group(child.pid)
        return child.returncode if child.returncode >= 0 else 128 - child.returncode

    @staticmethod
    def _wait_for_group(group: int) -> None:
        until = time.monotonic() + 2
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while time.monotonic() < until:
                os.killpg(group, 0)
                time.sleep(0.02)


def main() -> int:
    """Read the options and guard the command that follows them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--stop", default="TERM")
    parser.add_argument("--grace", type=float, default=10)
    parser.add_argument("--remove", action="append", default=[])
    parser.add_argument("command", nargs="+")
    return Guard(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
