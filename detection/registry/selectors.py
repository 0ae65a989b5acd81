"""Reads of the registry: comparisons, imports and the history of what counted."""

from typing import Any

from django.db.models import QuerySet

from config.errors import NotFoundError
from detection.choices import PromotionKind, RunState
from detection.models import ModelComparison, ModelImport, ModelVersion, Promotion
from detection.selectors import current_model, run_words
from labeling.models import DatasetVersion, Study
from labeling.selectors import ABSENT


def comparisons() -> QuerySet[ModelComparison]:
    """Comparisons with all that their description needs."""
    return ModelComparison.objects.select_related(
        "study", "dataset", "created_by", "candidate__trial__run__dataset", "current__trial__run__dataset"
    )


def comparison_at(comparison_id: int) -> ModelComparison:
    """Find a comparison by the id in an address."""
    found = comparisons().filter(pk=comparison_id).first()
    if found is None:
        raise NotFoundError(ABSENT)
    return found


def comparison_of(candidate: ModelVersion, current: ModelVersion) -> ModelComparison | None:
    """The newest comparison of two models; a failed one only where none is under way or done."""
    pair = comparisons().filter(candidate=candidate, current=current)
    return pair.exclude(state=RunState.FAILED).first() or pair.first()


def import_at(import_id: int) -> ModelImport:
    """Find an import by the id in an address."""
    found = ModelImport.objects.select_related("study", "created_by").filter(pk=import_id).first()
    if found is None:
        raise NotFoundError(ABSENT)
    return found


def promotions(study: Study) -> QuerySet[Promotion]:
    """What counted in a study, newest first."""
    return Promotion.objects.filter(study=study).select_related("model", "previous", "created_by")


def former_model(study: Study) -> ModelVersion | None:
    """The model that a roll back would bring back: what counted before the current one was promoted."""
    current = current_model(study.pk)
    if current is None:
        return None
    promoted = promotions(study).filter(model=current, kind=PromotionKind.PROMOTION).first()
    return promoted.previous if promoted else None


def _ref(model: ModelVersion) -> dict[str, int]:
    return {"id": model.pk, "number": model.number}


def comparison_words(found: ModelComparison) -> dict[str, Any]:
    """Describe a comparison; the row comes from ``comparisons``."""
    return run_words(found) | {
        "study": found.study_id,
        "candidate": _ref(found.candidate),
        "current": _ref(found.current),
        "dataset": {
            "id": found.dataset.pk,
            "number": found.dataset.number,
            "content_hash": found.dataset.content_hash,
        },
        "verdict": found.verdict or None,
        "left_out": found.left_out,
        "unknown_data": [m.number for m in (found.candidate, found.current) if not _knows_data(m)],
        "result": found.result,
    }


def evidence_words(model: ModelVersion) -> dict[str, Any]:
    """Tell which model counts now, and what is known of this one against it."""
    current = current_model(model.study_id)
    comparison = comparison_of(model, current) if current else None
    return {
        "current": _ref(current) if current else None,
        "comparison": comparison_words(comparison) if comparison else None,
    }


def _knows_data(model: ModelVersion) -> bool:
    return (
        model.trial_id is not None
        or DatasetVersion.objects.filter(study=model.study_id, content_hash=model.dataset_hash).exists()
    )


def import_words(run: ModelImport) -> dict[str, Any]:
    """Describe an import."""
    return run_words(run) | {
        "study": run.study_id,
        "file_name": run.file_name,
        "size_bytes": run.size_bytes,
        "model_id": run.model_id,
    }


def promotion_words(row: Promotion) -> dict[str, Any]:
    """Describe one change of the model that counts."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "model": _ref(row.model),
        "previous": _ref(row.previous) if row.previous else None,
        "comparison": row.comparison_id,
        "verdict": row.verdict or None,
        "reason": row.reason,
        "created_by": row.created_by.name,
        "created_at": row.created_at,
    }


def roll_back_words(study: Study) -> dict[str, Any]:
    """Tell which model counts, and which one would come back."""
    current, former = current_model(study.pk), former_model(study)
    return {"current": _ref(current) if current else None, "former": _ref(former) if former else None}
