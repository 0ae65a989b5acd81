"""``manage.py import_slides PATH… --study S``: micrographs from a disk, or from a folder that is watched."""

import argparse
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypedDict

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection

from config.errors import DomainError
from labeling import runs
from labeling.choices import OPEN_SLIDE_STATES
from labeling.cli import find_study, find_user
from labeling.models import Slide, Study, User
from labeling.services import Looked, Watch, slide_import

STILL_S, EVERY_S = 30.0, 5.0


class Outcome(TypedDict):
    """What became of one file."""

    file: str
    slide: int | None
    code: str | None
    state: str
    message: str


class StoppedError(Exception):
    """Somebody asked the watch to stop."""


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith("."))
        else:
            yield path


def _bring(path: Path, study: Study, user: User) -> Looked:
    if not path.is_file():
        return Looked(path, None, "There is no such file.")
    try:
        slide, made = slide_import(study=study, user=user, path=path)
    except (DomainError, OSError) as error:
        return Looked(path, None, error.message if isinstance(error, DomainError) else str(error))
    return Looked(path, slide, "" if made else "this file was here already")


def _outcome(looked: Looked, *, wait: bool) -> Outcome:
    slide = looked.slide
    if slide is None:
        state = "postponed" if looked.again else "refused"
        return {"file": str(looked.path), "slide": None, "code": None, "state": state, "message": looked.message}
    if wait and slide.state in OPEN_SLIDE_STATES:
        runs.ingest_slide(slide.pk)
        slide = Slide.objects.get(pk=slide.pk)
    message = slide.error or looked.message
    return {"file": str(looked.path), "slide": slide.pk, "code": slide.code, "state": slide.state, "message": message}


def _line(outcome: Outcome) -> str:
    name = Path(outcome["file"]).name
    return f"{outcome['code'] or '-':<6} {outcome['state']:<10} {name!r} {outcome['message']}".rstrip()


class Command(BaseCommand):
    """Import slides."""

    help = "Copy micrographs into the media store and queue them; prints the code of each."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("paths", nargs="*", type=Path, help="files or folders")
        parser.add_argument("--study", required=True, help="name or id")
        parser.add_argument("--user", help="who brings them; by default the study's creator")
        parser.add_argument("--wait", action="store_true", help="prepare them here and now, without the worker")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON; with --watch a line a file")
        parser.add_argument("--watch", type=Path, metavar="DIR", help="take what is written to a folder, until Ctrl-C")
        parser.add_argument("--still", type=float, default=STILL_S, metavar="S",
                            help="take a file when it has not changed for S seconds (%(default)s)")  # fmt: skip
        parser.add_argument("--every", type=float, default=EVERY_S, metavar="S",
                            help="look into the folder every S seconds (%(default)s)")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Import."""
        if bool(options["paths"]) == bool(options["watch"]):
            raise CommandError("Name files or folders, or one folder to watch: --watch DIR.")
        study = find_study(options["study"])
        user = find_user(options["user"], study)
        if options["watch"]:
            self._watch(study, user, options)
        else:
            self._import(study, user, options)

    def _import(self, study: Study, user: User, options: dict[str, Any]) -> None:
        outcomes = []
        for path in _files(options["paths"]):
            outcome = _outcome(_bring(path, study, user), wait=options["wait"])
            outcomes.append(outcome)
            if not options["json"]:
                self.stdout.write(_line(outcome))
        if options["json"]:
            self.stdout.write(json.dumps(outcomes))
        bad = sum(outcome["state"] in ("refused", "failed") for outcome in outcomes)
        if bad or not outcomes:
            raise CommandError(f"{bad} of {len(outcomes)} files were refused." if outcomes else "There are no files.")

    def _watch(self, study: Study, user: User, options: dict[str, Any]) -> None:
        folder: Path = options["watch"].absolute()
        if not folder.is_dir():
            raise CommandError(f"There is no folder {str(folder)!r} to watch.")
        stop = _stop_on_signals()

        def check() -> None:
            if stop.is_set():
                raise StoppedError

        watch = Watch(folder, study, user, still_s=options["still"], on_piece=check)
        self.stderr.write(f"Watching {str(folder)!r} for {study.name!r}; Ctrl-C stops.")
        while not stop.is_set():
            try:
                for looked in watch.look(time.monotonic()):
                    self._tell(_outcome(looked, wait=options["wait"]), as_json=options["json"])
                    check()
            except StoppedError:
                break
            except (OperationalError, InterfaceError):
                connection.close()
                self.stderr.write("The database does not answer; trying again.")
            stop.wait(options["every"])
        self.stderr.write("Stopped. What was not taken yet is taken next time.")

    def _tell(self, outcome: Outcome, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(outcome) if as_json else _line(outcome))
        self.stdout.flush()


def _stop_on_signals() -> threading.Event:
    """Give an event that SIGINT and SIGTERM set: a copy under way ends, and leaves nothing behind."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop
