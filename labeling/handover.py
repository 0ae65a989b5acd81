"""Files on their way from one worker to another that are not in the media store: no row names them by a hash.

Without a bucket they lie on the disk that all share; with one they go through it, and what lies on the disk is a copy.
"""

import re
import uuid
from pathlib import Path

from config import bucket
from labeling import media

WAITING, SHARED = "uploads/", "training/"
_KEY = re.compile(r"[0-9a-f]{32}")


def set_aside(path: Path) -> uuid.UUID:
    """Put a file where a worker of any machine finds it, before anybody has looked into it; nothing serves it.

    Args:
        path: the file; gone afterwards, or to be removed by the caller.

    Returns:
        The key under which it waits.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    key = uuid.uuid4()
    if bucket.in_use():
        bucket.put(path, WAITING + key.hex)
    else:
        media.part_path(key).parent.mkdir(parents=True, exist_ok=True)
        path.rename(media.part_path(key))
    return key


def waiting_path(key: uuid.UUID) -> Path:
    """Give the place of a file that was set aside, whether it is there or not.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    path = media.part_path(key)
    if not path.is_file():
        _fetch(WAITING + key.hex, path)
    return path


def waiting_keys() -> set[uuid.UUID]:
    """List the keys of files that were set aside; those of uploads under way may be among them.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    names = [path.stem for path in (media.root() / "uploads").glob("*.part")]
    if bucket.in_use():
        names += [key.removeprefix(WAITING) for key, _ in bucket.listing(WAITING)]
    return {uuid.UUID(name) for name in names if _KEY.fullmatch(name)}


def withdraw(key: uuid.UUID) -> None:
    """Remove a file that was set aside.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    if bucket.in_use():
        bucket.remove(WAITING + key.hex)
    media.part_path(key).unlink(missing_ok=True)


def share(path: Path) -> None:
    """Let workers of other machines have a file of a run's folder, in place of what they had under its name.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    if bucket.in_use():
        bucket.put(path, _shared_key(path))


def shared(path: Path) -> Path:
    """Bring a file of a run's folder here as it was shared last.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    _fetch(_shared_key(path), path)
    return path


def shared_runs() -> set[int]:
    """List the runs of which files are shared through the bucket.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    if not bucket.in_use():
        return set()
    names = {key.split("/")[1] for key, _ in bucket.listing(SHARED)}
    return {int(name) for name in names if name.isdecimal()}


def unshare(run_id: int) -> None:
    """Remove from the bucket what is shared of a run.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    if bucket.in_use():
        for key, _ in list(bucket.listing(f"{SHARED}{run_id}/")):
            bucket.remove(key)


def _shared_key(path: Path) -> str:
    return path.relative_to(media.root()).as_posix()


def _fetch(key: str, path: Path) -> None:
    """Bring an object here, if there is one."""
    if bucket.in_use() and bucket.size_of(key) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with media.temp_file() as temp:
            bucket.fetch(key, temp)
            temp.rename(path)
