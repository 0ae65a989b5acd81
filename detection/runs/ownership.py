"""The owner of a run: keeps its lease alive, and puts whatever goes wrong on its row."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models.functions import Now

from config.errors import DomainError
from detection import leases
from detection.choices import RunState


@contextmanager
def owned(lease: leases.Lease, *, what: str) -> Iterator[leases.Heartbeat]:
    """Work on a leased run.

    Args:
        lease: of the run.
        what: names the work in the words for what nobody foresaw, e.g. "comparison".

    Yields:
        The heartbeat; it tells when the run is not ours any more.

    Raises:
        Exception: what nobody foresaw, after it was noted on the row; the run is tried three times.
    """
    lease.update(started_at=Now(), done=0)
    try:
        with leases.Heartbeat(lease) as beat:
            yield beat
    except DomainError as error:
        lease.finish(state=RunState.FAILED, error_code=error.code, error=error.message, message="", finished_at=Now())
    except Exception as error:
        words = f"The {what} stopped by itself ({type(error).__name__}). It is tried three times."
        lease.give_back(error=words, error_code=f"{what}_crashed", message="", finished_at=Now())
        raise
