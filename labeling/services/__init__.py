"""Writes: one keyword-only function per thing that can happen."""

from labeling.freezing import FreezeChoices, LeakError, TooFewError
from labeling.services.access import access_record
from labeling.services.dataset_files import dataset_export, dataset_import
from labeling.services.datasets import (
    dataset_check,
    dataset_check_leaks,
    dataset_foresee,
    dataset_freeze,
    freeze_cancel,
    freeze_start,
)
from labeling.services.imports import (
    ImportReport,
    LabelledPatch,
    UnknownClassError,
    Words,
    patches_import,
    patches_read,
    points_import,
)
from labeling.services.labels import Said, label_add, patch_label
from labeling.services.members import member_add, member_remove, person_ensure
from labeling.services.quotas import QuotaError, quota_check
from labeling.services.slide_imports import slide_import
from labeling.services.slides import Outcome, slide_delete, slide_register, slide_update, slides_delete, slides_update
from labeling.services.studies import ClassSpec, study_create, study_update
from labeling.services.uploads import Progress, upload_append, upload_create, upload_remove, upload_state
from labeling.services.watching import Looked, Watch

__all__ = [
    "ClassSpec",
    "FreezeChoices",
    "ImportReport",
    "LabelledPatch",
    "LeakError",
    "Looked",
    "Outcome",
    "Progress",
    "QuotaError",
    "Said",
    "TooFewError",
    "UnknownClassError",
    "Watch",
    "Words",
    "access_record",
    "dataset_check",
    "dataset_check_leaks",
    "dataset_export",
    "dataset_foresee",
    "dataset_freeze",
    "dataset_import",
    "freeze_cancel",
    "freeze_start",
    "label_add",
    "member_add",
    "member_remove",
    "patch_label",
    "patches_import",
    "patches_read",
    "person_ensure",
    "points_import",
    "quota_check",
    "slide_delete",
    "slide_import",
    "slide_register",
    "slide_update",
    "slides_delete",
    "slides_update",
    "study_create",
    "study_update",
    "upload_append",
    "upload_create",
    "upload_remove",
    "upload_state",
]
