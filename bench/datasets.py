"""Data-set versions: freezing labels, checking for leaks and decoding patches, in seconds and in memory at its peak.

The patches are ten by ten random greys, drawn cheaply; every second one lies on a slide, apart from most others.
Peaks are those of this process since its start, so a step that adds nothing shows the figure of the step before.
"""

import hashlib
import io
import resource
import shutil
import time
from collections.abc import Callable
from typing import Any

import django
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.measure import main

COUNT, SEED = 50_000, 7
BATCH = 2000
SLIDES, SLIDE_PX = 50, 100_000


def png_of(rng: np.random.Generator) -> bytes:
    """Draw a patch that no other looks like, and that takes little room."""
    coarse = Image.fromarray(rng.integers(0, 256, (10, 10), dtype=np.uint8))
    out = io.BytesIO()
    coarse.resize((70, 70), Image.Resampling.NEAREST).convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()


def fill(count: int) -> tuple[Any, Any]:
    """Store labelled patches: (study, person)."""
    from labeling.models import User
    from labeling.services import study_create

    user = User.objects.create(username="bench")
    study = study_create(user=user, name="Bench")
    slides, classes = _slides(study, user), list(study.classes.all())
    rng = np.random.default_rng(SEED)
    places = rng.permutation(SLIDE_PX * 10)  # a column of a slide and a row of it, each taken once
    for start in range(0, count, BATCH):
        _store(study, user, slides, classes, places[start : min(start + BATCH, count)], rng)
    return study, user


def _slides(study: Any, user: Any) -> list[Any]:
    from labeling.choices import SlideState
    from labeling.models import Slide

    return Slide.objects.bulk_create(
        Slide(study=study, number=n, sha256=f"{n:064x}", size_bytes=1, width=SLIDE_PX, height=SLIDE_PX,
              state=SlideState.READY, uploaded_by=user)
        for n in range(1, SLIDES + 1)
    )  # fmt: skip


def _store(
    study: Any, user: Any, slides: list[Any], classes: list[Any], places: NDArray[Any], rng: np.random.Generator
) -> None:
    from labeling.choices import Source
    from labeling.models import Label, Patch

    made = []
    for n, place in enumerate(places.tolist()):
        png = png_of(rng)
        fields = {"study": study, "png": png, "sha256": hashlib.sha256(png).hexdigest(), "source": Source.IMPORT}
        if n % 2:
            x_l0, y_l0 = place % 1000 * 100 + 50, place // 1000 * 100 + 50
            fields |= {"slide": slides[place % SLIDES], "x_l0": x_l0, "y_l0": y_l0, "source": Source.POINTS}
        made.append(Patch(**fields))
    patches = Patch.objects.bulk_create(made)
    Label.objects.bulk_create(
        Label(patch=patch, reader=user, label_class=classes[n // 2 % 2]) for n, patch in enumerate(patches)
    )


def measure(count: int) -> dict[str, Any]:
    """Fill, freeze, check, decode, open again."""
    django.setup()
    from detection.runs.patch_cache import load_sides
    from labeling import media
    from labeling.services import dataset_check_leaks, dataset_freeze

    found: dict[str, dict[str, float]] = {}

    def step(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found[name] = {"seconds": round(time.perf_counter() - began, 2), "peak_mb": round(peak_mb, 1)}
        print(name, found[name], flush=True)
        return result

    study, user = step("fill", lambda: fill(count))
    dataset = step("freeze", lambda: dataset_freeze(study=study, user=user, seed=SEED))
    step("check_leaks", lambda: dataset_check_leaks(dataset))
    step("decode", lambda: load_sides(dataset))
    sides = step("open_again", lambda: load_sides(dataset))
    shutil.rmtree(media.root() / "patches")
    return {"patches": count, "sides": {side: len(patches) for side, patches in sides.items()}, "steps": found}


if __name__ == "__main__":
    main(measure, __doc__, count=COUNT)
