"""What people see and say, as rows; constraints say what can be said in the database."""

import uuid

import pghistory
import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from labeling.choices import FreezeState, Role, ScaleSource, Shape, Side, SlideState, Source

SHA256 = RegexValidator(r"^[0-9a-f]{64}$", "This is no SHA-256.")


class Leased(models.Model):
    """What a worker takes by a lease: how far it is, what went wrong, who has it."""

    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    token = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class User(AbstractUser):
    """A person who signs in."""

    @property
    def name(self) -> str:
        """The name to show: the full name where there is one."""
        return self.get_full_name() or self.username


@pghistory.track(
    fields=["name", "description", "patch_px", "model_mpp", "radius_um", "quota_bytes"], model_name="StudyEvent"
)
class Study(models.Model):
    """The unit of work and of permission."""

    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True, max_length=2000)
    patch_px = models.PositiveSmallIntegerField(default=70, validators=[MinValueValidator(70), MaxValueValidator(70)])
    model_mpp = models.FloatField(null=True, blank=True, help_text="µm per model pixel; empty: pixels as they are")
    radius_um = models.FloatField(default=3.0, help_text="of two finds nearer than this, µm, the better one stays")
    quota_bytes = models.BigIntegerField(null=True, blank=True, help_text="of originals and uploads; empty: no limit")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(model_mpp__isnull=True) | Q(model_mpp__gt=0), name="study_mpp_positive"),
            models.CheckConstraint(condition=Q(radius_um__gt=0), name="study_radius_positive"),
            models.CheckConstraint(
                condition=Q(quota_bytes__isnull=True) | Q(quota_bytes__gte=0), name="study_quota_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LabelClass(models.Model):
    """A kind of cell that people name; counted classes are what the counter looks for."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="classes")
    name = models.CharField(max_length=60)
    key = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(9)])
    colour = models.CharField(max_length=7, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")])
    shape = models.CharField(max_length=10, choices=Shape.choices, default=Shape.RING)
    counted = models.BooleanField(default=False)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="label_class_name_once"),
            models.UniqueConstraint(fields=["study", "key"], name="label_class_key_once"),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Membership(models.Model):
    """A person's role in a study."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["user__username", "role"]
        constraints = [
            models.UniqueConstraint(fields=["study", "user", "role"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} in {self.study}"


class Upload(models.Model):
    """A file on its way in (tus); a slide only once it is whole."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="uploads")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    offset_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    slide = models.ForeignKey("Slide", null=True, blank=True, on_delete=models.PROTECT, related_name="uploads")
    created_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(size_bytes__gt=0), name="upload_not_empty"),
            models.CheckConstraint(
                condition=Q(offset_bytes__gte=0) & Q(offset_bytes__lte=F("size_bytes")), name="upload_offset_inside"
            ),
        ]


class WatchedFile(models.Model):
    """A file that a watched folder held, as it was when it was looked at: it is not looked at again."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    path_sha256 = models.CharField(max_length=64, help_text="of the path's bytes, which need not be text")
    size_bytes = models.BigIntegerField()
    mtime_ns = models.BigIntegerField()
    slide = models.ForeignKey("Slide", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    refusal = models.TextField(blank=True, help_text="why it was not taken; empty: it was")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["study", "path_sha256", "size_bytes", "mtime_ns"], name="watched_file_once")
        ]


@pghistory.track(fields=["case_code", "stain", "note", "mpp", "mpp_source"], model_name="SlideEvent")
class Slide(Leased):
    """A micrograph: the original file under its hash, and the pyramid the viewer reads."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="slides")
    number = models.PositiveIntegerField()
    case_code = models.CharField(max_length=60, blank=True)
    stain = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True, max_length=2000)
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    size_bytes = models.BigIntegerField()
    pyramid_sha256 = models.CharField(max_length=64, blank=True, help_text="empty: the original is read directly")
    thumbnail_sha256 = models.CharField(max_length=64, blank=True, help_text="the whole slide as a small JPEG")
    overview_sha256 = models.CharField(max_length=64, blank=True, help_text="empty: no coarse tiles were drawn ahead")
    format = models.CharField(max_length=20, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    mpp = models.FloatField(null=True, blank=True)
    mpp_doubt = models.CharField(max_length=200, blank=True, help_text="what speaks against the file's own scale")
    mpp_source = models.CharField(max_length=10, choices=ScaleSource.choices, blank=True, help_text="empty: no scale")
    file_mpp = models.FloatField(null=True, blank=True, help_text="what the file itself states, whatever people set")
    objective = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=SlideState.choices, default=SlideState.QUEUED)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="slide_number_once"),
            models.UniqueConstraint(fields=["study", "sha256"], name="slide_file_once"),
            models.CheckConstraint(condition=Q(state__in=SlideState.values), name="slide_state_known"),
            models.CheckConstraint(condition=Q(mpp__isnull=True) | Q(mpp__gt=0), name="slide_mpp_positive"),
            models.CheckConstraint(condition=Q(mpp_source__in=["", *ScaleSource.values]), name="slide_scale_source"),
            models.CheckConstraint(
                condition=~Q(state=SlideState.READY) | (Q(width__gt=0) & Q(height__gt=0)), name="slide_ready_has_size"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study} {self.code}"

    @property
    def code(self) -> str:
        """The name people see; the file's own name may hold a patient's."""
        return f"S{self.number:03d}"

    @property
    def file_sha256(self) -> str:
        """Hash of the file that is read: the pyramid where one was made, else the original."""
        return self.pyramid_sha256 or self.sha256


class Patch(models.Model):
    """A square of pixels round one cell, kept as the PNG that was cropped."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="patches")
    slide = models.ForeignKey(Slide, null=True, blank=True, on_delete=models.PROTECT, related_name="patches")
    x_l0 = models.PositiveIntegerField(null=True, blank=True)
    y_l0 = models.PositiveIntegerField(null=True, blank=True)
    png = models.BinaryField()
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    source = models.CharField(max_length=10, choices=Source.choices)
    origin = models.CharField(max_length=255, blank=True, help_text="name inside an imported folder or archive")
    look = models.BinaryField(null=True, max_length=100, help_text="see looks; empty until a data set needs it")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["study", "sha256"])]
        constraints = [
            models.UniqueConstraint(
                fields=["slide", "x_l0", "y_l0"], condition=Q(slide__isnull=False), name="patch_place_once"
            ),
            models.UniqueConstraint(
                fields=["study", "sha256"], condition=Q(slide__isnull=True), name="imported_patch_once"
            ),
            models.CheckConstraint(
                condition=Q(slide__isnull=True, x_l0__isnull=True, y_l0__isnull=True)
                | Q(slide__isnull=False, x_l0__isnull=False, y_l0__isnull=False),
                name="patch_place_whole",
            ),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="patch_source_known"),
        ]


