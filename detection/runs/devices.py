"""What the workers compute on."""

import platform

import torch
from billiard import current_process
from django.conf import settings
from django.core.cache import cache
from redis import RedisError


def device() -> torch.device:
    """CUDA where there is a card, else the CPU; each process of a worker has a card of its own as far as they go."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", _process_number() % torch.cuda.device_count())


def _process_number() -> int:
    """Which of its worker's processes this is, from 0."""
    return int(getattr(current_process(), "index", 0))


def device_name(place: torch.device) -> str:
    """Name a device for people, at most 60 characters."""
    return torch.cuda.get_device_name(place)[:60] if place.type == "cuda" else "cpu"


def tell_device() -> None:
    """Let the web process know what is computed on; it never loads torch itself."""
    try:
        cache.set("device", device_name(device()), timeout=None)
    except RedisError:
        return


def versions() -> dict[str, str]:
    """Versions behind a model."""
    return {"tilscope": settings.CODE_VERSION, "torch": str(torch.__version__), "python": platform.python_version()}
