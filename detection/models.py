"""What the machine learns and finds, as rows; the row is the truth, the message only a bell."""

import uuid

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from detection.choices import BlockState, ModelStatus, PromotionKind, RunState, TrialState, Verdict, WhyStopped
from labeling.models import SHA256, DatasetVersion, Leased, Patch, Slide, Study, User


class Run(Leased):
    """What training and detection runs share: state, progress, lease, owner."""

    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.QUEUED)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    client_key = models.UUIDField(default=uuid.uuid4)
    asked = models.JSONField(default=dict, help_text="the request as it came, so that a reused key is noticed")
    code_version = models.CharField(max_length=60)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class TrainingRun(Run):
    """One training or one search, from a data set, named or yet to be frozen, to a model version."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="training_runs")
    dataset = models.ForeignKey(
        DatasetVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="training_runs"
    )
    labels_until = models.BigIntegerField(
        null=True, blank=True, help_text="id of the newest label that counts; empty: a data set was named"
    )
    preset = models.CharField(max_length=30)
    config = models.JSONField()
    seed = models.BigIntegerField()
    device = models.CharField(max_length=60, blank=True)
    versions = models.JSONField(default=dict, help_text="torch and friends that trained it")
    trial_limit = models.PositiveSmallIntegerField(default=1, help_text="configurations to try; 1: the recipe alone")
    folds = models.PositiveSmallIntegerField(default=0, help_text="of the cross-validation; 0: none")
    minutes = models.PositiveIntegerField(null=True, blank=True, help_text="no new step after so much computing")
    space = models.JSONField(null=True, blank=True, help_text="ranges of a search")
    windows_beside = models.JSONField(
        null=True,
        blank=True,
        help_text="windows cut beside counted cells; empty: none yet, or not known then",
    )
    seconds = models.FloatField(default=0.0, help_text="spent computing, over all attempts")
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    metrics = models.JSONField(null=True, blank=True, help_text="what the model is worth, judged once at the end")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(dataset__isnull=False) | Q(labels_until__isnull=False) & ~Q(state=RunState.DONE),
                name="training_knows_its_labels",
            ),
            models.CheckConstraint(condition=Q(trial_limit__gte=1), name="training_tries_something"),
            models.CheckConstraint(condition=~Q(folds=1), name="training_folds_are_several"),
            models.UniqueConstraint(fields=["study", "number"], name="training_number_once"),
            models.UniqueConstraint(fields=["created_by", "client_key"], name="training_key_once"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="training_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.study} training {self.number}"


class Trial(models.Model):
    """One configuration tried within a training run: its parameters, curve and validation scores.

    ``fold_results`` holds one entry for each training of the configuration that has ended (see
    ``runs.search.FoldResult``), so that a run which is taken up again repeats none of them. Fold 0 is the training on
    the whole training side; folds from 1 are those of the cross-validation. A trial that is under way and has no lease
    waits for a worker.
    """

    run = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, related_name="trials")
    number = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=TrialState.choices, default=TrialState.RUNNING)
    parameters = models.JSONField()
    curve = models.JSONField(default=list, help_text="of the training under way, or of the last one")
    fold_results = models.JSONField(default=list)
    metrics = models.JSONField(null=True, blank=True, help_text="validation scores; of folds the mean")
    validation_loss = models.FloatField(null=True, blank=True, help_text="what trials are ranked by; of folds the mean")
    stopped_because = models.CharField(max_length=60, choices=WhyStopped.choices, blank=True)
    seconds = models.FloatField(default=0.0)
    done = models.PositiveIntegerField(default=0, help_text="how far it is, in the unit of its run's progress")
    token = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    is_owners = models.BooleanField(default=False, help_text="whoever has the run took it, and no helper")

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="trial_number_once"),
            models.CheckConstraint(condition=Q(state__in=TrialState.values), name="trial_state_known"),
        ]

    @property
    def study_id(self) -> int:
        """The study that the trial belongs to."""
        return self.run.study_id


@pghistory.track(fields=["status", "threshold", "reason"], model_name="ModelVersionEvent")
class ModelVersion(models.Model):
    """A counter in the registry, trained here or imported; its checkpoint lies in the media store under its hash."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="models")
    number = models.PositiveIntegerField()
    trial = models.OneToOneField(Trial, null=True, blank=True, on_delete=models.PROTECT, related_name="model")
    imported_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255, blank=True, help_text="of the file that was imported")
    dataset_hash = models.CharField(max_length=200, blank=True, help_text="what an imported model says it learned from")
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    size_bytes = models.BigIntegerField()
    metrics = models.JSONField(null=True, blank=True, help_text="empty: nobody here has judged an imported model")
    threshold = models.FloatField()
    status = models.CharField(max_length=10, choices=ModelStatus.choices, default=ModelStatus.CANDIDATE)
    promoted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    promoted_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, max_length=2000)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="model_number_once"),
            models.UniqueConstraint(
                fields=["study"], condition=Q(status=ModelStatus.CURRENT), name="one_current_model"
            ),
            models.CheckConstraint(condition=Q(status__in=ModelStatus.values), name="model_status_known"),
            models.CheckConstraint(condition=Q(threshold__gte=0, threshold__lte=1), name="model_threshold_inside"),
            models.CheckConstraint(
                condition=Q(trial__isnull=False, metrics__isnull=False, imported_by__isnull=True)
                | Q(trial__isnull=True, imported_by__isnull=False),
                name="model_trained_or_imported",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study} model {self.number}"