class Label(models.Model):
    """What one reader said of one patch, once; never changed, only followed by a newer one."""

    patch = models.ForeignKey(Patch, on_delete=models.PROTECT, related_name="labels")
    reader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="labels")
    label_class = models.ForeignKey(
        LabelClass, null=True, blank=True, on_delete=models.PROTECT, related_name="labels", help_text="empty: withdrawn"
    )
    client_key = models.UUIDField(default=uuid.uuid4)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["patch", "reader", "-id"])]
        constraints = [models.UniqueConstraint(fields=["reader", "client_key"], name="label_key_once")]


class DatasetVersion(models.Model):
    """Labels of a study, frozen: what a model learned from and was tested on; the database refuses every change."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="datasets")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    content_hash = models.CharField(max_length=64, validators=[SHA256])
    seed = models.BigIntegerField(default=0)
    rule = models.JSONField(default=dict, help_text="which patches, whose label, how they were split")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="dataset_number_once"),
            models.UniqueConstraint(fields=["study", "name"], name="dataset_name_once"),
        ]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.study} data {self.number}"


class DatasetItem(models.Model):
    """One patch of a data-set version, with its class and its side."""

    dataset = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="items")
    patch = models.ForeignKey(Patch, on_delete=models.PROTECT, related_name="+")
    label_class = models.ForeignKey(LabelClass, on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=10, choices=Side.choices)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "patch"], name="dataset_patch_once"),
            models.CheckConstraint(condition=Q(side__in=Side.values), name="dataset_side_known"),
        ]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update | pgtrigger.Delete)]


class DatasetFreeze(Leased):
    """The wish that labels be frozen, and the version it came to; a worker does it in the background."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="freezes")
    state = models.CharField(max_length=12, choices=FreezeState.choices, default=FreezeState.QUEUED)
    client_key = models.UUIDField(default=uuid.uuid4)
    asked = models.JSONField(default=dict, help_text="the request, so that a reused key is noticed")
    dataset = models.ForeignKey(DatasetVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="freezes")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["created_by", "client_key"], name="freeze_key_once"),
            models.CheckConstraint(condition=Q(state__in=FreezeState.values), name="freeze_state_known"),
            models.CheckConstraint(
                condition=Q(state=FreezeState.DONE, dataset__isnull=False)
                | ~Q(state=FreezeState.DONE) & Q(dataset__isnull=True),
                name="freeze_done_has_version",
            ),
        ]


class AccessRecord(models.Model):
    """Who looked at or took out what: reads and exports of slides."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    slide = models.ForeignKey(Slide, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=30)
    detail = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
