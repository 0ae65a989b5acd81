"""The workers' work; the only part of the app that loads torch, so import it inside task bodies only."""

from detection.runs.detection import detect
from detection.runs.training import train

__all__ = ["detect", "train"]
