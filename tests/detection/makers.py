"""Things to train on and to search, small enough for quick tests: toy patches, a toy model, slides of brown discs."""

import hashlib
import io
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import factory
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from detection import exports, models, runs, services
from detection.choices import ModelStatus, RunState, TrialState
from detection.nn.checkpoint import CheckpointMeta, save_checkpoint
from detection.nn.training import train
from labeling import media
from labeling.choices import Side
from labeling.models import DatasetVersion, Slide, Study
from labeling.services import dataset_freeze
from tests.detection.nn.toys import BROWN, GLASS, disc, tiny_config, toy_patches
from tests.factories import (
    DatasetVersionFactory,
    LabelFactory,
    PatchFactory,
    SlideFactory,
    StudyFactory,
    UserFactory,
    digest,
)

SCORES = {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "f1": 1.0, "confusion": [[5, 0], [0, 5]], "count": 10}
METRICS = {"validation": SCORES, "test": SCORES}


def fold_result(fold: int = 0, loss: float | None = 0.3, **values: Any) -> dict[str, Any]:
    """A training that has ended, as it stands in a trial's row."""
    plain = {"threshold": 0.5, "steps": 20, "best_step": 10, "stopped_because": "finished", "seconds": 2.0}
    point = {"step": 10, "loss": 0.5, "accuracy": 1.0, "precision": 1.0, "recall": 1.0, "validation_loss": loss}
    return {"fold": fold, "validation_loss": loss, "metrics": SCORES, "curve": [point], **plain, **values}


class TrainingRunFactory(factory.django.DjangoModelFactory[models.TrainingRun]):
    class Meta:
        model = models.TrainingRun

    study = factory.SelfAttribute("dataset.study")
    dataset = factory.SubFactory(DatasetVersionFactory)
    number = factory.Sequence(lambda n: n + 1)
    preset = "quick"
    config = factory.LazyFunction(lambda: tiny_config().to_json())
    seed = 1
    code_version = "test"
    created_by = factory.SubFactory(UserFactory)


class TrialFactory(factory.django.DjangoModelFactory[models.Trial]):
    class Meta:
        model = models.Trial

    run = factory.SubFactory(TrainingRunFactory)
    number = factory.LazyAttribute(lambda o: o.run.trials.count() + 1)
    state = TrialState.DONE
    parameters = factory.LazyFunction(dict)
    metrics = SCORES
    validation_loss = 0.3
    fold_results = factory.LazyAttribute(lambda o: [fold_result(loss=o.validation_loss)])
    stopped_because = "finished"


class ModelFactory(factory.django.DjangoModelFactory[models.ModelVersion]):
    """A model version; its file lies nowhere unless a test puts it there."""

    class Meta:
        model = models.ModelVersion

    study = factory.SelfAttribute("trial.run.study")
    trial = factory.SubFactory(TrialFactory)
    number = factory.Sequence(lambda n: n + 1)
    sha256 = factory.Sequence(lambda n: digest(f"model {n}"))
    size_bytes = 1000
    metrics = METRICS
    threshold = 0.5


class ImportedModelFactory(factory.django.DjangoModelFactory[models.ModelVersion]):
    """A model from elsewhere; its file lies nowhere unless a test puts it there."""

    class Meta:
        model = models.ModelVersion

    study = factory.SubFactory(StudyFactory)
    imported_by = factory.SubFactory(UserFactory)
    file_name = "counter.safetensors"
    dataset_hash = digest("labels of another lab")
    number = factory.Sequence(lambda n: n + 1)
    sha256 = factory.Sequence(lambda n: digest(f"imported model {n}"))
    size_bytes = 1000
    threshold = 0.5


class ComparisonFactory(factory.django.DjangoModelFactory[models.ModelComparison]):
    """A comparison that waits; ``compared`` makes one that is done."""

    class Meta:
        model = models.ModelComparison

    study = factory.SelfAttribute("candidate.study")
    candidate = factory.SubFactory(ModelFactory)
    current = factory.LazyAttribute(lambda o: model_of(o.study, status=ModelStatus.CURRENT))
    dataset = factory.SelfAttribute("candidate.trial.run.dataset")
    number = factory.Sequence(lambda n: n + 1)
    code_version = "test"
    created_by = factory.SubFactory(UserFactory)


class ModelImportFactory(factory.django.DjangoModelFactory[models.ModelImport]):
    class Meta:
        model = models.ModelImport

    study = factory.SubFactory(StudyFactory)
    number = factory.Sequence(lambda n: n + 1)
    size_bytes = 1000
    code_version = "test"
    created_by = factory.SubFactory(UserFactory)


class DetectionRunFactory(factory.django.DjangoModelFactory[models.DetectionRun]):
    class Meta:
        model = models.DetectionRun

    slide = factory.SubFactory(SlideFactory)
    study = factory.SelfAttribute("slide.study")
    model = factory.LazyAttribute(lambda o: model_of(o.study))
    number = factory.Sequence(lambda n: n + 1)
    slide_sha256 = factory.SelfAttribute("slide.sha256")
    model_sha256 = factory.SelfAttribute("model.sha256")
    params = factory.LazyFunction(dict)
    scale = 1.0
    threshold = 0.5
    code_version = "test"
    created_by = factory.SubFactory(UserFactory)


def model_of(study: Study, **fields: Any) -> models.ModelVersion:
    """A model version of a study, without a file."""
    return ModelFactory.create(trial__run__dataset__study=study, **fields)


def run_of(model: models.ModelVersion) -> models.TrainingRun:
    """The training that a model comes from."""
    assert model.trial is not None
    return model.trial.run


