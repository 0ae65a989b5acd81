"""Detection on one 600×500 field: window by window, densely, and behind the stain gate, in the same run.

The ratios to the naive evaluation are the figures to keep; seconds belong to one machine and its load. The weights are
random: the time does not depend on them, and the field and the gate are those of the drawn tissue.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.measure import best_of, main
from detection.nn.blocks import DetectionParams, plan_blocks
from detection.nn.data import PatchSet
from detection.nn.evaluation import predict
from detection.nn.gate import Gate, calibrate_gate
from detection.nn.network import PaperNet
from detection.nn.shape import PATCH_PX, STRIDE_PX
from detection.nn.sliding_window import detect_block
from labeling.drawn.tissue import Tissue

WIDTH, HEIGHT, SEED = 600, 500, 11
REPEATS = 3


class Field:
    """A picture in memory as a region reader."""

    mpp: float | None = None

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self.size = (image.shape[1], image.shape[0])

    def read(self, x: int, y: int, w: int, h: int, scale: float = 1.0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Cut out a box that lies on the picture."""
        return self.image[y : y + h, x : x + w], np.ones((h, w), dtype=np.bool_)


def drawn_field() -> tuple[NDArray[np.uint8], Gate]:
    """Draw the field, and calibrate the gate on lymphocytes beside it as a training would."""
    tissue = Tissue(4000, 3000, SEED)
    cells = tissue.cells[tissue.cells["kind"] == "lymphocyte"]
    half = PATCH_PX // 2
    inside = (cells["x"] > half) & (cells["y"] > half) & (cells["x"] < 4000 - half) & (cells["y"] < 3000 - half)
    chosen = cells[inside][:200]
    patches = [
        tissue.render(int(x) - half, int(y) - half, PATCH_PX, PATCH_PX)
        for x, y in zip(chosen["x"], chosen["y"], strict=True)
    ]
    gate = calibrate_gate(PatchSet(np.stack(patches), np.ones(len(patches), dtype=np.int64)))
    return tissue.render(1500, 1000, WIDTH, HEIGHT), gate


def windows_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut out every window of stride 8: (N, 70, 70, 3)."""
    view = np.lib.stride_tricks.sliding_window_view(image, (PATCH_PX, PATCH_PX), axis=(0, 1))
    return np.ascontiguousarray(view[::STRIDE_PX, ::STRIDE_PX].transpose(0, 1, 3, 4, 2)).reshape(
        -1, PATCH_PX, PATCH_PX, 3
    )


def measure() -> dict[str, Any]:
    """Time the three ways and compare their scores."""
    torch.manual_seed(SEED)
    model = PaperNet().eval().folded()
    image, gate = drawn_field()
    windows = windows_of(image)
    fitting = image[: (HEIGHT - PATCH_PX) // STRIDE_PX * STRIDE_PX + PATCH_PX]
    fitting = fitting[:, : (WIDTH - PATCH_PX) // STRIDE_PX * STRIDE_PX + PATCH_PX]
    [block] = plan_blocks((WIDTH, HEIGHT), None, block_px=2048)
    reader = Field(image)

    def dense() -> NDArray[np.float32]:
        with torch.inference_mode():
            return model.dense(model.prepare(fitting[None])).numpy()

    def detect(*, gated: bool) -> None:
        params = DetectionParams(gate=gated)
        detect_block(model, reader, block, scale=1.0, params=params, gate=gate)

    one_by_one: list[NDArray[np.float32]] = []
    naive_s = best_of(1, lambda: one_by_one.append(predict(model, windows)))
    dense_s = best_of(REPEATS, dense)
    whole_s = best_of(REPEATS, lambda: detect(gated=False))
    gated_s = best_of(REPEATS, lambda: detect(gated=True))
    apart = np.abs(one_by_one[0] - dense().ravel()).max()
    return {
        "field_px": [WIDTH, HEIGHT],
        "windows": len(windows),
        "gate_passes": round(float(gate.passes_grid(fitting).mean()), 4),
        "largest_difference_dense_to_windows": float(apart),
        "seconds": {"naive": naive_s, "dense": dense_s, "detect_ungated": whole_s, "detect_gated": gated_s},
        "times_faster_than_naive": {
            "dense": naive_s / dense_s,
            "detect_ungated": naive_s / whole_s,
            "detect_gated": naive_s / gated_s,
        },
    }


if __name__ == "__main__":
    main(measure, __doc__)
