"""A tus client that goes on until the server has a slide, as the page does: by the list of its unfinished uploads."""

import base64
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

CSRF = "c" * 32
TUS = {"Tus-Resumable": "1.0.0"}
TYPE = "application/offset+octet-stream"
PAUSE_S = 0.2
TIMEOUT_S = 60


class RefusedError(Exception):
    """The server will not have it."""


class LineError(Exception):
    """The line broke, or the server is away: try again."""


def signed_in(user: Any) -> dict[str, str]:
    """Headers of a browser that somebody signed in with."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF}"
    return {"Cookie": cookies, "X-CSRFToken": CSRF}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def slide(self) -> int | None:
        """The slide the upload became."""
        text = self.headers["X-Slide-Id"]
        return int(text) if text else None


@dataclass(frozen=True)
class TusClient:
    """A signed-in person's browser, more or less.

    Args:
        port: of the server, or of what stands in front of it.
        study: where the slides belong.
        headers: cookies and CSRF token.
        chunk: bytes of a request at most.
    """

    port: int
    study: int
    headers: dict[str, str]
    chunk: int = 64 * 1024**2

    def send(self, path: Path, sha256: str, on_arrived: Callable[[], None] = lambda: None) -> int:
        """Send a file, whatever happens to the line; returns its slide's id."""
        url: str | None = None
        while True:
            try:
                url = url or self._found(sha256) or self._created(path, sha256)
                slide = self._advanced(url, path, on_arrived)
                if slide is not None:
                    return slide
            except LineError:
                time.sleep(PAUSE_S)

    def _found(self, sha256: str) -> str | None:
        answer = self.ask("GET", f"/api/studies/{self.study}/uploads?page_size=200")
        mine = [row["id"] for row in json.loads(answer.body)["results"] if row["sha256"] == sha256]
        return f"/api/uploads/{mine[0]}" if mine else None

    def _created(self, path: Path, sha256: str) -> str:
        pairs = {"filename": path.name, "sha256": sha256}
        said = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
        headers = {"Upload-Length": str(path.stat().st_size), "Upload-Metadata": said}
        return str(self.ask("POST", f"/api/studies/{self.study}/uploads", headers).headers["Location"])

    def _advanced(self, url: str, path: Path, on_arrived: Callable[[], None]) -> int | None:
        """Ask where the upload is and send one piece more; where all is there, wait for the hash."""
        state = self.ask("HEAD", url)
        offset = int(state.headers["Upload-Offset"])
        if state.slide is not None:
            return state.slide
        if offset == path.stat().st_size:
            on_arrived()
            time.sleep(PAUSE_S)
            return None
        return self._patch(url, path, offset).slide

    def _patch(self, url: str, path: Path, offset: int) -> Answer:
        length = min(self.chunk, path.stat().st_size - offset)
        headers = {"Upload-Offset": str(offset), "Content-Type": TYPE, "Content-Length": str(length)}
        with path.open("rb") as file:
            file.seek(offset)
            return self.ask("PATCH", url, headers, body=_Part(file, length))

    def ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: "_Part | None" = None) -> Answer:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S, blocksize=256 * 1024)
        try:
            connection.request(method, url, body, {**self.headers, **TUS, **(headers or {})})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise LineError(str(error)) from error
        finally:
            connection.close()
        return _checked(answer)


class _Part:
    """A part of a file, read piece by piece."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left = file, length

    def read(self, size: int = -1, /) -> bytes:
        """Read on, up to the part's end."""
        piece = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece


def _checked(answer: Answer) -> Answer:
    if answer.status >= 500 or answer.status == 409:
        raise LineError(str(answer.status))
    if answer.status >= 400:
        raise RefusedError(f"{answer.status} {answer.body[:500]!r}")
    return answer
