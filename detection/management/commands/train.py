"""``manage.py train``: the same service as the training page."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from detection import cli, selectors, services
from detection.choices import Preset
from detection.models import TrainingRun
from labeling.cli import find_user, in_words


class Command(BaseCommand):
    """Train a model on a study's labels."""

    help = "Freeze a study's labels and train a model on them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--study", help="name or id; may be left out where there is only one")
        parser.add_argument("--preset", choices=Preset.values, default=Preset.DEFAULT)
        parser.add_argument("--epochs", type=int, help="instead of the preset's")
        parser.add_argument("--seed", type=int, default=0, help="of the split and the training")
        parser.add_argument("--user", help="account on whose behalf; by default the study's creator")
        parser.add_argument("--wait", action="store_true", help="wait for the worker, showing its progress")
        parser.add_argument("--here", action="store_true", help="train in this process; no worker is needed")
        parser.add_argument("--json", metavar="OUT", help="write the result to this file; implies --wait")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the run and, if asked, wait for its end."""
        study = cli.study_named(options["study"])
        user = find_user(options["user"], study)
        wish = services.TrainingWish(preset=options["preset"], seed=options["seed"], epochs=options["epochs"])
        with in_words():
            run, _ = services.training_start(study=study, user=user, client_key=uuid.uuid4(), wish=wish)
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
        self.stdout.write(
            f"model {words['model']['number']}: on {test['count']} test patches accuracy {test['accuracy']:.4f}, "
            f"precision {test['precision']:.4f}, recall {test['recall']:.4f}. Promote it to count with it."
        )


def _train(run_id: int) -> None:
    from detection import runs

    runs.train(run_id)


def _words(run_id: int) -> dict[str, Any]:
    run: TrainingRun = selectors.training_run_at(run_id)
    words = selectors.training_run_words(run, selectors.dataset_counts([run.dataset_id])[run.dataset_id])
    model = selectors.models().filter(trial__run=run).first()
    return words | {"model": selectors.model_words(model) if model else None}
