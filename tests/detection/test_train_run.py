"""From frozen labels to a model version, once, whatever happens on the way."""

import threading
import time
import uuid
from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection
from django.db.models.functions import Now

from config.errors import ConflictError
from detection import leases, runs, services, tasks
from detection.choices import ModelStatus, RunState
from detection.models import ModelVersion, TrainingRun, Trial
from detection.nn.checkpoint import load_checkpoint
from detection.nn.config import PRESETS
from detection.runs import search
from detection.runs import training as training_runs
from detection.runs.patch_cache import load
from labeling import media
from labeling.choices import Side
from labeling.models import DatasetItem
from tests.detection.makers import finished, freeze, frozen_of, start_training
from tests.factories import PatchFactory, SlideFactory, UserFactory

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_training_leaves_a_candidate_with_its_scores(study):
    run = finished(start_training(study))
    assert (run.state, run.error) == (RunState.DONE, "")
    trial = run.trials.get()
    model = trial.model
    assert (model.status, model.number, model.promoted_at) == (ModelStatus.CANDIDATE, 1, None)
    assert model.metrics is not None
    assert set(model.metrics) == {"validation", "test"}
    assert model.metrics == {side: (run.metrics or {})[side] for side in model.metrics}
    assert trial.metrics == model.metrics["validation"]
    assert model.metrics["test"]["count"] == frozen_of(run).items.filter(side=Side.TEST).count()
    assert [point["step"] for point in trial.curve] == sorted(point["step"] for point in trial.curve)
    assert set(trial.curve[0]) == {"step", "loss", "accuracy", "precision", "recall", "validation_loss"}
    assert run.device == "cpu"
    assert {"torch", "python", "tilscope"} <= set(run.versions)


def test_the_checkpoint_says_where_it_comes_from(study):
    run = finished(start_training(study))
    model = ModelVersion.objects.get(trial__run=run)
    path = media.path_of(model.sha256)
    assert media.sha256_of(path) == model.sha256
    assert path.stat().st_size == model.size_bytes
    _, meta = load_checkpoint(path)
    assert meta.dataset_hash == frozen_of(run).content_hash
    assert meta.threshold == model.threshold
    assert meta.class_names == ("Negative", "Positive")
    assert meta.config.to_json() == run.config


def test_the_same_labels_and_seed_give_the_same_model(study):
    first, second = finished(start_training(study)), finished(start_training(study))
    assert first.dataset_id == second.dataset_id
    hashes = ModelVersion.objects.filter(study=study).values_list("sha256", flat=True)
    assert len(hashes) == 2
    assert len(set(hashes)) == 1


def test_twice_is_once(study):
    run = finished(start_training(study))
    assert run.trials.get().parameters == run.config
    before = (TrainingRun.objects.values().get(pk=run.pk), Trial.objects.values().get(run=run))
    tasks.train(run.pk)
    assert (TrainingRun.objects.values().get(pk=run.pk), Trial.objects.values().get(run=run)) == before
    assert ModelVersion.objects.count() == 1


def test_a_run_that_another_worker_has_is_left_alone(study):
    run = start_training(study)
    assert leases.claim(TrainingRun.objects.filter(pk=run.pk)) is not None
    assert finished(run).state == RunState.RUNNING
    assert ModelVersion.objects.count() == 0
    assert leases.waiting_trainings() == []


def test_a_training_whose_worker_died_is_taken_again(study):
    run = start_training(study)
    leases.claim(TrainingRun.objects.filter(pk=run.pk))
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert leases.waiting_trainings() == [run.pk]
    assert finished(run).state == RunState.DONE
    assert run.token == 2


def test_a_training_whose_worker_died_three_times_has_failed(study):
    run = start_training(study)
    TrainingRun.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, attempts=3, lease_until=Now() - timedelta(seconds=1)
    )
    assert leases.waiting_trainings() == []
    assert finished(run).state == RunState.FAILED
    assert (run.error_code, run.finished_at is not None) == ("worker_died", True)
    assert "three times" in run.error


