"""A run that searches: trial by trial, fold by fold, stopped, interrupted and taken up again; one model at the end."""

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from config.errors import ConflictError
from detection import runs, selectors, services, tasks, workspace
from detection.choices import RunState, TrialState, WhyStopped
from detection.models import ModelVersion, TrainingRun, Trial
from detection.nn import search as nn_search
from detection.nn import training as nn_training
from detection.nn.checkpoint import load_checkpoint
from detection.nn.errors import TrainingError
from detection.runs import judging, search
from detection.runs import training as training_runs
from detection.runs.folds import fold_numbers
from detection.runs.reins import Reins
from labeling import media, verification
from labeling.choices import Side
from labeling.dataset_columns import frozen_groups
from tests.detection.makers import (
    TrainingRunFactory,
    TrialFactory,
    add_toy_labels,
    finished,
    fold_result,
    frozen_of,
    start_training,
)
from tests.factories import DatasetItemFactory, DatasetVersionFactory, PatchFactory, SlideFactory

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)

SPACE = {"max_steps": [8, 20], "learning_rate": [1e-3, 1e-2], "patience_steps": [20, 40]}
QUICK = {"validate_every_steps": 4, "epochs": 0, "max_steps": 12}


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """Names of the states that trainings were begun with, in order."""
    names: list[str] = []
    real = nn_training.train

    def train(*args, **options):
        names.append(options["state_path"].name)
        return real(*args, **options)

    monkeypatch.setattr(nn_training, "train", train)
    return names


def begin(study, *, trials=3, recipe=QUICK, space=SPACE, **wish) -> TrainingRun:
    return start_training(study, trials=trials, recipe=recipe, space=space, **wish)


def weights(run: TrainingRun) -> str:
    return ModelVersion.objects.get(trial__run=run).sha256


def failing_at(number: int, error: BaseException) -> Callable:
    """A training that fails the n-th time it is begun."""
    real, begun = nn_training.train, []

    def train(*args, **options):
        begun.append(1)
        if len(begun) == number:
            raise error
        return real(*args, **options)

    return train


def test_a_search_tries_the_recipe_and_others_and_keeps_the_best(study, trained):
    run = finished(begin(study))
    assert (run.state, run.message, run.error) == (RunState.DONE, "", "")
    trials = list(run.trials.all())
    assert [trial.number for trial in trials] == [1, 2, 3]
    assert {trial.state for trial in trials} == {TrialState.DONE}
    assert trials[0].parameters == run.config
    assert len({trial.parameters["learning_rate"] for trial in trials}) == 3
    best = min(trials, key=lambda trial: trial.validation_loss or 9.0)
    model = ModelVersion.objects.get()
    assert model.trial == best
    assert load_checkpoint(media.path_of(model.sha256))[1].config.to_json() == best.parameters
    assert trained == ["trial-1-fold-0.state", "trial-2-fold-0.state", "trial-3-fold-0.state"]
    assert run.done == run.total == 3000


def test_trials_can_be_foretold(study):
    first, second = finished(begin(study)), finished(begin(study))
    parameters = [list(run.trials.values_list("parameters", flat=True)) for run in (first, second)]
    assert parameters[0] == parameters[1]
    assert weights(first) == weights(second)


def test_another_seed_is_another_model(study):
    first = finished(start_training(study))
    other = finished(start_training(study, seed=1, dataset=first.dataset_id))
    assert other.dataset == first.dataset
    assert weights(other) != weights(first)


def test_folds_judge_a_trial_and_the_best_is_trained_once_more(study, trained):
    run = finished(begin(study, trials=2, folds=2))
    best = ModelVersion.objects.get().trial
    assert best is not None
    for trial in run.trials.all():
        folds = [one["fold"] for one in trial.fold_results]
        assert folds == ([1, 2, 0] if trial == best else [1, 2])
        losses = [one["validation_loss"] for one in trial.fold_results if one["fold"]]
        assert trial.validation_loss == pytest.approx(sum(losses) / 2)
        assert (trial.metrics or {})["count"] == frozen_of(run).items.filter(side=Side.TRAIN).count()
        assert trial.seconds == pytest.approx(sum(one["seconds"] for one in trial.fold_results))
    assert len(trained) == 5
    assert trained[-1] == f"trial-{best.number}-fold-0.state"
    assert run.done == run.total == 5000


def test_one_fold_is_no_fold(study):
    assert begin(study, trials=1, folds=1).folds == 0


def test_nothing_is_left_of_a_run_that_has_ended(study):
    run = begin(study, trials=2, folds=2)
    folder = workspace.folder(run.pk)
    assert not any(verification.differences())
    finished(run)
    assert not folder.exists()
    assert not any(verification.differences())


