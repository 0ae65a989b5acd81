"""A folder that scanners write to: what lies still in it becomes a slide, once."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from config.errors import DomainError, UnavailableError
from labeling.models import Slide, Study, User, WatchedFile
from labeling.services.slide_imports import slide_import

RETRY_S = 60.0
# Refusals that say more about the moment than about the file.
PASSING = {"disk_full", "study_quota", "import_changed"}


@dataclass(frozen=True)
class Looked:
    """What became of one file.

    Attributes:
        path: the file.
        slide: its slide, where it was taken.
        message: why it was not taken, or that it was here already; empty otherwise.
        again: it will be tried again.
    """

    path: Path
    slide: Slide | None
    message: str = ""
    again: bool = False


@dataclass(frozen=True)
class _Stamp:
    """What tells a file that was written to from one that was not."""

    path: Path
    size_bytes: int
    mtime_ns: int

    def key(self) -> dict[str, str | int]:
        """Name it in the database; a path's bytes need not be text."""
        path_sha256 = hashlib.sha256(os.fsencode(self.path)).hexdigest()
        return {"path_sha256": path_sha256, "size_bytes": self.size_bytes, "mtime_ns": self.mtime_ns}


@dataclass
class Watch:
    """Looks into a folder again and again.

    Which files were taken is kept in rows, so that it outlives a kill: one that comes between a slide and that row has
    the file read once more, and its hash tells that it is here.

    Args:
        folder: with its subfolders; need not be there all the time.
        study: where the slides belong.
        user: who brings them.
        still_s: how long size and time of change must have stayed the same.
        on_piece: called every few megabytes of a copy; what it raises ends the look.
    """

    folder: Path
    study: Study
    user: User
    still_s: float
    on_piece: Callable[[], None] | None = None
    _since: dict[_Stamp, float] = field(default_factory=dict)
    _done: set[_Stamp] = field(default_factory=set)
    _not_before: dict[_Stamp, float] = field(default_factory=dict)
    _said: dict[_Stamp, str] = field(default_factory=dict)

    def look(self, now: float) -> Iterator[Looked]:
        """Take what has been still for long enough.

        Args:
            now: seconds on a clock that never goes back.

        Yields:
            Each file that was taken or refused; one that is tried again only when there is something new to say.
        """
        there = set(_stamps(self.folder))
        self._forget_all_but(there)
        for stamp in sorted(there - self._done, key=lambda stamp: stamp.path):
            since = self._since.setdefault(stamp, now)
            if now - since >= self.still_s and now >= self._not_before.get(stamp, now):
                yield from self._take(stamp, now)

    def _forget_all_but(self, there: set[_Stamp]) -> None:
        for known in (self._since, self._not_before, self._said):
            for stamp in known.keys() - there:
                del known[stamp]

    def _take(self, stamp: _Stamp, now: float) -> Iterator[Looked]:
        if not WatchedFile.objects.filter(study=self.study, **stamp.key()).exists():
            looked = self._bring(stamp.path)
            if looked.again:
                self._not_before[stamp] = now + RETRY_S
                if self._said.get(stamp) != looked.message:
                    yield looked
                self._said[stamp] = looked.message
                return
            self._note(stamp, looked)
            yield looked
        self._done.add(stamp)

    def _bring(self, path: Path) -> Looked:
        try:
            slide, made = slide_import(study=self.study, user=self.user, path=path, on_piece=self.on_piece)
        except DomainError as error:
            again = error.code in PASSING or isinstance(error, UnavailableError)
            return Looked(path, None, error.message, again=again)
        except OSError as error:
            return Looked(path, None, f"It cannot be read: {error.strerror}.", again=True)
        return Looked(path, slide, "" if made else "this file was here already")

    def _note(self, stamp: _Stamp, looked: Looked) -> None:
        row = WatchedFile(
            study=self.study, slide=looked.slide, refusal="" if looked.slide else looked.message, **stamp.key()
        )
        WatchedFile.objects.bulk_create([row], ignore_conflicts=True)


def _stamps(folder: Path) -> Iterator[_Stamp]:
    """List the files of a folder and its subfolders; hidden ones, empty ones and what vanishes meanwhile left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            try:
                found = path.stat()
            except OSError:
                continue
            if not name.startswith(".") and found.st_size > 0 and stat.S_ISREG(found.st_mode):
                yield _Stamp(path, found.st_size, found.st_mtime_ns)
