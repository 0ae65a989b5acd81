"""Clients of a tile server that cost little: one thread, raw sockets kept open, tile after tile."""

import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Heard:
    """What the clients heard.

    Attributes:
        seconds: from the request to the last byte, of each tile.
        wall_s: from the first request to the last answer.
        cpu_s: what the clients themselves spent.
    """

    seconds: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0


class _Client:
    """One connection with at most one request under way."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port = port
        self._end = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{cookie}\r\n".encode()
        self.socket = self._connect()
        self._answer, self._size, self._request, self.began = b"", 0, b"", 0.0

    def ask(self, path: str) -> None:
        self._request = b"GET " + path.encode() + self._end
        self._answer, self._size, self.began = b"", 0, time.perf_counter()
        self.socket.sendall(self._request)

    def hear(self) -> bool | None:
        """Take what has come; True when the answer is whole, None when the server had hung up before it was asked."""
        try:
            got = self.socket.recv(262_144)
        except ConnectionResetError:
            got = b""
        if not got and not self._answer:
            return None
        if not got:
            raise ConnectionError("the server hung up in the middle of a tile")
        self._answer += got
        if not self._size and _END_OF_HEAD in self._answer:
            self._size = self._whole_size()
        return bool(self._size) and len(self._answer) >= self._size

    def again(self) -> None:
        """Ask once more on a new connection, as a browser does when a kept one was closed."""
        self.socket.close()
        self.socket = self._connect()
        self.socket.sendall(self._request)

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=60)

    def _whole_size(self) -> int:
        head, _, _ = self._answer.partition(_END_OF_HEAD)
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"{self._request!r}: {self._answer[:500]!r}")
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return len(head) + len(_END_OF_HEAD) + int(length.split(b":")[1])


def load(port: int, cookies: list[str], paths: Iterable[str]) -> Heard:
    """Ask for tiles, each client for the next one on the list as soon as it has its last.

    Args:
        port: of the server.
        cookies: one header line for each client, with its line end; empty for none.
        paths: what to ask for; ends when this does.

    Returns:
        What was heard.

    Raises:
        ConnectionError: an answer that is no 200, or half an answer.
    """
    heard, began, spent = Heard(), time.perf_counter(), time.process_time()
    todo = iter(paths)
    with selectors.DefaultSelector() as selector:
        for cookie in cookies:
            client = _Client(port, cookie)
            selector.register(client.socket, selectors.EVENT_READ, client)
            _next(client, todo, selector)
        while selector.get_map():
            for key, _ in selector.select(timeout=60):
                _on_answer(key.data, todo, selector, heard)
    heard.wall_s, heard.cpu_s = time.perf_counter() - began, time.process_time() - spent
    return heard


def _on_answer(client: _Client, todo: Iterator[str], selector: selectors.BaseSelector, heard: Heard) -> None:
    before = client.socket
    is_whole = client.hear()
    if is_whole is None:
        client.again()
        selector.unregister(before)
        selector.register(client.socket, selectors.EVENT_READ, client)
    elif is_whole:
        heard.seconds.append(time.perf_counter() - client.began)
        _next(client, todo, selector)


def _next(client: _Client, todo: Iterator[str], selector: selectors.BaseSelector) -> None:
    path = next(todo, None)
    if path is None:
        selector.unregister(client.socket)
        client.socket.close()
    else:
        client.ask(path)