@pytest.mark.parametrize("folds", [0, 2])
def test_a_run_that_is_taken_up_again_repeats_nothing(study, trained, monkeypatch, folds):
    calm = finished(begin(study, folds=folds))
    trained.clear()
    run = begin(study, folds=folds)
    monkeypatch.setattr(nn_training, "train", failing_at(3, MemoryError("of the machine")))
    with pytest.raises(MemoryError):
        runs.train(run.pk)
    assert Trial.objects.filter(run=run, state=TrialState.DONE).count() == (1 if folds else 2)
    monkeypatch.undo()
    done = len(trained)
    assert finished(run).state == RunState.DONE
    assert len(set(trained)) == len(trained) == done
    assert weights(run) == weights(calm)
    assert ModelVersion.objects.filter(trial__run=run).count() == 1


def test_a_training_goes_on_where_it_was_interrupted(study, monkeypatch):
    calm = finished(begin(study, trials=1))
    run = begin(study, trials=1)
    real, points = search._Watch.tell, []

    def tell(watch, point):
        real(watch, point)
        points.append(point.step)
        if point.step == 8:
            raise MemoryError

    monkeypatch.setattr(search._Watch, "tell", tell)
    with pytest.raises(MemoryError):
        runs.train(run.pk)
    assert [path.name for path in workspace.folder(run.pk).iterdir()] == ["trial-1-fold-0.state"]
    monkeypatch.undo()
    assert finished(run).state == RunState.DONE
    assert weights(run) == weights(calm)


def begun_and_then(run: TrainingRun, monkeypatch, act: Callable[[], None], *, validated: bool = True) -> None:
    """Work on a run in another thread, and act once it has got somewhere."""
    begun = threading.Event()
    real = search._Watch.tell

    def tell(watch, point):
        real(watch, point)
        if not validated or point.validation_loss is not None:
            begun.set()

    monkeypatch.setattr(search._Watch, "tell", tell)

    def work() -> None:
        runs.train(run.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(60)
    act()
    worker.join(60)
    assert not worker.is_alive()
    run.refresh_from_db()


LONG = {"validate_every_steps": 2, "epochs": 0, "max_steps": 100_000, "patience_steps": 100_000}


def test_a_stop_keeps_the_best_so_far(study, monkeypatch):
    run = begin(study, recipe=LONG)
    begun_and_then(run, monkeypatch, lambda: services.training_stop(run=run))
    assert (run.state, run.message) == (RunState.DONE, training_runs.STOPPED)
    trial = run.trials.get()
    assert (trial.state, trial.stopped_because) == (TrialState.STOPPED, WhyStopped.ASKED)
    assert ModelVersion.objects.get().trial == trial
    assert run.stop_asked_at is not None


def test_a_stop_among_folds_keeps_the_network_of_the_best_fold(study, monkeypatch, trained):
    run = begin(study, trials=1, folds=2, recipe=LONG)
    begun_and_then(run, monkeypatch, lambda: services.training_stop(run=run))
    assert run.state == RunState.DONE
    assert trained == ["trial-1-fold-1.state"]
    assert [one["fold"] for one in run.trials.get().fold_results] == [1]
    assert (run.metrics or {})["test"]["count"] > 0


def test_a_stop_before_anything_was_validated_ends_cancelled(study, monkeypatch):
    run = begin(study, trials=2, recipe={**LONG, "validate_every_steps": 100_000})
    monkeypatch.setattr(nn_training, "_POINT_EVERY_S", 0.0)
    begun_and_then(run, monkeypatch, lambda: services.training_stop(run=run), validated=False)
    assert (run.state, run.message) == (RunState.CANCELLED, training_runs.STOPPED_EMPTY)
    assert not ModelVersion.objects.exists()
    assert not (media.root() / "training" / str(run.pk)).exists()


def test_a_stop_of_a_run_that_waits_cancels_it(study):
    run = begin(study)
    services.training_stop(run=run)
    run.refresh_from_db()
    assert (run.state, run.cancelled_at is not None) == (RunState.CANCELLED, True)
    assert "nothing to keep" in run.message
    with pytest.raises(ConflictError) as refusal:
        services.training_stop(run=run)
    assert refusal.value.code == "run_ended"


def test_stopping_twice_is_stopping_once(study):
    run = begin(study)
    TrainingRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING)
    services.training_stop(run=run)
    run.refresh_from_db()
    first = run.stop_asked_at
    services.training_stop(run=run)
    run.refresh_from_db()
    assert (run.state, run.stop_asked_at) == (RunState.RUNNING, first)


