"""Which runs wait for a worker; what a lease is stands in ``config.leases``."""

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from config.leases import WORKER_DIED, Heartbeat, Lease, claim, fail_spent, unheld, waiting
from detection.choices import OPEN_STATES, BlockState, RunState
from detection.models import DetectionBlock, DetectionRun, ModelComparison, ModelImport, TrainingRun, Trial

__all__ = ["WORKER_DIED", "Heartbeat", "Lease", "claim", "fail_spent", "unheld"]


def waiting_trainings() -> list[int]:
    """List the trainings that no worker has, after giving up on those that stopped three times, and open searches."""
    return [*waiting(TrainingRun), *open_searches().values_list("pk", flat=True)]


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
