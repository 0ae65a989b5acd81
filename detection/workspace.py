"""Where trainings under way keep their state: one folder a run under the media root, removed when the run has ended.

Nothing serves these folders and no row names them, so ``verify`` passes them over.
"""

import shutil
from datetime import timedelta
from pathlib import Path

from django.db.models.functions import Now

from detection.choices import FINAL_STATES
from detection.models import TrainingRun
from labeling import media

GRACE_S = 60
"""A worker that has just lost its run may still be writing into the folder."""


def folder(run_id: int) -> Path:
    """Give the folder of a run, made where it is not there."""
    path = _root() / str(run_id)
    path.mkdir(parents=True, exist_ok=True)
    return path


def remove(run_id: int) -> None:
    """Remove a run's folder, if there is one."""
    shutil.rmtree(_root() / str(run_id), ignore_errors=True)


def sweep() -> None:
    """Remove what is left of runs that ended without their worker: cancelled while it was dead, or failed with it."""
    if not _root().is_dir():
        return
    found = {int(path.name) for path in _root().iterdir() if path.name.isdecimal()}
    ended = TrainingRun.objects.filter(
        pk__in=found, state__in=FINAL_STATES, finished_at__lt=Now() - timedelta(seconds=GRACE_S)
    )
    for run_id in ended.values_list("pk", flat=True):
        remove(run_id)


def _root() -> Path:
    return media.root() / "training"
