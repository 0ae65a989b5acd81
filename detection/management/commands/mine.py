"""``manage.py mine``: the same service as the button of the label page."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection import cli, mining
from detection.choices import MOST_WAITING
from labeling.cli import find_slide, find_user, in_words


class Command(BaseCommand):
    """Propose finds that are probably no cells."""

    help = "Propose finds that a model is sure of and nobody has labelled, for a pathologist to judge."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--study", help="name or id; may be left out where there is only one")
        parser.add_argument("--slide", action="append", default=[], help="only this slide; may be repeated")
        parser.add_argument(
            "--limit", type=int, default=24, metavar="N", help="how many proposals may wait; 24 by default"
        )
        parser.add_argument("--user", help="account on whose behalf; by default the study's creator")
        parser.add_argument("--json", metavar="OUT", help="write the proposals that wait to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search, store, tell."""
        if not 1 <= options["limit"] <= MOST_WAITING:
            raise CommandError(f"--limit lies between 1 and {MOST_WAITING}.")
        study = cli.study_named(options["study"])
        slides = [find_slide(name, study.name) for name in options["slide"]] or None
        user = find_user(options["user"], study)
        with in_words():
            mined = mining.proposals_mine(study=study, user=user, slides=slides, limit=options["limit"])
        rows = mining.waiting_proposals(study, slides)
        cli.write_json(options["json"], {"made": mined.made, "proposals": [mining.proposal_words(row) for row in rows]})
        self.stdout.write(f"{mined.made} new proposals, {mined.waiting} wait for a pathologist on the label page.")
