"""What a checkpoint says of itself, read from its header alone: no torch, no weights, for the web process."""

import json
import struct
from pathlib import Path
from typing import Any

from detection.nn.errors import CheckpointError

_KEY = "tilscope"
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20


def read_description(path: Path | str) -> dict[str, Any]:
    """Read the description that travels with the weights, as plain JSON values.

    Nothing is judged here but that it can be read: ``checkpoint.load_checkpoint`` is what decides whether a file is
    trusted, before it ever gets into the registry.

    Source: format of safetensors files: 8 bytes little-endian length, then that many bytes of JSON.

    Raises:
        CheckpointError: ``checkpoint_missing`` or ``checkpoint_damaged``.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(_LENGTH_BYTES)
            length = struct.unpack("<Q", head)[0] if len(head) == _LENGTH_BYTES else 0
            text = file.read(length) if length <= _MAX_HEADER_BYTES else b""
    except FileNotFoundError as error:
        raise CheckpointError("The model file is not there.", code="checkpoint_missing") from error
    try:
        found = json.loads(json.loads(text)["__metadata__"][_KEY])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError("The model file is damaged or no model at all.", code="checkpoint_damaged") from error
    if not isinstance(found, dict):
        raise CheckpointError("The model's description is damaged.", code="checkpoint_damaged")
    return found
