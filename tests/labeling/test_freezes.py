"""Freezing in the background: asked for once, done once, told in words, ended by whoever asks."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from config import leases
from labeling import dataset_columns, freezing, runs, tasks
from labeling.choices import FreezeState
from labeling.models import DatasetFreeze, DatasetItem, DatasetVersion, Patch
from labeling.services import dataset_freeze, freeze_cancel, freeze_start
from tests.factories import LabelFactory, PatchFactory, StudyFactory, UserFactory

pytestmark = pytest.mark.django_db
works = pytest.mark.django_db(transaction=True)
"""Where the worker works: its heartbeat looks from another connection, so rows must be committed."""
KEY = "6e2dd7b4-1f3c-4b53-9a51-0f5f5b7c1d11"


@pytest.fixture
def labelled(people):
    """20 cells of each class without a slide, by one reader."""
    reader = UserFactory.create()
    for label_class in people.study.classes.all():
        for _ in range(20):
            LabelFactory.create(patch=PatchFactory.create(study=people.study), reader=reader, label_class=label_class)
    return reader


def ask(people, who="admin", **wish):
    path = f"/api/studies/{people.study.pk}/dataset-freezes"
    return people.client(who).post(path, {"client_key": uuid.uuid4(), **wish}, format="json")


def queued(people, **wish) -> DatasetFreeze:
    return DatasetFreeze.objects.get(pk=ask(people, **wish).json()["id"])


def fresh(freeze: DatasetFreeze) -> DatasetFreeze:
    freeze.refresh_from_db()
    return freeze


def nothing_stored() -> bool:
    return not DatasetVersion.objects.exists() and not DatasetItem.objects.exists()


@works
def test_a_wish_is_answered_at_once_and_becomes_a_version(people, labelled):
    answer = ask(people, name="Spring", split="random")
    assert answer.status_code == 201
    found = answer.json()
    assert (found["state"], found["name"], found["split"], found["dataset"]) == ("queued", "Spring", "random", None)
    assert found["progress"] == {"done": 0, "total": 0, "message": "Waiting for a worker"}
    assert nothing_stored()
    tasks.freeze(found["id"])
    ended = people.client("lab").get(f"/api/dataset-freezes/{found['id']}").json()
    version = DatasetVersion.objects.get()
    assert (ended["state"], ended["dataset"], ended["error"]) == ("done", version.pk, None)
    assert (version.name, version.created_by, version.items.count()) == ("Spring", people.admin, 40)


@works
def test_a_wish_done_twice_is_done_once(people, labelled):
    freeze = queued(people)
    tasks.freeze(freeze.pk)
    before = DatasetFreeze.objects.values().get()
    tasks.freeze(freeze.pk)
    assert DatasetFreeze.objects.values().get() == before
    assert DatasetVersion.objects.count() == 1


@works
def test_a_key_stands_for_one_wish(people, labelled):
    first, again = (ask(people, client_key=KEY, name="Spring") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = ask(people, client_key=KEY, name="Summer")
    assert (other.status_code, other.json()["code"]) == (409, "client_key_reused")
    tasks.freeze(first.json()["id"])
    assert ask(people, client_key=KEY, name="Spring").json()["state"] == "done"
    assert DatasetFreeze.objects.count() == 1


@works
def test_the_same_content_by_another_wish_is_the_same_version(people, labelled):
    freezes = [queued(people), queued(people)]
    for freeze in freezes:
        tasks.freeze(freeze.pk)
    assert {fresh(freeze).dataset for freeze in freezes} == {DatasetVersion.objects.get()}


@pytest.mark.parametrize(
    "wish",
    [
        {"split": "sideways"},
        {"seed": -1},
        {"guard_px": -1},
        {"name": "x" * 121},
        {"sources": ["thin air"]},
        {"slides": ["one"]},
        {"client_key": "none"},
        {"client_key": None},
    ],
)
def test_bad_wishes_are_refused_and_leave_nothing(people, labelled, wish):
    answer = ask(people, **wish)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not DatasetFreeze.objects.exists()


@works
@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        ({"slides": [10**9]}, "dataset_too_few", "at least 10 are needed"),
        ({"reader": 10**9}, "dataset_reader_unknown", "Choose another reader"),
    ],
)
def test_what_cannot_be_frozen_is_told_in_words(people, labelled, wish, code, words):
    freeze = queued(people, **wish)
    tasks.freeze(freeze.pk)
    found = people.client("admin").get(f"/api/dataset-freezes/{freeze.pk}").json()
    assert (found["state"], found["error"]["code"], found["progress"]["message"]) == ("failed", code, "")
    assert words in found["error"]["message"]
    assert nothing_stored()
    assert runs.waiting_freezes() == []


@works
def test_a_name_is_given_once_and_refused_at_once(people, labelled):
    freeze = queued(people, name="Spring")
    for seed in (1, 2):
        answer = ask(people, name="Spring", seed=seed)
        assert (answer.status_code, answer.json()["code"]) == (409, "dataset_name_taken")
        tasks.freeze(freeze.pk)
    assert fresh(freeze).state == FreezeState.DONE


@works
def test_a_name_that_was_taken_meanwhile_is_refused_at_the_end(people, labelled):
    freeze = queued(people, name="Spring")
    choices = freezing.FreezeChoices(name="Spring")
    dataset_freeze(study=people.study, user=people.admin, seed=5, choices=choices)
    tasks.freeze(freeze.pk)
    assert (fresh(freeze).state, freeze.error_code) == (FreezeState.FAILED, "dataset_name_taken")
    assert DatasetVersion.objects.count() == 1


def test_who_may_what(people, labelled):
    freeze = queued(people)
    for who, sees, asks in (
        ("pathologist", 200, 403),
        ("lab", 200, 403),
        ("stranger", 404, 404),
        ("nobody", 401, 401),
        ("site_admin", 200, 201),
    ):
        client = people.client(who)
        assert client.get(f"/api/studies/{people.study.pk}/dataset-freezes").status_code == sees
        assert client.get(f"/api/dataset-freezes/{freeze.pk}").status_code == sees
        assert ask(people, who=who).status_code == asks
        cancelled = client.post(f"/api/dataset-freezes/{freeze.pk}/cancel").status_code
        assert cancelled == (200 if asks == 201 else asks)
    admin = people.client("admin")
    assert admin.get("/api/dataset-freezes/999999").status_code == 404
    assert admin.delete(f"/api/dataset-freezes/{freeze.pk}").status_code == 405
    assert admin.get(f"/api/dataset-freezes/{freeze.pk}/cancel").status_code == 405


def test_the_list_is_newest_first_and_of_one_study(people, labelled, django_assert_max_num_queries):
    made = [queued(people, seed=seed).pk for seed in range(4)]
    elsewhere = StudyFactory.create()
    freeze_start(study=elsewhere, user=people.admin, client_key=uuid.uuid4())
    client = people.client("lab")
    with django_assert_max_num_queries(7):
        rows = client.get(f"/api/studies/{people.study.pk}/dataset-freezes").json()["results"]
    assert [row["id"] for row in rows] == made[::-1]


@works
def test_a_cancelled_wish_is_left_alone(people, labelled):
    freeze = queued(people)
    path = f"/api/dataset-freezes/{freeze.pk}/cancel"
    for _ in range(2):
        answer = people.client("admin").post(path)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    tasks.freeze(freeze.pk)
    assert fresh(freeze).state == FreezeState.CANCELLED
    assert nothing_stored()


@works
def test_a_version_that_is_there_is_not_cancelled(people, labelled):
    freeze = queued(people)
    tasks.freeze(freeze.pk)
    answer = people.client("admin").post(f"/api/dataset-freezes/{freeze.pk}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "freeze_ended")
    assert fresh(freeze).dataset is not None


@works
def test_a_cancel_while_it_is_prepared_leaves_nothing(people, labelled, monkeypatch):
    freeze = queued(people)
    prepare = freezing.prepare

    def prepared_and_cancelled(**options):
        prepared = prepare(**options)
        freeze_cancel(freeze=freeze)
        return prepared

    monkeypatch.setattr(freezing, "prepare", prepared_and_cancelled)
    runs.freeze(freeze.pk)
    assert (fresh(freeze).state, freeze.dataset) == (FreezeState.CANCELLED, None)
    assert nothing_stored()


@works
def test_whoever_lost_the_lease_stores_nothing(people, labelled, monkeypatch):
    freeze = queued(people)
    prepare = freezing.prepare

    def prepared_too_late(**options):
        prepared = prepare(**options)
        DatasetFreeze.objects.filter(pk=freeze.pk).update(token=7)
        return prepared

    monkeypatch.setattr(freezing, "prepare", prepared_too_late)
    runs.freeze(freeze.pk)
    assert (fresh(freeze).state, freeze.token) == (FreezeState.RUNNING, 7)
    assert nothing_stored()


def test_a_worker_that_died_is_followed_by_another_three_times_at_most(people, labelled):
    freeze = queued(people)
    for attempt in range(1, 4):
        assert runs.waiting_freezes() == [freeze.pk]
        lease = leases.claim(DatasetFreeze.objects.filter(pk=freeze.pk))
        assert lease is not None
        assert (lease.attempts, runs.waiting_freezes()) == (attempt, [])
        DatasetFreeze.objects.filter(pk=freeze.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert runs.waiting_freezes() == []
    assert (fresh(freeze).state, freeze.error_code) == (FreezeState.FAILED, "worker_died")
    assert "three times" in freeze.error


@works
def test_the_next_worker_ends_what_a_dead_one_began(people, labelled):
    freeze = queued(people)
    leases.claim(DatasetFreeze.objects.filter(pk=freeze.pk))
    tasks.freeze(freeze.pk)
    assert fresh(freeze).state == FreezeState.RUNNING
    DatasetFreeze.objects.filter(pk=freeze.pk).update(lease_until=Now() - timedelta(seconds=1))
    tasks.freeze(freeze.pk)
    assert (fresh(freeze).state, freeze.attempts) == (FreezeState.DONE, 2)


@works
def test_what_nobody_foresaw_is_tried_three_times(people, labelled, monkeypatch):
    freeze = queued(people)
    monkeypatch.setattr(freezing, "prepare", lambda **_: 1 / 0)
    for attempt in range(3):
        with pytest.raises(ZeroDivisionError):
            runs.freeze(freeze.pk)
        assert fresh(freeze).state == (FreezeState.QUEUED if attempt < 2 else FreezeState.FAILED)
    assert freeze.error_code == "freeze_crashed"


@works
def test_looks_that_were_taken_outlive_the_worker(people, labelled, monkeypatch):
    freeze = queued(people)

    def too_much(*_, **__):
        raise MemoryError

    monkeypatch.setattr(freezing, "deal", too_much)
    with pytest.raises(MemoryError):
        runs.freeze(freeze.pk)
    assert not Patch.objects.filter(look__isnull=True).exists()


def test_every_step_tells_how_far_it_is(people, labelled, monkeypatch):
    monkeypatch.setattr(dataset_columns, "CHUNK", 15)
    monkeypatch.setattr(freezing, "_BATCH", 15)
    said = []
    dataset_freeze(study=people.study, user=people.admin, tell=lambda *news: said.append(news))
    assert list(dict.fromkeys(message for message, _, _ in said)) == [
        "Reading the labels",
        "Reading the patches",
        "Looking at the patches",
        "Comparing the patches",
        "Splitting",
        "Looking for leaks",
        "Storing the version",
    ]
    for message in ("Looking at the patches", "Storing the version"):
        assert [news[1:] for news in said if news[0] == message] == [(0, 40), (15, 40), (30, 40)]


def test_a_teller_that_raises_ends_the_work_wherever_it_is(people, labelled):
    for last in ("Reading the labels", "Looking at the patches", "Comparing the patches", "Storing the version"):

        def until(message, done, total, last=last):
            if message == last:
                raise leases.LostError

        with pytest.raises(leases.LostError):
            dataset_freeze(study=people.study, user=people.admin, tell=until)
        assert nothing_stored()


@works
def test_progress_shows_while_the_version_is_being_stored(people, labelled, monkeypatch):
    freeze = queued(people)
    store, seen = freezing.store, []

    def look() -> None:
        try:
            seen.append(DatasetFreeze.objects.values_list("message", "done", "total").get(pk=freeze.pk))
        finally:
            connection.close()

    def slow(prepared, *, tell):
        version = store(prepared, tell=tell)
        tell("Storing the version", 17, 40)
        pause = threading.Event()
        pause.wait(2.5)
        watcher = threading.Thread(target=look)
        watcher.start()
        watcher.join()
        return version

    monkeypatch.setattr(freezing, "store", slow)
    runs.freeze(freeze.pk)
    assert seen == [("Storing the version", 17, 40)]
    assert fresh(freeze).state == FreezeState.DONE
