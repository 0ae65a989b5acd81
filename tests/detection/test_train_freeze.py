"""A training that names no data set: its worker freezes the labels as they were, once, and says how far that is."""

import time
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from config.errors import DomainError
from detection import leases, runs, selectors, services
from detection.choices import RunState
from detection.models import ModelVersion, TrainingRun
from detection.runs import training as training_runs
from labeling import freezing
from labeling.choices import Side
from labeling.models import DatasetItem, DatasetVersion, Label, LabelClass, Study
from labeling.services import label_add
from tests.detection.makers import TrainingRunFactory, finished, frozen_of, sides_of, start_training
from tests.factories import LabelFactory, PatchFactory, SlideFactory

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


def fresh(run: TrainingRun) -> TrainingRun:
    run.refresh_from_db()
    return run


def more(study: Study, count: int) -> None:
    """Label further cells, of both classes in turn."""
    for n in range(count):
        patch = PatchFactory.create(study=study)
        LabelFactory.create(patch=patch, label_class=study.classes.order_by("key")[n % 2])


def nothing_frozen() -> bool:
    return not DatasetVersion.objects.exists() and not DatasetItem.objects.exists()


def test_a_start_freezes_nothing_and_its_worker_everything(study):
    run = start_training(study, seed=4)
    assert (run.dataset, nothing_frozen()) == (None, True)
    assert selectors.training_run_detail(selectors.training_run_at(run.pk))["dataset"] is None
    assert finished(run).state == RunState.DONE
    version = frozen_of(run)
    assert sides_of(run) == set(Side)
    assert (version.items.count(), version.seed, version.created_by) == (60, 4, run.created_by)
    assert selectors.training_run_detail(selectors.training_run_at(run.pk))["dataset"]["number"] == version.number


def test_a_start_takes_as_many_queries_whatever_the_labels(study):
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            start_training(study)
        counts.append(len(asked))
        more(study, 40)
    assert counts[0] == counts[1]


def test_labels_given_after_the_start_are_not_learned_from(study):
    run = start_training(study)
    first, second = Label.objects.filter(label_class__counted=True).order_by("pk")[:2]
    other = LabelClass.objects.get(study=study, counted=False)
    for label, class_id in ((first, other.pk), (second, None)):
        label_add(user=label.reader, patch=label.patch, class_id=class_id, client_key=uuid.uuid4())
    more(study, 2)
    items = frozen_of(finished(run)).items
    assert items.count() == 60
    for label in (first, second):
        assert items.get(patch=label.patch).label_class == label.label_class
    assert frozen_of(finished(start_training(study))).items.count() == 61


def test_too_few_labels_are_refused_and_leave_nothing(people):
    with pytest.raises(DomainError) as refusal:
        start_training(people.study)
    assert refusal.value.code == "dataset_too_few"
    more(people.study, 18)
    with pytest.raises(DomainError, match="9 labelled cells of class Positive; at least 10") as refusal:
        start_training(people.study)
    assert refusal.value.extra == {"counted": True, "have": 9, "need": 10}
    assert TrainingRun.objects.count() == DatasetVersion.objects.count() == 0
    more(people.study, 2)
    assert start_training(people.study).state == RunState.QUEUED


def test_only_what_is_asked_for_is_learned_from(study):
    slide = SlideFactory.create(study=study)
    LabelFactory.create(patch=PatchFactory.create(slide=slide, x_l0=50, y_l0=50))
    version = frozen_of(finished(start_training(study, sources=["import"])))
    assert (version.rule["sources"], version.items.count()) == (["import"], 60)
    for wish in ({"slides": [slide.pk]}, {"sources": ["points"]}):
        with pytest.raises(DomainError) as refusal:
            start_training(study, **wish)
        assert refusal.value.code == "dataset_too_few"


def test_what_only_the_freeze_can_tell_ends_the_run_in_words(people):
    slide = SlideFactory.create(study=people.study)
    for n in range(30):
        patch = PatchFactory.create(slide=slide, x_l0=100 + n, y_l0=100)
        LabelFactory.create(patch=patch, label_class=people.study.classes.order_by("key")[n % 2])
    run = start_training(people.study)
    assert finished(run).state == RunState.FAILED
    assert (run.error_code, run.dataset, nothing_frozen()) == ("dataset_too_few", None, True)
    assert "too near each other" in run.error
    assert (run.finished_at is not None, run.message) == (True, "")


