"""What can be made again: marked when it is used, the longest unused removed first, none that is in use.

That is copies of a bucket's files, and the folders that slides of several files were unpacked to; a copy is a file or a
folder. Several processes share them. A copy's modification time says when it was last asked for; a lock on it
(``flock``, gone with its process) keeps it while a reader works that opens it again and again by its name.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    while True:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(lock, file.fileno()):
                continue  # whoever had it has taken it away: others would lock another file of this name
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Keep a copy from being removed; False: it is not here, or was removed just before."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield _is_at(path, descriptor)
    finally:
        os.close(descriptor)


def shrink(folders: list[Path], *, limit_bytes: int) -> None:
    """Remove the longest unused copies until the others have room in the limit; what is in use stays beyond it."""
    found = sorted(_found(folders))
    _free(found, sum(size_bytes for _, size_bytes, _ in found) - limit_bytes)


def free(folders: list[Path], wanted_bytes: int) -> None:
    """Remove the longest unused copies until the disk has so much more room, or none is left that may go."""
    _free(sorted(_found(folders)), wanted_bytes)


def drop(path: Path) -> None:
    """Remove a copy that nobody will ask for again, unless somebody uses it."""
    _removed(path, grace_s=0)


def _free(found: list[tuple[float, int, Path]], wanted_bytes: int) -> None:
    for _, size_bytes, path in found:
        if wanted_bytes <= 0:
            break
        if _removed(path, grace_s=GRACE_S):
            wanted_bytes -= size_bytes


def _found(folders: list[Path]) -> Iterator[tuple[float, int, Path]]:
    """List (when last used, size in bytes, path) of the copies."""
    for path in (path for folder in folders for path in folder.glob("*/*")):
        with suppress(FileNotFoundError):  # another process makes room too
            yield path.stat().st_mtime, _size_bytes(path), path


def _size_bytes(path: Path) -> int:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _removed(path: Path, *, grace_s: float) -> bool:
    """Remove a copy that nobody uses."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # another process was faster
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Looked at under the lock: whoever asks from here on finds that the copy has gone, and makes it again.
        if os.fstat(descriptor).st_mtime > time.time() - grace_s:
            return False
        with suppress(FileNotFoundError):
            _remove(path)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    # Its name goes at once; a folder that was left over by a kill is found like the others.
    gone = path.with_name(uuid.uuid4().hex)
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
