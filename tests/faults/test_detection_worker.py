"""A detection ends, once and with the same points, whatever happens to its worker or to the broker."""

import random
import time

import pytest
import redis
from django.conf import settings

from detection import services
from detection.choices import FINAL_STATES, BlockState, RunState
from detection.models import DetectionBlock, DetectionRun
from labeling.models import Slide
from tests.detection.makers import (
    current_model,
    disc_field,
    scattered,
    start_detection,
    store_slide,
    write_toy_checkpoint,
)
from tests.factories import StudyFactory
from tests.faults.workers import Workers

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

SIDE = 4096
WAIT_S = 90
KILLS = 20


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("toy") / "model.safetensors"
    write_toy_checkpoint(path)
    return path


@pytest.fixture(scope="module", params=[1], ids=lambda processes: f"{processes} processes")
def workers(request, django_db_setup, django_db_blocker, tmp_path_factory):
    with django_db_blocker.unblock():
        found = Workers(tmp_path_factory.mktemp("workers"), processes=request.param)
    broker().flushall()
    found.supervisor.start()
    yield found
    found.supervisor.stop()


@pytest.fixture
def slide(checkpoint, tmp_path) -> Slide:
    study = StudyFactory.create()
    current_model(study, checkpoint)
    return store_slide(study, disc_field(SIDE, SIDE, scattered(SIDE, SIDE)), tmp_path)


def broker() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def begin(slide: Slide) -> DetectionRun:
    return start_detection(slide, params={"block_px": 512})


def state(run: DetectionRun) -> str:
    run.refresh_from_db()
    return run.state


def ended(run: DetectionRun) -> bool:
    return state(run) in FINAL_STATES


def blocks_done(run: DetectionRun) -> int:
    run.refresh_from_db()
    return run.done


def under_way(run: DetectionRun, share: float) -> bool:
    return blocks_done(run) >= share * run.total


def test_a_killed_worker_costs_seconds_and_changes_no_point(workers, slide):
    warm_up = begin(slide)
    workers.wait_until(lambda: ended(warm_up), seconds=WAIT_S)
    calm = begin(slide)
    calm_s = workers.wait_until(lambda: ended(calm), seconds=WAIT_S)

    disturbed = begin(slide)
    disturbed_s = workers.wait_until(lambda: under_way(disturbed, 0.3), seconds=WAIT_S)
    workers.kill_detection()
    assert state(disturbed) == RunState.RUNNING
    assert disturbed.blocks.exclude(state=BlockState.DONE).exists()
    disturbed_s += workers.wait_until(lambda: ended(disturbed), seconds=WAIT_S)

    assert (calm.state, state(disturbed)) == (RunState.DONE, RunState.DONE)
    assert disturbed.points_sha256 == calm.points_sha256
    assert disturbed.count == calm.count
    assert (calm.count or 0) > 1000
    assert not DetectionBlock.objects.filter(run=disturbed).exclude(state=BlockState.DONE).exists()
    assert disturbed_s - calm_s < 30


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [1, 2, 4], indirect=True, ids=lambda processes: f"{processes} processes")
def test_twenty_kills_and_an_emptied_broker_change_no_point(workers, checkpoint, tmp_path):
    study = StudyFactory.create()
    current_model(study, checkpoint)
    slide = store_slide(study, disc_field(2 * SIDE, 2 * SIDE, scattered(2 * SIDE, 2 * SIDE)), tmp_path)
    calm = begin(slide)
    workers.wait_until(lambda: ended(calm), seconds=4 * WAIT_S)

    disturbed, chance = begin(slide), random.Random(KILLS)
    for number in range(KILLS):
        more = disturbed.done + chance.randint(1, 4)
        workers.wait_until(lambda more=more: blocks_done(disturbed) >= more, seconds=WAIT_S)
        assert state(disturbed) == RunState.RUNNING
        workers.kill_detection()
        workers.forgive()
        if number == KILLS // 2:
            broker().flushall()
    workers.wait_until(lambda: ended(disturbed), seconds=4 * WAIT_S)

    assert (calm.state, state(disturbed)) == (RunState.DONE, RunState.DONE)
    assert disturbed.points_sha256 == calm.points_sha256
    assert (disturbed.done, disturbed.area_px, disturbed.count) == (calm.done, calm.area_px, calm.count)
    assert DetectionBlock.objects.filter(run=disturbed, attempts__gt=1).exists()


def test_an_emptied_broker_delays_and_loses_nothing(workers, slide):
    run = begin(slide)
    broker().flushall()
    workers.wait_until(lambda: under_way(run, 0.2), seconds=WAIT_S)
    broker().flushall()
    workers.wait_until(lambda: ended(run), seconds=WAIT_S)
    assert run.state == RunState.DONE
    assert run.done == run.total


def test_a_cancel_holds(workers, slide):
    run = begin(slide)
    workers.wait_until(lambda: under_way(run, 0.1), seconds=WAIT_S)
    services.detection_cancel(run=run)
    time.sleep(1)
    done = run.blocks.filter(state=BlockState.DONE).count()
    workers.kill_detection()
    workers.wait_until(lambda: workers.detection.running, seconds=WAIT_S)
    time.sleep(6)
    assert state(run) == RunState.CANCELLED
    assert run.blocks.filter(state=BlockState.DONE).count() == done < run.total
    assert run.points_sha256 == ""
