"""The worker's freezing of labels: from a wish to a data-set version, which appears whole or not at all."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from config import leases
from labeling import freezing
from labeling.choices import FreezeState
from labeling.models import DatasetFreeze


def freeze(freeze_id: int) -> None:
    """Freeze, if the wish waits for a worker; whatever happens ends on its row.

    Args:
        freeze_id: a freeze; one that has ended, or that another worker has, is left alone.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row.
    """
    lease = leases.claim(DatasetFreeze.objects.filter(pk=freeze_id))
    if lease is None:
        return
    with leases.owned(lease, what="freeze") as beat:
        _freeze(lease, beat)


def waiting_freezes() -> list[int]:
    """List the freezes that no worker has, after giving up on those that stopped three times."""
    return leases.waiting(DatasetFreeze)


def _freeze(lease: leases.Lease, beat: leases.Heartbeat) -> None:
    """Store the version and end the freeze in one transaction, unless it is not ours any more."""
    row = DatasetFreeze.objects.select_related("study", "created_by").get(pk=lease.pk)
    asked = row.asked | {"choices": freezing.FreezeChoices(**row.asked["choices"])}
    prepared = freezing.prepare(study=row.study, user=row.created_by, **asked, tell=beat.tell)
    with transaction.atomic():
        version = freezing.store(prepared, tell=beat.tell)
        ended: dict[str, Any] = {"state": FreezeState.DONE, "message": "", "error": "", "error_code": ""}
        if not lease.finish(**ended, dataset=version, finished_at=Now()):
            raise leases.LostError
