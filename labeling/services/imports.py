"""Imports: many labels at once, from files that people bring along."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.db import transaction

from config.errors import ConflictError, DomainError
from labeling import readers, selectors
from labeling.choices import SlideState, Source
from labeling.looks import look_of_png
from labeling.models import Label, LabelClass, Patch, Slide, Study, User
from labeling.patch_files import Entry, PatchFileError, PatchPng, entries, is_image_name, patch_png, words_of
from labeling.slides.crop import Crop, crop_patch
from labeling.slides.errors import SlideError

BATCH = 500
_KEYS = uuid.UUID("6f0c1b5e-52d4-4f0c-9a43-0d3c5a1f7e11")
OnProgress = Callable[[int, int], None]


class UnknownClassError(DomainError):
    """Words that name no class of the study."""

    code = "import_unknown_class"


@dataclass
class ImportReport:
    """What became of everything that was brought."""

    imported: int = 0
    already: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Words:
    """How words of a file name classes of a study: by name, or as told; an empty target leaves them out.

    Args:
        study: the study.
        told: word to class name, or to an empty text.
    """

    study: Study
    told: Mapping[str, str] = field(default_factory=dict)

    def lookup(self) -> dict[str, LabelClass | None]:
        """Map every known word, lower case, to its class.

        Raises:
            UnknownClassError: a word is told to mean a class that the study lacks.
        """
        classes = {c.name.lower(): c for c in self.study.classes.all()}
        known: dict[str, LabelClass | None] = dict(classes)
        for word, name in self.told.items():
            if name and name.lower() not in classes:
                raise self._unknown([name])
            known[word.lower()] = classes[name.lower()] if name else None
        return known

    def check(self, unknown: Iterable[str]) -> None:
        """Raise UnknownClassError where any word is unknown."""
        missing = sorted(set(unknown))
        if missing:
            raise self._unknown(missing)

    def _unknown(self, words: Sequence[str]) -> UnknownClassError:
        names = [c.name for c in self.study.classes.all()]
        shown = ", ".join(repr(word[:40]) for word in words[:8])
        return UnknownClassError(
            f"The study has no class {shown}. Its classes: {', '.join(names)}. "
            f"Say what it means, e.g. --map {words[0][:40]}={names[-1]}, or leave it out: --map {words[0][:40]}=",
            extra={"words": list(words[:50]), "classes": names},
        )


@dataclass(frozen=True)
class LabelledPatch:
    """A patch read from a file, with the class its name or a CSV gives it."""

    name: str
    patch: PatchPng
    label_class: LabelClass


def patches_import(
    *,
    user: User,
    path: Path,
    words: Words,
    labels_by_file: Mapping[str, str] | None = None,
    crop_centre: bool = False,
    on_progress: OnProgress | None = None,
) -> ImportReport:
    """Store the patches of a folder or archive with their labels; a second time changes nothing.

    Args:
        user: the reader whose labels these are.
        path: folder, zip or tar archive.
        words: what the words mean; also says the study.
        labels_by_file: word per file name; without it the file name's prefix or the folder tells the class.
        crop_centre: take the centre of larger images.
        on_progress: called with (done, total).

    Returns:
        How many came in, were there already, and which were refused and why.

    Raises:
        UnknownClassError: the files name classes that the study lacks; nothing was imported.
        PatchFileError: the path cannot be read.
    """
    plan = _plan(path, words, labels_by_file)
    report = ImportReport(refused=[(name, "it has no line in the CSV") for name, c in plan.items() if c == "unlisted"])
    wanted = {name: c for name, c in plan.items() if isinstance(c, LabelClass)}
    incoming = _incoming(path, wanted, report, crop_centre=crop_centre)
    done = 0
    while batch := list(islice(incoming, BATCH)):
        _store_batch(words.study, user, batch, report)
        done += len(batch)
        if on_progress:
            on_progress(done + len(report.refused), len(plan))
    return report


def patches_read(
    *, path: Path, words: Words, labels_by_file: Mapping[str, str] | None = None, crop_centre: bool = False
) -> tuple[list[LabelledPatch], ImportReport]:
    """Read the patches of a folder or archive as ``patches_import`` does, and store nothing.

    Returns:
        The patches, and which files were refused and why.

    Raises:
        UnknownClassError: the files name classes that the study lacks.
        PatchFileError: the path cannot be read.
    """
    plan = _plan(path, words, labels_by_file)
    report = ImportReport(refused=[(name, "it has no line in the CSV") for name, c in plan.items() if c == "unlisted"])
    wanted = {name: c for name, c in plan.items() if isinstance(c, LabelClass)}
    return list(_incoming(path, wanted, report, crop_centre=crop_centre)), report


def _plan(path: Path, words: Words, labels_by_file: Mapping[str, str] | None) -> dict[str, LabelClass | str | None]:
    """Find the class of every file before any is stored: None is left out, ``unlisted`` has no line in the CSV."""
    known, unknown = words.lookup(), []
    plan: dict[str, LabelClass | str | None] = {}
    for entry in entries(path):
        if not is_image_name(entry.name):
            continue
        if labels_by_file is not None:
            word = labels_by_file.get(entry.name) or labels_by_file.get(entry.name.rpartition("/")[2])
            candidates = [word] if word else []
        else:
            candidates = words_of(entry.name)
        found = [word for word in candidates if word.lower() in known]
        if found:
            plan[entry.name] = known[found[0].lower()]
        elif labels_by_file is not None and not candidates:
            plan[entry.name] = "unlisted"
        else:
            unknown.append(candidates[0] if candidates else entry.name)
    words.check(unknown)
    if not plan:
        raise PatchFileError(f"There are no PNG, JPEG or TIFF patches in {path.name}.", code="patches_none")
    return plan


def _incoming(
    path: Path, wanted: Mapping[str, LabelClass], report: ImportReport, *, crop_centre: bool
) -> Iterator[LabelledPatch]:
    for entry in entries(path):
        if entry.name in wanted:
            patch = _read(entry, report, crop_centre=crop_centre)
            if patch is not None:
                yield LabelledPatch(entry.name, patch, wanted[entry.name])


def _read(entry: Entry, report: ImportReport, *, crop_centre: bool) -> PatchPng | None:
    try:
        return patch_png(entry.read(), crop_centre=crop_centre)
    except PatchFileError as error:
        report.refused.append((entry.name, error.message))
        return None


@transaction.atomic
def _store_batch(study: Study, user: User, batch: list[LabelledPatch], report: ImportReport) -> None:
    Study.objects.select_for_update().get(pk=study.pk)
    hashes = {item.patch.sha256 for item in batch}
    known = {
        sha256: class_id
        for sha256, class_id in selectors.standing_labels()
        .filter(patch__study=study, patch__slide__isnull=True, patch__sha256__in=hashes, reader=user)
        .values_list("patch__sha256", "label_class_id")
    }
    there = set(
        Patch.objects.filter(study=study, slide__isnull=True, sha256__in=hashes).values_list("sha256", flat=True)
    )
    fresh: dict[str, LabelledPatch] = {}
    for item in batch:
        sha256, class_id = item.patch.sha256, item.label_class.pk
        earlier = fresh[sha256].label_class.pk if sha256 in fresh else known.get(sha256, class_id)
        if earlier != class_id:
            report.refused.append((item.name, "the same pixels came with another class"))
        elif sha256 in there or sha256 in fresh:
            report.already += 1
        else:
            fresh[sha256] = item
    _insert(study, user, list(fresh.values()))
    report.imported += len(fresh)


def _insert(study: Study, user: User, items: list[LabelledPatch]) -> None:
    patches = Patch.objects.bulk_create(
        Patch(
            study=study,
            png=i.patch.png,
            sha256=i.patch.sha256,
            look=look_of_png(i.patch.png).tobytes(),
            source=Source.IMPORT,
            origin=_origin(i.name),
        )
        for i in items
    )
    Label.objects.bulk_create(
        Label(patch=patch, reader=user, label_class=i.label_class) for patch, i in zip(patches, items, strict=True)
    )


def _origin(name: str) -> str:
    """Keep a name as data: what Postgres cannot hold, or nobody should see on a terminal, goes."""
    return "".join(c for c in name if c.isprintable())[-255:]


def points_import(
    *,
    slide: Slide,
    user: User,
    points: Sequence[tuple[int, int, LabelClass]],
    on_progress: OnProgress | None = None,
) -> ImportReport:
    """Crop and label many points of a slide; a second time changes nothing.

    Args:
        slide: a slide that is ready.
        user: the reader whose labels these are.
        points: (x, y, class), level-0 pixels.
        on_progress: called with (done, total).

    Returns:
        How many came in, were there already, and which were refused and why.

    Raises:
        ConflictError: the slide is not ready (``slide_not_ready``).
        DomainError: the slide's scale is needed and not known (``slide_needs_scale``).
    """
    if slide.state != SlideState.READY:
        raise ConflictError(f"Slide {slide.code} is not ready yet. Wait until it is prepared.", code="slide_not_ready")
    report = ImportReport()
    for start in range(0, len(points), BATCH):
        part = points[start : start + BATCH]
        _store_points(slide, user, _crops(slide, part, report), report)
        if on_progress:
            on_progress(start + len(part), len(points))
    return report


def _crops(
    slide: Slide, points: Sequence[tuple[int, int, LabelClass]], report: ImportReport
) -> list[tuple[Crop, LabelClass]]:
    scale, patch_px = selectors.slide_scale(slide), slide.study.patch_px
    crops = []
    with readers.slide_reader(slide.file_sha256) as reader:
        for x, y, label_class in points:
            try:
                crops.append((crop_patch(reader, x, y, patch_px=patch_px, scale=scale), label_class))
            except SlideError as error:
                report.refused.append((f"({x}, {y})", error.message))
    return crops


@transaction.atomic
def _store_points(slide: Slide, user: User, crops: list[tuple[Crop, LabelClass]], report: ImportReport) -> None:
    base = {"study_id": slide.study_id, "slide": slide, "source": Source.POINTS}
    Patch.objects.bulk_create(
        (
            Patch(**base, x_l0=c.x_l0, y_l0=c.y_l0, png=c.png, sha256=c.sha256, look=look_of_png(c.png).tobytes())
            for c, _ in crops
        ),
        ignore_conflicts=True,
    )
    near = Patch.objects.filter(slide=slide, x_l0__in={c.x_l0 for c, _ in crops}, y_l0__in={c.y_l0 for c, _ in crops})
    places = {(x, y): pk for pk, x, y in near.values_list("pk", "x_l0", "y_l0")}
    labels = {}
    for crop, label_class in crops:
        key = uuid.uuid5(_KEYS, f"{slide.pk} {crop.x_l0} {crop.y_l0} {label_class.pk}")
        patch_id = places[(crop.x_l0, crop.y_l0)]
        labels[key] = Label(patch_id=patch_id, reader=user, label_class=label_class, client_key=key)
    there = set(Label.objects.filter(reader=user, client_key__in=labels).values_list("client_key", flat=True))
    fresh = [label for key, label in labels.items() if key not in there]
    Label.objects.bulk_create(fresh, ignore_conflicts=True)
    report.imported += len(fresh)
    report.already += len(crops) - len(fresh)