def test_a_waiting_run_that_has_a_best_is_finished_with_it(study, monkeypatch, trained):
    run = begin(study)
    monkeypatch.setattr(nn_training, "train", failing_at(2, MemoryError("of the machine")))
    with pytest.raises(MemoryError):
        runs.train(run.pk)
    services.training_stop(run=run)
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    assert finished(run).state == RunState.DONE
    assert trained == ["trial-1-fold-0.state"]
    assert [trial.state for trial in run.trials.all()] == [TrialState.DONE, TrialState.STOPPED]


def test_the_time_ends_a_search_with_the_best_so_far(study, monkeypatch):
    run = begin(study, minutes=5)
    real = Reins.spent_s
    monkeypatch.setattr(
        Reins, "spent_s", lambda reins: real(reins) + 300 * reins.run.trials.exclude(state="running").count()
    )
    finished(run)
    assert (run.state, run.message) == (RunState.DONE, training_runs.OUT_OF_TIME)
    assert run.trials.count() == 1


def test_the_last_training_of_folds_comes_on_top_of_the_time(study, monkeypatch, trained):
    run = begin(study, minutes=5, folds=2)
    monkeypatch.setattr(Reins, "spent_s", lambda reins: 300.0 * reins.run.trials.exclude(state="running").count())
    assert finished(run).state == RunState.DONE
    assert trained == [f"trial-1-fold-{fold}.state" for fold in (1, 2, 0)]


def test_too_little_time_for_anything_is_a_failure_in_words(study, monkeypatch):
    run = begin(study, minutes=1)
    monkeypatch.setattr(Reins, "spent_s", lambda _: 60.0)
    assert finished(run).state == RunState.FAILED
    assert (run.error_code, "more minutes" in run.error) == ("no_time", True)


def test_a_hopeless_trial_is_given_up_and_cannot_win(study, monkeypatch):
    run = begin(study)
    monkeypatch.setattr(nn_search, "should_prune", lambda curve, finished: len(curve) > 1 and len(finished) == 1)
    finished(run)
    states = list(run.trials.values_list("state", "stopped_because"))
    assert states == [("done", "finished"), ("pruned", "pruned"), ("pruned", "pruned")]
    assert Trial.objects.get(model__isnull=False).number == 1


def test_a_trial_that_diverges_is_one_trial_less(study, monkeypatch):
    run = begin(study)
    monkeypatch.setattr(nn_training, "train", failing_at(2, TrainingError("no number", code="training_diverged")))
    finished(run)
    assert run.state == RunState.DONE
    assert list(run.trials.values_list("state", flat=True)) == ["done", "failed", "done"]
    assert run.trials.get(number=2).stopped_because == WhyStopped.DIVERGED


def test_a_search_whose_trials_all_diverge_has_failed(study, monkeypatch):
    def train(*_, **__):
        raise TrainingError("no number", code="training_diverged")

    monkeypatch.setattr(nn_training, "train", train)
    run = finished(begin(study, trials=2))
    assert (run.state, run.error_code) == (RunState.FAILED, "training_diverged")
    assert finished(begin(study, trials=1)).error == "no number"


def test_more_folds_than_places_are_refused_in_words(people):
    add_toy_labels(people.study, 20)
    run = begin(people.study, folds=10)
    assert finished(run).state == RunState.FAILED
    assert run.error_code == "folds_invalid"


