"""The state of a training on disk: tensors and a JSON description in one safetensors file, and nothing that can run."""

import json
import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from detection.nn.files import remove_parts, replace_file

logger = logging.getLogger(__name__)

_FORMAT = "tilscope-training-state-1"
_KEY = "tilscope"
_MAX_HEADER_BYTES = 1 << 26
"""A curve of some days, several times over."""


class _Misfit(Exception):
    """Why a state file cannot be used."""


@dataclass(frozen=True)
class State:
    """Where a training stands.

    Args:
        tensors: weights, moments, random states, the order of the current epoch.
        values: counters and the curve, plain JSON values.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def write_state(path: Path, state: State, *, run: Mapping[str, Any]) -> bool:
    """Write the state; a disk that takes no more costs the resumption, not the training.

    Args:
        path: an older state is replaced once the new one is whole.
        state: where the training stands.
        run: what the training is: recipe, seed, data; plain JSON values.

    Returns:
        Whether it was written.
    """
    text = json.dumps({"format": _FORMAT, "run": run, "values": state.values}, sort_keys=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
    try:
        replace_file(path, lambda part: save_file(tensors, part, metadata={_KEY: text}))
    except (OSError, SafetensorError) as error:
        logger.warning("the training's state was not written to %s: %s", path, error)
        return False
    return True


def read_state(path: Path, *, run: Mapping[str, Any], like: Mapping[str, Tensor]) -> State | None:
    """Read the state of an interrupted training.

    Args:
        path: need not be there.
        run: what the training is; the file must say the same.
        like: tensors of a fresh training; the file must hold the same names, shapes and types.

    Returns:
        The state, or None where there is none that fits; why is in the log.
    """
    remove_parts(path)
    if not path.is_file():
        return None
    try:
        return _read(path, json.loads(json.dumps(run)), like)
    except (_Misfit, SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("the training starts afresh, for its state %s cannot be used: %s", path, error)
        return None


def _read(path: Path, run: Mapping[str, Any], like: Mapping[str, Tensor]) -> State:
    with path.open("rb") as file:
        head = file.read(8)
    if len(head) < 8 or struct.unpack("<Q", head)[0] > _MAX_HEADER_BYTES:
        raise _Misfit("it is no safetensors file")
    with safe_open(path, framework="pt", device="cpu") as file:
        description = json.loads((file.metadata() or {}).get(_KEY, "{}"))
        if not isinstance(description, dict) or description.get("format") != _FORMAT:
            raise _Misfit("it is no training state of this version")
        other = sorted(name for name in run.keys() | description["run"].keys() if _differs(name, run, description))
        if other:
            raise _Misfit(f"it is of another {', '.join(other)}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if {name: _kind(tensor) for name, tensor in tensors.items()} != {name: _kind(t) for name, t in like.items()}:
        raise _Misfit("its tensors are of another network")
    return State(tensors, dict(description["values"]))


def _differs(name: str, run: Mapping[str, Any], description: Mapping[str, Any]) -> bool:
    return bool(run.get(name) != description["run"].get(name))


def _kind(tensor: Tensor) -> tuple[tuple[int, ...], str]:
    return tuple(tensor.shape), str(tensor.dtype)
