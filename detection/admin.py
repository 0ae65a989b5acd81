"""Django's admin, for site admins: what the machine did is read there, never written."""

from django.contrib import admin

from detection import models
from labeling.admin import ReadOnly


@admin.register(models.TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ["study", "number", "state", "preset", "created_by", "created_at"]
    list_filter = ["state", "study"]


@admin.register(models.ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["study", "number", "status", "threshold", "promoted_by", "promoted_at"]
    list_filter = ["status", "study"]


@admin.register(models.DetectionRun)
class DetectionRunAdmin(ReadOnly):
    list_display = ["study", "number", "slide", "state", "count", "threshold", "created_by", "created_at"]
    list_filter = ["state", "study"]
