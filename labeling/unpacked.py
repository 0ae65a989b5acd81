"""What OpenSlide opens of a stored slide: its file, or, of a slide in a ZIP file, what was unpacked out of that."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

from labeling import copies, media
from labeling.slides.errors import SlideError
from labeling.slides.zipped import is_zip, look_into_zip, main_file, unpack_zip

_plain: set[str] = set()
"""Files that were looked at and are no ZIP files: what lies under a hash never changes, and tiles come by thousands."""


@contextmanager
def held(sha256: str, *, on_progress: Callable[[int, int], None] | None = None) -> Iterator[Path]:
    """Give the file by which OpenSlide opens a stored slide; it and what belongs to it stay in their place meanwhile.

    A slide in a ZIP file is unpacked once for all processes of a machine, again where its folder made room for others.

    Args:
        sha256: the slide's file in the store.
        on_progress: called with (done, total) megabytes while it is unpacked; what it raises stops that.

    Raises:
        SlideError: there is no slide in the ZIP file that can be read, see ``look_into_zip`` and ``unpack_zip``.
        DiskFullError: there is no room for it.
        MediaError: see ``media.held``, like the others.
    """
    if sha256 in _plain:
        with media.held(sha256) as path:
            yield path
        return
    place = media.unpacked_place(sha256)
    with ExitStack() as stack:
        while not stack.enter_context(copies.held(place)):
            with media.held(sha256) as path:
                if not is_zip(path):
                    if path.exists():
                        _plain.add(sha256)
                    yield path
                    return
                _unpack(path, place, on_progress)
        copies.touch(place)
        yield main_file(place)


def forget(sha256: str) -> None:
    """Remove what was unpacked of a slide that was refused."""
    copies.drop(media.unpacked_place(sha256))


def _unpack(source: Path, place: Path, on_progress: Callable[[int, int], None] | None) -> None:
    """Unpack a slide; its folder is whole or absent at any time."""
    with copies.alone(media.root() / "tmp" / f"{place.name}.unpacking.lock"), media.temp_folder() as folder:
        if place.exists():
            return
        contents = look_into_zip(source)
        _check_size(contents.size_bytes)
        media.make_room(contents.size_bytes)
        unpack_zip(source, folder, contents=contents, on_progress=on_progress)
        for made in (folder, *(path for path in folder.iterdir() if path.is_dir())):
            media.fsync(made)
        media.make_folder(place.parent)
        folder.rename(place)
        media.fsync(place.parent)


def _check_size(size_bytes: int) -> None:
    limit = settings.UPLOAD_LIMIT_BYTES
    if size_bytes > limit:
        words = f"This slide unpacks to {size_bytes / 1e9:.1f} GB; up to {limit / 1e9:.1f} GB are taken."
        raise SlideError(f"{words} Export a part of it.", code="slide_too_large")
