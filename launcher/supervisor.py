"""Starts, watches, restarts and stops a set of child processes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from launcher.process import GuardedProcess

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
HEALTHY_AFTER_S = 60.0


@dataclass
class _Watched:
    """One process, its run of bad luck and when it may be tried again."""

    process: GuardedProcess
    started: float = 0.0
    failures: int = 0
    retry_at: float | None = field(default=None)


class Supervisor:
    """Keeps processes running until it is told to stop them."""

    def __init__(self, processes: Sequence[GuardedProcess], *, say: Callable[[str], None] = print) -> None:
        self.watched = [_Watched(process) for process in processes]
        self.say = say

    def start(self) -> None:
        """Start every process that does not run yet."""
        for watched in self.watched:
            watched.started = time.monotonic()
            if not watched.process.running:
                watched.process.start()

    def tick(self) -> None:
        """Look once at every process; restart the ended ones after a pause that grows with each failure in a row."""
        now = time.monotonic()
        for watched in self.watched:
            if watched.retry_at is None and not watched.process.running:
                self._note_end(watched, now)
            elif watched.retry_at is not None and now >= watched.retry_at:
                watched.retry_at, watched.started = None, now
                watched.process.start()

    def _note_end(self, watched: _Watched, now: float) -> None:
        watched.failures = 1 if now - watched.started > HEALTHY_AFTER_S else watched.failures + 1
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (watched.failures - 1))
        watched.retry_at = now + pause
        process = watched.process
        self.say(f"! {process.name} ended (status {process.exit_status}); starting it again in {pause:.0f} s. "
                 f"Log: {process.log}")  # fmt: skip

    def failing(self) -> list[GuardedProcess]:
        """Processes that ended three times in a row."""
        return [watched.process for watched in self.watched if watched.failures >= 3]

    def stop(self) -> None:
        """Ask every process to stop, then wait for all of them; each guard kills its own after the grace time."""
        for watched in self.watched:
            watched.process.ask_to_stop()
        for watched in self.watched:
            watched.process.wait_stopped()
