"""Searches whose workers are killed again and again end once, with the weights of an undisturbed one."""

import random
import time
from collections.abc import Callable

import pytest
import redis
from django.conf import settings
from django.db.models.functions import Now

from detection import runs, tasks, workspace
from detection.choices import FINAL_STATES, RunState, TrialState
from detection.models import ModelVersion, TrainingRun, Trial
from detection.nn.checkpoint import load_checkpoint, weights_hash
from labeling import media
from labeling.models import DatasetItem, DatasetVersion
from tests.detection.makers import add_toy_labels, start_training
from tests.factories import LabelFactory, PatchFactory, StudyFactory
from tests.faults.workers import TrainingWorker

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

KILLS = 5
WAIT_S = 180
RECIPE = {"epochs": 0, "max_steps": 170, "validate_every_steps": 10, "patience_steps": 100_000}
SPACE = {"max_steps": [150, 170], "learning_rate": [1e-3, 1e-2], "patience_steps": [100_000, 100_000]}


@pytest.fixture
def worker(tmp_path):
    found = TrainingWorker(tmp_path)
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    yield found
    found.kill()


def wait_until(reached: Callable[[], bool], *workers: TrainingWorker) -> None:
    """Wait; the reconciler is rung by hand, where beat rings it every five seconds."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < WAIT_S, "\n".join(worker.log_tail() for worker in workers)
        tasks.reconcile()
        time.sleep(0.25)


def fresh(run: TrainingRun) -> TrainingRun:
    run.refresh_from_db()
    return run


def is_under_way(run: TrainingRun, claim: int) -> bool:
    """Claimed so often; every other time farther than before too, for three deaths without progress fail a run."""
    run.refresh_from_db()
    return run.token >= claim and (claim % 2 == 0 or (run.attempts == 1 and run.done > 0))


def test_a_killed_search_ends_by_itself_with_the_same_weights(worker):
    study = StudyFactory.create()
    add_toy_labels(study)
    calm = start_training(study, trials=2, folds=2, recipe=RECIPE, space=SPACE)
    runs.train(calm.pk)

    run = start_training(study, trials=2, folds=2, recipe=RECIPE, space=SPACE, dataset=calm.dataset_id)
    moments = [round(random.uniform(0.0, 0.8), 2) for _ in range(KILLS)]
    for kill, moment in enumerate(moments, start=1):
        worker.start()
        wait_until(lambda number=kill: is_under_way(run, number), worker)  # type: ignore[misc]
        time.sleep(moment)
        worker.kill()
        assert fresh(run).state == RunState.RUNNING, f"the kills {moments} came too late\n{worker.log_tail()}"
    worker.start()
    wait_until(lambda: fresh(run).state in FINAL_STATES, worker)

    assert (fresh(calm).state, run.state, run.error) == (RunState.DONE, RunState.DONE, "")
    assert run.token >= KILLS + 1
    assert_same(run, calm)
    assert not (workspace.folder(0).parent / str(run.pk)).exists()


def test_a_training_killed_while_it_freezes_ends_with_one_version(worker):
    study = StudyFactory.create()
    classes = list(study.classes.all())
    for n in range(1200):
        LabelFactory.create(patch=PatchFactory.create(study=study), label_class=classes[n % 2], reader=study.created_by)
    run = start_training(study, recipe=RECIPE | {"max_steps": 20})
    moments = [round(random.uniform(0.0, 0.6), 2) for _ in range(2)]
    for kill, moment in enumerate(moments, start=1):
        worker.start()
        wait_until(lambda number=kill: fresh(run).token >= number, worker)  # type: ignore[misc]
        time.sleep(moment)
        worker.kill()
        assert fresh(run).state == RunState.RUNNING, f"the kills {moments} came too late\n{worker.log_tail()}"
    worker.start()
    wait_until(lambda: fresh(run).state in FINAL_STATES, worker)

    assert (run.state, run.error) == (RunState.DONE, ""), moments
    assert run.dataset == DatasetVersion.objects.get()
    assert DatasetItem.objects.count() == 1200
    assert ModelVersion.objects.get().trial == run.trials.get()


def assert_same(run: TrainingRun, calm: TrainingRun) -> None:
    """One model each, of the same trial and with the same weights; no training twice."""
    made, undisturbed = (ModelVersion.objects.get(trial__run=one) for one in (run, calm))
    weights = [weights_hash(load_checkpoint(media.path_of(model.sha256))[0]) for model in (made, undisturbed)]
    assert weights[0] == weights[1]
    assert Trial.objects.get(model=made).number == Trial.objects.get(model=undisturbed).number
    for trial, twin in zip(run.trials.all(), calm.trials.all(), strict=True):
        assert (trial.state, trial.parameters) == (TrialState.DONE, twin.parameters)
        assert [one["fold"] for one in trial.fold_results] == [one["fold"] for one in twin.fold_results]
        assert trial.validation_loss == twin.validation_loss


def held(run: TrainingRun) -> set[int]:
    """Trials that a living worker has."""
    rows = run.trials.filter(state=TrialState.RUNNING, lease_until__gte=Now())
    return set(rows.values_list("number", flat=True))


def test_two_workers_share_a_search_and_each_may_be_killed(tmp_path):
    study = StudyFactory.create()
    add_toy_labels(study)
    calm = start_training(study, trials=6, recipe=RECIPE, space=SPACE)
    runs.train(calm.pk)

    redis.Redis.from_url(settings.REDIS_URL).flushall()
    run = start_training(study, trials=6, recipe=RECIPE, space=SPACE, dataset=calm.dataset_id)
    workers = [TrainingWorker(tmp_path, name) for name in ("first", "second")]
    try:
        for worker in workers:
            worker.start()
        for victim in workers:
            wait_until(lambda: len(held(run)) == 2, *workers)
            time.sleep(round(random.uniform(0.0, 0.5), 2))
            victim.kill()
            victim.start()
        wait_until(lambda: fresh(run).state in FINAL_STATES, *workers)
    finally:
        for worker in workers:
            worker.kill()
    assert (run.state, run.error) == (RunState.DONE, "")
    assert_same(run, calm)
