"""Local copies of a bucket's files: marked when they are used, the longest unused removed first, none that is in use.

Several processes share the folder. A copy's modification time says when it was last asked for; a lock on the file
(``flock``, gone with its process) keeps it while a reader works that opens it again and again by its name.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

GRACE_S = 60.0
"""A copy asked for so lately stays: somebody has its path and is about to open it."""


def touch(path: Path) -> bool:
    """Mark a copy as used; False: it is not here."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one process and thread at a time do what would only be done twice otherwise."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Keep a copy from being removed; False: it is not here, or was removed just before."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except FileNotFoundError:
            yield False
            return
        fcntl.flock(file, fcntl.LOCK_SH)
        yield _is_at(path, file.fileno())


def shrink(folder: Path, *, limit_bytes: int) -> None:
    """Remove the longest unused copies until the others have room in the limit; what is in use stays beyond it."""
    found = sorted(_found(folder))
    _free(found, sum(size_bytes for _, size_bytes, _ in found) - limit_bytes)


def free(folder: Path, wanted_bytes: int) -> None:
    """Remove the longest unused copies until the disk has so much more room, or none is left that may go."""
    _free(sorted(_found(folder)), wanted_bytes)


def _free(found: list[tuple[float, int, Path]], wanted_bytes: int) -> None:
    for _, size_bytes, path in found:
        if wanted_bytes <= 0:
            break
        if _removed(path):
            wanted_bytes -= size_bytes


def _found(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """List (when last used, size in bytes, path) of the copies."""
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):  # another process makes room too
            stat = path.stat()
            yield stat.st_mtime, stat.st_size, path


def _removed(path: Path) -> bool:
    """Remove a copy that nobody uses."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Looked at under the lock: whoever asks from here on finds that the file has gone, and brings it again.
            if os.fstat(file.fileno()).st_mtime > time.time() - GRACE_S:
                return False
            path.unlink()
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass  # another process was faster
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
