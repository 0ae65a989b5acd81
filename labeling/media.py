"""The media store: files under their SHA-256, written once, never changed.

They lie in a local folder, or in a bucket. With a bucket, a file is stored once the bucket has it, and the local folder
keeps copies of what is in use, besides the uploads under way. What was unpacked out of stored files lies here too.
"""

import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

from config import bucket
from config.errors import DomainError
from labeling import copies

_CHUNK = 4 * 1024**2
_SHA256 = re.compile(r"[0-9a-f]{64}")
RESERVE_BYTES = 512 * 1024**2


class MediaError(DomainError):
    """The media store cannot do what was asked."""

    code = "media"
    status = 500


class DiskFullError(DomainError):
    """There is no room for a file."""

    code = "disk_full"
    status = 507


def root() -> Path:
    """Give the folder of the store."""
    return Path(settings.MEDIA_ROOT)


def path_of(sha256: str) -> Path:
    """Give the place of a file in the store, whether it is there or not; out of a bucket, it is brought here first.

    Open it at once: a copy that nobody has asked for or held for a minute may make room for others.

    Raises:
        MediaError: the text is no SHA-256, or the file came damaged out of the bucket (``media_damaged``).
        BucketUnreachableError: the bucket does not answer.
        DiskFullError: there is no room for a copy.
    """
    _check_name(sha256)
    if not bucket.in_use():
        return root() / key_of(sha256)
    place = _copies() / sha256[:2] / sha256
    if not copies.touch(place):
        with copies.alone(root() / "tmp" / f"{sha256}.lock"):
            if not copies.touch(place):
                _bring(sha256, place)
    return place


@contextmanager
def held(sha256: str) -> Iterator[Path]:
    """Give the place of a file that will be opened by its name again and again; it stays there meanwhile.

    Raises:
        MediaError: see ``path_of``, like the others.
    """
    with ExitStack() as stack:
        path = path_of(sha256)
        while bucket.in_use() and not stack.enter_context(copies.held(path)):
            if bucket.size_of(key_of(sha256)) is None:
                break
            path = path_of(sha256)
        yield path


