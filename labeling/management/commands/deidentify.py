"""``manage.py deidentify SLIDE OUT``: a copy of a slide that names nobody."""

import argparse
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling import media
from labeling.choices import SlideState
from labeling.cli import Ticker, find_slide, find_user, in_words
from labeling.models import Slide
from labeling.services import access_record
from labeling.slides.deidentify import deidentify_slide


def _stored(slide: Slide) -> AbstractContextManager[Path]:
    if slide.state != SlideState.READY:
        raise CommandError(f"Slide {slide.code} is not ready: only what can be read can be copied.")
    return media.held(slide.file_sha256)


class Command(BaseCommand):
    """Copy the tissue."""

    help = "Write a copy of a slide without label, macro image and names; its tissue is copied bit for bit."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("slide", help="code of a slide such as S001 (with --study), its id, or a file")
        parser.add_argument("out", type=Path, help="the TIFF to make; must not be there yet")
        parser.add_argument("--study", help="name or id")
        parser.add_argument("--user", help="who takes it out; by default the study's creator")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy."""
        out: Path = options["out"]
        if out.exists():
            raise CommandError(f"{out} is there already. Give a name that is free.")
        if not out.absolute().parent.is_dir():
            raise CommandError(f"There is no folder {out.absolute().parent}.")
        file = Path(options["slide"])
        slide = None if file.is_file() else find_slide(options["slide"], options["study"])
        with in_words(), nullcontext(file) if slide is None else _stored(slide) as source:
            copy = deidentify_slide(source, out, on_progress=Ticker(self.stderr, "tiles"))
        if slide is not None:
            user = find_user(options["user"], slide.study)
            access_record(user=user, study=slide.study, slide=slide, action="deidentify_slide")
        if options["json"]:
            self.stdout.write(json.dumps({"file": str(out), "sha256": media.sha256_of(out), **asdict(copy)}))
        else:
            self.stdout.write(
                f"{out}: {copy.tiles:,} tiles of {copy.levels} levels, {copy.images_dropped} other images left out; "
                f"{copy.regions} random regions read the same as the original's"
            )
