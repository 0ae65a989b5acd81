"""Files on disk, whole or not at all: a temporary name first, synced, then renamed."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")


def replace_file(path: Path, write: Callable[[Path], Answer]) -> Answer:
    """Write a file so that no half of one is ever seen; an existing file is replaced.

    Args:
        path: where to; its folder exists.
        write: is handed a temporary path beside it and fills it.

    Returns:
        What ``write`` returned.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".part")
    os.close(descriptor)
    part = Path(name)
    try:
        answer = write(part)
        _sync(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)
    return answer


def remove_parts(path: Path) -> None:
    """Remove the halves of a file that killed processes left beside it."""
    for part in path.parent.glob(f"{_prefix(path)}*.part"):
        part.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}-"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
