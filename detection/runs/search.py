"""The trials of a training run: configuration by configuration, fold by fold; what has ended is never repeated.

Whoever has the run works on its trials, and waits for those that other workers have taken meanwhile.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Now

from config.errors import UnavailableError
from config.leases import LostError
from detection import leases, selectors
from detection.choices import OPEN_STATES, TrialState, WhyStopped
from detection.models import TrainingRun, Trial
from detection.nn import search as nn_search
from detection.nn import training as nn_training
from detection.nn.checkpoint import CheckpointMeta, save_checkpoint
from detection.nn.config import TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.errors import TrainingError
from detection.nn.training import CurvePoint, TrainingOutcome
from detection.runs.devices import versions
from detection.runs.folds import Folds
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
from labeling import handover
from labeling.choices import Side
from labeling.models import DatasetVersion, LabelClass, Study

WRITE_EVERY_S = 1.0
THOUSAND = 1000


@dataclass(frozen=True)
class Hold:
    """The right to write down what a training comes to: a lease that a heartbeat keeps."""

    lease: leases.Lease
    beat: leases.Heartbeat


@dataclass(frozen=True)
class Work:
    """What every training of a run shares.

    Args:
        run: with its study.
        dataset: what it learns from.
        reins: when to stop.
        sides: the frozen patches; the training side ends with the windows beside its cells.
        folds: who learns and who judges; None where there is no cross-validation.
        place: what is computed on.
        folder: where states and networks lie while the run goes on.
        hold: of the run; None for a worker that helps whoever has it.
    """

    run: TrainingRun
    dataset: DatasetVersion
    reins: Reins
    sides: dict[str, PatchSet]
    folds: Folds | None
    place: torch.device
    folder: Path
    hold: Hold | None = None


class Search:
    """The trials of a run. Each is leased, so that several workers can work on them side by side."""

    def __init__(self, work: Work) -> None:
        self.work, self.run = work, work.run
        self.folds = range(1, self.run.folds + 1) if self.run.folds else (WHOLE,)
        self.farthest = self.run.done

    def go(self) -> None:
        """Work on every trial that has not ended, until all have, or the reins say stop; wait for helpers.

        Raises:
            LostError: the run is not ours any more.
            TrainingError: nothing can be learned from these patches, or the only trial came to nothing.
        """
        self._take_back()
        while True:
            self.work.reins.check_held()
            why = self.work.reins.why()
            if not why and self.work_on_next():
                continue
            if not self._is_left(why):
                break
            words = self._trials_held()
            self.tell(**({"message": words} if words else {}))
            time.sleep(WRITE_EVERY_S)
        self.work.reins.check_held()
        self._under_way().update(state=TrialState.STOPPED, stopped_because=why, lease_until=None)

    def _under_way(self) -> QuerySet[Trial]:
        return self.run.trials.filter(state=TrialState.RUNNING).order_by("number")

    def _take_back(self) -> None:
        """Free what the one had who had the run before, so that trials go on in their order without a pause."""
        self._under_way().filter(is_owners=True).update(lease_until=None, token=F("token") + 1)

    def _is_left(self, why: str) -> bool:
        """Tell whether there are trials to wait for: where we stop, those that helpers are about to note."""
        rest = self._under_way()
        if why:
            return rest.filter(lease_until__gte=Now()).exists()
        if rest.filter(leases.unheld(), attempts__gte=settings.LEASE_ATTEMPTS).exists():
            raise TrainingError(leases.WORKER_DIED, code="worker_died")
        return rest.exists()

    def work_on_next(self) -> bool:
        """Work on the first trial that nobody has, up to its end; False: there is none.

        Raises:
            LostError: the run is not ours any more.
            TrainingError: see ``fit``.
            UnavailableError: the network could not be shared with other machines.
        """
        lease = self._claim()
        if lease is None:
            return False
        try:
            with leases.Heartbeat(lease) as beat:
                self._work_on(Trial.objects.get(pk=lease.pk), Hold(lease, beat))
        except LostError:
            self.work.reins.check_held()
        except UnavailableError:
            # The trial is not farther, and that is not its fault.
            lease.update(attempts=F("attempts") - 1)
            raise
        finally:
            lease.update(lease_until=None)
        self._tidy()
        return True

    def _claim(self) -> leases.Lease | None:
        """Take a trial that was left, else begin the next one."""
        is_open = Q(run__in=TrainingRun.objects.filter(state__in=OPEN_STATES).values("pk"))
        with transaction.atomic():
            # No two workers may begin the same trial.
            runs = TrainingRun.objects.select_for_update().filter(pk=self.run.pk, state__in=OPEN_STATES)
            if runs.only("pk").first() is None:
                return None
            lease = leases.claim(self._under_way(), also=is_open)
            if lease is None and self._begin(self.run.trials.count() + 1):
                lease = leases.claim(self._under_way(), also=is_open)
            if lease is not None:
                lease.update(is_owners=self.work.hold is not None)
            return lease

    def _begin(self, number: int) -> bool:
        """Give a trial its row: the first is the recipe as it was asked for, the others vary it."""
        if number > self.run.trial_limit:
            return False
        parameters = self.run.config
        if number > 1:
            base = TrainingConfig.from_json(parameters)
            space = nn_search.SearchSpace.from_json(self.run.space or {})
            parameters = nn_search.propose(base, space, seed=self.run.seed, number=number - 1).to_json()
        Trial.objects.create(run=self.run, number=number, parameters=parameters)
        return True

    def _work_on(self, trial: Trial, hold: Hold) -> None:
        for fold in self.folds:
            if trial.state != TrialState.RUNNING or self.work.reins.why():
                return
            if result_of(trial, fold) is None:
                self.fit(trial, fold, hold)

    def fit(self, trial: Trial, fold: int, hold: Hold) -> None:
        """Train one configuration once, going on where an interrupted worker stood, and note the result.

        Raises:
            LostError: the trial, or the run, is not ours any more.
            TrainingError: the patches cannot be learned from, or the run's only trial diverged.
        """
        watch = _Watch(self, trial, fold, hold)
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
            why = WhyStopped.DIVERGED
            self._save(trial, hold, state=TrialState.FAILED, stopped_because=why, curve=watch.curve, **self._ended)
            return
        if watch.why == LOST:
            raise LostError
        self._note(trial, hold, fold_result(fold, outcome, watch.why), outcome, watch.curve)

    def _patches(self, fold: int) -> tuple[PatchSet, PatchSet]:
        """Give the patches that one training learns from, and those that judge it."""
        training = self.work.sides[Side.TRAIN]
        if fold == WHOLE or self.work.folds is None:
            return training, self.work.sides[Side.VALIDATION]
        return training.take(self.work.folds.learns(fold - 1)), training.take(self.work.folds.judges(fold - 1))

    def _note(
        self, trial: Trial, hold: Hold, result: FoldResult, outcome: TrainingOutcome, curve: list[dict[str, Any]]
    ) -> None:
        """Keep the network if it is the trial's best, then the row; a kill between the two repeats the last step."""
        if self._is_best_fold(trial, result):
            path = self.network_path(trial, result["fold"])
            save_checkpoint(path, outcome.model, self._meta(trial, outcome))
            handover.share(path)
        results = [*trial.fold_results, result]
        state = self._state_after(trial, results)
        folds = [one for one in results if one["fold"] in self.folds]
        self._save(
            trial,
            hold,
            state=state,
            fold_results=results,
            curve=curve,
            metrics=mean_scores(folds),
            validation_loss=mean_loss(folds),
            stopped_because="" if state == TrialState.RUNNING else why_ended(folds),
            seconds=sum(one["seconds"] for one in results),
            **({} if state == TrialState.RUNNING else self._ended),
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

    def _save(self, trial: Trial, hold: Hold, **values: Any) -> None:
        """Change a trial's row, unless it is not ours any more."""
        with transaction.atomic():
            if not hold.lease.extend():
                raise LostError
            for name, value in values.items():
                setattr(trial, name, value)
            trial.save(update_fields=list(values))
        self.tell()

    @property
    def _ended(self) -> dict[str, Any]:
        """What stands in the row of a trial that has ended: it counts whole, however early it ended."""
        whole = {} if self.trainings == 1 else {"done": THOUSAND * len(self.folds)}
        return {"lease_until": None} | whole

    @property
    def trainings(self) -> int:
        """How many trainings there are if none ends early."""
        return self.run.trial_limit * len(self.folds) + (1 if self.run.folds else 0)

    def tell(self, **values: Any) -> None:
        """Put the progress of all trials onto the run's row, if it is ours; ``values`` come on top."""
        if self.work.hold is None:
            return
        done = values.get("done") or self.run.trials.aggregate(sum=Sum("done"))["sum"] or 0
        if done > self.farthest:
            # Farther than any attempt before: three deaths in a row at one place are a failure, not three in a week.
            values["attempts"] = 1
        values["done"] = max(done, self.farthest)
        self.work.hold.lease.update(seconds=self.work.reins.spent_s(), **values)

    def _meta(self, trial: Trial, outcome: TrainingOutcome) -> CheckpointMeta:
        return CheckpointMeta(
            shape=outcome.model.shape,
            preprocessing=outcome.model.preprocessing,
            class_names=_class_names(self.run.study),
            threshold=outcome.threshold,
            gate=outcome.gate,
            dataset_hash=self.work.dataset.content_hash,
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
        return handover.shared(self.network_path(trial, WHOLE if has_whole else 1))

    def _state_path(self, trial: Trial, fold: int) -> Path:
        return self.work.folder / f"trial-{trial.number}-fold-{fold}.state"

    def _tidy(self) -> None:
        """Remove what only trials need that have lost; a network takes 100 MB."""
        # Looked at before the rows: what another worker writes meanwhile is of a trial that these rows do not know.
        found = list(self.work.folder.iterdir())
        needed = [*self._under_way(), *filter(None, [self.best()])]
        keep = tuple(f"trial-{trial.number}-" for trial in needed)
        for path in found:
            if not path.name.removeprefix(".").startswith(keep):
                path.unlink(missing_ok=True)

    def is_final(self, fold: int) -> bool:
        """Tell the last training of a cross-validated search from those that compare configurations."""
        return fold not in self.folds

    def says(self, trial: Trial, fold: int) -> str:
        """Say in words which training this is, or which trials are under way side by side."""
        if self.is_final(fold):
            return f"Training the best recipe, that of trial {trial.number}"
        parts = [f"Trial {trial.number} of {self.run.trial_limit}"] if self.run.trial_limit > 1 else []
        parts += [f"fold {fold} of {self.run.folds}"] if self.run.folds else []
        words = self._trials_held(at_least=2) or ", ".join(parts) or "Learning"
        return words[0].upper() + words[1:]

    def _trials_held(self, *, at_least: int = 1) -> str:
        held = self._under_way().filter(lease_until__gte=Now())
        numbers = [str(number) for number in held.values_list("number", flat=True)]
        if len(numbers) < at_least:
            return ""
        names = " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))
        return f"{'Trials' if len(numbers) > 1 else 'Trial'} {names} of {self.run.trial_limit}"


class _Watch:
    """Puts curve and progress of one training on the rows, about once a second, and says when it must stop."""

    def __init__(self, search: Search, trial: Trial, fold: int, hold: Hold) -> None:
        self.search, self.trial, self.fold, self.hold = search, trial, fold, hold
        self.is_final = search.is_final(fold)
        self.why, self.written_at = "", 0.0
        self.farthest, self.told_farther = search.farthest if self.is_final else trial.done, False
        self.curve: list[dict[str, Any]] = []
        self.losses: dict[int, float] = {}
        may_prune = trial.number > 1 and not self.is_final
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
        words = {"total": total, "message": self.search.says(self.trial, self.fold)}
        if self.is_final:
            Trial.objects.filter(pk=self.trial.pk).update(curve=self.curve)
            self.search.tell(done=done, **words)
            return
        values: dict[str, Any] = {"curve": self.curve, "done": done}
        if is_farther:
            values["attempts"] = 1
        self.hold.lease.update(**values)
        self.search.tell(**words)

    def _progress(self, point: CurvePoint) -> tuple[int, int]:
        """Steps of a single training; of a search thousandths of a training, for trials differ in length."""
        trainings = self.search.trainings
        if trainings == 1:
            return point.step, point.steps
        before = trainings - 1 if self.is_final else max(0, self.fold - 1)
        return THOUSAND * before + THOUSAND * point.step // max(1, point.steps), THOUSAND * trainings

    def should_stop(self) -> bool:
        """Tell the training to end here; ``why`` says the reason."""
        self.why = self.why or self._reins()
        return bool(self.why)

    def _reins(self) -> str:
        """The budget is one of the search: the last training of its best recipe comes on top."""
        if self.hold.beat.lost.is_set():
            return LOST
        why = self.search.work.reins.why()
        return "" if why == WhyStopped.BUDGET and self.is_final else why


def _class_names(study: Study) -> tuple[str, str]:
    classes = list(LabelClass.objects.filter(study=study))
    names = [" / ".join(c.name for c in classes if c.counted is counted)[:200] for counted in (False, True)]
    return names[0] or "Negative", names[1] or "Positive"
