"""The network at work on blocks of any size: the trunk tile by tile, the head on the windows that are asked for.

Tiles have one shape, are anchored to the slide, and their halo comes from the tiles beside them, so that nothing is
computed twice, what nobody asks for is left out, and a score never depends on the block it was computed in. A tile is
small enough that what lies between convolution and pooling stays in the processor's cache.
"""

import time
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from detection.nn.devices import has_native_bf16, sent, whole_fp32
from detection.nn.errors import DetectionError
from detection.nn.network import PaperNet, Stage, has_phases, phase_offsets
from detection.nn.shape import PATCH_PX, STRIDE_PX, WINDOW_CELLS
from detection.nn.spent import Spent
from detection.nn.trunk import PARTS, TILE, Part, Step, has_openvino, openvino_step, torch_step

HEAD_ROWS = 128
"""Windows per pass through the head; always full, so that the arithmetic never depends on how many there are."""
_REACH = WINDOW_CELLS - 1
_MARGIN = 9
"""What the tiles at the end of a map look at beyond it; only values that nobody asked for come of it."""
_TILES_AT_ONCE = {"cpu": 1, "cuda": 64}
"""On a CPU one tile fills the cache; a GPU wants many. Always as many, so that the shapes stay the same."""


class Engine:
    """A network made ready for detection: batch norm folded, cast to its precision, laid out channels-last.

    Args:
        model: as it was loaded; it is left alone.
        head: "low_rank" where the model has one, else, and with "full", the network's own.
        precision: "bf16", "fp32", or "auto": bf16 where the processor computes it natively.
        engine: what the trunk is computed by, "torch", "openvino", or "auto"; see ``resolved_engine``.
        device: "cpu" or "cuda"; OpenVINO computes on the CPU wherever that is.

    Raises:
        DetectionError: ``engine_missing`` if OpenVINO was asked for and cannot be had.
    """

    def __init__(
        self,
        model: PaperNet,
        *,
        head: str = "low_rank",
        precision: str = "auto",
        engine: str = "auto",
        device: torch.device | str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.head = "low_rank" if head == "low_rank" and model.low_rank is not None else "full"
        self.precision = resolved_precision(precision, self.device)
        self.engine = resolved_engine(engine, self.precision, self.device)
        if self.engine == "openvino":
            _require_openvino(self.precision)
            self.device = torch.device("cpu")
        self.dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self.spent = Spent()
        self.reads_ahead = not _is_one_core(self.device)
        net = model.folded()
        centre = torch.tensor(net.preprocessing.mean).round()
        _take_preprocessing(net, centre)
        self._centre = centre.to(self.device)
        self._convs = [_ready(stage.conv, self) for stage in net.stages if isinstance(stage, Stage)]
        self._hidden = _hidden_layers(net, self.head).to(self.device, self.dtype)
        self._last = net.fc3.to(self.device)
        self._window_flop = 2.0 * sum(p.numel() for p in self._hidden.parameters() if p.dim() == 2)
        self._tiles_at_once = _TILES_AT_ONCE.get(self.device.type, 1)
        self._make_step = openvino_step if self.engine == "openvino" else torch_step
        self._steps: dict[Part, Step] = {}
        self._buffers: dict[int, Tensor] = {}

    def score(
        self, image: NDArray[np.uint8], chosen: NDArray[np.bool_], stride_px: int = STRIDE_PX
    ) -> NDArray[np.float32]:
        """Score the chosen windows of an image.

        Args:
            image: uint8 (70 + 8a + 8 − s, 70 + 8b + 8 − s, 3), s being the stride. For scores that do not depend on
                the image they are part of, let all images begin at multiples of 64 pixels from one another.
            chosen: bool (k·(a + 1), k·(b + 1)), k = 8 / s: the windows to be judged.
            stride_px: 8, 4, 2 or 1.

        Returns:
            Probability of the positive class, float32, of the shape of ``chosen``; 0 where it is false.
        """
        step = STRIDE_PX // stride_px
        rows, cols = chosen.shape[0] // step, chosen.shape[1] // step
        fitting = tuple(PATCH_PX + STRIDE_PX * n - stride_px for n in (rows, cols))
        if image.shape[:2] != fitting or chosen.shape != (rows * step, cols * step):
            raise ValueError(f"{chosen.shape} windows of stride {stride_px} need {fitting} pixels, not {image.shape}.")
        scores = np.zeros(chosen.shape, dtype=np.float32)
        if chosen.any():
            with torch.inference_mode(), whole_fp32():
                features = self._features(
                    image, np.asarray(chosen.reshape(rows, step, cols, step).any(axis=(1, 3))), stride_px
                )
                scores[chosen] = self._judged(features, chosen, stride_px)
        return scores

    def _features(self, image: NDArray[np.uint8], wanted: NDArray[np.bool_], stride_px: int) -> Tensor:
        """Compute the features (P, H, W, C) that the wanted windows of stride 8 see; elsewhere is anything."""
        began = time.perf_counter()
        needed = _needed(wanted, stride_px)
        tiles = tuple(-(-n // TILE) for n in needed[0].shape)
        source = self._prepared(image, tiles)
        for stages, mask in zip(PARTS, needed, strict=True):
            source = self._part(Part(stages, stride_px), source, _by_tiles(mask, tiles))
        self._synchronize()
        self.spent.add("trunk", began)
        return source

    def _prepared(self, image: NDArray[np.uint8], tiles: tuple[int, ...]) -> Tensor:
        """Bring the image to (1, H, W, 3), H and W whole tiles and what lies beyond, with whole numbers about zero."""
        height, width = (TILE * STRIDE_PX * n + _MARGIN for n in tiles)
        padded = self._buffer(-1, (1, height, width, 3))
        rows, cols = min(height, image.shape[0]), min(width, image.shape[1])
        pixels = torch.from_numpy(np.require(image[:rows, :cols], requirements=["C", "W"]))
        padded[0, :rows, :cols] = sent(pixels, self.device).float().sub_(self._centre)
        return padded

    def _part(self, part: Part, source: Tensor, tiles: NDArray[np.bool_]) -> Tensor:
        """Compute the tiles of a part's output that are needed, from a map (P, H, W, C)."""
        if part not in self._steps:
            self._steps[part] = self._make_step(part, self._convs)
        step, maps, last = self._steps[part], len(source), part.stages[-1]
        flop, side = part.flop(self._convs), part.side
        shape = (part.phases, maps, *(side * n + _MARGIN for n in tiles.shape), self._convs[last].out_channels)
        out = self._buffer(last, shape)
        wanted = [(m, row, col) for m in range(maps) for row, col in np.argwhere(tiles).tolist()]
        for places in _chunks(wanted, self._tiles_at_once):
            cut = [source[m, part.step * y :, part.step * x :][: part.reach, : part.reach] for m, y, x in places]
            found = step(cut[0][None] if len(cut) == 1 else torch.stack(cut))
            tiles_of = found.view(part.phases, len(cut), side, side, -1).unbind(1)
            for tile, (m, row, col) in zip(tiles_of, places, strict=True):
                out[:, m, side * row : side * (row + 1), side * col : side * (col + 1)] = tile
            self.spent.flop += flop * len(cut)
        return out.flatten(0, 1)

    def _judged(self, features: Tensor, chosen: NDArray[np.bool_], stride_px: int) -> NDArray[np.float32]:
        """Run the head on the chosen windows, in their order; each chunk of windows is gathered row by row."""
        began = time.perf_counter()
        height, width = features.shape[1:3]
        places = torch.from_numpy(_first_cells(chosen, stride_px, (height, width))).to(self.device)
        around = torch.arange(WINDOW_CELLS, device=self.device)
        inside = (around[:, None] * width + around).flatten()
        cells = features.reshape(-1, features.shape[3])
        parts = []
        for start in range(0, len(places), HEAD_ROWS):
            part = places[start : start + HEAD_ROWS]
            rows = functional.pad(part, (0, HEAD_ROWS - len(part)))[:, None] + inside
            windows = torch.index_select(cells, 0, rows.flatten()).view(HEAD_ROWS, -1)
            logits = self._last(self._hidden(windows).float())
            parts.append(functional.softmax(logits, dim=1)[: len(part), 1])
            self.spent.flop += HEAD_ROWS * self._window_flop
        found: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
        self.spent.add("head", began)
        return found

    def _buffer(self, name: int, shape: tuple[int, ...]) -> Tensor:
        """Give room for a map: the same memory each time, for fresh pages cost more than what is written on them."""
        size = int(np.prod(shape))
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.zeros(size, dtype=self.dtype, device=self.device)
        return self._buffers[name][:size].view(shape)

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def resolved_precision(precision: str, device: torch.device | str) -> str:
    """Turn "auto" into what is computed: "bf16" where it is native, else "fp32"."""
    if precision != "auto":
        return precision
    return "bf16" if has_native_bf16(torch.device(device)) else "fp32"


def resolved_engine(engine: str, precision: str, device: torch.device | str) -> str:
    """Turn "auto" into what the trunk is computed by: "openvino" on one thread of a CPU that can, else "torch".

    On two threads PyTorch was as quick: tiles are small, and OpenVINO's threads wait for each other.

    Args:
        engine: "torch", "openvino" or "auto".
        precision: "bf16" or "fp32".
        device: "cpu" or "cuda".
    """
    if engine != "auto":
        return engine
    return "openvino" if _is_one_core(torch.device(device)) and can_openvino(precision) else "torch"


def _is_one_core(device: torch.device) -> bool:
    """Tell whether this process computes on one core: there is another for each of the others."""
    return device.type == "cpu" and torch.get_num_threads() == 1


def can_openvino(precision: str) -> bool:
    """Tell whether OpenVINO is here and computes in a precision: bf16 only where the processor has it natively."""
    return has_openvino() and (precision == "fp32" or has_native_bf16(torch.device("cpu")))


def _require_openvino(precision: str) -> None:
    if not has_openvino():
        raise DetectionError(
            "This count uses OpenVINO, which the worker does not have. Next step: install it there (`pip install "
            "openvino`), or count again with the engine torch.",
            code="engine_missing",
        )
    if not can_openvino(precision):
        raise DetectionError(
            "This count uses OpenVINO in 16 bit, which the worker's processor does not have. Next step: count again "
            "with the engine torch, or in 32 bit.",
            code="engine_missing",
        )


def _take_preprocessing(net: PaperNet, centre: Tensor) -> None:
    """Let the first convolution take pixels minus whole numbers, which bf16 holds exactly."""
    conv = cast(Stage, net.stages[0]).conv
    with torch.no_grad():
        conv.weight /= net.std
        shift = (conv.weight * (net.mean - centre.view(1, 3, 1, 1))).sum(dim=(1, 2, 3))
        cast(Tensor, conv.bias).sub_(shift)


def _ready(conv: nn.Conv2d, engine: Engine) -> nn.Conv2d:
    conv.to(engine.device, engine.dtype)
    conv.to(memory_format=torch.channels_last)
    return conv


def _hidden_layers(net: PaperNet, head: str) -> nn.Sequential:
    """Take the head's wide layers, the first of them for windows whose channels come last."""
    if head == "low_rank" and net.low_rank is not None:
        low = net.low_rank
        layers = nn.Sequential(low.down1, low.up1, nn.ReLU(), low.down2, low.up2, nn.ReLU())
    else:
        layers = nn.Sequential(net.fc1, nn.ReLU(), net.fc2, nn.ReLU())
    first = cast(nn.Linear, layers[0])
    weight = first.weight.detach()
    by_cell = weight.view(len(weight), -1, WINDOW_CELLS**2).transpose(1, 2)
    first.weight = nn.Parameter(by_cell.reshape(len(weight), -1).contiguous(), requires_grad=False)
    return layers


def _needed(wanted: NDArray[np.bool_], stride_px: int) -> list[NDArray[np.bool_]]:
    """Tell, in steps of 8 pixels, which output of each part the wanted windows see; one shape for both.

    The third convolution looks two values farther than its output, a step of 8 pixels there, and its pooling in phases
    one more.
    """
    third = _spread(np.pad(wanted, (0, _REACH + 2)), _REACH)
    return [_spread(third, 2 if has_phases(2, stride_px) else 1), third]


def _spread(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Widen a mask towards higher rows and columns."""
    wide = mask.copy()
    for shift in range(1, reach + 1):
        wide[shift:] |= mask[:-shift]
    across = wide.copy()
    for shift in range(1, reach + 1):
        across[:, shift:] |= wide[:, :-shift]
    return across


def _by_tiles(mask: NDArray[np.bool_], tiles: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, cols = tiles
    room = np.zeros((rows * TILE, cols * TILE), dtype=bool)
    room[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(room.reshape(rows, TILE, cols, TILE).any(axis=(1, 3)))


def _chunks(places: list[tuple[int, int, int]], size: int) -> Iterator[list[tuple[int, int, int]]]:
    """Deal places into full chunks; the last one is filled up with its own last place."""
    for start in range(0, len(places), size):
        part = places[start : start + size]
        yield part + [part[-1]] * (size - len(part))


def _first_cells(chosen: NDArray[np.bool_], stride_px: int, frame: tuple[int, int]) -> NDArray[np.int64]:
    """Number the first cell of each chosen window in the flattened maps (P, H, W)."""
    step = STRIDE_PX // stride_px
    phase_of = np.zeros((step, step), dtype=np.int64)
    for phase, place in enumerate(phase_offsets(stride_px)):
        phase_of[place] = phase
    rows, cols = np.nonzero(chosen)
    phases = phase_of[rows % step, cols % step]
    return np.asarray((phases * frame[0] + rows // step) * frame[1] + cols // step, dtype=np.int64)
