"""``manage.py load_sample``: bring in the drawn sample; workers must be running."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.errors import DomainError
from detection import sample

LINE_EVERY_S = 5.0


class Command(BaseCommand):
    """Load the sample, once; whatever is there already stays."""

    help = "Load the drawn sample: slides, labels, a model and a detection."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, saying what happens: one moving line on a terminal, some lines elsewhere."""
        if sample.is_whole():
            self.stdout.write("  the sample is there already")
            return
        self.began = time.monotonic()
        self.last_said, self.last_step = 0.0, ""
        try:
            study = sample.load(self.say)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.say_line(f"the sample is ready: {study.name}")

    def say(self, line: str) -> None:
        """Say a step at once, its progress every few seconds, on a terminal in place."""
        step, now = line.split(":")[0], time.monotonic()
        if sys.stdout.isatty():
            self.stdout.write(f"\r  {line[:76]:<78}", ending="")
            self.stdout.flush()
        elif step != self.last_step or now - self.last_said > LINE_EVERY_S:
            self.say_line(line)
        self.last_step = step

    def say_line(self, line: str) -> None:
        """Write a whole line with the seconds since the start."""
        self.last_said = time.monotonic()
        end = "\r" if sys.stdout.isatty() else ""
        self.stdout.write(f"{end}  {self.last_said - self.began:4.0f} s  {line:<70}")
        self.stdout.flush()
