"""Gunicorn's hooks for the bench: each worker that has loaded its application says so."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Do what the server itself does here, then leave a file with the worker's process id as its name."""
    own = os.environ.get("TILSCOPE_BENCH_HOOKS")
    if own:
        import_module(own).post_worker_init(worker)
    (Path(os.environ["TILSCOPE_BENCH_READY"]) / str(worker.pid)).touch()
