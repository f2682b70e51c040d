"""The worker as it is, but the first one of a data directory goes deaf: alive, connected, and consuming nothing.

`celery -A tests.deafened worker`, with `FLIGHT_DIR` in a directory of the test's own.
"""

from typing import Any

from celery.signals import worker_ready

from worker.celery import app, settings

__all__ = ["app"]

MARK = settings.flight_dir / "deafened"


@worker_ready.connect  # type: ignore[untyped-decorator]
def go_deaf(sender: Any, **_: Any) -> None:
    """Stop consuming every queue, once; whoever is started again hears."""
    if not MARK.exists():
        MARK.parent.mkdir(parents=True, exist_ok=True)
        MARK.touch()
        for queue in list(sender.app.amqp.queues.consume_from):
            sender.cancel_task_queue(queue)