def labels_of(model: models.ModelVersion) -> DatasetVersion:
    """The frozen labels that a model was made from."""
    return frozen_of(run_of(model))


def frozen_of(run: models.TrainingRun) -> DatasetVersion:
    """The frozen labels that a run learns from."""
    assert run.dataset is not None
    return run.dataset


def learn_from(model: models.ModelVersion, dataset: DatasetVersion) -> None:
    """Pretend that a model was made from these frozen labels."""
    run = run_of(model)
    run.dataset = dataset
    run.save(update_fields=["dataset"])


def compared(candidate: models.ModelVersion, current: models.ModelVersion, verdict: str) -> models.ModelComparison:
    """A comparison that is done, with this verdict; on what patches, nobody asks."""
    return ComparisonFactory.create(
        candidate=candidate, current=current, state=RunState.DONE, verdict=verdict, left_out=0
    )


def finished_run(points: Sequence[tuple[float, float, float]], **fields: Any) -> models.DetectionRun:
    """A detection that is done, with these points in the media store."""
    packed = np.array(points, dtype="<f4").reshape(-1, 3)
    threshold = fields.get("threshold", 0.5)
    return DetectionRunFactory.create(
        state=RunState.DONE,
        points_sha256=media.store_bytes(packed.tobytes()),
        point_count=len(packed),
        count=int(exports.at_threshold(packed, threshold).sum()),
        **{"area_px": 300_000, **fields},
    )


def add_toy_labels(study: Study, count: int = 60) -> None:
    """Import toy patches into a study with one reader's label each."""
    reader = UserFactory.create()
    toys = toy_patches(count, seed=5)
    counted, other = study.classes.get(counted=True), study.classes.get(counted=False)
    for image, label in zip(toys.images, toys.labels, strict=True):
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        patch = PatchFactory.create(study=study, png=out.getvalue(), sha256=hashlib.sha256(out.getvalue()).hexdigest())
        LabelFactory.create(patch=patch, reader=reader, label_class=counted if label else other)


def write_toy_checkpoint(path: Path) -> str:
    """Train a tiny network to find brown discs and store it."""
    config = tiny_config(epochs=8)
    outcome = train(toy_patches(160, seed=1), toy_patches(60, seed=2), config, seed=3, device="cpu")
    meta = CheckpointMeta(
        shape=outcome.model.shape,
        preprocessing=outcome.model.preprocessing,
        class_names=("Negative", "Positive"),
        threshold=outcome.threshold,
        gate=outcome.gate,
        dataset_hash="0" * 64,
        config=config,
    )
    return save_checkpoint(path, outcome.model, meta)


def current_model(study: Study, checkpoint: Path) -> models.ModelVersion:
    """Put a checkpoint into the media store as the study's current model."""
    return model_of(study, sha256=media.store_copy(checkpoint), status=ModelStatus.CURRENT)


def disc_field(width: int, height: int, places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Draw brown discs on glass at places (N, 2), columns x, y."""
    image = np.full((height, width, 3), GLASS, dtype=np.uint8)
    for x, y in places:
        left, top = max(0, x - 30), max(0, y - 30)
        disc(image[top : y + 30, left : x + 30], x - left, y - top, 20, BROWN)
    return image


def scattered(width: int, height: int, *, step: int = 90, seed: int = 7) -> NDArray[np.int64]:
    """Places on a jittered grid, far enough apart to be told apart."""
    rng = np.random.default_rng(seed)
    xs, ys = np.meshgrid(np.arange(50, width - 50, step), np.arange(50, height - 50, step))
    places = np.stack([xs.ravel(), ys.ravel()], axis=1)
    return places + rng.integers(-8, 9, size=places.shape)


def store_slide(study: Study, pixels: NDArray[np.uint8], folder: Path, **fields: Any) -> Slide:
    """Store pixels as a lossless tiled pyramid and make a slide of them that is ready."""
    height, width = pixels.shape[:2]
    path = folder / f"{uuid.uuid4().hex}.tif"
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, 3, "uchar")
    image.copy(interpretation="srgb").tiffsave(
        str(path), tile=True, pyramid=True, compression="deflate", tile_width=256, tile_height=256
    )
    sha256 = media.store_copy(path)
    slide: Slide = SlideFactory.create(study=study, sha256=sha256, width=width, height=height, **fields)
    return slide


def start_detection(slide: Slide, **wish: Any) -> models.DetectionRun:
    """Queue a detection with the study's current model, by a new person."""
    run, _ = services.detection_start(
        slide=slide, user=UserFactory.create(), client_key=uuid.uuid4(), wish=services.DetectionWish(**wish)
    )
    return run


def start_training(study: Study, *, recipe: dict[str, Any] | None = None, **wish: Any) -> models.TrainingRun:
    """Queue a training of a tiny network, by a new person; ``recipe`` changes the tiny network's."""
    run, _ = services.training_start(
        study=study,
        user=UserFactory.create(),
        client_key=uuid.uuid4(),
        wish=services.TrainingWish(preset="quick", **wish),
    )
    run.config = tiny_config(**{"epochs": 4, **(recipe or {})}).to_json()
    run.save(update_fields=["config"])
    return run


def finished(run: models.TrainingRun) -> models.TrainingRun:
    """Do a training worker's whole work on a run."""
    runs.train(run.pk)
    run.refresh_from_db()
    return run


def freeze(study: Study) -> int:
    """Freeze a study's labels; the version's id."""
    return dataset_freeze(study=study, user=study.created_by).pk


def sides_of(run: models.TrainingRun) -> set[str]:
    """The sides that a run's data set fills."""
    return {Side(side) for side in frozen_of(run).items.values_list("side", flat=True)}