def freezing_then(monkeypatch, then):
    """Have something happen while the labels are read."""
    prepare = freezing.prepare

    def prepared(*, tell, **options):
        tell("Reading the labels", 20, 60)
        then()
        tell("Reading the labels", 40, 60)
        return prepare(tell=tell, **options)

    monkeypatch.setattr(freezing, "prepare", prepared)


def test_the_run_says_what_is_frozen_and_how_far_that_is(study, monkeypatch):
    run, seen = start_training(study), []
    began = []

    def look():
        began.append(TrainingRun.objects.get(pk=run.pk).message)
        time.sleep(2.5)
        seen.append(TrainingRun.objects.values_list("message", "done", "total").get(pk=run.pk))

    freezing_then(monkeypatch, look)
    assert finished(run).state == RunState.DONE
    assert seen == [("Freezing the labels, reading the labels: 20 of 60", 0, 0)]
    assert began == [training_runs.FREEZING]


def test_a_stop_while_the_labels_are_frozen_ends_the_run(study, monkeypatch):
    run = start_training(study)
    monkeypatch.setattr("detection.runs.reins._ASK_EVERY_S", 0.0)
    freezing_then(monkeypatch, lambda: services.training_stop(run=run))
    assert finished(run).state == RunState.CANCELLED
    assert (run.message, run.error, run.dataset) == (training_runs.STOPPED_EMPTY, "", None)
    assert nothing_frozen()


def test_a_cancel_while_the_version_is_stored_leaves_nothing(study, monkeypatch):
    run, store = start_training(study), freezing.store

    def stored_and_cancelled(prepared, *, tell):
        version = store(prepared, tell=tell)
        TrainingRun.objects.filter(pk=run.pk).update(state=RunState.CANCELLED)
        return version

    monkeypatch.setattr(freezing, "store", stored_and_cancelled)
    runs.train(run.pk)
    assert fresh(run).dataset is None
    assert nothing_frozen()


def test_whoever_lost_the_run_stores_nothing(study, monkeypatch):
    run = start_training(study)
    freezing_then(monkeypatch, lambda: TrainingRun.objects.filter(pk=run.pk).update(token=7))
    runs.train(run.pk)
    assert (fresh(run).state, run.token, run.dataset) == (RunState.RUNNING, 7, None)
    assert nothing_frozen()


def test_a_freeze_that_breaks_leaves_nothing_and_begins_anew(study, monkeypatch):
    run, kept = start_training(study), freezing._store_items

    def broken(version, frozen, tell):
        kept(version, frozen, tell)
        raise MemoryError

    monkeypatch.setattr(freezing, "_store_items", broken)
    with pytest.raises(MemoryError):
        runs.train(run.pk)
    assert (fresh(run).state, run.dataset, nothing_frozen()) == (RunState.QUEUED, None, True)
    monkeypatch.setattr(freezing, "_store_items", kept)
    assert finished(run).state == RunState.DONE
    assert DatasetVersion.objects.get() == run.dataset


def test_the_next_worker_takes_what_a_dead_one_froze(study, monkeypatch):
    run = start_training(study)
    monkeypatch.setattr(training_runs, "dataset_check", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.train(run.pk)
    version = frozen_of(fresh(run))
    monkeypatch.undo()
    monkeypatch.setattr(freezing, "prepare", None)
    TrainingRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING, lease_until=Now() - timedelta(seconds=1))
    assert leases.waiting_trainings() == [run.pk]
    assert finished(run).state == RunState.DONE
    assert (run.dataset, DatasetVersion.objects.get()) == (version, version)
    assert ModelVersion.objects.count() == 1


def test_a_run_that_ended_before_it_was_frozen_is_cancelled_like_any_other(study):
    run = start_training(study)
    services.training_cancel(run=run)
    assert finished(run).state == RunState.CANCELLED
    assert nothing_frozen()


@pytest.mark.parametrize("fields", [{}, {"labels_until": 5, "state": RunState.DONE}])
def test_the_database_wants_to_know_the_labels_of_a_run(fields, people):
    with pytest.raises(IntegrityError):
        TrainingRunFactory.create(dataset=None, study=people.study, **fields)
    TrainingRunFactory.create(dataset=None, study=people.study, labels_until=5)
