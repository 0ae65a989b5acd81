"""Gunicorn's hooks for the bench: each worker that has loaded its application says so."""

import os
from pathlib import Path
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Leave a file with the worker's process id as its name."""
    (Path(os.environ["TILSCOPE_BENCH_READY"]) / str(worker.pid)).touch()
