"""Workers that help in a search: trials side by side, each once; the model of one that worked alone."""

from collections.abc import Callable
from datetime import timedelta

import billiard
import pytest
import torch
from django.db.models.functions import Now

from detection import leases, runs, services, tasks, workspace
from detection.choices import RunState, TrialState, WhyStopped
from detection.models import ModelVersion, TrainingRun, Trial
from detection.nn import training as nn_training
from detection.nn.errors import TrainingError
from detection.runs import devices, search
from detection.runs import training as training_runs
from detection.runs.patch_cache import load
from tests.detection.makers import TrainingRunFactory, TrialFactory, finished, start_training

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)

SPACE = {"max_steps": [8, 20], "learning_rate": [1e-3, 1e-2], "patience_steps": [20, 40]}
QUICK = {"validate_every_steps": 4, "epochs": 0, "max_steps": 12}
Helpers = Callable[[dict[int, Callable[[], None]]], list[str]]


@pytest.fixture
def when(monkeypatch) -> Helpers:
    """Let something happen at the beginning of the n-th training: another worker comes, as it were, meanwhile."""

    def arrange(events: dict[int, Callable[[], None]]) -> list[str]:
        real, begun = nn_training.train, []

        def train(*args, **options):
            begun.append(options["state_path"].name)
            events.get(len(begun), lambda: None)()
            return real(*args, **options)

        monkeypatch.setattr(nn_training, "train", train)
        return begun

    return arrange


def begin(study, *, trials=3, **wish) -> TrainingRun:
    return start_training(study, trials=trials, recipe=QUICK, space=SPACE, **wish)


def weights(run: TrainingRun) -> str:
    return ModelVersion.objects.get(trial__run=run).sha256


def states(run: TrainingRun) -> list[str]:
    return list(run.trials.values_list("state", flat=True))


@pytest.mark.parametrize("folds", [0, 2])
def test_a_helper_takes_the_next_trial_and_the_model_is_the_same(study, when, folds):
    calm = finished(begin(study, trials=3, folds=folds))
    run, helped = begin(study, trials=3, folds=folds), []
    begun = when({1: lambda: helped.append(runs.train(run.pk))})
    finished(run)
    assert helped == [True]
    assert (run.state, run.error, states(run)) == (RunState.DONE, "", [TrialState.DONE] * 3)
    assert [name[:7] for name in begun[1 : 1 + max(1, folds)]] == ["trial-2"] * max(1, folds)
    assert len(set(begun)) == len(begun) == (7 if folds else 3)
    assert run.done == run.total == (7000 if folds else 3000)
    assert weights(run) == weights(calm)
    for trial, twin in zip(run.trials.all(), calm.trials.all(), strict=True):
        assert (trial.parameters, trial.validation_loss) == (twin.parameters, twin.validation_loss)
        assert (trial.lease_until, trial.token, trial.attempts) == (None, 1, 1)


def test_the_run_says_which_trials_are_under_way(study, when, monkeypatch):
    run, real = begin(study), search.Search.says
    said: list[str] = []

    def says(*args):
        said.append(real(*args))
        return said[-1]

    monkeypatch.setattr(search.Search, "says", says)
    when({1: lambda: runs.train(run.pk) and None})
    finished(run)
    assert said[0] == "Trials 1 and 2 of 3"
    assert said[-1] == "Trial 3 of 3"


def test_nobody_helps_where_there_is_nothing_to_do(study, when):
    single, all_taken, stopped, over = (begin(study, trials=n) for n in (1, 2, 2, 2))
    answers: list[bool] = []

    def ask(run: TrainingRun) -> None:
        answers.append(runs.train(run.pk))

    def stop() -> None:
        services.training_stop(run=stopped)
        ask(stopped)

    def spend() -> None:
        TrainingRun.objects.filter(pk=over.pk).update(minutes=1, seconds=60)
        ask(over)

    begun = when({1: lambda: ask(single), 3: lambda: ask(all_taken), 4: stop, 5: spend})
    for run in (single, all_taken, stopped, over):
        finished(run)
    assert answers == [False] * 4
    assert begun[:4] == [f"trial-{n}-fold-0.state" for n in (1, 1, 2, 1)]
    assert not runs.train(single.pk)


def test_a_helper_leaves_a_search_alone_that_nobody_has_begun():
    now = Now()
    run = TrainingRunFactory.create(trial_limit=3, state=RunState.RUNNING, lease_until=now + timedelta(minutes=1))
    assert leases.waiting_trainings() == []
    TrialFactory.create(run=run, state=TrialState.DONE)
    assert leases.waiting_trainings() == [run.pk]
    TrialFactory.create(run=run, state=TrialState.DONE)
    last = TrialFactory.create(run=run, state=TrialState.RUNNING, lease_until=now + timedelta(minutes=1))
    assert leases.waiting_trainings() == []
    Trial.objects.filter(pk=last.pk).update(lease_until=None)
    assert leases.waiting_trainings() == [run.pk]
    TrainingRun.objects.update(stop_asked_at=now)
    assert leases.waiting_trainings() == []


def test_a_trial_that_a_helper_gave_back_is_trained_by_another(study, when):
    calm, run = finished(begin(study)), begin(study)

    def break_down() -> None:
        raise MemoryError

    def help_and_fail() -> None:
        with pytest.raises(MemoryError):
            runs.train(run.pk)

    begun = when({1: help_and_fail, 2: break_down})
    assert finished(run).state == RunState.DONE
    assert begun == [f"trial-{n}-fold-0.state" for n in (1, 2, 2, 3)]
    assert weights(run) == weights(calm)
    assert run.trials.get(number=2).token == 2


