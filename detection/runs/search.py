"""The trials of a training run: configuration by configuration, fold by fold; what has ended is never repeated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.db import transaction
from numpy.typing import NDArray

from config.leases import LostError
from detection import leases, selectors
from detection.choices import TrialState, WhyStopped
from detection.models import TrainingRun, Trial
from detection.nn import search as nn_search
from detection.nn import training as nn_training
from detection.nn.checkpoint import CheckpointMeta, save_checkpoint
from detection.nn.config import TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.errors import TrainingError
from detection.nn.training import CurvePoint, TrainingOutcome
from detection.runs.devices import versions
from detection.runs.folds import fold_numbers
from detection.runs.reins import LOST, Reins
from detection.runs.trials import (
    WHOLE,
    FoldResult,
    curve_point,
    fold_result,
    losses_of,
    mean_loss,
    mean_scores,
    result_of,
    why_ended,
)
from labeling.choices import Side
from labeling.models import LabelClass, Study

WRITE_EVERY_S = 1.0
THOUSAND = 1000


@dataclass(frozen=True)
class Work:
    """What every training of a run shares.

    Args:
        run: with its data set and study.
        lease: the right to work on it.
        reins: when to stop.
        sides: the frozen patches.
        place: what is computed on.
        folder: where states and networks lie while the run goes on.
    """

    run: TrainingRun
    lease: leases.Lease
    reins: Reins
    sides: dict[str, PatchSet]
    place: torch.device
    folder: Path


class Search:
    """The trials of a run, worked on in their order."""

    def __init__(self, work: Work) -> None:
        self.work, self.run = work, work.run
        self.folds = range(1, self.run.folds + 1) if self.run.folds else (WHOLE,)

    def go(self) -> None:
        """Work on every trial that has not ended, until all have, or the reins say stop.

        Raises:
            LostError: the run is not ours any more.
            TrainingError: nothing can be learned from these patches, or the only trial came to nothing.
        """
        for number in range(1, self.run.trial_limit + 1):
            if self.work.reins.why():
                break
            trial = self._trial(number)
            if trial.state == TrialState.RUNNING:
                self._work_on(trial)
                self._tidy()
        self.work.reins.check_held()
        self._stop_rest()

    def _trial(self, number: int) -> Trial:
        """Give a trial its row: the first is the recipe as it was asked for, the others vary it."""
        parameters = self.run.config
        if number > 1:
            base = TrainingConfig.from_json(parameters)
            space = nn_search.SearchSpace.from_json(self.run.space or {})
            parameters = nn_search.propose(base, space, seed=self.run.seed, number=number - 1).to_json()
        trial, _ = Trial.objects.get_or_create(run=self.run, number=number, defaults={"parameters": parameters})
        return trial

    def _work_on(self, trial: Trial) -> None:
        for fold in self.folds:
            if trial.state != TrialState.RUNNING or self.work.reins.why():
                return
            if result_of(trial, fold) is None:
                self.fit(trial, fold)

    def _stop_rest(self) -> None:
        """End the trials between whose folds the reins said stop."""
        why = self.work.reins.why()
        if why:
            rest = self.run.trials.filter(state=TrialState.RUNNING)
            rest.update(state=TrialState.STOPPED, stopped_because=why)

    def fit(self, trial: Trial, fold: int) -> None:
        """Train one configuration once, going on where an interrupted worker stood, and note the result.

        Raises:
            LostError: the run is not ours any more.
            TrainingError: the patches cannot be learned from, or the run's only trial diverged.
        """
        watch = _Watch(self, trial, fold)
        training, validation = self._patches(fold)
        try:
            outcome = nn_training.train(
                training,
                validation,
                TrainingConfig.from_json(trial.parameters),
                seed=self.run.seed,
                device=self.work.place,
                on_point=watch.tell,
                should_stop=watch.should_stop,
                state_path=self._state_path(trial, fold),
            )
        except TrainingError as error:
            if error.code != "training_diverged" or self.run.trial_limit == 1 or self.is_final(fold):
                raise
            self._save(trial, state=TrialState.FAILED, stopped_because=WhyStopped.DIVERGED, curve=watch.curve)
            return
        if watch.why == LOST:
            raise LostError
        self._note(trial, fold_result(fold, outcome, watch.why), outcome, watch.curve)

    def _patches(self, fold: int) -> tuple[PatchSet, PatchSet]:
        """Give the patches that one training learns from, and those that judge it."""
        training = self.work.sides[Side.TRAIN]
        if fold == WHOLE:
            return training, self.work.sides[Side.VALIDATION]
        return training.take(self._numbers != fold - 1), training.take(self._numbers == fold - 1)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        return fold_numbers(self.run.dataset, k=self.run.folds, seed=self.run.seed)

    def _note(self, trial: Trial, result: FoldResult, outcome: TrainingOutcome, curve: list[dict[str, Any]]) -> None:
        """Keep the network if it is the trial's best, then the row; a kill between the two repeats the last step."""
        if self._is_best_fold(trial, result):
            save_checkpoint(self.network_path(trial, result["fold"]), outcome.model, self._meta(trial, outcome))
        results = [*trial.fold_results, result]
        state = self._state_after(trial, results)
        folds = [one for one in results if one["fold"] in self.folds]
        self._save(
            trial,
            state=state,
            fold_results=results,
            curve=curve,
            metrics=mean_scores(folds),
            validation_loss=mean_loss(folds),
            stopped_because="" if state == TrialState.RUNNING else why_ended(folds),
            seconds=sum(one["seconds"] for one in results),
        )
        self._state_path(trial, result["fold"]).unlink(missing_ok=True)

    def _is_best_fold(self, trial: Trial, result: FoldResult) -> bool:
        loss = result["validation_loss"]
        others = [one["validation_loss"] for one in trial.fold_results if one["fold"] != WHOLE]
        return loss is not None and (result["fold"] == WHOLE or all(other is None or loss < other for other in others))

    def _state_after(self, trial: Trial, results: Sequence[FoldResult]) -> str:
        why = results[-1]["stopped_because"]
        if self.is_final(results[-1]["fold"]):
            return trial.state
        if why == WhyStopped.PRUNED:
            return TrialState.PRUNED
        if why in (WhyStopped.ASKED, WhyStopped.BUDGET):
            return TrialState.STOPPED
        return TrialState.DONE if len(results) == len(self.folds) else TrialState.RUNNING

    def _save(self, trial: Trial, **values: Any) -> None:
        """Change a trial's row, unless the run is not ours any more."""
        with transaction.atomic():
            if not self.work.lease.update(seconds=self.work.reins.spent_s()):
                raise LostError
            for name, value in values.items():
                setattr(trial, name, value)
            trial.save(update_fields=list(values))

    def _meta(self, trial: Trial, outcome: TrainingOutcome) -> CheckpointMeta:
        return CheckpointMeta(
            shape=outcome.model.shape,
            preprocessing=outcome.model.preprocessing,
            class_names=_class_names(self.run.study),
            threshold=outcome.threshold,
            gate=outcome.gate,
            dataset_hash=self.run.dataset.content_hash,
            config=TrainingConfig.from_json(trial.parameters),
            model_mpp=self.run.study.model_mpp,
            versions=versions(),
        )

    def rivals(self, trial: Trial, fold: int) -> list[dict[int, float]]:
        """Validation losses by step of the finished trials, on the same fold."""
        others = self.run.trials.filter(state=TrialState.DONE).exclude(pk=trial.pk)
        found = [result_of(other, fold) for other in others]
        return [losses_of(result["curve"]) for result in found if result is not None]

    def best(self) -> Trial | None:
        """Give the best trial so far (see ``selectors.best_trial``)."""
        return selectors.best_trial(self.run.trials.all(), folds=len(self.folds))

    def network_path(self, trial: Trial, fold: int) -> Path:
        """Where a trial's network is kept: that of the whole side, or of its best fold."""
        return self.work.folder / f"trial-{trial.number}-{'whole' if fold == WHOLE else 'fold'}.safetensors"

    def kept_network(self, trial: Trial) -> Path:
        """Give the network that a trial is worth: of the whole side where there is one, else of its best fold."""
        whole = result_of(trial, WHOLE)
        has_whole = whole is not None and whole["validation_loss"] is not None
        return self.network_path(trial, WHOLE if has_whole else 1)

    def _state_path(self, trial: Trial, fold: int) -> Path:
        return self.work.folder / f"trial-{trial.number}-fold-{fold}.state"

    def _tidy(self) -> None:
        """Remove what only trials need that have lost; a network takes 100 MB."""
        needed = [*self.run.trials.filter(state=TrialState.RUNNING), *filter(None, [self.best()])]
        keep = tuple(f"trial-{trial.number}-" for trial in needed)
        for path in self.work.folder.iterdir():
            if not path.name.startswith(keep):
                path.unlink(missing_ok=True)

    def place_of(self, trial: Trial, fold: int) -> tuple[int, int]:
        """Give how many trainings come before this one, and how many there are if none ends early."""
        before = self.run.trial_limit * len(self.folds) if self.is_final(fold) else self._before(trial, fold)
        return before, self.run.trial_limit * len(self.folds) + (1 if self.run.folds else 0)

    def _before(self, trial: Trial, fold: int) -> int:
        return (trial.number - 1) * len(self.folds) + max(0, fold - 1)

    def is_final(self, fold: int) -> bool:
        """Tell the last training of a cross-validated search from those that compare configurations."""
        return fold not in self.folds

    def says(self, trial: Trial, fold: int) -> str:
        """Say in words which training this is."""
        if self.is_final(fold):
            return f"Training the best recipe, that of trial {trial.number}"
        parts = [f"Trial {trial.number} of {self.run.trial_limit}"] if self.run.trial_limit > 1 else []
        parts += [f"fold {fold} of {self.run.folds}"] if self.run.folds else []
        words = ", ".join(parts) or "Learning"
        return words[0].upper() + words[1:]


