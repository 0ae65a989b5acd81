"""The header of a checkpoint, read without torch, says what the whole file says."""

import json
import struct

import pytest

from detection.nn.checkpoint import load_checkpoint
from detection.nn.errors import CheckpointError
from detection.nn.header import read_description


def packed(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


def test_the_header_is_the_whole_files_description(toy_checkpoint):
    _, meta = load_checkpoint(toy_checkpoint)
    told, known = read_description(toy_checkpoint), json.loads(json.dumps(meta.to_json()))
    assert {name: told[name] for name in known} == known


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError) as refusal:
        read_description(tmp_path / "nothing")
    assert refusal.value.code == "checkpoint_missing"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x02",
        packed(b"{}"),
        packed(b"[]"),
        packed(b"no json"),
        packed(b"\xff\xfe"),
        packed(b"[" * 50_000),
        packed(b'{"__metadata__": {}}'),
        packed(b'{"__metadata__": {"tilscope": 3}}'),
        packed(b'{"__metadata__": {"tilscope": "[1]"}}'),
        packed(b'{"__metadata__": {"tilscope": "{"}}'),
        packed(b"{}", length=1 << 62),
        packed(b'{"__metadata__": {"tilscope": "{}"}}', length=10),
    ],
)
def test_a_damaged_header_is_refused(tmp_path, data):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as refusal:
        read_description(path)
    assert refusal.value.code == "checkpoint_damaged"