def test_folds_keep_places_and_copies_together(people):
    study = people.study
    dataset, slide = DatasetVersionFactory.create(study=study), SlideFactory.create(study=study, mpp=None)
    classes = list(study.classes.all())
    same = PatchFactory.create(study=study)
    patches = [PatchFactory.create(slide=slide, x_l0=2000 * (n // 3) + 20 * (n % 3), y_l0=90) for n in range(30)]
    patches += [same, PatchFactory.create(slide=slide, x_l0=90_000, y_l0=90, png=same.png)]
    for n, patch in enumerate(patches):
        DatasetItemFactory.create(dataset=dataset, patch=patch, label_class=classes[n % 2])
    DatasetItemFactory.create(dataset=dataset, side=Side.TEST)
    groups, numbers = frozen_groups(dataset, Side.TRAIN).tolist(), fold_numbers(dataset, k=3, seed=4)
    assert len(numbers) == len(groups) == 32
    assert (
        len({(group, number) for group, number in zip(groups, numbers.tolist(), strict=True)}) == len(set(groups)) == 11
    )
    assert set(numbers.tolist()) == {0, 1, 2}
    said: list[str] = []
    fold_numbers(dataset, k=3, seed=4, tell=lambda message, *_: said.append(message))
    assert list(dict.fromkeys(said)) == [
        "Reading the version",
        "Reading the patches",
        "Looking at the patches",
        "Comparing the patches",
        "Grouping the patches",
        "Dealing the patches to folds",
    ]


def test_the_model_is_judged_by_slide_class_and_mistake(study):
    run = finished(start_training(study))
    metrics: Any = run.metrics
    count = frozen_of(run).items.filter(side=Side.TEST).count()
    assert set(metrics["judge_scores"]) >= {"roc", "precision_recall", "auc", "calibration", "intervals"}
    [imported] = metrics["slides"]
    assert (imported["slide"], imported["slide_code"], imported["count"]) == (None, None, count)
    low, high = imported["intervals"]["accuracy"]
    assert low <= imported["accuracy"] <= high
    assert [one["name"] for one in metrics["classes"]] == ["Positive", "Negative"]
    assert sum(one["count"] for one in metrics["classes"]) == count
    [[_, fp], [fn, _]] = metrics["test"]["confusion"]
    assert len(metrics["wrong"]) == min(24, fp + fn)
    for wrong in metrics["wrong"]:
        item = frozen_of(run).items.get(patch=wrong["patch"])
        assert (item.side, item.label_class.counted) == (Side.TEST, wrong["positive"])
        assert (wrong["score"] >= metrics["threshold"]) is not wrong["positive"]


def test_the_worst_mistakes_come_first_with_their_place():
    slide = SimpleNamespace(code="S002")
    items = [
        SimpleNamespace(
            patch=SimpleNamespace(pk=n, slide_id=2, slide=slide, x_l0=10 * n, y_l0=n),
            label_class=SimpleNamespace(name="Positive" if n % 2 else "Other", counted=bool(n % 2)),
        )
        for n in range(60)
    ]
    labels = np.arange(60, dtype="int64") % 2
    found = judging._Found(labels, np.linspace(0.99, 0.0, 60, dtype="float32"), 0.5)
    wrong = judging._most_wrong(items, found)  # type: ignore[arg-type]
    assert len(wrong) == 24
    assert [one["patch"] for one in wrong[:3]] == [59, 0, 57]
    sizes = [abs(one["positive"] - one["score"]) for one in wrong]
    assert sizes == sorted(sizes, reverse=True)
    assert wrong[0] == {
        "patch": 59, "slide": 2, "slide_code": "S002", "x_l0": 590, "y_l0": 59,
        "truth": "Positive", "positive": True, "score": 0.0,
    }  # fmt: skip


def test_the_best_trial_has_the_lowest_loss_over_all_folds():
    run = TrainingRunFactory.create(trial_limit=9, folds=2)
    both = [fold_result(1), fold_result(2)]
    for loss, state, results in (
        (0.4, TrialState.DONE, both),
        (0.3, TrialState.DONE, both),
        (0.2, TrialState.PRUNED, both),
        (0.1, TrialState.STOPPED, both[:1]),
        (None, TrialState.FAILED, []),
    ):
        TrialFactory.create(run=run, validation_loss=loss, state=state, fold_results=results)
    trials = list(run.trials.all())

    def best(chosen):
        found = selectors.best_trial(chosen, folds=2)
        return found and found.number

    assert best(trials) == 2
    assert best([trials[0], trials[3]]) == 1
    assert best(trials[2:]) == 4
    assert best([trials[2], trials[4]]) is best([]) is None


def test_the_time_left_is_reckoned_from_computing_and_never_beyond_the_budget():
    long_ago = timezone.now() - timedelta(hours=9)
    run = TrainingRunFactory.create(state=RunState.RUNNING, started_at=long_ago, seconds=60, done=1000, total=4000)
    assert selectors.run_progress(run)["eta_s"] == 180
    run.minutes = 2
    assert selectors.run_progress(run)["eta_s"] == 60


def test_what_dead_workers_left_is_swept_away_in_time(study):
    ended, fresh, open_run = (start_training(study) for _ in range(3))
    services.training_cancel(run=ended)
    services.training_cancel(run=fresh)
    TrainingRun.objects.filter(pk=ended.pk).update(finished_at=Now() - timedelta(seconds=workspace.GRACE_S + 1))
    folders = [workspace.folder(run.pk) for run in (ended, fresh, open_run)]
    tasks.reconcile()
    assert [folder.exists() for folder in folders] == [False, True, True]


def test_progress_spares_a_run_from_failing_after_three_kills(study):
    run = begin(study, trials=1)
    TrainingRun.objects.filter(pk=run.pk).update(attempts=2)
    assert finished(run).state == RunState.DONE
    assert run.attempts == 1