def test_what_a_helper_cannot_learn_from_is_said_by_whoever_has_the_run(study, when):
    run, helped = begin(study), []

    def refuse() -> None:
        raise TrainingError("Nothing to learn.", code="patches_invalid")

    when({1: lambda: helped.append(runs.train(run.pk)), 2: refuse, 3: refuse})
    finished(run)
    assert helped == [False]
    assert (run.state, run.error_code, run.error) == (RunState.FAILED, "patches_invalid", "Nothing to learn.")


def test_a_killed_helpers_trial_is_waited_for_and_trained(study, when, settings):
    settings.LEASE_S = 2.0
    calm, run = finished(begin(study, trials=2)), begin(study, trials=2)

    def taken_by_one_that_dies() -> None:
        parameters = calm.trials.get(number=2).parameters
        held = {"token": 1, "attempts": 1, "lease_until": Now() + timedelta(seconds=2)}
        Trial.objects.create(run=run, number=2, parameters=parameters, **held)

    when({1: taken_by_one_that_dies})
    assert finished(run).state == RunState.DONE
    assert weights(run) == weights(calm)
    assert run.trials.get(number=2).token == 2


def test_three_deaths_of_helpers_over_one_trial_fail_the_run(study, when):
    run = begin(study, trials=2)
    when({1: lambda: Trial.objects.create(run=run, number=2, parameters={}, attempts=3) and None})
    finished(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "worker_died")


def test_a_cancelled_search_keeps_nothing_of_its_helpers(study, when):
    run = begin(study)

    def cancel() -> None:
        services.training_cancel(run=run)

    when({1: lambda: runs.train(run.pk) and None, 2: cancel})
    finished(run)
    assert (run.state, run.trials.count()) == (RunState.CANCELLED, 2)
    assert not run.trials.exclude(fold_results=[]).exists()
    assert not ModelVersion.objects.exists()


def test_a_stop_ends_all_trials_and_keeps_the_best(study, when, monkeypatch):
    monkeypatch.setattr("detection.runs.reins._ASK_EVERY_S", 0.0)
    run = begin(study, trials=4)
    when({2: lambda: runs.train(run.pk) and None, 3: lambda: services.training_stop(run=run)})
    finished(run)
    assert (run.state, run.message) == (RunState.DONE, training_runs.STOPPED)
    assert states(run) == [TrialState.DONE, TrialState.STOPPED, TrialState.STOPPED]
    assert run.trials.get(number=3).stopped_because == WhyStopped.ASKED
    assert Trial.objects.get(model__isnull=False).number == 1


def test_a_stop_while_the_patches_are_loaded_again_waits_for_helpers(study, monkeypatch):
    monkeypatch.setattr("detection.runs.reins._ASK_EVERY_S", 0.0)
    run, loaded = begin(study), []

    def loading(dataset, *, beside, tell):
        held = {"token": 1, "attempts": 1, "lease_until": Now() + timedelta(seconds=2)}
        Trial.objects.create(run=run, number=1, parameters=run.config, **held)
        services.training_stop(run=run)
        tell("Decoding the patches", 1, 2)
        loaded.append(dataset.pk)
        return load(dataset, beside=beside)

    monkeypatch.setattr(training_runs, "load", loading)
    finished(run)
    assert loaded == [run.dataset_id]
    assert (run.state, run.message, states(run)) == (
        RunState.CANCELLED,
        training_runs.STOPPED_EMPTY,
        [TrialState.STOPPED],
    )


def test_helpers_files_are_not_tidied_away(study, when):
    run = begin(study, trials=2)
    left: list[str] = []

    def another_is_writing() -> None:
        folder = workspace.folder(run.pk)
        mine, theirs = folder / ".trial-1-fold-0.state-x.part", folder / ".trial-2-whole.safetensors-y.part"
        held = {"token": 1, "attempts": 1, "lease_until": Now() + timedelta(seconds=1)}
        Trial.objects.create(run=run, number=2, parameters=run.config, **held)
        for path in (mine, theirs, folder / "trial-9-whole.safetensors"):
            path.touch()

    real = search.Search._tidy

    def tidy(self):
        real(self)
        left.extend(path.name for path in self.work.folder.iterdir() if path.name.startswith((".trial-2", "trial-9")))

    when({1: another_is_writing})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search.Search, "_tidy", tidy)
        finished(run)
    assert left[0] == ".trial-2-whole.safetensors-y.part"
    assert "trial-9-whole.safetensors" not in left


def test_a_helper_rings_again_so_that_other_runs_have_their_turn(monkeypatch):
    rung: list[int] = []
    monkeypatch.setattr(tasks.train, "apply_async", lambda args, **_: rung.append(args[0]))
    monkeypatch.setattr(runs, "train", lambda run_id: run_id == 7)
    tasks.train(7)
    tasks.train(8)
    assert rung == [7]


def test_each_process_of_a_worker_has_a_card_of_its_own(monkeypatch):
    assert devices._process_number() == 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    found = []
    for index in range(3):
        monkeypatch.setattr(billiard.current_process(), "index", index, raising=False)
        found.append(devices.device())
    assert found == [torch.device("cuda", card) for card in (0, 1, 0)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.device() == torch.device("cpu")
