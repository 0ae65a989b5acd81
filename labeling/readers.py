"""Open slides, kept for the next request; one thread at a time has a reader."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from labeling import unpacked
from labeling.slides.reader import SlideFacts, SlideReader

KEEP = 8
LOOK_S = 1.0


class ReaderPool:
    """Idle readers by file, the longest unused closed first; a busy reader belongs to nobody else.

    Readers of files that are gone are closed within a second of the next use: an open file keeps its room on the disk.

    Args:
        keep: how many idle readers stay open.
    """

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._idle: OrderedDict[tuple[str, int], SlideReader] = OrderedDict()
        self._facts: WeakValueDictionary[str, SlideFacts] = WeakValueDictionary()
        self._look_at = 0.0

    @contextmanager
    def reader(self, sha256: str) -> Iterator[SlideReader]:
        """Lend a reader of a stored file; after an error it is closed, not kept."""
        if time.monotonic() > self._look_at:
            self._close_gone()
        # OpenSlide opens the file by its name with every read.
        with unpacked.held(sha256) as path:
            reader = self._take(sha256) or self._open(sha256, path)
            try:
                yield reader
            except BaseException:
                reader.close()
                raise
            self._give_back(sha256, reader)

    def close(self) -> None:
        """Close every idle reader."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), OrderedDict()
        for reader in idle:
            reader.close()

    def _close_gone(self) -> None:
        with self._lock:
            self._look_at = time.monotonic() + LOOK_S
            gone = [key for key, reader in self._idle.items() if not reader.path.exists()]
            closed = [self._idle.pop(key) for key in gone]
        for reader in closed:
            reader.close()

    def _take(self, sha256: str) -> SlideReader | None:
        with self._lock:
            for key in reversed(self._idle):
                if key[0] == sha256:
                    return self._idle.pop(key)
        return None

    def _open(self, sha256: str, path: Path) -> SlideReader:
        # One after the other: of those who ask at once for a slide that nobody has open, one opens it for all.
        with self._opening:
            reader = SlideReader(path, self._facts.get(sha256))
            self._facts[sha256] = reader.facts
        return reader

    def _give_back(self, sha256: str, reader: SlideReader) -> None:
        with self._lock:
            self._idle[(sha256, id(reader))] = reader
            surplus = [self._idle.popitem(last=False)[1] for _ in range(len(self._idle) - self._keep)]
        for old in surplus:
            old.close()


pool = ReaderPool()
slide_reader = pool.reader
