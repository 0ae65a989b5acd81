"""The trunk's work on one tile, by PyTorch or by OpenVINO: the same steps on the same shapes.

The first two stages are one part, so that what lies between them stays in the processor's cache; the third is the
other, and reads its halo from the tiles beside.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from detection.nn.network import has_phases, pooled, pooled_phases

TILE = 8
"""Windows of stride 8 along the side of a tile: 64 pixels."""
PARTS = ((0, 1), (2,))

Step = Callable[[Tensor], Tensor]
"""Turns cuts (B, h, w, C) of a map into tiles (P·B, h', w', C'), the phases first; they hold until the next call."""


@dataclass(frozen=True)
class Part:
    """Stages that are computed in one go on tiles of one shape.

    Args:
        stages: their numbers, one after the other.
        stride_px: of the windows; below 8 the last poolings are taken in all their phases.
    """

    stages: tuple[int, ...]
    stride_px: int

    @property
    def side(self) -> int:
        """Side of a tile of what comes out."""
        return TILE * (4 >> self.stages[-1])

    @property
    def step(self) -> int:
        """Distance of neighbouring tiles in what goes in."""
        return TILE * (8 >> self.stages[0])

    @property
    def reach(self) -> int:
        """Side of what a tile is computed from."""
        side = self.side
        for stage in reversed(self.stages):
            side = 2 * side + 2 + has_phases(stage, self.stride_px)
        return side

    @property
    def phases(self) -> int:
        """Maps that come out for each that goes in."""
        return 1 << 2 * sum(has_phases(stage, self.stride_px) for stage in self.stages)

    def flop(self, convs: Sequence[nn.Conv2d]) -> float:
        """Count the floating-point operations of the convolutions on one tile."""
        side, maps, flop = self.reach, 1, 0.0
        for stage in self.stages:
            side -= 2
            flop += 2.0 * maps * side**2 * convs[stage].weight.numel()
            maps *= 4 if has_phases(stage, self.stride_px) else 1
            side //= 2
        return flop


def torch_step(part: Part, convs: Sequence[nn.Conv2d]) -> Step:
    """Make a part's step of PyTorch's own operations.

    Args:
        part: which stages, at which stride.
        convs: of all three stages, their batch norm folded, in the precision and on the device to compute with.
    """

    def step(cut: Tensor) -> Tensor:
        x = cut.permute(0, 3, 1, 2)
        for stage in part.stages:
            y = convs[stage](x)
            x = torch.cat(pooled_phases(y)) if has_phases(stage, part.stride_px) else pooled(y)
        return x.permute(0, 2, 3, 1)

    return step


@cache
def _openvino() -> Any:
    """Load OpenVINO, None where it cannot be; without its telemetry, which reports every import to Google Analytics."""
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))
    try:
        import openvino
        import openvino.opset13
    except (ImportError, OSError):
        return None
    return openvino


def has_openvino() -> bool:
    """Tell whether OpenVINO is installed here, and can be loaded."""
    return _openvino() is not None


@cache
def _core() -> Any:
    """Give the process's one OpenVINO core, which stays until it ends.

    A core that comes gives its thread another stack for signals, and one that goes gives back the one before, which
    may have gone with another core: the next signal would then end the process.
    """
    return _openvino().Core()


def openvino_step(part: Part, convs: Sequence[nn.Conv2d]) -> Step:
    """Compile a part's step for the processor; its sums are the same each time, whatever else the machine does.

    Its threads are as many as PyTorch's at that moment, and none is bound to a core: workers beside each other would
    all be bound to the first ones.

    Args:
        part: which stages, at which stride.
        convs: as for ``torch_step``, on the CPU; bf16 only where the processor computes it natively.
    """
    dtype = convs[0].weight.dtype
    compiled = _core().compile_model(
        _openvino_graph(part, convs),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        },
    )
    request = compiled.create_infer_request()
    given, found = (torch.zeros(tuple(port.shape), dtype=dtype) for port in (compiled.input(0), compiled.output(0)))
    request.set_input_tensor(_shared(given))
    request.set_output_tensor(_shared(found))

    def step(cut: Tensor) -> Tensor:
        given.copy_(cut)
        request.infer()
        return found

    return step


def _openvino_graph(part: Part, convs: Sequence[nn.Conv2d]) -> Any:
    """Write down a part for one tile; it is asked for, and answers, channels last."""
    openvino = _openvino()
    ops = openvino.opset13
    bf16 = convs[0].weight.dtype == torch.bfloat16
    element = openvino.Type.bf16 if bf16 else openvino.Type.f32
    given = ops.parameter([1, part.reach, part.reach, convs[part.stages[0]].in_channels], element)
    x = ops.transpose(ops.convert(given, "f32"), ops.constant(np.array([0, 3, 1, 2])))
    side = part.reach
    for stage in part.stages:
        weight, bias = (cast(Tensor, t).detach().float() for t in (convs[stage].weight, convs[stage].bias))
        x = ops.convolution(x, ops.constant(weight.contiguous().numpy()), [1, 1], [0, 0], [0, 0], [1, 1])
        x = ops.relu(ops.add(x, ops.constant(bias.view(1, -1, 1, 1).numpy())))
        side -= 2
        phased = has_phases(stage, part.stride_px)
        x = ops.concat([_openvino_pool(x, at, side - 1) for at in np.ndindex(2, 2)], 0) if phased else _openvino_pool(x)
        side //= 2
    x = ops.convert(ops.transpose(x, ops.constant(np.array([0, 2, 3, 1]))), element)
    return openvino.Model([x], [given], "trunk")


def _openvino_pool(x: Any, at: tuple[int, ...] = (0, 0), side: int | None = None) -> Any:
    """2×2 max-pool, of the square of a side that begins at a place (row, col), or of all."""
    ops = _openvino().opset13
    if side is not None:
        first, end = np.array(at), np.array(at) + side
        x = ops.slice(x, ops.constant(first), ops.constant(end), ops.constant([1, 1]), ops.constant([2, 3]))
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)


def _shared(tensor: Tensor) -> Any:
    """Let OpenVINO read and write a tensor's own memory."""
    openvino = _openvino()
    if tensor.dtype == torch.bfloat16:  # NumPy has none: its bits as whole numbers
        bits = tensor.view(torch.int16).numpy()
        return openvino.Tensor(bits, openvino.Shape(tuple(tensor.shape)), openvino.Type.bf16)
    return openvino.Tensor(tensor.numpy(), shared_memory=True)
