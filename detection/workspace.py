"""Where trainings under way keep their state: one folder a run under the media root, removed when the run has ended.

Nothing serves these folders and no row names them, so ``verify`` passes them over. What workers left behind that died,
here or among the files of models that wait for their inspection, is swept up in time.
"""

import logging
import shutil
from datetime import timedelta
from pathlib import Path

from django.db.models import Q
from django.db.models.functions import Now

from config.errors import UnavailableError
from detection.choices import FINAL_STATES
from detection.models import ModelImport, TrainingRun
from labeling import media

logger = logging.getLogger(__name__)

GRACE_S = 60
"""A worker that has just lost its run may still be writing into the folder, or reading the file."""


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
    if _root().is_dir():
        found = {int(path.name) for path in _root().iterdir() if path.name.isdecimal()}
        for run_id in TrainingRun.objects.filter(_long_ended(), pk__in=found).values_list("pk", flat=True):
            remove(run_id)


def sweep_imports() -> None:
    """Remove model files whose worker died between the verdict and their removal, or over them three times."""
    try:
        ended = ModelImport.objects.filter(_long_ended(), file_key__in=media.waiting_keys())
        for key in ended.values_list("file_key", flat=True):
            media.withdraw(key)
    except UnavailableError:
        logger.warning("files of ended imports are swept up once the bucket answers")


def _long_ended() -> Q:
    return Q(state__in=FINAL_STATES, finished_at__lt=Now() - timedelta(seconds=GRACE_S))


def _root() -> Path:
    return media.root() / "training"
