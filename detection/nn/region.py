"""What the detector reads from: any slide, at any scale, through one narrow door."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class RegionReader(Protocol):
    """A slide seen as pixels of a chosen scale, with a mask of those that could be read."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in level-0 pixels."""
        ...

    @property
    def mpp(self) -> float | None:
        """Micrometres per level-0 pixel, where known."""
        ...

    def read(self, x: int, y: int, w: int, h: int, scale: float = 1.0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Read a box of the slide resampled to ``scale`` level-0 pixels per output pixel.

        Args:
            x: left edge, in output pixels.
            y: top edge, in output pixels.
            w: width, in output pixels.
            h: height, in output pixels.
            scale: level-0 pixels per output pixel.

        Returns:
            RGB uint8 (h, w, 3) and bool (h, w), False where nothing could be read. The value of an output pixel does
            not depend on the box it was asked for in.
        """
        ...


@runtime_checkable
class HasOverview(Protocol):
    """A reader that can look at a part of the slide coarsely, for much less than reading it."""

    def overview(
        self, box: tuple[int, int, int, int], scale: float, *, most: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
        """Read a box (x, y, w, h), in pixels of ``scale``, with at most ``most`` of them in one; None if it cannot."""
        ...


def frame_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return (width, height) of a slide of (width, height) level-0 pixels in pixels of the model's scale."""
    return int(size[0] / scale), int(size[1] / scale)