class ModelComparison(Run):
    """A candidate against the model that counts, on the same frozen test patches; computed by a worker, once."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="comparisons")
    candidate = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="comparisons")
    current = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)
    left_out = models.PositiveIntegerField(
        null=True, blank=True, help_text="test patches that the current model had seen"
    )
    result = models.JSONField(null=True, blank=True, help_text="empty where no patch was left")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="comparison_number_once"),
            models.UniqueConstraint(
                fields=["candidate", "current"],
                condition=Q(state__in=[RunState.QUEUED, RunState.RUNNING, RunState.DONE]),
                name="comparison_pair_once",
            ),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="comparison_state_known"),
            models.CheckConstraint(condition=Q(verdict__in=["", *Verdict.values]), name="comparison_verdict_known"),
            models.CheckConstraint(
                condition=~Q(state=RunState.DONE) | (~Q(verdict="") & Q(left_out__isnull=False)),
                name="comparison_result_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study} comparison {self.number}"


class ModelImport(Run):
    """A model file from elsewhere that a worker inspects; what passes becomes a candidate."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="model_imports")
    file_key = models.UUIDField(default=uuid.uuid4, unique=True, help_text="names the file until it was inspected")
    file_name = models.CharField(max_length=255, blank=True)
    size_bytes = models.BigIntegerField()
    model = models.OneToOneField(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="import_run"
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="import_number_once"),
            models.UniqueConstraint(fields=["created_by", "client_key"], name="import_key_once"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="import_state_known"),
            models.CheckConstraint(
                condition=~Q(state=RunState.DONE) | Q(model__isnull=False), name="import_done_has_model"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study} model import {self.number}"


