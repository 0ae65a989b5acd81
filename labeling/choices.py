"""Named values of the labelling side."""

from django.db import models


class Role(models.TextChoices):
    """What a person may do in a study."""

    PATHOLOGIST = "pathologist", "Pathologist"
    LAB = "lab", "Lab staff"
    ADMIN = "admin", "Admin"


class SlideState(models.TextChoices):
    """Where a slide is between upload and viewer."""

    QUEUED = "queued", "Waiting"
    PROCESSING = "processing", "Being prepared"
    READY = "ready", "Ready"
    FAILED = "failed", "Refused"


OPEN_SLIDE_STATES = (SlideState.QUEUED, SlideState.PROCESSING)


class ScaleSource(models.TextChoices):
    """How the scale of a slide became known."""

    FILE = "file", "Stated by the file"
    LENGTH = "length", "Measured on a known length"
    OBJECTIVE = "objective", "Chosen by the objective"
    TYPED = "typed", "Typed in"


class Source(models.TextChoices):
    """How a patch came in."""

    CLICK = "click", "Clicked in the viewer"
    POINTS = "points", "Imported points"
    IMPORT = "import", "Imported patches"
    MINED = "mined", "Proposed by a model"


class Shape(models.TextChoices):
    """How a class is drawn, so that colour is never the only sign."""

    RING = "ring", "Ring"
    CROSS = "cross", "Cross"
    SQUARE = "square", "Square"
    DIAMOND = "diamond", "Diamond"


class Side(models.TextChoices):
    """Which part of a data set an item serves."""

    TRAIN = "train", "Training"
    VALIDATION = "validation", "Validation"
    TEST = "test", "Test"


class Split(models.TextChoices):
    """What stays together when a data set is split."""

    CLUSTER = "cluster", "Places; overlapping patches together"
    PLACE = "place", "Places with a guard band"
    SLIDE = "slide", "Slides"
    CASE = "case", "Cases"
    RANDOM = "random", "At random, for imported patches"


class Verdict(models.TextChoices):
    """Whose class a patch gets where its readers differ."""

    MAJORITY = "majority", "The majority"
    READER = "reader", "A named reader"


class FreezeState(models.TextChoices):
    """Where a freeze is between wish and version."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Freezing"
    DONE = "done", "Frozen"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_FREEZE_STATES = (FreezeState.QUEUED, FreezeState.RUNNING)
