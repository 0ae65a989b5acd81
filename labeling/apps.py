"""The labelling app."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    """Studies, slides, patches, labels."""

    name = "labeling"
