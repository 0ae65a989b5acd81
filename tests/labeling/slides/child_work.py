"""What a child may do wrong, for the tests of its limits."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
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


def _connect(port: str, path: str) -> dict[str, Any]:
    """Try to reach a listener at a port of this machine, and one at a Unix socket."""

    def reached(family: int, address: Any) -> str:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as line:
                line.settimeout(2)
                line.connect(address)
        except OSError as error:
            return type(error).__name__
        return "connected"

    return {"tcp": reached(socket.AF_INET, ("127.0.0.1", int(port))), "unix": reached(socket.AF_UNIX, path)}


def _open_many() -> dict[str, Any]:
    with Path(os.devnull).open() as one:
        try:
            kept = [os.dup(one.fileno()) for _ in range(1000)]
        except OSError as error:
            return {"refused": os.strerror(error.errno or 0)}
    return {"opened": len(kept)}


def _write(path: str, megabytes: str) -> dict[str, Any]:
    with Path(path).open("wb", buffering=0) as file:
        try:
            file.truncate(int(megabytes) << 20)
        except OSError as error:
            return {"refused": os.strerror(error.errno or 0)}
    return {"written": int(megabytes)}


def work(name: str, *arguments: str) -> Any:
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
        "connect": lambda: _connect(*arguments),
        "open_many": _open_many,
        "write": lambda: _write(*arguments),
        "environment": lambda: {"names": sorted(os.environ)},
    }[name]()


if __name__ == "__main__":
    child.serve(work)
