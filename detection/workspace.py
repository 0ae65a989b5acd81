"""Where trainings under way keep their state: one folder a run under the media root, removed when the run has ended.

Nothing serves these folders and no row names them, so ``verify`` passes them over. What workers left behind that died,
here or among the files of models that wait for their inspection, is swept up in time.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.db.models import Q
from django.db.models.functions import Now

from config.errors import UnavailableError
from detection.choices import FINAL_STATES
from detection.models import ModelImport, TrainingRun
from labeling import handover, media

logger = logging.getLogger(__name__)

GRACE_S = 60
"""A worker that has just lost its run may still be writing into the folder, or reading the file."""


def folder(run_id: int) -> Path:
    """Give the folder of a run, made where it is not there."""
    path = _root() / str(run_id)
    path.mkdir(parents=True, exist_ok=True)
    return path


def remove(run_id: int) -> None:
    """Remove a run's folder, if there is one, and what was shared of it."""
    shutil.rmtree(_root() / str(run_id), ignore_errors=True)
    with _once_the_bucket_answers():
        handover.unshare(run_id)


def sweep() -> None:
    """Remove what is left of runs that ended without their worker: cancelled while it was dead, or failed with it."""
    found = {int(path.name) for path in _root().glob("*") if path.name.isdecimal()}
    with _once_the_bucket_answers():
        found |= handover.shared_runs()
    for run_id in TrainingRun.objects.filter(_long_ended(), pk__in=found).values_list("pk", flat=True):
        remove(run_id)


def sweep_imports() -> None:
    """Remove model files whose worker died between the verdict and their removal, or over them three times."""
    with _once_the_bucket_answers():
        ended = ModelImport.objects.filter(_long_ended(), file_key__in=handover.waiting_keys())
        for key in ended.values_list("file_key", flat=True):
            handover.withdraw(key)


@contextmanager
def _once_the_bucket_answers() -> Iterator[None]:
    """Put off the sweeping up until the next time."""
    try:
        yield
    except UnavailableError:
        logger.warning("what ended runs left is swept up once the bucket answers")


def _long_ended() -> Q:
    return Q(state__in=FINAL_STATES, finished_at__lt=Now() - timedelta(seconds=GRACE_S))


def _root() -> Path:
    return media.root() / "training"
