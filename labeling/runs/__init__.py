"""The workers' work on the labelling side."""

from labeling.runs.freezes import freeze, waiting_freezes
from labeling.runs.slides import ingest_slide, remove_stale_uploads, waiting_slides

__all__ = ["freeze", "ingest_slide", "remove_stale_uploads", "waiting_freezes", "waiting_slides"]
