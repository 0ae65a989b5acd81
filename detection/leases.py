"""Which runs wait for a worker; what a lease is stands in ``config.leases``."""

from django.db import models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from config.leases import WORKER_DIED, Heartbeat, Lease, claim, fail_spent, unheld, waiting
from detection.choices import OPEN_STATES, BlockState, RunState
from detection.models import DetectionBlock, DetectionRun, ModelComparison, ModelImport, TrainingRun

__all__ = ["WORKER_DIED", "Heartbeat", "Lease", "claim", "fail_spent", "unheld"]


def waiting_trainings() -> list[int]:
    """List the trainings that no worker has, after giving up on those that stopped three times."""
    return waiting(TrainingRun)


def waiting_comparisons() -> list[int]:
    """List the comparisons of models that no worker has, after giving up on those that stopped three times."""
    return waiting(ModelComparison)


def waiting_imports() -> list[int]:
    """List the imports of models that no worker has, after giving up on those that stopped three times."""
    return waiting(ModelImport)


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
