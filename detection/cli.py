"""What the commands share: names on the command line become rows, runs are waited for, results become files."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from detection import selectors
from detection.choices import FINAL_STATES, OPEN_STATES, RunState
from detection.models import ModelVersion, Run
from labeling.cli import find_study
from labeling.models import DatasetVersion, Study

POLL_S = 1.0
SAY_EVERY_S = 5.0
INCOMPLETE = 3
"""Exit code of a detection that could not read all of its area."""

Say = Callable[[str], None]


def study_named(name: str | None) -> Study:
    """Find a study by name or id; without a name, the only one there is."""
    if name is not None:
        return find_study(name)
    studies = list(Study.objects.all()[:2])
    if len(studies) == 1:
        return studies[0]
    raise CommandError("Say which study: --study NAME.")


def model_named(study: Study, name: str) -> ModelVersion:
    """Find a model of a study: ``current`` or its number."""
    if name == "current":
        model = selectors.current_model(study.pk)
        if model is None:
            raise CommandError(f"Study {study.name} has no current model. Promote one, or name one by its number.")
        return model
    model = selectors.models().filter(study=study, number=int(name)).first() if name.isdecimal() else None
    if model is None:
        raise CommandError(f"Study {study.name} has no model {name!r}. Use its number, or current.")
    return model


def dataset_numbered(study: Study, number: int) -> DatasetVersion:
    """Find a data-set version of a study by its number."""
    dataset = DatasetVersion.objects.filter(study=study, number=number).first()
    if dataset is None:
        raise CommandError(f"Study {study.name} has no data-set version {number}.")
    return dataset


def progress_line(run: Run) -> str:
    """Say in one line how far a run is."""
    progress = selectors.run_progress(run)
    parts = [f"{run._meta.verbose_name} {run.number}", run.get_state_display().lower(), progress["message"]]
    if progress["total"]:
        parts.append(f"{progress['done']}/{progress['total']}")
    if progress["eta_s"] is not None:
        parts.append(f"about {progress['eta_s']:.0f} s left")
    return " · ".join(part for part in parts if part)


class _Watch:
    """Says how far a run is: at once when its state or step changes, its numbers every few seconds."""

    def __init__(self, run: Run, say: Say) -> None:
        self.run, self.say = run, say
        self.step, self.done, self.said_at = ("", ""), -1, 0.0

    def look(self) -> bool:
        """Bring the row up to date and say what is new; True while the run has not ended."""
        self.run.refresh_from_db()
        step, now = (self.run.state, self.run.message), time.monotonic()
        if step != self.step or (self.run.done != self.done and now - self.said_at >= SAY_EVERY_S):
            self.say(progress_line(self.run))
            self.step, self.done, self.said_at = step, self.run.done, now
        return self.run.state in OPEN_STATES


def wait_for(run: Run, say: Say) -> None:
    """Wait until a run has ended, saying what changes; the row is brought up to date."""
    watch = _Watch(run, say)
    while watch.look():
        time.sleep(POLL_S)


def work_here(work: Callable[[], object], run: Run, say: Say) -> None:
    """Do a worker's work in this process and wait for the run's end; a worker that is up may take part."""
    failure: list[BaseException] = []

    def keep_failure() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised again below, in the command's own thread
            failure.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=keep_failure, name=f"work on {run}")
    watch = _Watch(run, say)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_S)
        watch.look()
    if failure:
        raise failure[0]
    while watch.look():
        time.sleep(POLL_S)


def check_ended_well(run: Run) -> None:
    """Turn a run that did not end well into the command's failure, in words and with an exit code."""
    if run.state == RunState.DONE:
        return
    words = run.error or run.get_state_display()
    raise CommandError(
        f"{run} ended as {run.state}: {words}", returncode=INCOMPLETE if run.state == RunState.INCOMPLETE else 1
    )


def check_all_ended_well(runs: Sequence[Run], failures: Sequence[str] = ()) -> None:
    """Turn what did not end well into the command's failure: all of it in words, the worst as the exit code.

    Args:
        runs: that have ended, or were given up.
        failures: what else went wrong, in words.
    """
    bad = [run for run in runs if run.state in FINAL_STATES and run.state != RunState.DONE]
    words = [*failures, *(f"{run} ended as {run.state}: {run.error or run.get_state_display()}" for run in bad)]
    if words:
        only_incomplete = not failures and all(run.state == RunState.INCOMPLETE for run in bad)
        raise CommandError("\n".join(words), returncode=INCOMPLETE if only_incomplete else 1)


def write_json(path: str | None, value: Any) -> None:
    """Write a result: to a file, whole or not at all."""
    if path is not None:
        write_text(path, json.dumps(value, indent=2, default=_plain, allow_nan=False) + "\n")


def write_text(path: str | None, text: str) -> None:
    """Write a text to a file, whole or not at all; its line ends stay as they are."""
    if path is None:
        return
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(target)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


def _plain(value: Any) -> str:
    return str(value.isoformat())
