"""Fixtures that every test may use."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.bucket import storages_from
from tests.s3 import S3Server

ROOT = Path(__file__).resolve().parents[1]

# A script's ``&`` has SIGINT ignored, and every process that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real micrographs; tests that use it are marked ``real_data``."""
    folder = Path(os.environ.get("TILSCOPE_REAL_DATA") or ROOT / ".." / "shared" / "data").resolve()
    if not (folder / "slides").is_dir():
        pytest.skip(f"no real data at {folder}: set TILSCOPE_REAL_DATA")
    return folder


@pytest.fixture
def s3(settings: Any, tmp_path: Path) -> Iterator[S3Server]:
    """A bucket of the test's own, in which the media store keeps its files."""
    server = S3Server(tmp_path / "s3")
    server.start()
    settings.STORAGES = {**settings.STORAGES, **storages_from(server.environment)}
    yield server
    server.kill()
