"""Each process of a tile server that has loaded its application says so: ours, and the others' by gunicorn's hook."""

import os
from pathlib import Path
from typing import Any


def our_application() -> Any:
    """Load what the product's server loads."""
    from config.web import warm_application  # nothing of it in the others' processes

    application = warm_application()
    say_ready()
    return application


def post_worker_init(worker: Any) -> None:
    """Say it for one of gunicorn's processes."""
    say_ready()


def say_ready() -> None:
    """Leave a file with the process's id as its name."""
    (Path(os.environ["TILSCOPE_BENCH_READY"]) / str(os.getpid())).touch()
