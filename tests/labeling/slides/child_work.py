"""What a child may do wrong, for the tests of its limits."""

import os
import signal
import sys
import time
from typing import Any

from labeling.slides import child
from labeling.slides.errors import SlideError


def _spin() -> None:
    while True:
        pass


def _refuse() -> None:
    raise SlideError("This is cheese. Eat it.", code="slide_of_cheese")


def _count() -> dict[str, Any]:
    for n in range(1, 4):
        child.tell_progress(n, 3)
    return {"counted": 3}


def work(name: str) -> Any:
    """Do the named thing."""
    return {
        "sleep": lambda: time.sleep(30),
        "spin": _spin,
        "memory": lambda: bytearray(1 << 30),
        "abort": os.abort,
        "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "refuse": _refuse,
        "silent": lambda: (sys.stdout.close(), os._exit(0)),
        "count": _count,
        "environment": lambda: {"names": sorted(os.environ)},
    }[name]()


if __name__ == "__main__":
    child.serve(work)