def test_a_cancel_stops_a_training_that_runs(study, monkeypatch):
    run = start_training(study)
    TrainingRun.objects.filter(pk=run.pk).update(config=run.config | {"epochs": 500, "patience": 500})
    begun = threading.Event()
    monkeypatch.setattr(search._Watch, "tell", lambda *_: begun.set())

    def work() -> None:
        runs.train(run.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(30)
    services.training_cancel(run=run)
    worker.join(10)
    assert not worker.is_alive()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert ModelVersion.objects.count() == 0


def test_a_data_set_that_was_tampered_with_is_refused(study):
    run = start_training(study, dataset=freeze(study))
    with pgtrigger.ignore("labeling.DatasetItem:frozen"):
        frozen_of(run).items.filter(side=Side.VALIDATION).delete()
    assert finished(run).state == RunState.FAILED
    assert run.error_code == "dataset_changed"
    assert "Freeze the labels anew" in run.error


def test_a_planted_leak_is_refused_before_anything_is_learned(study):
    run = start_training(study, dataset=freeze(study))
    learned, label_class = frozen_of(run).items.filter(side=Side.TRAIN).values_list("patch__png", "label_class")[0]
    slide = SlideFactory.create(study=study)
    again = PatchFactory.create(study=study, png=bytes(learned), slide=slide, x_l0=100, y_l0=100)
    DatasetItem.objects.create(dataset=frozen_of(run), patch=again, label_class_id=label_class, side=Side.TEST)
    assert finished(run).state == RunState.FAILED
    assert run.error_code == "dataset_leaks"
    assert ModelVersion.objects.count() == 0


def test_what_nobody_foresaw_is_tried_three_times_and_told(study, monkeypatch):
    run = start_training(study)
    monkeypatch.setattr(training_runs, "load", lambda _, **__: 1 / 0)
    for attempt in range(3):
        with pytest.raises(ZeroDivisionError):
            runs.train(run.pk)
        run.refresh_from_db()
        assert run.state == (RunState.QUEUED if attempt < 2 else RunState.FAILED)
    assert (run.error_code, run.attempts) == ("training_crashed", 3)
    assert "ZeroDivisionError" in run.error


def telling(monkeypatch, then):
    """Have the loading of the patches tell how far it is, and something happen meanwhile."""

    def told(dataset, *, beside, tell):
        tell("Decoding the patches", 20, 60)
        then()
        tell("Decoding the patches", 40, 60)
        return load(dataset, beside=beside, tell=tell)

    monkeypatch.setattr(training_runs, "load", told)


def test_the_loading_says_how_far_it_is_and_keeps_the_steps_of_earlier_attempts(study, monkeypatch):
    run = start_training(study)
    TrainingRun.objects.filter(pk=run.pk).update(done=3, total=7)
    seen = []

    def look():
        time.sleep(2.5)
        seen.append(TrainingRun.objects.values_list("message", "done", "total").get(pk=run.pk))

    telling(monkeypatch, look)
    assert finished(run).state == RunState.DONE
    assert seen == [("Decoding the patches: 20 of 60", 3, 7)]
    assert run.message == ""


def test_a_stop_while_the_patches_are_loaded_ends_the_run(study, monkeypatch):
    run = start_training(study)
    monkeypatch.setattr("detection.runs.reins._ASK_EVERY_S", 0.0)
    telling(monkeypatch, lambda: services.training_stop(run=run))
    monkeypatch.setattr(training_runs, "Search", None)
    assert finished(run).state == RunState.CANCELLED
    assert (run.message, run.error) == (training_runs.STOPPED_EMPTY, "")
    assert run.finished_at is not None


def test_a_cancel_while_the_patches_are_loaded_ends_the_work(study, monkeypatch):
    run = start_training(study)

    def cancel():
        services.training_cancel(run=run)
        time.sleep(2.5)

    telling(monkeypatch, cancel)
    monkeypatch.setattr(training_runs, "Search", None)
    assert finished(run).state == RunState.CANCELLED


def test_a_start_takes_the_preset_and_the_epochs(study):
    user = UserFactory.create()
    wish = services.TrainingWish(preset="default", epochs=3, seed=4)
    run, made = services.training_start(study=study, user=user, client_key=uuid.uuid4(), wish=wish)
    assert made
    assert run.config == PRESETS["default"].changed(epochs=3).to_json()
    assert (run.seed, run.created_by) == (4, user)
    assert not run.trials.exists()


def test_the_same_key_is_the_same_run(study):
    user, key = UserFactory.create(), uuid.uuid4()
    wish = services.TrainingWish(preset="quick")
    first, made = services.training_start(study=study, user=user, client_key=key, wish=wish)
    again, made_again = services.training_start(study=study, user=user, client_key=key, wish=wish)
    assert (first, made, made_again) == (again, True, False)
    with pytest.raises(ConflictError) as refusal:
        services.training_start(study=study, user=user, client_key=key, wish=services.TrainingWish(preset="default"))
    assert refusal.value.code == "client_key_reused"
    other, _ = services.training_start(study=study, user=UserFactory.create(), client_key=key, wish=wish)
    assert (other.number, first.number) == (2, 1)


def test_a_run_that_has_ended_cannot_be_cancelled(study):
    run = finished(start_training(study))
    with pytest.raises(ConflictError) as refusal:
        services.training_cancel(run=run)
    assert refusal.value.code == "run_ended"


def test_cancelling_twice_is_cancelling_once(study):
    run = start_training(study)
    services.training_cancel(run=run)
    run.refresh_from_db()
    first = run.cancelled_at
    services.training_cancel(run=run)
    run.refresh_from_db()
    assert (run.state, run.cancelled_at) == (RunState.CANCELLED, first)
    assert finished(run).state == RunState.CANCELLED
