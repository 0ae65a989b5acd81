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


class Preset(models.TextChoices):
    """Training recipes that people choose from; the recipes themselves are in ``nn.config``."""

    DEFAULT = "default", "Default"
    QUICK = "quick", "Quick look"
