"""Addresses under /api/."""

from django.urls import path

from detection import apis
from detection.registry import apis as registry

urlpatterns = [
    path("studies/<int:study_id>/training-runs", apis.TrainingRunsApi.as_view()),
    path("training-runs/<int:run_id>", apis.TrainingRunApi.as_view()),
    path("training-runs/<int:run_id>/cancel", apis.TrainingCancelApi.as_view()),
    path("training-runs/<int:run_id>/stop", apis.TrainingStopApi.as_view()),
    path("training-runs/<int:run_id>/trials/<int:number>", apis.TrialApi.as_view()),
    path("studies/<int:study_id>/models", registry.ModelsApi.as_view()),
    path("studies/<int:study_id>/models/import", registry.ModelImportsApi.as_view()),
    path("studies/<int:study_id>/models/roll-back", registry.RollBackApi.as_view()),
    path("studies/<int:study_id>/promotions", registry.PromotionsApi.as_view()),
    path("models/<int:model_id>", registry.ModelApi.as_view()),
    path("models/<int:model_id>/comparison", registry.ModelComparisonApi.as_view()),
    path("models/<int:model_id>/promote", registry.ModelPromoteApi.as_view()),
    path("models/<int:model_id>/card", registry.ModelCardApi.as_view()),
    path("models/<int:model_id>/card.md", registry.ModelCardFileApi.as_view()),
    path("models/<int:model_id>/checkpoint", registry.CheckpointApi.as_view()),
    path("comparisons/<int:comparison_id>", registry.ComparisonApi.as_view()),
    path("model-imports/<int:import_id>", registry.ModelImportApi.as_view()),
    path("studies/<int:study_id>/detection-runs", apis.DetectionRunsApi.as_view()),
    path("studies/<int:study_id>/counts", apis.CountsApi.as_view()),
    path("studies/<int:study_id>/counts.csv", apis.CountsCsvApi.as_view()),
    path("studies/<int:study_id>/proposals", apis.ProposalsApi.as_view()),
    path("slides/<int:slide_id>/detection-runs", apis.DetectionStartApi.as_view()),
    path("detection-runs/<int:run_id>", apis.DetectionRunApi.as_view()),
    path("detection-runs/<int:run_id>/cancel", apis.DetectionCancelApi.as_view()),
    path("detection-runs/<int:run_id>/points", apis.DetectionPointsApi.as_view()),
    path("detection-runs/<int:run_id>/found", apis.DetectionFoundApi.as_view()),
    path("detection-runs/<int:run_id>/unread", apis.DetectionUnreadApi.as_view()),
    path("detection-runs/<int:run_id>/export.csv", apis.DetectionCsvApi.as_view()),
    path("detection-runs/<int:run_id>/export.geojson", apis.DetectionGeoJsonApi.as_view()),
]
