"""Addresses under /api/."""

from django.urls import path

from detection import apis

urlpatterns = [
    path("studies/<int:study_id>/training-runs", apis.TrainingRunsApi.as_view()),
    path("training-runs/<int:run_id>", apis.TrainingRunApi.as_view()),
    path("training-runs/<int:run_id>/cancel", apis.TrainingCancelApi.as_view()),
    path("training-runs/<int:run_id>/stop", apis.TrainingStopApi.as_view()),
    path("training-runs/<int:run_id>/trials/<int:number>", apis.TrialApi.as_view()),
    path("studies/<int:study_id>/models", apis.ModelsApi.as_view()),
    path("models/<int:model_id>", apis.ModelApi.as_view()),
    path("models/<int:model_id>/promote", apis.ModelPromoteApi.as_view()),
    path("studies/<int:study_id>/detection-runs", apis.DetectionRunsApi.as_view()),
    path("slides/<int:slide_id>/detection-runs", apis.DetectionStartApi.as_view()),
    path("detection-runs/<int:run_id>", apis.DetectionRunApi.as_view()),
    path("detection-runs/<int:run_id>/cancel", apis.DetectionCancelApi.as_view()),
    path("detection-runs/<int:run_id>/points", apis.DetectionPointsApi.as_view()),
    path("detection-runs/<int:run_id>/export.csv", apis.DetectionCsvApi.as_view()),
    path("detection-runs/<int:run_id>/export.geojson", apis.DetectionGeoJsonApi.as_view()),
]
