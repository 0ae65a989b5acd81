"""The model card: everything that is known of a model, for the page and the file."""

from collections import defaultdict
from typing import Any

from django.db.models import Count

from detection.models import ModelVersion
from detection.nn.errors import CheckpointError
from detection.nn.header import read_description
from detection.registry.selectors import promotion_words, promotions
from detection.selectors import dataset_of, model_words, windows_words
from labeling import media
from labeling.choices import Side
from labeling.models import DatasetVersion

RESEARCH = "Research software, no medical device: no diagnosis or treatment may rest on its counts alone."
_TRAINED_THRESHOLD = (
    "Chosen on the validation patches, never on the test patches: the threshold of highest F1; of those that so few "
    "mistakes cannot tell from the best, the one nearest to 0.5."
)
_IMPORTED_THRESHOLD = "It came with the file; how it was chosen is not known here."


def model_card(model: ModelVersion) -> dict[str, Any]:
    """Gather what is known of a model.

    Args:
        model: from ``selectors.models``.

    Returns:
        Plain JSON values but for times; what is not known is None.
    """
    dataset = dataset_of(model)
    inside = _inside(model)
    data = _data(dataset) if dataset else None
    return {
        "model": model_words(model),
        "study": {"id": model.study_id, "name": model.study.name},
        "origin": _origin(model, inside),
        "dataset_hash": dataset.content_hash if dataset else model.dataset_hash,
        "dataset": data,
        "inside": inside,
        "scores": model.metrics,
        "threshold": {
            "value": model.threshold,
            "how": _TRAINED_THRESHOLD if model.trial else _IMPORTED_THRESHOLD,
        },
        "history": [promotion_words(row) for row in promotions(model.study).filter(model=model)],
        "limits": _limits(model, data, inside),
    }


def _inside(model: ModelVersion) -> dict[str, Any] | None:
    """What the checkpoint says of itself; None where its file is missing or damaged."""
    try:
        told = read_description(media.path_of(model.sha256))
    except CheckpointError:
        return None
    kept = (
        "architecture",
        "shape",
        "preprocessing",
        "class_names",
        "gate",
        "low_rank",
        "config",
        "model_mpp",
        "patch_px",
        "versions",
    )
    return {name: told.get(name) for name in kept}


def _origin(model: ModelVersion, inside: dict[str, Any] | None) -> dict[str, Any]:
    """Who made it, when, with what."""
    if model.trial is None:
        by = model.imported_by.name if model.imported_by else ""
        return {
            "kind": "imported",
            "words": f"Imported by {by} from outside.",
            "by": by,
            "at": model.created_at,
            "file_name": model.file_name,
            "training_run": None,
            "preset": None,
            "windows_beside": None,
            "seed": None,
            "device": None,
            "versions": (inside or {}).get("versions") or {},
        }
    run = model.trial.run
    return {
        "kind": "trained",
        "words": f"Trained here by {run.created_by.name}, training {run.number}.",
        "by": run.created_by.name,
        "at": run.finished_at or model.created_at,
        "file_name": "",
        "training_run": run.number,
        "preset": run.preset,
        "windows_beside": windows_words(run.windows_beside) or None,
        "seed": run.seed,
        "device": run.device,
        "versions": run.versions,
    }


def _data(dataset: DatasetVersion) -> dict[str, Any]:
    """Count the frozen labels: by class and side, and on how many slides they lie."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Side.values, 0))
    rows = dataset.items.order_by().values_list("label_class__name", "side").annotate(Count("pk"))
    for name, side, number in rows.order_by("label_class__name"):
        counts[name][side] = number
    learned = dataset.items.filter(side=Side.TRAIN)
    return {
        "id": dataset.pk,
        "number": dataset.number,
        "seed": dataset.seed,
        "rule": dataset.rule,
        "created_at": dataset.created_at,
        "classes": [{"name": name, "sides": sides} for name, sides in counts.items()],
        "patches_learned": learned.count(),
        "slides_learned": learned.filter(patch__slide__isnull=False).values("patch__slide").distinct().count(),
        "patches_without_slide": learned.filter(patch__slide__isnull=True).count(),
    }


def _limits(model: ModelVersion, data: dict[str, Any] | None, inside: dict[str, Any] | None) -> list[str]:
    """Say in plain words what the model is not good for."""
    limits = [RESEARCH, _limit_of_data(data), *_limits_of_pixels(inside)]
    if model.metrics is None:
        limits.append("Nobody here has judged it yet: compare or evaluate it on labelled patches before it counts.")
    else:
        limits.append(
            f"Its scores are of {model.metrics['test']['count']:,} single patches. How well it counts a slide also "
            "depends on the cells between them: check a count against people."
        )
    return limits


def _limit_of_data(data: dict[str, Any] | None) -> str:
    if data is None:
        return "What it learned from is not known here: it may have seen the patches it is judged on."
    learned, slides, loose = data["patches_learned"], data["slides_learned"], data["patches_without_slide"]
    parts = [f"{learned - loose:,} of {slides} slide{'' if slides == 1 else 's'} of this study"] if slides else []
    parts += [f"{loose:,} imported without a slide"] if loose else []
    where = f" ({', '.join(parts)})" if parts else ""
    return f"It learned from {learned:,} patches{where}. Other tissue, stainings or scanners may be counted wrongly."


def _limits_of_pixels(inside: dict[str, Any] | None) -> list[str]:
    if inside is None:
        return ["Its file is missing or damaged: stain and scale cannot be told."]
    mpp, gate = inside["model_mpp"], inside["gate"]
    scale = (
        f"It knows cells at {mpp:g} µm per pixel; slides are read at that scale, so their own must be right."
        if mpp
        else "It takes pixels as they are: images at another magnification are counted wrongly."
    )
    stain = (
        "It knows the brown (DAB) stain it was trained on: where the middle of a window has less than "
        f"{gate['dab_min']:.2f} optical density of DAB it does not even look, unless the gate is switched off."
        if gate
        else "It has no stain gate; it still knows the stain of its training patches only."
    )
    return [scale, stain]
