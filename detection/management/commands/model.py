"""``manage.py model``: the registry on the command line, by the same services as the models page."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import ConflictError
from detection import cli, selectors
from detection.choices import OPEN_STATES
from detection.models import ModelVersion
from detection.registry import selectors as registry
from detection.registry import services
from detection.registry.card import model_card
from detection.registry.card_text import card_markdown
from labeling.cli import find_user, in_words
from labeling.models import Study, User


class Command(BaseCommand):
    """Show, promote, take out and bring in models."""

    help = "The model registry: list, show, promote, roll back, export, import."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        listed = verbs.add_parser("list", help="the models of a study, newest first")
        show = verbs.add_parser("show", help="a model's card")
        promote = verbs.add_parser("promote", help="compare a model with the current one, and make it count")
        back = verbs.add_parser("rollback", help="bring back the model that counted before")
        export = verbs.add_parser("export", help="copy a model's file to OUT")
        bring = verbs.add_parser("import", help="inspect a model file from elsewhere and keep it as a candidate")
        for verb in (show, promote, export):
            verb.add_argument("model", help="a model's number, or current")
        export.add_argument("out", type=Path, help="where to; an existing file is replaced")
        bring.add_argument("file", type=Path, help="safetensors file of TILscope")
        for verb in (listed, show, promote, back, export, bring):
            verb.add_argument("--study", help="name or id; may be left out where there is only one")
            verb.add_argument("--json", metavar="OUT", help="write the result to this file")
        for verb in (promote, back):
            verb.add_argument("--reason", default="", help="why; needed where the model was not found better")
        for verb in (promote, back, export, bring):
            verb.add_argument("--user", help="account on whose behalf; by default the study's creator")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says, and write its result."""
        study = cli.study_named(options["study"])
        act = getattr(self, f"_{options['verb']}")
        with in_words():
            result = act(study, options)
        cli.write_json(options["json"], result)

    def _list(self, study: Study, options: dict[str, Any]) -> dict[str, Any]:
        rows = [selectors.model_words(model) for model in selectors.models().filter(study=study)]
        for row in rows:
            self.stdout.write(_line(row))
        if not rows:
            self.stdout.write(f"study {study.name} has no models")
        return {"models": rows}

    def _show(self, study: Study, options: dict[str, Any]) -> dict[str, Any]:
        card = model_card(cli.model_named(study, options["model"]))
        self.stdout.write(card_markdown(card), ending="")
        return card

    def _promote(self, study: Study, options: dict[str, Any]) -> dict[str, Any]:
        model, user = cli.model_named(study, options["model"]), find_user(options["user"], study)
        if selectors.current_model(study.pk) is not None:
            self._compare(model, user)
        services.model_promote(model=model, user=user, reason=options["reason"])
        self.stdout.write(f"model {model.number} counts in study {study.name} from now on")
        return self._told(model) | {"promotion": _last_promotion(study)}

    def _compare(self, model: ModelVersion, user: User) -> None:
        """Compare in this process, unless it is known already or there is nothing to compare on."""
        try:
            comparison, _ = services.comparison_start(model=model, user=user)
        except ConflictError as error:
            if error.code != "comparison_without_data":
                raise
            self.stderr.write(error.message)
            return
        if comparison.state in OPEN_STATES:
            cli.work_here(lambda: _work("compare", comparison.pk), comparison, self.stdout.write)
        if comparison.verdict:
            verdict = comparison.get_verdict_display().lower()
            self.stdout.write(f"compared with model {comparison.current.number}: {verdict}")

    def _rollback(self, study: Study, options: dict[str, Any]) -> dict[str, Any]:
        user = find_user(options["user"], study)
        change = services.model_roll_back(study=study, user=user, reason=options["reason"])
        self.stdout.write(f"model {change.model.number} counts in study {study.name} again")
        return self._told(change.model) | {"promotion": _last_promotion(study)}

    def _export(self, study: Study, options: dict[str, Any]) -> dict[str, Any]:
        model = cli.model_named(study, options["model"])
        source, target = services.checkpoint_path(model), options["out"]
        services.export_record(model=model, user=find_user(options["user"], study), kind="checkpoint")
        part = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(source, part)
            part.replace(target)
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"model {model.number} written to {target}")
        return self._told(model) | {"file": str(target)}

    def _import(self, study: Study, options: dict[str, Any]) -> dict[str, Any]:
        path, user = options["file"], find_user(options["user"], study)
        try:
            with path.open("rb") as file:
                run, _ = services.model_import_start(
                    study=study,
                    user=user,
                    client_key=uuid.uuid4(),
                    stream=file,
                    size_bytes=path.stat().st_size,
                    file_name=path.name,
                )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        cli.work_here(lambda: _work("import_model", run.pk), run, self.stdout.write)
        cli.check_ended_well(run)
        model = selectors.model_at(run.model_id or 0)
        self.stdout.write(f"model {model.number} is a candidate of study {study.name}")
        return self._told(model)

    @staticmethod
    def _told(model: ModelVersion) -> dict[str, Any]:
        return {"model": selectors.model_words(selectors.model_at(model.pk))}


def _line(row: dict[str, Any]) -> str:
    test = row["metrics"]["test"] if row["metrics"] else None
    scores = (
        f"accuracy {test['accuracy']:.4f}, F1 {test['f1']:.4f} on {test['count']} patches" if test else "not judged"
    )
    origin = f"imported by {row['imported_by']}" if row["imported_by"] else f"training {row['training_run']}"
    return f"model {row['number']} · {row['status']} · {scores} · {origin} · {row['sha256'][:12]}"


def _last_promotion(study: Study) -> dict[str, Any] | None:
    last = registry.promotions(study).first()
    return registry.promotion_words(last) if last else None


def _work(name: str, pk: int) -> None:
    from detection import runs

    getattr(runs, name)(pk)
