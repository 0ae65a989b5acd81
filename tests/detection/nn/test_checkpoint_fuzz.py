"""Thousands of damaged and forged model files: each is refused by name, or is still exactly the model it was."""

import copy
import json
import random
import struct
from collections import Counter
from typing import Any

import pytest
import torch

from detection.nn import checkpoint
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint, save_checkpoint, weights_hash
from detection.nn.config import PRESETS
from detection.nn.errors import CheckpointError
from detection.nn.gate import Gate
from detection.nn.network import NetworkShape, PaperNet, Preprocessing

CODES = {
    "checkpoint_damaged",
    "checkpoint_foreign",
    "checkpoint_invalid",
    "checkpoint_mismatch",
    "checkpoint_not_finite",
    "checkpoint_stale",
    "checkpoint_too_large",
}
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 2, 0.5, 1e308, -1e308, 10**30, 10**400, float("nan"), float("inf"), "", "x", "\0",
    "\ud800", "F32", "I64", "F64", "BF16", "F4", "a" * 5000, [], {}, [[]], [1], [1, 2, 3], [-1, 3], [2**63, 2],
    [2**64], {"a": 1}, ["a", "b"],
]  # fmt: skip
PICKLE = b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x94\x8c\x02id\x94\x85\x94R\x94."


def toy(shape: NetworkShape, seed: int, path) -> bytes:
    """Write a tiny model and return the file's bytes."""
    torch.manual_seed(seed)
    model = PaperNet(shape, preprocessing=Preprocessing((180.0, 160.0, 165.0), (45.0, 45.0, 45.0)))
    meta = CheckpointMeta(
        shape=shape,
        preprocessing=model.preprocessing,
        class_names=("other", "lymphocyte"),
        threshold=0.47,
        gate=Gate(0.21, 0.3, 0.9995, 0.12),
        dataset_hash="ab" * 32,
        config=PRESETS["default"].changed(shape=shape, symmetric=False),
        model_mpp=0.1,
    )
    save_checkpoint(path, model, meta)
    return bytes(path.read_bytes())


