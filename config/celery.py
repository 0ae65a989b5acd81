"""The Celery app, and the sign of life of its workers."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tilscope")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@heartbeat_sent.connect
def sign_of_life(sender: Any, **_: Any) -> None:
    """Tell the readiness check which queues somebody listens to."""
    from config.health import record_sign_of_life

    for queue in sender.eventer.app.amqp.queues.consume_from:
        record_sign_of_life(queue)
