"""Where the seconds of a detection went, and how much was computed."""

import time
from dataclasses import dataclass, field


@dataclass
class Spent:
    """Seconds by name, and floating-point operations."""

    seconds: dict[str, float] = field(default_factory=dict)
    flop: float = 0.0

    def add(self, name: str, began: float) -> float:
        """Book the time since ``began`` (``time.perf_counter``) under a name; returns the present."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - began
        return now
