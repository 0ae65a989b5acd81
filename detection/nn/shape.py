"""The network in numbers, free of torch, so that the web process can plan work without loading it."""

from dataclasses import dataclass

from detection.nn.errors import TrainingError

PATCH_PX = 70
"""Side of the window the network sees, in pixels of the model's resolution (the paper's 70×70)."""
STRIDE_PX = 8
"""Three 2×2 poolings: neighbouring windows of the dense evaluation lie 8 pixels apart."""
STRIDES_PX = (8, 4, 2, 1)
"""Strides that a detection may choose; below 8 the poolings are taken in all their phases."""
WINDOW_CELLS = 7
"""Side of one window's feature map: 70→68→34→32→16→14→7."""
FORMS = 8
"""Ways to turn a square by quarter turns and to mirror it."""


@dataclass(frozen=True)
class NetworkShape:
    """Widths of the layers; the paper's by default, smaller ones keep tests quick."""

    features: tuple[int, int, int] = (64, 128, 256)
    fc: int = 2048

    def __post_init__(self) -> None:
        widths = (*self.features, self.fc)
        if len(self.features) != 3 or not all(type(w) is int and 1 <= w <= 4096 for w in widths):
            raise TrainingError(f"The network needs three convolution widths and one of 1 to 4096, got {widths}.")
