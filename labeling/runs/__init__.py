"""The workers' work on the labelling side."""

from labeling.runs.freezes import freeze, waiting_freezes
from labeling.runs.slides import ingest_slide, waiting_slides
from labeling.runs.uploads import finish_upload, remove_stale_uploads, whole_uploads

__all__ = [
    "finish_upload",
    "freeze",
    "ingest_slide",
    "remove_stale_uploads",
    "waiting_freezes",
    "waiting_slides",
    "whole_uploads",
]
