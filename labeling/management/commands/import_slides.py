"""``manage.py import_slides PATH… --study S``: micrographs from this machine's disk."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from django.core.management.base import BaseCommand, CommandError

from config.errors import DomainError
from labeling import media, runs
from labeling.choices import OPEN_SLIDE_STATES
from labeling.cli import find_study, find_user
from labeling.models import Slide, Study, User
from labeling.services import slide_register
from labeling.slides.signatures import check_name, container_of


class Outcome(TypedDict):
    """What became of one file."""

    file: str
    slide: int | None
    code: str | None
    state: str
    message: str


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith("."))
        else:
            yield path


def _refused(path: Path, message: str) -> Outcome:
    return {"file": str(path), "slide": None, "code": None, "state": "refused", "message": message}


def _bring(path: Path, study: Study, user: User, *, wait: bool) -> Outcome:
    if not path.is_file():
        return _refused(path, "There is no such file.")
    try:
        check_name(path.name)
        container_of(path)
        slide, made = slide_register(
            study=study, user=user, sha256=media.store_copy(path), size_bytes=path.stat().st_size
        )
    except (DomainError, OSError) as error:
        return _refused(path, error.message if isinstance(error, DomainError) else str(error))
    if wait and slide.state in OPEN_SLIDE_STATES:
        runs.ingest_slide(slide.pk)
        slide = Slide.objects.get(pk=slide.pk)
    message = slide.error or ("" if made else "this file was here already")
    return {"file": str(path), "slide": slide.pk, "code": slide.code, "state": slide.state, "message": message}


class Command(BaseCommand):
    """Import slides."""

    help = "Copy micrographs into the media store and queue them; prints the code of each."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("paths", nargs="+", type=Path, help="files or folders")
        parser.add_argument("--study", required=True, help="name or id")
        parser.add_argument("--user", help="who brings them; by default the study's creator")
        parser.add_argument("--wait", action="store_true", help="prepare them here and now, without the worker")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import."""
        study = find_study(options["study"])
        user = find_user(options["user"], study)
        outcomes = []
        for path in _files(options["paths"]):
            outcome = _bring(path, study, user, wait=options["wait"])
            outcomes.append(outcome)
            if not options["json"]:
                code = outcome["code"] or "-"
                self.stdout.write(f"{code:<6} {outcome['state']:<10} {path.name!r} {outcome['message']}".rstrip())
        if options["json"]:
            self.stdout.write(json.dumps(outcomes))
        bad = sum(outcome["state"] in ("refused", "failed") for outcome in outcomes)
        if bad or not outcomes:
            raise CommandError(f"{bad} of {len(outcomes)} files were refused." if outcomes else "There are no files.")
