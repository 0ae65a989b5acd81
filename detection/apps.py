"""The detection app."""

from django.apps import AppConfig


class DetectionConfig(AppConfig):
    """Training, models, detection, counts."""

    name = "detection"
