"""Models on disk: one safetensors file with everything that is needed to use them, and nothing that can run."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from config.errors import DomainError
from detection.nn.config import TrainingConfig, shape_from_json
from detection.nn.errors import CheckpointError
from detection.nn.files import replace_file
from detection.nn.gate import Gate
from detection.nn.low_rank import LowRank
from detection.nn.network import PATCH_PX, NetworkShape, PaperNet, Preprocessing

FORMAT = "tilscope-checkpoint"
FORMAT_VERSION = 1
ARCHITECTURE = "paper-valid"
_KEY = "tilscope"
_SEAL = "seal"
_MAX_FILE_BYTES = 1 << 30
_MAX_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class CheckpointMeta:
    """What travels with the weights.

    Args:
        shape: widths of the network.
        preprocessing: how pixels become its input.
        class_names: names of the classes 0 (not counted) and 1 (counted).
        threshold: operating threshold, 0 to 1.
        gate: stain gate, or None where there is none.
        dataset_hash: of the frozen labels it was trained on.
        config: the recipe.
        model_mpp: micrometres per model pixel; None for "pixels as they are".
        patch_px: side of the window.
        versions: of the code and libraries that trained it.
        low_rank: how near the low-rank head comes; None where the model has none.
    """

    shape: NetworkShape
    preprocessing: Preprocessing
    class_names: tuple[str, str]
    threshold: float
    gate: Gate | None
    dataset_hash: str
    config: TrainingConfig
    model_mpp: float | None = None
    patch_px: int = PATCH_PX
    versions: dict[str, str] = field(default_factory=lambda: {"torch": torch.__version__})
    low_rank: LowRank | None = None

    def __post_init__(self) -> None:
        names, pixels = self.class_names, self.preprocessing
        _demand(len(names) == 2 and all(_is_text(n) and n for n in names), "class names")
        _demand(_is_number(self.threshold) and 0 <= self.threshold <= 1, "threshold")
        _demand(self.model_mpp is None or (_is_number(self.model_mpp) and 0.01 <= self.model_mpp <= 100), "scale")
        _demand(self.patch_px == PATCH_PX, "window")
        _demand(_is_text(self.dataset_hash), "data-set hash")
        _demand(
            len(self.versions) <= 100 and all(_is_text(v) for pair in self.versions.items() for v in pair), "versions"
        )
        _demand(all(0 <= mean <= 255 for mean in pixels.mean), "preprocessing")
        _demand(all(0.1 <= deviation <= 255 for deviation in pixels.std), "preprocessing")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; what a model without a low-rank head says is what it always was."""
        low_rank = {"low_rank": self.low_rank.to_json()} if self.low_rank else {}
        return low_rank | {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "architecture": ARCHITECTURE,
            "shape": {"features": list(self.shape.features), "fc": self.shape.fc},
            "preprocessing": {"mean": list(self.preprocessing.mean), "std": list(self.preprocessing.std)},
            "class_names": list(self.class_names),
            "threshold": self.threshold,
            "gate": self.gate.to_json() if self.gate else None,
            "dataset_hash": self.dataset_hash,
            "config": self.config.to_json(),
            "model_mpp": self.model_mpp,
            "patch_px": self.patch_px,
            "versions": self.versions,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CheckpointMeta":
        """Read the description back.

        Raises:
            CheckpointError: ``checkpoint_foreign``, ``checkpoint_stale`` or ``checkpoint_invalid``.
        """
        if values.get("format") != FORMAT:
            raise CheckpointError("This file is no model of TILscope.", code="checkpoint_foreign")
        if values.get("format_version") != FORMAT_VERSION or values.get("architecture") != ARCHITECTURE:
            raise CheckpointError(
                "This model was written by another version of TILscope: train it again.", code="checkpoint_stale"
            )
        try:
            return cls(
                shape=shape_from_json(values["shape"]),
                preprocessing=Preprocessing(
                    mean=_triple(values["preprocessing"]["mean"]), std=_triple(values["preprocessing"]["std"])
                ),
                class_names=_pair(values["class_names"]),
                threshold=values["threshold"],
                gate=Gate.from_json(values["gate"]) if values["gate"] is not None else None,
                dataset_hash=values["dataset_hash"],
                config=TrainingConfig.from_json(values["config"]),
                model_mpp=values["model_mpp"],
                patch_px=values["patch_px"],
                versions=dict(_mapping(values["versions"])),
                low_rank=LowRank.from_json(_mapping(values["low_rank"])) if "low_rank" in values else None,
            )
        except CheckpointError:
            raise
        except (DomainError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"The model's description is damaged: {error}.") from error


def save_checkpoint(path: Path | str, model: PaperNet, meta: CheckpointMeta) -> str:
    """Write a model: a temporary file first, then renamed, so that no half of one is ever seen.

    Args:
        path: where to; an existing file is replaced.
        model: weights, stored in float32.
        meta: must describe this model.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        CheckpointError: ``checkpoint_mismatch`` or ``checkpoint_not_finite``.
    """
    target = Path(path)
    same = model.shape == meta.shape and model.preprocessing == meta.preprocessing
    if not same or model.rank != (meta.low_rank.rank if meta.low_rank else None):
        raise CheckpointError("The description is of another network.", code="checkpoint_mismatch")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    _require_finite(tensors)
    values = meta.to_json()
    text = json.dumps({**values, _SEAL: _seal(values, tensors)}, sort_keys=True, allow_nan=False)

    def write(part: Path) -> str:
        save_file(tensors, part, metadata={_KEY: text})
        with part.open("rb") as file:
            return str(file_digest(file, "sha256").hexdigest())

    return replace_file(target, write)


def weights_hash(model: PaperNet) -> str:
    """Name the weights: two trainings of the same recipe, seed and data end with the same SHA-256, hexadecimal."""
    return _tensors_hash(model.state_dict())


def load_checkpoint(path: Path | str) -> tuple[PaperNet, CheckpointMeta]:
    """Read a model; nothing of the file is believed before it was checked.

    Returns:
        The network in evaluation mode on the CPU, and its description.

    Raises:
        CheckpointError: with a code that says what is wrong with the file.
    """
    source = Path(path)
    try:
        _require_plausible(source)
        with safe_open(source, framework="pt", device="cpu") as file:
            values = _description(file.metadata())
            meta = CheckpointMeta.from_json(values)
            rank = meta.low_rank.rank if meta.low_rank else None
            expected = _expected(meta.shape, rank)
            _require_same(expected, {name: file.get_slice(name) for name in file.keys()})  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise _damaged() from error
    _require_seal(values, tensors)
    _require_finite(tensors)
    model = PaperNet(meta.shape, preprocessing=meta.preprocessing, rank=rank)
    model.load_state_dict(tensors)
    model.eval()
    _require_finite_answer(model)
    return model, meta


def _damaged() -> CheckpointError:
    return CheckpointError(
        "The model file is damaged or no model at all: take it from the backup or train again.",
        code="checkpoint_damaged",
    )


def _require_plausible(path: Path) -> None:
    """Look at the sizes and the names in the header, before any library does."""
    if not path.is_file():
        raise CheckpointError("The model file is not there.", code="checkpoint_missing")
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise CheckpointError("The model file is far larger than any model of ours.", code="checkpoint_too_large")
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else _MAX_HEADER_BYTES + 1
        if length > _MAX_HEADER_BYTES:
            raise _damaged()
        header = file.read(length)
    try:
        json.loads(header.decode(), object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise _damaged() from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is given twice: readers would differ in which of both they believe."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is given twice")
    return values


def _description(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    if not metadata or _KEY not in metadata:
        raise CheckpointError("This file is no model of TILscope.", code="checkpoint_foreign")
    try:
        values = json.loads(metadata[_KEY], object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise CheckpointError("The model's description is damaged.") from error
    if not isinstance(values, dict):
        raise CheckpointError("The model's description is damaged.")
    return values


def _tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.numpy().data)
    return digest.hexdigest()


def _seal(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Sum up description and weights, so that a flipped bit is seen; it is no signature."""
    plain = json.dumps({name: value for name, value in values.items() if name != _SEAL}, sort_keys=True)
    return sha256(f"{plain}\n{_tensors_hash(tensors)}".encode()).hexdigest()


def _require_seal(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Compare the sum; models written before there was one have none."""
    try:
        if _SEAL in values and values[_SEAL] != _seal(values, tensors):
            raise _damaged()
    except RecursionError as error:
        raise _damaged() from error


def _expected(shape: NetworkShape, rank: int | None) -> dict[str, Tensor]:
    """Name the tensors of a network, without the memory for them."""
    with torch.device("meta"):
        return PaperNet(shape, rank=rank).state_dict()


def _require_same(expected: Mapping[str, Tensor], found: Mapping[str, Any]) -> None:
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    wanted = {name: (list(tensor.shape), kinds[tensor.dtype]) for name, tensor in expected.items()}
    actual = {name: (list(part.get_shape()), str(part.get_dtype())) for name, part in found.items()}
    if wanted != actual:
        odd = sorted(name for name in wanted.keys() | actual.keys() if wanted.get(name) != actual.get(name))
        raise CheckpointError(
            "The weights do not fit the network the file describes.",
            code="checkpoint_mismatch",
            extra={"tensors": odd[:10]},
        )


def _require_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"The weights {name} are no numbers.", code="checkpoint_not_finite")
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise CheckpointError(f"The variance {name} is negative.", code="checkpoint_not_finite")


def _require_finite_answer(model: PaperNet) -> None:
    """Ask about a white and a grey patch: weights that are numbers can still be too large to add up."""
    patches = np.stack([np.full((PATCH_PX, PATCH_PX, 3), value, dtype=np.uint8) for value in (255, 128)])
    with torch.inference_mode():
        features = model.trunk(model.prepare(patches))
        answers = [model.head(features)]
        if model.low_rank is not None:
            answers.append(model.fc3(model.low_rank(features.flatten(1))))
    if not all(bool(torch.isfinite(logits).all()) for logits in answers):
        raise CheckpointError("The model's answers are no numbers.", code="checkpoint_not_finite")


def _triple(value: Any) -> tuple[float, float, float]:
    if not isinstance(value, list) or not all(_is_number(v) for v in value):
        raise ValueError("means and deviations are three numbers each")
    one, two, three = (float(v) for v in value)
    return one, two, three


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("versions and heads are sets of names")
    return value


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("there are two class names")
    return value[0], value[1]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_text(value: object) -> bool:
    """Tell whether a database and a browser can take it: no NUL, no half of a character."""
    if not isinstance(value, str) or len(value) > 200:
        return False
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)


def _demand(truth: bool, what: str) -> None:
    if not truth:
        raise CheckpointError(f"The model's {what} cannot be right.")