def key_of(sha256: str) -> str:
    """Name a file within the folder, or the bucket."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _check_name(sha256: str) -> None:
    if not _SHA256.fullmatch(sha256):
        raise MediaError("This is no SHA-256.", code="media_bad_hash")


def _copies() -> Path:
    # A folder of its own: what was stored before there was a bucket is no copy and is never removed.
    return root() / "cache"


def unpacked_place(sha256: str) -> Path:
    """Give the folder for what is unpacked out of a stored file, whether it is there or not.

    Raises:
        MediaError: the text is no SHA-256.
    """
    _check_name(sha256)
    return root() / "unpacked" / sha256[:2] / sha256


def unpacked() -> list[Path]:
    """List the folders that stored files were unpacked to."""
    return sorted((root() / "unpacked").glob("*/*"))


def _made_again() -> list[Path]:
    """List the folders of what may make room, for it can be made again out of the store."""
    return [root() / "unpacked", *([_copies()] if bucket.in_use() else [])]


def make_room(size_bytes: int) -> None:
    """Let the longest unused of what can be made again make room for more of it, by the limit and on the disk.

    Raises:
        DiskFullError: less than the size and a reserve of 512 MiB are free all the same.
    """
    copies.shrink(_made_again(), limit_bytes=settings.MEDIA_CACHE_BYTES - size_bytes)
    check_room(size_bytes)


def _bring(sha256: str, place: Path) -> None:
    """Make a copy of a file in the bucket, if it is there."""
    size_bytes = bucket.size_of(key_of(sha256))
    if size_bytes is None:
        return
    make_room(size_bytes)
    with temp_file() as path:
        bucket.fetch(key_of(sha256), path)
        if sha256_of(path) != sha256:
            raise _damaged()
        path.chmod(0o440)
        fsync(path)
        make_folder(place.parent)
        path.rename(place)
        fsync(place.parent)


def is_stored(sha256: str) -> bool:
    """Tell whether the store has a file; nothing is brought here for that.

    Raises:
        BucketUnreachableError: the bucket does not answer.
    """
    return bucket.size_of(key_of(sha256)) is not None if bucket.in_use() else path_of(sha256).is_file()


def _damaged() -> MediaError:
    return MediaError("A file in the media store is damaged. Run `manage.py verify`.", code="media_damaged")


def part_path(upload_id: uuid.UUID) -> Path:
    """Give the place of a half uploaded file; nothing serves it."""
    return root() / "uploads" / f"{upload_id.hex}.part"


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def store_file(temp_path: Path, *, sha256: str | None = None, keep: bool = False) -> str:
    """Move a finished file into the store; a file that is there already is left as it is.

    Args:
        temp_path: the file, best on the store's own disk (see ``temp_file``); gone afterwards.
        sha256: its hash, where the caller has just computed it.
        keep: leave ``temp_path`` there, for a caller who may be killed before its row is written.

    Returns:
        The file's SHA-256.

    Raises:
        MediaError: the store holds another file under this hash: it was damaged.
        BucketUnreachableError: the bucket does not answer; the file is still where it was.
    """
    digest = sha256 or sha256_of(temp_path)
    _check_name(digest)
    temp_path.chmod(0o440)
    fsync(temp_path)
    if bucket.in_use():
        put(temp_path, digest)
        target = _copies() / digest[:2] / digest
        copies.touch(target)
    else:
        target = root() / key_of(digest)
    make_folder(target.parent)
    try:
        _link(temp_path, target)
    except FileExistsError:
        if target.stat().st_size != temp_path.stat().st_size:
            raise _damaged() from None
    fsync(target.parent)
    if not keep:
        temp_path.unlink()
    if bucket.in_use():
        copies.shrink(_made_again(), limit_bytes=settings.MEDIA_CACHE_BYTES)
    return digest


def put(path: Path, sha256: str) -> bool:
    """Write a file into the bucket, unless it is there.

    Returns:
        Whether it was not there.

    Raises:
        MediaError: the bucket holds another file under this hash.
        BucketUnreachableError: the bucket does not answer.
    """
    size_bytes = bucket.size_of(key_of(sha256))
    if size_bytes is None:
        bucket.put(path, key_of(sha256))
    elif size_bytes != path.stat().st_size:
        raise _damaged()
    return size_bytes is None


def _link(temp_path: Path, target: Path) -> None:
    """Give a file its name in the store, unless that name is taken; a file from another disk is copied first."""
    try:
        os.link(temp_path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with temp_file() as near:
            shutil.copyfile(temp_path, near)
            near.chmod(0o440)
            fsync(near)
            os.link(near, target)


def store_bytes(data: bytes) -> str:
    """Write bytes into the store.

    Returns:
        Their SHA-256.
    """
    with temp_file() as path:
        path.write_bytes(data)
        return store_file(path, sha256=hashlib.sha256(data).hexdigest())


def read(sha256: str) -> bytes:
    """Read a small file of the store.

    Raises:
        MediaError: it is not there (``media_missing``).
    """
    try:
        return path_of(sha256).read_bytes()
    except FileNotFoundError:
        raise MediaError(
            "A file is missing from the media store. Ask an admin to run `manage.py verify`.", code="media_missing"
        ) from None


def store_copy(source: Path) -> str:
    """Copy a file from elsewhere into the store; the source stays as it is.

    Raises:
        DiskFullError: there is no room for it.
    """
    check_room(source.stat().st_size)
    with temp_file() as path:
        shutil.copyfile(source, path)
        return store_file(path)


@contextmanager
def temp_file() -> Iterator[Path]:
    """Give a path on the store's disk for a file in the making; what is left there afterwards is removed."""
    path = _temp_path()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def temp_folder() -> Iterator[Path]:
    """Give an empty folder on the store's disk; if it still lies there afterwards, it is removed."""
    path = _temp_path()
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _temp_path() -> Path:
    folder = root() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / uuid.uuid4().hex


def check_room(size_bytes: int) -> None:
    """Refuse a file that would fill the disk; what can be made again makes room for it.

    Raises:
        DiskFullError: less than the file and a reserve of 512 MiB are free.
    """
    root().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root()).free
    if free < size_bytes + RESERVE_BYTES:
        copies.free(_made_again(), size_bytes + RESERVE_BYTES - free)
        free = shutil.disk_usage(root()).free
    if free < size_bytes + RESERVE_BYTES:
        raise DiskFullError(
            f"The server's disk has {free / 1e9:.1f} GB left and this file needs {size_bytes / 1e9:.1f} GB. "
            "Ask an admin to make room.",
            extra={"free_bytes": free, "needed_bytes": size_bytes},
        )


def stored() -> Iterator[Path]:
    """List every file of the local store; with a bucket, what was stored before there was one."""
    for path in sorted(root().glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")):
        if path.is_file():
            yield path


def make_folder(folder: Path) -> None:
    """Make a folder and its parent, both safe on the disk before anything is put in."""
    for path in (folder.parent, folder):
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            fsync(path.parent)


def fsync(path: Path) -> None:
    """Bring a file, or the names in a folder, safely to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
