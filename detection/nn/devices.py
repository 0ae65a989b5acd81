"""What a training asks of its device: where it runs, how exactly, and where its chance comes from."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from detection.nn.config import TrainingConfig


def default_device() -> torch.device:
    """Take CUDA where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def uses_bf16(config: TrainingConfig, device: torch.device) -> bool:
    """Mixed precision where it is native: up to twice as fast there, slower elsewhere."""
    return has_native_bf16(device) if config.precision == "auto" else config.precision == "bf16"


def has_native_bf16(device: torch.device) -> bool:
    """Tell whether a device computes bf16 itself: AVX-512 BF16, AMX, CUDA."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Send a tensor to a device; to a GPU from pinned memory, so that the processor does not wait for the copy."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@contextmanager
def whole_fp32() -> Iterator[None]:
    """Compute fp32 convolutions in fp32 on a GPU too, where PyTorch would round their inputs to TF32's 10 bits."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        yield


@contextmanager
def own_chance(device: torch.device) -> Iterator[None]:
    """Leave the caller's random states as they were."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if device.type == "cuda" else []):
        yield


def chance_of(device: torch.device) -> dict[str, Tensor]:
    """Read the random states that dropout draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_chance(device: torch.device, states: Mapping[str, Tensor]) -> None:
    """Put the random states back."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


@contextmanager
def determinism(*, wanted: bool) -> Iterator[None]:
    """Ask for arithmetic that gives the same sums each time, and put the switches back afterwards.

    Args:
        wanted: False leaves everything as it is.

    Source: PyTorch, "Reproducibility". Pooling's gradient is the one step that warns of an order left open; windows
    that do not overlap add up nothing, so that it has none.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark
