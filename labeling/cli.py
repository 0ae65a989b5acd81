"""What the management commands share: finding rows by the names people use, and errors in words."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError, OutputWrapper

from config.errors import DomainError
from labeling.models import DatasetVersion, Slide, Study, User
from labeling.services import ImportReport

SHOWN = 20
NUMBER_DIGITS = 10


@contextmanager
def in_words() -> Iterator[None]:
    """Turn refusals into the command's error."""
    try:
        yield
    except DomainError as error:
        raise CommandError(error.message) from error


def find_study(text: str | None) -> Study:
    """Find a study by name or id; without a text the only one there is."""
    if text is None:
        studies = list(Study.objects.all()[:2])
        if len(studies) != 1:
            raise CommandError("Say which study: --study NAME.")
        return studies[0]
    study = Study.objects.filter(name=text).first()
    if study is None and text.isascii() and text.isdigit():
        study = Study.objects.filter(pk=int(text)).first()
    if study is None:
        names = ", ".join(Study.objects.values_list("name", flat=True)[:SHOWN]) or "none yet"
        raise CommandError(f"There is no study {text!r}. Studies: {names}.")
    return study


def find_dataset(study: Study, text: str) -> DatasetVersion:
    """Find a data-set version of a study by its name or number."""
    versions = DatasetVersion.objects.filter(study=study).select_related("study", "created_by")
    version = versions.filter(name=text).first()
    if version is None and text.isascii() and text.isdigit() and len(text) < NUMBER_DIGITS:
        version = versions.filter(number=int(text)).first()
    if version is None:
        names = ", ".join(versions.values_list("name", flat=True)[:SHOWN]) or "none yet"
        raise CommandError(f"Study {study.name} has no data set {text!r}. Data sets: {names}.")
    return version


def find_slide(text: str, study_text: str | None) -> Slide:
    """Find a slide by id, or by its code in a study."""
    slides = Slide.objects.select_related("study")
    digits = text.upper().removeprefix("S")
    if not (digits.isascii() and digits.isdigit()):
        raise CommandError(f"{text!r} is no slide: give its id, or its code such as S001 with --study.")
    if study_text is not None:
        slide = slides.filter(study=find_study(study_text), number=int(digits)).first()
    elif text.upper().startswith("S"):
        raise CommandError(f"{text} is a code: say in which study, with --study.")
    else:
        slide = slides.filter(pk=int(digits)).first()
    if slide is None:
        raise CommandError(f"There is no slide {text}.")
    return slide


def find_user(text: str | None, study: Study) -> User:
    """Find a person by username; the study's creator by default."""
    return study.created_by if text is None else find_person(text)


def find_person(text: str) -> User:
    """Find a person by username."""
    user = User.objects.filter(username=text).first()
    if user is None:
        raise CommandError(f"There is no person {text!r}.")
    return user


def add_map(parser: argparse.ArgumentParser) -> None:
    """Add ``--map word=Class``."""
    parser.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        metavar="WORD=CLASS",
        help="what a word of the file means, e.g. brown=Negative; brown= leaves it out",
    )


def read_map(pairs: list[str]) -> dict[str, str]:
    """Read ``word=Class`` pairs."""
    told = {}
    for pair in pairs:
        word, equals, name = pair.partition("=")
        if not (word and equals):
            raise CommandError(f"--map takes WORD=CLASS, not {pair!r}.")
        told[word] = name
    return told


class Ticker:
    """One line that says how far a long step is; silent where nobody watches."""

    def __init__(self, out: OutputWrapper, what: str) -> None:
        self._out, self._what, self._watched = out, what, sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Say it."""
        if self._watched:
            self._out.write(f"\r{self._what}: {done:,} of {total:,}", ending="\n" if done >= total else "")
            self._out.flush()


def tell(out: OutputWrapper, report: ImportReport) -> None:
    """Write what became of everything; refusals with their reasons."""
    out.write(f"imported {report.imported:,}, already there {report.already:,}, refused {len(report.refused):,}")
    for name, reason in report.refused[:SHOWN]:
        out.write(f"  {name[:120]!r}: {reason}")
    if len(report.refused) > SHOWN:
        out.write(f"  … and {len(report.refused) - SHOWN:,} more")


def fail_if_nothing(report: ImportReport) -> None:
    """End with an error where nothing at all came in."""
    if not report.imported and not report.already:
        raise CommandError("Nothing was imported.")
