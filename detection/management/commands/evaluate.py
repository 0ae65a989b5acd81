"""``manage.py evaluate``: how good is a model on labelled patches that it never saw?"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection import cli, selectors
from detection.models import ModelVersion
from labeling.choices import Side
from labeling.cli import add_map, in_words, read_map
from labeling.models import Study
from labeling.patch_files import read_csv_labels
from labeling.services import Words, patches_read


class Command(BaseCommand):
    """Judge a model on labelled patches."""

    help = "Judge a model on labelled patches from files, or on a side of its own frozen labels."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("path", nargs="?", type=Path, help="folder, zip, tar or tar.gz of labelled patches")
        parser.add_argument("--study", help="name or id; may be left out where there is only one")
        parser.add_argument("--model", default="current", help="current, or a model's number")
        parser.add_argument("--dataset-side", choices=Side.values, help="instead of PATH: a side of the model's labels")
        parser.add_argument("--csv", type=Path, help="CSV with the columns file,label")
        add_map(parser)
        parser.add_argument("--crop-centre", action="store_true", help="take the centre 70×70 px of larger images")
        parser.add_argument("--json", metavar="OUT", help="write the scores and the wrong ones to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Judge, tell, write."""
        from detection.runs.evaluation import judge

        if (options["path"] is None) == (options["dataset_side"] is None):
            raise CommandError("Give either a PATH of labelled patches or --dataset-side.")
        study = cli.study_named(options["study"])
        model = cli.model_named(study, options["model"])
        with in_words():
            source, names, patches = _patches(study, model, options)
            judgement = judge(model, names, patches)
        found = judgement.scores
        result = {
            "study": study.name,
            "model": {"number": model.number, "sha256": model.sha256},
            "dataset_hash": selectors.dataset_hash_of(model),
            "code_version": settings.CODE_VERSION,
            "threshold": judgement.threshold,
            **source,
            "scores": found.to_json(),
            "wrong": judgement.wrong,
        }
        cli.write_json(options["json"], result)
        self.stdout.write(
            f"model {model.number} on {found.count} patches: accuracy {found.accuracy:.4f}, "
            f"precision {found.precision:.4f}, recall {found.recall:.4f}, F1 {found.f1:.4f}"
        )
        if source["refused"]:
            self.stderr.write(f"{len(source['refused'])} files were refused and are not counted.")


def _patches(study: Study, model: ModelVersion, options: dict[str, Any]) -> tuple[dict[str, Any], list[str], Any]:
    """Load what is judged: where it is from, the patches' names, and the patches."""
    from detection.runs import evaluation

    if options["dataset_side"]:
        dataset = selectors.dataset_of(model)
        if dataset is None:
            raise CommandError(f"Model {model.number} was imported, and its labels are not known here: give a PATH.")
        names, patches = evaluation.side_of(dataset, options["dataset_side"])
        return {"source": f"data set {dataset.number}, {options['dataset_side']}", "refused": []}, names, patches
    found, report = patches_read(
        path=options["path"],
        words=Words(study, read_map(options["map"])),
        labels_by_file=read_csv_labels(options["csv"]) if options["csv"] else None,
        crop_centre=options["crop_centre"],
    )
    if not found:
        raise CommandError(f"No patch of {options['path']} could be read.")
    source = {"source": str(options["path"]), "refused": [list(pair) for pair in report.refused]}
    return source, [item.name for item in found], evaluation.labelled_patches(found)
