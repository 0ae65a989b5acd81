"""The sample: a drawn study that has been round the loop once, so that the first page has something to look at."""

import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from config.errors import DomainError
from detection import services
from detection.choices import COUNTED_STATES, OPEN_STATES, RunState
from detection.models import DetectionRun, ModelVersion, TrainingRun
from detection.registry.services import model_promote
from labeling import media
from labeling import services as labeling
from labeling.choices import OPEN_SLIDE_STATES, Role, SlideState, Source
from labeling.drawn.sample import FIELDS, POSITIVE, SLIDE, labelled_points
from labeling.drawn.slide_file import write_field, write_slide
from labeling.models import Membership, Patch, Slide, Study, User

NAME = "Sample: CD3 lymphocytes (drawn)"
DESCRIPTION = (
    "Drawn by program from a seed: no patient is behind it. One slide, six fields, 400 labelled patches, a model "
    "trained on them and one finished detection. Label a few more cells, train again, or upload a slide of your own."
)
SEED, STAIN = 1, "CD3"
Say = Callable[[str], None]


class SampleError(DomainError):
    """The sample could not be made whole."""

    code = "sample_failed"


def load(say: Say) -> Study:
    """Bring the sample in, or whatever of it is still missing.

    Args:
        say: called with one line per step and while waiting.

    Returns:
        The study, with a finished detection.

    Raises:
        SampleError: a worker refused or failed a step, in its words.
    """
    people = {name: User.objects.get(username=name) for name in ("pathologist", "lab", "admin")}
    study = _study(people)
    slides = _slides(study, people["lab"], say)
    _labels(slides[0], people["pathologist"], say)
    model = _model(study, people["admin"], say)
    _detection(slides[0], model, people["lab"], say)
    return study


def is_whole(study_name: str = NAME) -> bool:
    """Tell whether the sample has been round the loop already."""
    return DetectionRun.objects.filter(study__name=study_name, state__in=COUNTED_STATES).exists()


def _study(people: dict[str, User]) -> Study:
    study = Study.objects.filter(name=NAME).first()
    if study is None:
        study = labeling.study_create(user=people["admin"], name=NAME, description=DESCRIPTION)
    for name, role in (("pathologist", Role.PATHOLOGIST), ("lab", Role.LAB), ("admin", Role.ADMIN)):
        Membership.objects.get_or_create(study=study, user=people[name], role=role)
    return study


def _slides(study: Study, user: User, say: Say) -> list[Slide]:
    """Draw what is missing and wait until the worker has prepared it; the large slide comes first."""
    codes = [SLIDE.case_code, *(f"{SLIDE.case_code}-F{n}" for n in range(1, len(FIELDS) + 1))]
    for number, code in enumerate(codes):
        if not Slide.objects.filter(study=study, case_code=code).exists():
            _bring_in(study, user, code, number, say)
    for code in codes:
        _wait_for_slide(study, code, say)
    return [Slide.objects.select_related("study").get(study=study, case_code=code) for code in codes]


def _bring_in(study: Study, user: User, code: str, number: int, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="tilscope-sample-") as folder:
        path = _draw(Path(folder), number, say)
        size_bytes = path.stat().st_size
        sha256 = media.store_file(path)
    slide, _ = labeling.slide_register(study=study, user=user, sha256=sha256, size_bytes=size_bytes)
    labeling.slide_update(slide=slide, changes={"case_code": code, "stain": STAIN})


def _draw(folder: Path, number: int, say: Say) -> Path:
    """Draw the slide (number 0) or a field (1 and up) into a folder."""
    if number == 0:
        say(f"drawing a slide of {SLIDE.width:,} × {SLIDE.height:,} pixels")
        path = folder / SLIDE.name
        write_slide(
            SLIDE.tissue(), path, on_progress=lambda done, total: say(f"drawing the slide: {100 * done // total} %")
        )
        return path
    field = FIELDS[number - 1]
    say(f"drawing field {number} of {len(FIELDS)}")
    tissue = field.section.tissue()
    path = folder / field.name
    write_field(tissue, path, field.box(tissue))
    return path


def _wait_for_slide(study: Study, code: str, say: Say) -> None:
    while True:
        slide = Slide.objects.get(study=study, case_code=code)
        if slide.state not in OPEN_SLIDE_STATES:
            break
        say(f"preparing {slide.code}: {slide.message or 'waiting'}")
        time.sleep(0.5)
    if slide.state != SlideState.READY:
        raise SampleError(f"The sample's {slide.code} was refused: {slide.error}")


def _labels(slide: Slide, user: User, say: Say) -> None:
    if Patch.objects.filter(slide=slide, source=Source.POINTS).exists():
        return
    say("labelling 400 cells")
    counted, other = slide.study.classes.get(counted=True), slide.study.classes.filter(counted=False)[0]
    named = [(x, y, counted if name == POSITIVE else other) for x, y, name in labelled_points(SLIDE.tissue())]
    labeling.points_import(slide=slide, user=user, points=named)


def _model(study: Study, user: User, say: Say) -> ModelVersion:
    model = ModelVersion.objects.filter(study=study).order_by("number").first()
    if model is None:
        run = TrainingRun.objects.filter(study=study, state__in=OPEN_STATES).first()
        if run is None:
            wish = services.TrainingWish(preset="quick", seed=SEED)
            run, _ = services.training_start(study=study, user=user, client_key=uuid.uuid4(), wish=wish)
        _wait_for_run(run, "training", say)
        model = ModelVersion.objects.get(trial__run=run)
    if model.promoted_at is None:
        model_promote(model=model, user=user, reason="The sample's first model.")
    return model


def _detection(slide: Slide, model: ModelVersion, user: User, say: Say) -> None:
    run = DetectionRun.objects.filter(slide=slide, state__in=(*OPEN_STATES, *COUNTED_STATES)).first()
    if run is None:
        wish = services.DetectionWish(model_id=model.pk)
        run, _ = services.detection_start(slide=slide, user=user, client_key=uuid.uuid4(), wish=wish)
    _wait_for_run(run, "counting", say)


def _wait_for_run(run: TrainingRun | DetectionRun, what: str, say: Say) -> None:
    run.refresh_from_db()
    while run.state in OPEN_STATES:
        say(
            f"{what}: {run.message or 'waiting'} ({run.done} of {run.total})" if run.total else f"{what}: {run.message}"
        )
        time.sleep(0.5)
        run.refresh_from_db()
    if run.state not in (RunState.DONE, RunState.INCOMPLETE):
        raise SampleError(f"The sample's {what} ended as {run.state}: {run.error or run.message}")
