"""Leases: which worker has a row, by the database's clock, so that a killed worker's row is taken again and none twice.

Any model with ``state`` (queued, running, …), ``token``, ``attempts`` and ``lease_until`` can be leased.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from config.errors import DomainError, UnavailableError

logger = logging.getLogger(__name__)

QUEUED, RUNNING, FAILED = "queued", "running", "failed"
WORKER_DIED = (
    "The worker stopped in the middle of this three times. Ask an admin to look at the server's memory and log."
)
_BEATS_A_LEASE = 8
PAUSE_S = 20.0
"""How long a row rests when something that the work needs does not answer."""


class LostError(Exception):
    """The row was cancelled, or another worker has taken it over: what is computed here is thrown away."""


def _until() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_S)


def unheld() -> Q:
    """Rows that wait, and rows whose worker has not been heard of for a lease."""
    return Q(state=QUEUED) | Q(state=RUNNING) & (Q(lease_until__isnull=True) | Q(lease_until__lt=Now()))


@dataclass(frozen=True)
class Lease:
    """The right to work on one row, as long as nobody else has taken it with a higher token."""

    model: type[models.Model]
    pk: int
    token: int
    attempts: int
    also: Q = field(default_factory=Q)
    """What else must hold, such as that the run of a trial is open."""

    def update(self, **values: Any) -> bool:
        """Change the row if it is still ours; False: somebody else has it, or it was cancelled."""
        mine = self.model._default_manager.filter(self.also, pk=self.pk, token=self.token, state=RUNNING)
        return mine.update(**values) == 1

    def extend(self, **news: Any) -> bool:
        """Tell that we are still alive, and what is new; False: the row is not ours any more."""
        return self.update(lease_until=_until(), **news)

    def finish(self, **values: Any) -> bool:
        """End the work with these values; False: throw the work away."""
        return self.update(lease_until=None, **values)

    def postpone(self, **news: Any) -> bool:
        """Let the row rest for a moment and be taken again; it was nobody's fault, so the attempt does not count."""
        until = Now() + timedelta(seconds=PAUSE_S)
        return self.update(lease_until=until, attempts=F("attempts") - 1, **news)

    def give_back(self, *, error: str, rest: str = QUEUED, **failed: Any) -> bool:
        """Note that this attempt failed: the row rests until the next one, or has failed with the last one.

        Args:
            error: why, in words.
            rest: state in which the row waits.
            failed: further values for the case that this was the last attempt.
        """
        if self.attempts < settings.LEASE_ATTEMPTS:
            return self.update(state=rest, lease_until=None, error=error)
        return self.update(state=FAILED, lease_until=None, error=error, **failed)


def claim(rows: "models.QuerySet[Any]", *, also: Q | None = None) -> Lease | None:
    """Take the first free row of a queryset, by the database's clock; rows locked by others are passed over.

    Args:
        rows: restricted and ordered by the caller.
        also: what else must hold for the row to be ours later on.

    Returns:
        The lease, or None where no row is free.
    """
    free = rows.filter(unheld(), attempts__lt=settings.LEASE_ATTEMPTS)
    with transaction.atomic():
        row = free.select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return None
        row._meta.model._default_manager.filter(pk=row.pk).update(
            state=RUNNING, token=F("token") + 1, attempts=F("attempts") + 1, lease_until=_until()
        )
    return Lease(row._meta.model, row.pk, row.token + 1, row.attempts + 1, also or Q())


def fail_spent(rows: "models.QuerySet[Any]", **failed: Any) -> int:
    """Give up rows that were tried three times without an end.

    Args:
        rows: restricted by the caller.
        failed: further values of a failed row.

    Returns:
        How many.
    """
    spent = rows.filter(unheld(), attempts__gte=settings.LEASE_ATTEMPTS)
    return spent.update(state=FAILED, lease_until=None, error=WORKER_DIED, **failed)


def waiting(model: type[models.Model]) -> list[int]:
    """List the rows that no worker has, after giving up on those that stopped three times."""
    rows = model._default_manager.all()
    fail_spent(rows, error_code="worker_died", message="", finished_at=Now())
    return list(rows.filter(unheld()).order_by("pk").values_list("pk", flat=True))


class Heartbeat:
    """Extends a lease from a second thread while the work, one long call, goes on.

    Attributes:
        lost: set once the row is not ours any more: taken over, or cancelled.
    """

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.lost = threading.Event()
        self._news: dict[str, Any] = {}
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"lease of {lease.pk}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def say(self, **news: Any) -> None:
        """Put progress on the row with the next beat; that is another connection, so it shows during a transaction.

        Args:
            news: fields of the row; what was said before and not written yet is forgotten.

        Raises:
            LostError: the row is not ours any more.
        """
        self._news = news
        if self.lost.is_set():
            raise LostError

    def tell(self, message: str, done: int, total: int) -> None:
        """Say how far the work is; see ``labeling.progress.Tell``.

        Raises:
            LostError: the row is not ours any more.
        """
        self.say(message=message, done=done, total=total)

    def hush(self) -> None:
        """Forget what was said and not written, before the work itself writes the same fields."""
        with self._writing:
            self._news = {}

    def _beat(self) -> None:
        pause_s = min(1.0, settings.LEASE_S / _BEATS_A_LEASE)
        while not self._over.wait(pause_s):
            try:
                if not self._extend():
                    self.lost.set()
                    break
            except DatabaseError:
                logger.warning("the lease of %s %s could not be extended", self.lease.model.__name__, self.lease.pk)
                connection.close()
        connection.close()

    def _extend(self) -> bool:
        with self._writing:
            news, self._news = self._news, {}
            return self.lease.extend(**news)


@contextmanager
def owned(lease: Lease, *, what: str) -> Iterator[Heartbeat]:
    """Work on a leased run.

    Args:
        lease: of the run.
        what: names the work in the words for what nobody foresaw, e.g. "comparison".

    Yields:
        The heartbeat; it tells when the run is not ours any more.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row; the run is tried three times.
    """
    lease.update(started_at=Now(), done=0)
    try:
        with Heartbeat(lease) as beat:
            yield beat
    except LostError:
        logger.info("%s %s was cancelled or taken over", what, lease.pk)
    except UnavailableError as error:
        lease.postpone(message=error.message)
    except DomainError as error:
        lease.finish(state=FAILED, error_code=error.code, error=error.message, message="", finished_at=Now())
    except Exception as error:
        words = f"The {what} stopped by itself ({type(error).__name__}). It is tried three times."
        lease.give_back(error=words, error_code=f"{what}_crashed", message="", finished_at=Now())
        raise
