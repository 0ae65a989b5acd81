"""Named values of the detection side."""

from django.db import models


class RunState(models.TextChoices):
    """Where a run of the workers is."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    INCOMPLETE = "incomplete", "Incomplete"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATES = (RunState.QUEUED, RunState.RUNNING)
FINAL_STATES = (RunState.DONE, RunState.INCOMPLETE, RunState.FAILED, RunState.CANCELLED)
COUNTED_STATES = (RunState.DONE, RunState.INCOMPLETE)


class TrialState(models.TextChoices):
    """Where one configuration of a search is."""

    RUNNING = "running", "Running"
    DONE = "done", "Done"
    PRUNED = "pruned", "Pruned"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"


LOST_STATES = (TrialState.PRUNED, TrialState.FAILED)


class WhyStopped(models.TextChoices):
    """Why a trial, or one training within it, came to its end."""

    FINISHED = "finished", "All steps taken"
    NO_IMPROVEMENT = "no_improvement", "No improvement"
    PRUNED = "pruned", "Worse than the others at the same step"
    ASKED = "asked", "Somebody asked"
    BUDGET = "budget", "The time was over"
    DIVERGED = "diverged", "The loss was no number any more"


class BlockState(models.TextChoices):
    """Where one block of a detection run is."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ModelStatus(models.TextChoices):
    """What a model version is to its study."""

    CANDIDATE = "candidate", "Candidate"
    CURRENT = "current", "Current"
    RETIRED = "retired", "Retired"


class Verdict(models.TextChoices):
    """What a comparison says of a candidate against the current model."""

    BETTER = "better", "Better"
    WORSE = "worse", "Worse"
    NOT_TOLD_APART = "not_told_apart", "Not to be told apart"


class PromotionKind(models.TextChoices):
    """How a model came to count."""

    PROMOTION = "promotion", "Promotion"
    ROLL_BACK = "roll_back", "Roll back"


class Preset(models.TextChoices):
    """Training recipes that people choose from; the recipes themselves are in ``nn.config``."""

    DEFAULT = "default", "Default"
    LIGHT = "light", "Light"
    QUICK = "quick", "Quick look"
    PAPER = "paper", "As in the paper"
    MODEL_B = "model-b", "Model B"


MAX_TRIALS, MAX_FOLDS, MAX_MINUTES = 200, 10, 60 * 24 * 14
"""Of a training run; two weeks of computing."""

MOST_WAITING = 200
"""Proposals that may wait for a judgement."""