class Forger:
    """Draws damaged and forged files from a seed."""

    def __init__(self, seed: int, whole: bytes, other: bytes) -> None:
        self.chance = random.Random(seed)
        self.whole, self.other = whole, other
        self.header_end = 8 + struct.unpack("<Q", whole[:8])[0]
        self.ways = [self.flip, self.cut, self.splice, self.length, self.header, self.description, self.weights]

    def draw(self) -> tuple[str, bytes]:
        way = self.chance.choice(self.ways)
        return way.__name__, way()

    def place(self) -> int:
        """Draw a byte: the header, where most can go wrong, as often as the rest."""
        return self.chance.randrange(self.header_end if self.chance.random() < 0.5 else len(self.whole))

    def flip(self) -> bytes:
        content = bytearray(self.whole)
        for _ in range(self.chance.choice([1, 1, 1, 2, 8, 64])):
            content[self.place()] ^= self.chance.choice([1 << self.chance.randrange(8), self.chance.randrange(1, 256)])
        return bytes(content)

    def cut(self) -> bytes:
        if self.chance.random() < 0.2:
            return self.whole + self.chance.randbytes(self.chance.choice([1, 8, 4096]))
        return self.whole[: self.place()]

    def splice(self) -> bytes:
        source = self.chance.choice([self.whole, self.other, PICKLE * 20, self.chance.randbytes(256)])
        start, size = self.chance.randrange(len(source)), self.chance.choice([1, 4, 16, 300])
        piece, at = source[start : start + size], self.place()
        over = self.chance.choice([0, len(piece), 2 * len(piece)])
        return self.whole[:at] + piece + self.whole[at + over :]

    def length(self) -> bytes:
        value = self.chance.choice(
            [0, 1, 2, self.header_end - 9, self.header_end, 1 << 20, (1 << 20) + 1, 2**63, 2**64 - 1]
        )
        return struct.pack("<Q", value) + self.whole[8:]

    def header(self) -> bytes:
        values = json.loads(self.whole[8 : self.header_end])
        self.edit(values)
        return self.packed(json.dumps(values, ensure_ascii=self.chance.random() < 0.9))

    def description(self) -> bytes:
        """Edit what describes the model; half of the time with a seal that fits, as a forger would."""
        values = json.loads(self.whole[8 : self.header_end])
        told = json.loads(values["__metadata__"]["tilscope"])
        self.edit(told)
        if self.chance.random() < 0.5:
            self.seal(told, self.whole[self.header_end :], values)
        text = json.dumps(told)
        if self.chance.random() < 0.1:
            text = text[:-1] + ', "threshold": 0.1}'
        values["__metadata__"]["tilscope"] = text
        return self.packed(json.dumps(values))

    def weights(self) -> bytes:
        """Put other numbers in the place of weights, with a seal that fits."""
        content = bytearray(self.whole[self.header_end :])
        for _ in range(self.chance.choice([1, 4, 50])):
            value = self.chance.choice([float("nan"), float("inf"), -1.0, 3e38, -3e38, 0.0, 1e-40])
            struct.pack_into("<f", content, 4 * self.chance.randrange(len(content) // 4), value)
        values = json.loads(self.whole[8 : self.header_end])
        told = json.loads(values["__metadata__"]["tilscope"])
        self.seal(told, bytes(content), values)
        values["__metadata__"]["tilscope"] = json.dumps(told)
        return self.packed(json.dumps(values), bytes(content))

    def edit(self, values) -> None:
        """Change, remove or add something, somewhere in it."""
        for _ in range(self.chance.choice([1, 1, 2, 5])):
            holder = values
            while True:
                keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
                if not keys:
                    break
                key = self.chance.choice(keys)
                if isinstance(holder[key], dict | list) and self.chance.random() < 0.7:
                    holder = holder[key]
                    continue
                self.change(holder, key)
                break

    def change(self, holder, key) -> None:
        drawn = self.chance.random()
        if drawn < 0.2:
            del holder[key]
        elif drawn < 0.3 and isinstance(holder, dict):
            holder[self.chance.choice(["extra", "", "\0", "__metadata__", "fc3.bias"])] = holder[key]
        else:
            holder[key] = copy.deepcopy(self.chance.choice(HOSTILE))

    def seal(self, told, content: bytes, values) -> None:
        tensors = {}
        for name, part in values.items():
            if name != "__metadata__":
                start, end = part["data_offsets"]
                kind = torch.float32 if part["dtype"] == "F32" else torch.int64
                tensors[name] = torch.frombuffer(bytearray(content[start:end]), dtype=kind).reshape(part["shape"])
        told["seal"] = checkpoint._seal(told, tensors)

    def packed(self, header: str, content: bytes | None = None) -> bytes:
        text = header.encode(errors="surrogatepass")
        return struct.pack("<Q", len(text)) + text + (content if content is not None else self.whole[self.header_end :])


def unsealed(content: bytes) -> bool:
    return b'\\"seal\\"' not in content


def loaded(path):
    """Load a file: the model and its description, or the code of the refusal."""
    try:
        return load_checkpoint(path)
    except CheckpointError as error:
        return error.code


def fuzz(folder, count: int, seed: int) -> Counter[str]:
    """Load so many mutated files; returns how many had which fate."""
    path = folder / "model"
    whole = toy(NetworkShape((1, 2, 1), 3), 0, path)
    model, meta = load_checkpoint(path)
    forger = Forger(seed, whole, toy(NetworkShape((2, 1, 1), 2), 1, folder / "other"))
    fates: Counter[str] = Counter()
    for number in range(count):
        way, content = forger.draw()
        path.write_bytes(content)
        answer = loaded(path)
        if isinstance(answer, str):
            assert answer in CODES, (number, way, answer)
            fates[answer] += 1
            continue
        found, told = answer
        fates["accepted"] += 1
        if way not in ("description", "weights") and not unsealed(content):
            assert told == meta, (number, way)
            assert weights_hash(found) == weights_hash(model), (number, way)
        assert all(bool(torch.isfinite(tensor).all()) for tensor in found.state_dict().values()), (number, way)
    return fates


def test_a_few_hundred_files(tmp_path):
    fates = fuzz(tmp_path, 300, seed=1)
    assert fates["accepted"] < 60
    assert fates["checkpoint_damaged"] > 60
    assert set(fates) >= CODES - {"checkpoint_too_large", "checkpoint_stale", "checkpoint_foreign"}


@pytest.mark.slow
def test_ten_thousand_files(tmp_path):
    fates = fuzz(tmp_path, 10_000, seed=2)
    assert sum(fates.values()) == 10_000
    assert set(fates) >= CODES - {"checkpoint_too_large"}
