"""The Celery door: each message says "look at this row"; the work itself is in ``runs``."""

import logging
from typing import Any

from celery import Task, shared_task
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

FORGOTTEN_S = 15
"""A bell that finds every worker busy for so long is dropped: the reconciler rings again, and bells never pile up."""


@shared_task
def train(run_id: int) -> None:
    """Work on a training run, or on one trial of it beside others; then ring again, so that no other run waits."""
    from detection import runs

    if runs.train(run_id):
        _ring(train, run_id)


@shared_task
def detect(run_id: int) -> None:
    """Work on a detection run for some seconds; ring again if something is left."""
    from detection import runs

    again = True
    try:
        again = runs.detect(run_id)
    finally:
        if again:
            _ring(detect, run_id)


@shared_task
def compare(comparison_id: int) -> None:
    """Compare a candidate with the current model."""
    from detection import runs

    runs.compare(comparison_id)


@shared_task
def import_model(import_id: int) -> None:
    """Inspect a model file from elsewhere."""
    from detection import runs

    runs.import_model(import_id)


@shared_task
def reconcile() -> None:
    """Ring again for runs that wait: no message is needed for a run to end."""
    from detection import leases, workspace

    workspace.sweep()
    workspace.sweep_imports()
    for run_id in leases.waiting_trainings():
        _ring(train, run_id)
    for run_id in leases.waiting_detections():
        _ring(detect, run_id)
    for run_id in leases.waiting_comparisons():
        _ring(compare, run_id)
    for run_id in leases.waiting_imports():
        _ring(import_model, run_id)


def _ring(task: "Task[Any, Any]", run_id: int) -> None:
    """Send a bell now; a broker that does not answer delays the work until the next reconciliation."""
    try:
        task.apply_async((run_id,), expires=FORGOTTEN_S, retry=False)
    except OperationalError:
        logger.warning("%s(%s) was not sent: the broker does not answer", task.name, run_id)
