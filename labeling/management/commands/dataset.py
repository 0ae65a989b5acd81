"""``manage.py dataset freeze|show|diff|export|import``: data-set versions of a study."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from labeling import dataset_selectors as reads
from labeling.choices import Side, Source, Split
from labeling.cli import find_dataset, find_person, find_slide, find_study, find_user, in_words
from labeling.dataset_serializers import DatasetDetailSerializer, DatasetSerializer
from labeling.models import DatasetVersion, Study
from labeling.services import FreezeChoices, dataset_export, dataset_freeze, dataset_import
from labeling.splits import GUARD_PX

VERSION_HELP = "name or number"


class Command(BaseCommand):
    """Freeze labels, look at versions, take them out and bring them in."""

    help = "Freeze a study's labels into a version, show and compare versions, take them out and bring them in."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        shared = argparse.ArgumentParser(add_help=False)
        shared.add_argument("--study", help="name or id; may be left out where there is only one")
        shared.add_argument("--user", help="on whose behalf; by default the study's creator")
        shared.add_argument("--json", action="store_true", help="print the outcome as JSON")
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="freeze|show|diff|export|import")
        _add_freeze(verbs.add_parser("freeze", parents=[shared], help="freeze the labels as they are now"))
        show = verbs.add_parser("show", parents=[shared], help="show a version, or list all of them")
        show.add_argument("version", nargs="?", help=VERSION_HELP)
        diff = verbs.add_parser("diff", parents=[shared], help="compare two versions patch by patch")
        diff.add_argument("version", help=VERSION_HELP)
        diff.add_argument("other", help=VERSION_HELP)
        take_out = verbs.add_parser("export", parents=[shared], help="write a version with its pixels into a tar file")
        take_out.add_argument("version", help=VERSION_HELP)
        take_out.add_argument("file", type=Path)
        bring_in = verbs.add_parser("import", parents=[shared], help="bring in a version from such a file")
        bring_in.add_argument("file", type=Path)
        bring_in.add_argument("--name", default="", help="instead of the file's own")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says."""
        study = find_study(options["study"])
        with in_words():
            outcome, lines = getattr(self, f"_{options['verb']}")(study, options)
        if options["json"]:
            self.stdout.write(json.dumps(outcome, cls=DjangoJSONEncoder))
        else:
            self.stdout.write("\n".join(lines))

    def _freeze(self, study: Study, options: dict[str, Any]) -> tuple[Any, list[str]]:
        if options["guard_px"] < 0:
            raise CommandError("--guard-px takes 0 or more.")
        version = dataset_freeze(
            study=study,
            user=find_user(options["user"], study),
            seed=options["seed"],
            sources=options["source"],
            slides=[find_slide(code, study.name).pk for code in options["slide"]],
            choices=FreezeChoices(
                name=options["name"],
                reader_id=find_person(options["reader"]).pk if options["reader"] else None,
                split=options["split"],
                guard_px=options["guard_px"],
            ),
        )
        return _told(version)

    def _show(self, study: Study, options: dict[str, Any]) -> tuple[Any, list[str]]:
        if options["version"] is not None:
            return _told(find_dataset(study, options["version"]))
        words = reads.dataset_list_words(list(reads.dataset_rows(study)))
        rows = DatasetSerializer(words, many=True).data
        lines = [f"{row['number']:>4}  {row['total']:>9,}  {row['split']:<8} {row['name']}" for row in rows]
        return rows, lines or ["no data sets yet"]

    def _diff(self, study: Study, options: dict[str, Any]) -> tuple[Any, list[str]]:
        one, other = find_dataset(study, options["version"]), find_dataset(study, options["other"])
        diff = reads.dataset_diff(one, other)
        return diff, [
            f"only in {one.name}: {diff['added']:,}",
            f"only in {other.name}: {diff['removed']:,}",
            f"with another class: {diff['reclassed']:,}",
            f"on another side: {diff['moved']:,}",
        ]

    def _export(self, study: Study, options: dict[str, Any]) -> tuple[Any, list[str]]:
        version = find_dataset(study, options["version"])
        dataset_export(dataset=version, user=find_user(options["user"], study), path=options["file"])
        size_bytes = options["file"].stat().st_size
        outcome = {"file": str(options["file"]), "size_bytes": size_bytes, "content_hash": version.content_hash}
        return outcome, [f"{options['file']}: {version.name}, {size_bytes / 1e6:,.1f} MB"]

    def _import(self, study: Study, options: dict[str, Any]) -> tuple[Any, list[str]]:
        user = find_user(options["user"], study)
        version, made = dataset_import(study=study, user=user, path=options["file"], name=options["name"])
        outcome, lines = _told(version)
        return outcome | {"made": made}, lines if made else ["this content was here already", *lines]


def _add_freeze(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="unique in the study; by default numbered")
    parser.add_argument("--reader", help="account that decides where readers differ; by default the majority")
    parser.add_argument("--split", choices=Split.values, default=Split.CLUSTER, help="what stays on one side")
    parser.add_argument("--guard-px", type=int, default=GUARD_PX, help="of --split place: level-0 pixels (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", choices=Source.values, nargs="+", default=[], help="only these sources")
    parser.add_argument("--slide", nargs="+", default=[], metavar="CODE", help="only these slides, e.g. S001")


def _told(version: DatasetVersion) -> tuple[dict[str, Any], list[str]]:
    """Describe a version as the API does, and in a few lines."""
    words = dict(DatasetDetailSerializer(reads.dataset_words(version)).data)
    lines = [
        f"data set {words['number']}: {words['name']}, {words['total']:,} patches, split by {words['split']}",
        f"content hash {words['content_hash']}",
    ]
    for row in words["classes"]:
        sides = ", ".join(f"{row[side]:,} {side}" for side in Side.values)
        lines.append(f"  {row['name']}: {sides}")
    lines.append(
        f"  left out: {words['refused_overlaps']:,} too near another side, {words['left_out_ties']:,} ties, "
        f"{words['left_out_taken_back']:,} labels taken back"
    )
    return words, lines
