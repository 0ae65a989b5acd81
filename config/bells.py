"""Bells: a message that says "look at this row"; losing one delays, and never loses, the work."""

import logging
from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def ring(task: "Task[Any, Any]", *args: Any) -> None:
    """Send a task once the transaction is committed; where the broker does not answer, the reconciler rings later."""
    transaction.on_commit(partial(_send, task, args))


def _send(task: "Task[Any, Any]", args: tuple[Any, ...]) -> None:
    try:
        task.apply_async(args, retry=False)
    except OperationalError:
        logger.warning("%s%r was not sent: the broker does not answer", task.name, args)
