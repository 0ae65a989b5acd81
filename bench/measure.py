"""What the benches share: timing, the machine's description, and the result as a file."""

import argparse
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch


def best_of(times: int, work: Callable[[], object]) -> float:
    """Run some work several times and return the shortest time, seconds: the others were disturbed."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


@contextmanager
def looking(look: Callable[[], None], *, every_s: float = 0.05) -> Iterator[None]:
    """Look at something again and again, in a thread, while something else is done."""
    over = threading.Event()

    def watch() -> None:
        look()
        while not over.wait(every_s):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def machine() -> dict[str, Any]:
    """Describe what was measured on, so that nobody compares figures of two machines."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "torch": str(torch.__version__),
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }


def main(measure: Callable[..., dict[str, Any]], doc: str | None, *, count: int | None = None) -> None:
    """Read ``--json OUT``, and ``--count N`` where a measurement has a size, measure, print, write."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    if count is not None:
        parser.add_argument("--count", type=int, default=count, help="how many (%(default)s)")
    options = parser.parse_args()
    report({"machine": machine(), **(measure() if count is None else measure(options.count))}, options.json)


def report(figures: dict[str, Any], target: Path | None) -> None:
    """Print the figures as JSON, and write them where somebody asked for a file."""
    text = json.dumps(figures, indent=2)
    print(text)
    if target is not None:
        target.write_text(text + "\n", encoding="utf-8")
