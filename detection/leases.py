"""Leases: which worker has a row, by the database's clock, so that a killed worker's row is taken again and none twice.

Any model with ``state`` (queued, running, …), ``token``, ``attempts`` and ``lease_until`` can be leased.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from detection.choices import OPEN_STATES, BlockState, RunState
from detection.models import DetectionBlock, DetectionRun, ModelComparison, ModelImport, TrainingRun, Trial

logger = logging.getLogger(__name__)

QUEUED, RUNNING = "queued", "running"
WORKER_DIED = (
    "The worker stopped in the middle of this three times. Ask an admin to look at the server's memory and log."
)
_BEATS_A_LEASE = 8


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

    def extend(self) -> bool:
        """Tell that we are still alive; False: the row is not ours any more."""
        return self.update(lease_until=_until())

    def finish(self, **values: Any) -> bool:
        """End the work with these values; False: throw the work away."""
        return self.update(lease_until=None, **values)

    def give_back(self, *, error: str, rest: str = QUEUED, **failed: Any) -> bool:
        """Note that this attempt failed: the row rests until the next one, or has failed with the last one.

        Args:
            error: why, in words.
            rest: state in which the row waits.
            failed: further values for the case that this was the last attempt.
        """
        if self.attempts < settings.LEASE_ATTEMPTS:
            return self.update(state=rest, lease_until=None, error=error)
        return self.update(state="failed", lease_until=None, error=error, **failed)


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
    return spent.update(state="failed", lease_until=None, error=WORKER_DIED, **failed)


class Heartbeat:
    """Extends a lease from a second thread while the work, one long call, goes on.

    Attributes:
        lost: set once the row is not ours any more: taken over, or cancelled.
    """

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.lost = threading.Event()
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

    def _beat(self) -> None:
        pause_s = min(1.0, settings.LEASE_S / _BEATS_A_LEASE)
        while not self._over.wait(pause_s):
            try:
                if not self.lease.extend():
                    self.lost.set()
                    break
            except DatabaseError:
                logger.warning("the lease of %s %s could not be extended", self.lease.model.__name__, self.lease.pk)
                connection.close()
        connection.close()


def waiting_trainings() -> list[int]:
    """List the trainings that no worker has, after giving up on those that stopped three times, and open searches."""
    return [*_waiting(TrainingRun), *open_searches().values_list("pk", flat=True)]


def open_searches() -> "models.QuerySet[TrainingRun]":
    """Searches under way in which another worker could help: a trial is free, or may still be begun."""
    trials = Trial.objects.filter(run=OuterRef("pk"))
    within = Q(minutes__isnull=True) | Q(seconds__lt=60 * F("minutes"))
    begun = TrainingRun.objects.annotate(begun=models.Count("trials")).filter(
        within, state=RunState.RUNNING, lease_until__gte=Now(), stop_asked_at__isnull=True, begun__gte=1
    )
    return begun.filter(Exists(trials.filter(unheld())) | Q(begun__lt=F("trial_limit"))).order_by("pk")


def waiting_comparisons() -> list[int]:
    """List the comparisons of models that no worker has, after giving up on those that stopped three times."""
    return _waiting(ModelComparison)


def waiting_imports() -> list[int]:
    """List the imports of models that no worker has, after giving up on those that stopped three times."""
    return _waiting(ModelImport)


def _waiting(model: type[models.Model]) -> list[int]:
    rows = model._default_manager.all()
    fail_spent(rows, error_code="worker_died", message="", finished_at=Now())
    return list(rows.filter(unheld()).order_by("pk").values_list("pk", flat=True))


def waiting_detections() -> list[int]:
    """List the detections that a worker could go on with: a block is free, or nothing but the end is missing."""
    open_runs = DetectionRun.objects.filter(state__in=OPEN_STATES)
    blocks = DetectionBlock.objects.filter(run=OuterRef("pk"))
    fail_spent_blocks(DetectionBlock.objects.filter(run__in=open_runs.values("pk")))
    fail_spent(
        DetectionRun.objects.filter(state=RunState.RUNNING),
        error_code="worker_died",
        message="",
        finished_at=Now(),
    )
    held = blocks.filter(state=BlockState.RUNNING, lease_until__gte=Now())
    rows = open_runs.filter(unheld()).filter(Exists(blocks.filter(unheld())) | ~Exists(held))
    return list(rows.order_by("pk").values_list("pk", flat=True))


def fail_spent_blocks(blocks: "models.QuerySet[DetectionBlock]") -> int:
    """Give up blocks whose worker died three times."""
    return fail_spent(blocks)
