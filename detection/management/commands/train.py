"""``manage.py train``: the same service as the training page."""

import uuid
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from detection import cli, selectors, services
from detection.choices import MAX_FOLDS, MAX_MINUTES, MAX_TRIALS, Preset
from detection.models import TrainingRun
from detection.nn.config import MOST_BESIDE
from labeling.cli import find_user, in_words
from labeling.models import Study


class Command(BaseCommand):
    """Train a model on a study's labels, or search for the best one."""

    help = "Freeze a study's labels, or take a frozen version of them, and train a model on them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--study", help="name or id; may be left out where there is only one")
        parser.add_argument("--dataset", type=int, metavar="N", help="a data-set version; by default the labels now")
        parser.add_argument("--preset", choices=Preset.values, default=Preset.DEFAULT)
        parser.add_argument("--epochs", type=int, help="instead of the preset's")
        parser.add_argument("--trials", type=_between(1, MAX_TRIALS), default=1, help="recipes to try")
        parser.add_argument("--folds", type=_between(0, MAX_FOLDS), default=0, help="of a cross-validation")
        parser.add_argument("--minutes", type=_between(1, MAX_MINUTES), help="begin nothing after so much time")
        parser.add_argument(
            "--range",
            action="append",
            default=[],
            metavar="NAME=LOW:HIGH",
            dest="ranges",
            type=_named_range,
            help="where trials look: max_steps, learning_rate, weight_decay or patience_steps; may be repeated",
        )
        parser.add_argument(
            "--windows-beside",
            type=_between(0, MOST_BESIDE),
            metavar="N",
            help="windows beside each counted cell, learned as not counted; by default the preset's number",
        )
        parser.add_argument("--seed", type=int, default=0, help="of the split, the search and the training")
        parser.add_argument("--user", help="account on whose behalf; by default the study's creator")
        parser.add_argument("--wait", action="store_true", help="wait for the worker, showing its progress")
        parser.add_argument("--here", action="store_true", help="train in this process; no worker is needed")
        parser.add_argument("--json", metavar="OUT", help="write the result to this file; implies --wait")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the run and, if asked, wait for its end."""
        study = cli.study_named(options["study"])
        user = find_user(options["user"], study)
        with in_words():
            run, _ = services.training_start(
                study=study, user=user, client_key=uuid.uuid4(), wish=_wish(study, options)
            )
        self.stdout.write(f"training run {run.number} of study {study.name}")
        if options["here"]:
            cli.work_here(lambda: _train(run.pk), run, self.stdout.write)
        elif options["wait"] or options["json"]:
            cli.wait_for(run, self.stdout.write)
        else:
            return
        cli.write_json(options["json"], _words(run.pk))
        cli.check_ended_well(run)
        self._tell(run.pk)

    def _tell(self, run_id: int) -> None:
        words = _words(run_id)
        test = words["metrics"]["test"]
        self.stdout.write(f"windows beside cells: {selectors.windows_words(words['windows_beside'])}")
        for trial in words["trials"] if words["trial_limit"] > 1 or words["folds"] else []:
            self.stdout.write(_trial_line(trial, words["best_trial"]))
        self.stdout.write(
            f"model {words['model']['number']}: on {test['count']} test patches accuracy {test['accuracy']:.4f}, "
            f"precision {test['precision']:.4f}, recall {test['recall']:.4f}. Promote it to count with it."
        )


def _trial_line(trial: dict[str, Any], best: int | None) -> str:
    loss = "-" if trial["validation_loss"] is None else f"{trial['validation_loss']:.4f}"
    chosen = ", the best" if trial["number"] == best else ""
    return (
        f"trial {trial['number']}: validation loss {loss}, {trial['stopped_because']}, {trial['seconds']:.0f} s{chosen}"
    )


def _wish(study: Study, options: dict[str, Any]) -> services.TrainingWish:
    same = ("preset", "seed", "epochs", "trials", "folds", "minutes", "windows_beside")
    number = options["dataset"]
    dataset = None if number is None else cli.dataset_numbered(study, number).pk
    return services.TrainingWish(
        **{name: options[name] for name in same}, dataset=dataset, space=dict(options["ranges"]) or None
    )


def _between(low: int, high: int) -> Callable[[str], int]:
    """Make a reader of whole numbers within limits."""

    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ArgumentTypeError(f"{number} does not lie between {low} and {high}")
        return number

    return read


def _named_range(text: str) -> tuple[str, list[float]]:
    """Read NAME=LOW:HIGH; the service says which names and numbers there may be."""
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    try:
        return name, [_number(low), _number(high)]
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not NAME=LOW:HIGH") from error


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


def _train(run_id: int) -> None:
    from detection import runs

    runs.train(run_id)


def _words(run_id: int) -> dict[str, Any]:
    run: TrainingRun = selectors.training_run_at(run_id)
    words = selectors.training_run_detail(run)
    model = selectors.models().filter(trial__run=run).first()
    return words | {"model": selectors.model_words(model) if model else None}