class Promotion(models.Model):
    """One change of the model that counts: who, when, why and on what evidence; rows are only ever added."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="promotions")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    previous = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=PromotionKind.choices, default=PromotionKind.PROMOTION)
    comparison = models.ForeignKey(
        ModelComparison, null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)
    reason = models.TextField(blank=True, max_length=2000)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="only_added", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PromotionKind.values), name="promotion_kind_known"),
            models.CheckConstraint(condition=Q(verdict__in=["", *Verdict.values]), name="promotion_verdict_known"),
            models.CheckConstraint(
                condition=Q(kind=PromotionKind.ROLL_BACK)
                | Q(previous__isnull=True)
                | Q(verdict=Verdict.BETTER)
                | ~Q(reason=""),
                name="promotion_has_reason",
            ),
        ]


@pghistory.track(fields=["threshold"], model_name="DetectionRunEvent")
class DetectionRun(Run):
    """One search for cells on one slide with one model; its points lie in the media store."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="detection_runs")
    slide = models.ForeignKey(Slide, on_delete=models.PROTECT, related_name="detection_runs")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="detection_runs")
    slide_sha256 = models.CharField(max_length=64, validators=[SHA256])
    model_sha256 = models.CharField(max_length=64, validators=[SHA256])
    regions = models.JSONField(null=True, blank=True, help_text="polygons in level-0 pixels; empty: the whole slide")
    params = models.JSONField()
    scale = models.FloatField(help_text="level-0 pixels per model pixel")
    mpp = models.FloatField(null=True, blank=True, help_text="µm per level-0 pixel when the run began")
    threshold = models.FloatField()
    points_sha256 = models.CharField(max_length=64, blank=True)
    point_count = models.PositiveIntegerField(null=True, blank=True, help_text="all points, above the low floor")
    count = models.PositiveIntegerField(null=True, blank=True, help_text="points at or above the threshold")
    area_px = models.BigIntegerField(null=True, blank=True, help_text="level-0 pixels that were read")
    unread_px = models.BigIntegerField(default=0, help_text="level-0 pixels that could not be read")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="detection_number_once"),
            models.UniqueConstraint(fields=["created_by", "client_key"], name="detection_key_once"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="detection_state_known"),
            models.CheckConstraint(condition=Q(threshold__gte=0, threshold__lte=1), name="detection_threshold_inside"),
            models.CheckConstraint(condition=Q(scale__gt=0), name="detection_scale_positive"),
            models.CheckConstraint(
                condition=~Q(state__in=[RunState.DONE, RunState.INCOMPLETE])
                | (
                    Q(point_count__isnull=False)
                    & Q(count__isnull=False)
                    & Q(area_px__isnull=False)
                    & ~Q(points_sha256="")
                ),
                name="detection_result_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study} detection {self.number}"


class DetectionBlock(models.Model):
    """One block of a run, leased to one worker at a time; the result is packed in the row."""

    run = models.ForeignKey(DetectionRun, on_delete=models.PROTECT, related_name="blocks")
    n = models.PositiveIntegerField()
    x = models.IntegerField(help_text="core box in model pixels")
    y = models.IntegerField()
    w = models.IntegerField()
    h = models.IntegerField()
    state = models.CharField(max_length=10, choices=BlockState.choices, default=BlockState.QUEUED)
    token = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    candidates = models.BinaryField(null=True, help_text="float32 triples x_l0, y_l0, score")
    read_px = models.BigIntegerField(default=0, help_text="model pixels inside the regions")
    unread_px = models.BigIntegerField(default=0, help_text="model pixels inside the regions")
    unread = models.JSONField(default=list, help_text="boxes [x, y, w, h] in model pixels that could not be read")
    nth = models.PositiveIntegerField(null=True, help_text="place in the order in which the blocks were done, from 1")

    class Meta:
        ordering = ["run", "n"]
        indexes = [models.Index(fields=["run", "state"])]
        constraints = [
            models.UniqueConstraint(fields=["run", "n"], name="block_number_once"),
            models.UniqueConstraint(fields=["run", "nth"], name="block_nth_once"),
            models.CheckConstraint(condition=Q(state__in=BlockState.values), name="block_state_known"),
            models.CheckConstraint(
                condition=~Q(state=BlockState.DONE) | Q(candidates__isnull=False), name="block_done_has_result"
            ),
        ]


class Proposal(models.Model):
    """A find that is probably no cell, as a patch without a label; whoever labels the patch has judged it."""

    patch = models.OneToOneField(Patch, on_delete=models.PROTECT, related_name="proposal")
    run = models.ForeignKey(DetectionRun, on_delete=models.PROTECT, related_name="proposals")
    score = models.FloatField(help_text="of the model at this place, 0 to 1")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(score__gte=0, score__lte=1), name="proposal_score_inside"),
        ]
