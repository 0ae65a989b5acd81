"""``manage.py fill_bucket``: from a local folder to a bucket, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import bucket
from labeling import media
from labeling.cli import Ticker, in_words


class Command(BaseCommand):
    """Put what lies in the local folder into the bucket; what is there already is passed over."""

    help = "Put every file of the local folder into the bucket; run it once when an installation gets a bucket."

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill."""
        if not bucket.in_use():
            raise CommandError("There is no bucket: set TILSCOPE_MEDIA_S3_BUCKET and the others first.")
        paths, put = list(media.stored()), 0
        tick = Ticker(self.stderr, "files")
        for done, path in enumerate(paths, start=1):
            if media.sha256_of(path) != path.name:
                self.stdout.write(f"damaged  {path}: its bytes are not those of its name, so it stays here")
                continue
            with in_words():
                put += media.put(path, path.name)
            tick(done, len(paths))
        self.stdout.write(f"{len(paths):,} files, {put:,} of them new in the bucket; the local ones stay.")
