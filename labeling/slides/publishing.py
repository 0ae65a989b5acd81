"""Files that are absent or whole at any time, whatever happens while they are made."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_or_absent(target: Path) -> Iterator[Path]:
    """Give a path in a folder of its own, beside the target; what lies there at the end becomes the target.

    Args:
        target: the file to make; replaced if it is there. If the block raises, nothing changes.
    """
    workplace = target.with_name(f".{uuid.uuid4().hex}.part")
    workplace.mkdir()
    part = workplace / "made.tif"
    try:
        yield part
        _sync(part, os.O_RDONLY)
        part.replace(target)
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
