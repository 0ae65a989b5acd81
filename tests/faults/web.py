"""A real web process for tests, and a proxy in front of it that cuts connections at random bytes."""

import contextlib
import random
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from launcher.processes import server_processes
from tests.faults.workers import kill_guarded, worker_environment

START_S = 60
PIECE = 65536


def free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Web:
    """The web process as ``./run up`` starts it, killed and started again by hand."""

    def __init__(self, home: Path, media_root: str) -> None:
        (home / "logs").mkdir(parents=True)
        self.port = free_port()
        environment = {**worker_environment(), "TILSCOPE_MEDIA_ROOT": media_root}
        self.process = server_processes(port=self.port, env=environment, home=home)[0]
        assert self.process.name == "web"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.start()
        began = time.monotonic()
        while not self.answers():
            assert time.monotonic() - began < START_S, self.process.log_tail(60)
            time.sleep(0.1)

    def answers(self) -> bool:
        """Tell whether it lives."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health/live", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL all of it."""
        if self.process.running:
            kill_guarded(self.process)


class CuttingProxy:
    """Passes bytes on to a port, and cuts each connection after a random number of bytes in either direction.

    Every second cut is a reset, which throws away what the server has not read yet; the others are ends in the middle.
    """

    def __init__(self, upstream_port: int, *, longest: int, seed: int) -> None:
        self.cuts = 0
        self._upstream_port, self._longest, self._random = upstream_port, longest, random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                downstream, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(downstream,), daemon=True).start()

    def _serve(self, downstream: socket.socket) -> None:
        try:
            upstream = socket.create_connection(("127.0.0.1", self._upstream_port), timeout=60)
        except OSError:
            _reset(downstream)
            return
        pair = _Pair(
            downstream, upstream, self._random.randrange(1, self._longest), is_hard=self._random.random() < 0.5
        )
        back = threading.Thread(target=pair.pump, args=(upstream, downstream), daemon=True)
        back.start()
        pair.pump(downstream, upstream)
        back.join()
        self.cuts += pair.left <= 0


class _Pair:
    """Two ends of a connection, how many bytes it has to live, and whether its end is a reset."""

    def __init__(self, downstream: socket.socket, upstream: socket.socket, left: int, *, is_hard: bool) -> None:
        self.ends, self.left, self.is_hard = (downstream, upstream), left, is_hard

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        """Pass bytes on until one end stops or the bytes are used up; then both end hard."""
        with contextlib.suppress(OSError):
            while piece := source.recv(min(PIECE, max(1, self.left))):
                self.left -= len(piece)
                target.sendall(piece)
                if self.left <= 0:
                    break
        for end in self.ends:
            _reset(end) if self.is_hard else _end(end)


def _reset(connection: socket.socket) -> None:
    """Close as a cable that is pulled: the other side gets an error, no orderly end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _end(connection)


def _end(connection: socket.socket) -> None:
    """Close orderly, in the middle of a request or not: what was sent still arrives."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
