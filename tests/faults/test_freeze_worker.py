"""A freeze whose worker is killed again and again ends once, with the version of an undisturbed one."""

import random
import time
import uuid
from collections.abc import Callable

import pytest
import redis
from django.conf import settings

from labeling import tasks
from labeling.choices import FreezeState
from labeling.models import DatasetFreeze, DatasetItem, DatasetVersion
from labeling.services import dataset_freeze, freeze_start
from tests.factories import LabelFactory, PatchFactory, StudyFactory
from tests.faults.workers import FreezeWorker

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WAIT_S = 60
KILLS = 2
PATCHES = 1200


@pytest.fixture
def worker(tmp_path):
    found = FreezeWorker(tmp_path)
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    yield found
    found.kill()


def wait_until(reached: Callable[[], bool], worker: FreezeWorker) -> None:
    """Wait; the reconciler is rung by hand, where beat rings it every five seconds."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < WAIT_S, worker.log_tail()
        tasks.reconcile()
        time.sleep(0.05)


def test_a_killed_freeze_ends_by_itself_and_nothing_is_there_twice(worker):
    study = StudyFactory.create()
    classes = list(study.classes.all())
    for n in range(PATCHES):
        LabelFactory.create(
            patch=PatchFactory.create(study=study), reader=study.created_by, label_class=classes[n % len(classes)]
        )
    freeze, _ = freeze_start(study=study, user=study.created_by, client_key=uuid.uuid4(), seed=3)
    moments = [round(random.uniform(0.0, 0.5), 2) for _ in range(KILLS)]
    for kill, moment in enumerate(moments, start=1):
        worker.start()
        wait_until(lambda number=kill: DatasetFreeze.objects.get().token >= number, worker)  # type: ignore[misc]
        time.sleep(moment)
        worker.kill()
        if DatasetFreeze.objects.get().state == FreezeState.DONE:
            break
    worker.start()
    wait_until(lambda: DatasetFreeze.objects.get().state not in (FreezeState.QUEUED, FreezeState.RUNNING), worker)

    freeze.refresh_from_db()
    assert (freeze.state, freeze.error) == (FreezeState.DONE, ""), moments
    version = DatasetVersion.objects.get()
    assert freeze.dataset == version
    assert DatasetItem.objects.count() == version.items.count() == PATCHES
    assert dataset_freeze(study=study, user=study.created_by, seed=3) == version
