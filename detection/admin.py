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


@admin.register(models.ModelComparison)
class ModelComparisonAdmin(ReadOnly):
    list_display = ["study", "number", "candidate", "current", "state", "verdict", "created_by", "created_at"]
    list_filter = ["state", "verdict", "study"]


@admin.register(models.Promotion)
class PromotionAdmin(ReadOnly):
    list_display = ["study", "model", "previous", "kind", "verdict", "created_by", "created_at"]
    list_filter = ["kind", "verdict", "study"]


@admin.register(models.ModelImport)
class ModelImportAdmin(ReadOnly):
    list_display = ["study", "number", "state", "file_name", "model", "created_by", "created_at"]
    list_filter = ["state", "study"]


@admin.register(models.DetectionRun)
class DetectionRunAdmin(ReadOnly):
    list_display = ["study", "number", "slide", "state", "count", "threshold", "created_by", "created_at"]
    list_filter = ["state", "study"]


@admin.register(models.Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["patch", "run", "score", "created_by", "created_at"]
    list_filter = ["patch__study"]
