"""When a training run may not begin another step, and why."""

import time

from config.leases import LostError
from detection.choices import WhyStopped
from detection.leases import Heartbeat
from detection.models import TrainingRun

LOST = "lost"
_ASK_EVERY_S = 1.0


class StoppedEmptyError(Exception):
    """Somebody asked to stop before anything was validated: there is nothing to keep."""


class Reins:
    """Says whether to stop; asked at every step, so it looks at the row once a second only.

    Args:
        run: its ``seconds`` are those of earlier attempts.
        beat: of the run's lease; None for a worker that helps whoever has the run, and takes the time from the row.
    """

    def __init__(self, run: TrainingRun, beat: Heartbeat | None = None) -> None:
        self.run, self.beat = run, beat
        self._began = time.monotonic()
        self._looked = -_ASK_EVERY_S
        self._asked, self._told_s = False, run.seconds

    def spent_s(self) -> float:
        """Seconds of computing so far, over all attempts; of workers side by side those of the run's own."""
        if self.beat is None:
            return self._told_s
        return self.run.seconds + time.monotonic() - self._began

    def why(self) -> str:
        """Give "lost", "asked" or "budget"; empty while the work may go on."""
        if self.is_lost():
            return LOST
        if self.asked():
            return WhyStopped.ASKED
        if self.run.minutes is not None and self.spent_s() >= 60 * self.run.minutes:
            return WhyStopped.BUDGET
        return ""

    def asked(self) -> bool:
        """Tell whether somebody has asked to stop."""
        now = time.monotonic()
        if not self._asked and now - self._looked >= _ASK_EVERY_S:
            self._looked = now
            asked_at, self._told_s = TrainingRun.objects.values_list("stop_asked_at", "seconds").get(pk=self.run.pk)
            self._asked = asked_at is not None
        return self._asked

    def is_lost(self) -> bool:
        """Tell whether the run was cancelled, or taken over by another worker."""
        return self.beat is not None and self.beat.lost.is_set()

    def check_held(self) -> None:
        """Leave the work if the run is not ours any more.

        Raises:
            LostError: it is not.
        """
        if self.is_lost():
            raise LostError
