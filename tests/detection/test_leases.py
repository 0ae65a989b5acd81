"""One worker has a row, by the database's clock, and only as long as it is alive."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from detection import leases, tasks
from detection.choices import BlockState, RunState
from detection.models import DetectionBlock, DetectionRun
from tests.detection.makers import DetectionRunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(people):
    found = DetectionRunFactory.create(slide__study=people.study, state=RunState.RUNNING, total=3)
    for n in range(3):
        DetectionBlock.objects.create(run=found, n=n, x=512 * n, y=0, w=512, h=512)
    return found


def try_to_take(run: DetectionRun) -> leases.Lease | None:
    return leases.claim(run.blocks.order_by("n"))


def take(run: DetectionRun) -> leases.Lease:
    lease = try_to_take(run)
    assert lease is not None
    return lease


def run_out(lease: leases.Lease) -> None:
    lease.model._default_manager.filter(pk=lease.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_a_block_is_taken_once_and_in_order(run):
    taken = [take(run) for _ in range(3)]
    assert [DetectionBlock.objects.get(pk=lease.pk).n for lease in taken] == [0, 1, 2]
    assert {(lease.token, lease.attempts) for lease in taken} == {(1, 1)}
    assert try_to_take(run) is None


def test_a_lease_that_ran_out_is_taken_with_a_higher_token(run):
    first = take(run)
    run_out(first)
    second = take(run)
    assert (second.pk, second.token, second.attempts) == (first.pk, 2, 2)
    assert not first.extend()
    assert not first.finish(state=BlockState.DONE, candidates=b"")
    assert second.finish(state=BlockState.DONE, candidates=b"")
    assert not second.finish(state=BlockState.DONE, candidates=b"x")


def test_the_lease_is_as_long_as_the_settings_say(run, settings):
    settings.LEASE_S = 100.0
    lease = take(run)
    left = DetectionBlock.objects.filter(pk=lease.pk, lease_until__gt=Now() + timedelta(seconds=90))
    assert left.exists()
    run_out(lease)
    assert lease.extend()
    assert left.exists()


def test_after_three_attempts_it_is_given_up_in_words(run):
    for _ in range(3):
        run_out(take(run))
    assert DetectionBlock.objects.get(run=run, n=0).attempts == 3
    assert DetectionBlock.objects.get(pk=take(run).pk).n == 1
    assert leases.fail_spent_blocks(run.blocks.all()) == 1
    block = run.blocks.get(n=0)
    assert (block.state, block.error) == (BlockState.FAILED, leases.WORKER_DIED)


def test_a_failed_attempt_waits_for_the_next_and_the_third_is_the_last(run):
    for attempt in range(3):
        lease = take(run)
        assert lease.give_back(error=f"attempt {attempt}")
    block = run.blocks.get(n=0)
    assert (block.state, block.error, block.attempts) == (BlockState.FAILED, "attempt 2", 3)


def test_a_worker_that_lost_its_lease_cannot_give_it_back(run):
    lease = take(run)
    run_out(lease)
    take(run)
    assert not lease.give_back(error="too late")
    assert run.blocks.get(n=0).error == ""


@pytest.mark.django_db(transaction=True)
def test_many_workers_never_share_a_block(run):
    DetectionBlock.objects.bulk_create(DetectionBlock(run=run, n=n, x=0, y=0, w=1, h=1) for n in range(3, 60))
    taken: list[leases.Lease] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        while (lease := try_to_take(run)) is not None:
            taken.append(lease)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == len({lease.pk for lease in taken}) == 60


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_keeps_a_lease_alive(run, settings):
    settings.LEASE_S = 0.8
    lease = take(run)
    with leases.Heartbeat(lease) as beat:
        time.sleep(1.6)
        assert take(run).pk != lease.pk
        assert not beat.lost.is_set()
    assert lease.finish(state=BlockState.DONE, candidates=b"")


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_tells_when_the_row_is_somebody_elses(run, settings):
    settings.LEASE_S = 0.4
    lease = take(run)
    with leases.Heartbeat(lease) as beat:
        DetectionBlock.objects.filter(pk=lease.pk).update(token=9)
        assert beat.lost.wait(5)


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_survives_a_database_that_does_not_answer(run, settings, monkeypatch):
    settings.LEASE_S = 0.4
    lease = take(run)
    calls: list[int] = []

    def extend(self: leases.Lease) -> bool:
        calls.append(1)
        raise DatabaseError("gone")

    monkeypatch.setattr(leases.Lease, "extend", extend)
    with leases.Heartbeat(lease) as beat:
        time.sleep(0.4)
        assert not beat.lost.is_set()
    assert len(calls) > 1


def test_the_reconciler_rings_for_what_nobody_has(run, monkeypatch, people):
    rung: list[int] = []
    monkeypatch.setattr(tasks.detect, "apply_async", lambda args, **_: rung.append(args[0]))
    queued = DetectionRunFactory.create(slide__study=people.study, number=50)
    ended = DetectionRunFactory.create(slide__study=people.study, number=51, state=RunState.CANCELLED)
    DetectionBlock.objects.create(run=queued, n=0, x=0, y=0, w=1, h=1)
    DetectionBlock.objects.create(run=ended, n=0, x=0, y=0, w=1, h=1)
    tasks.reconcile()
    assert sorted(rung) == sorted([run.pk, queued.pk])
    rung.clear()
    for _ in range(3):
        take(run)
    tasks.reconcile()
    assert rung == [queued.pk]


def test_the_reconciler_asks_little(run, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        leases.waiting_trainings()
        leases.waiting_detections()


def test_a_broker_that_does_not_answer_is_no_failure(run, monkeypatch):
    def refuse(*_, **__):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.detect, "apply_async", refuse)
    tasks.reconcile()
