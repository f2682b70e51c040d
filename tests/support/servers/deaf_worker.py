"""The real worker, but the first one of a data directory goes deaf: alive and connected, but consuming nothing.

`celery -A tests.support.servers.deaf_worker worker`, with `FLIGHT_DIR` in a directory of the test.
"""

from typing import Any

from celery.signals import worker_ready

from worker.celery import app, settings

__all__ = ["app"]

MARK = settings.flight_dir / "deafened"


@worker_ready.connect  # type: ignore[untyped-decorator]
def go_deaf(sender: Any, **_: Any) -> None:
    """Stop consuming every queue, once; a restarted worker consumes normally."""
    if not MARK.exists():
        MARK.parent.mkdir(parents=True, exist_ok=True)
        MARK.touch()
        for queue in list(sender.app.amqp.queues.consume_from):
            sender.cancel_task_queue(queue)