class _Watch:
    """Puts curve and progress of one training on the rows, about once a second, and says when it must stop."""

    def __init__(self, search: Search, trial: Trial, fold: int) -> None:
        self.search, self.trial, self.fold = search, trial, fold
        self.why, self.written_at = "", 0.0
        self.farthest, self.told_farther = search.work.run.done, False
        self.curve: list[dict[str, Any]] = []
        self.losses: dict[int, float] = {}
        may_prune = trial.number > 1 and not search.is_final(fold)
        self.rivals = search.rivals(trial, fold) if may_prune else []

    def tell(self, point: CurvePoint) -> None:
        """Take a point; a training that goes on tells its earlier ones again, so that nothing else is to be read."""
        self.curve.append(curve_point(point))
        if point.validation_loss is not None:
            self.losses[point.step] = point.validation_loss
            if self.rivals and nn_search.should_prune(self.losses, self.rivals):
                self.why = self.why or WhyStopped.PRUNED
        done, total = self._progress(point)
        is_farther = done > self.farthest
        if time.monotonic() - self.written_at >= WRITE_EVERY_S or (is_farther and not self.told_farther):
            self._write(max(done, self.farthest), total, is_farther=is_farther)

    def _write(self, done: int, total: int, *, is_farther: bool) -> None:
        self.written_at, self.told_farther = time.monotonic(), self.told_farther or is_farther
        work = self.search.work
        values: dict[str, Any] = {"done": done, "total": total, "message": self.search.says(self.trial, self.fold)}
        if is_farther:
            # Farther than any attempt before: three deaths in a row at one place are a failure, not three in a week.
            values["attempts"] = 1
        if work.lease.update(**values, seconds=work.reins.spent_s()):
            Trial.objects.filter(pk=self.trial.pk).update(curve=self.curve)

    def _progress(self, point: CurvePoint) -> tuple[int, int]:
        """Steps of a single training; of a search thousandths of a training, for trials differ in length."""
        before, trainings = self.search.place_of(self.trial, self.fold)
        if trainings == 1:
            return point.step, point.steps
        return THOUSAND * before + THOUSAND * point.step // max(1, point.steps), THOUSAND * trainings

    def should_stop(self) -> bool:
        """Tell the training to end here; ``why`` says the reason."""
        self.why = self.why or self._reins()
        return bool(self.why)

    def _reins(self) -> str:
        """The budget is one of the search: the last training of its best recipe comes on top."""
        why = self.search.work.reins.why()
        return "" if why == WhyStopped.BUDGET and self.search.is_final(self.fold) else why


def _class_names(study: Study) -> tuple[str, str]:
    classes = list(LabelClass.objects.filter(study=study))
    names = [" / ".join(c.name for c in classes if c.counted is counted)[:200] for counted in (False, True)]
    return names[0] or "Negative", names[1] or "Positive"
