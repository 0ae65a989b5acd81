"""The workers' work; the only part of the app that loads torch, so import it inside task bodies only."""

from detection.runs.comparison import compare
from detection.runs.detection import detect
from detection.runs.model_import import import_model
from detection.runs.training import train

__all__ = ["compare", "detect", "import_model", "train"]
