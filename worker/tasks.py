"""The tasks: what each bell starts.

They use the crew of their process; the work itself is in `app.services`.
"""

from celery import Celery

from app.queue import Task
from app.services.operating.sweeps import Sweep
from worker.process import Crew


class _Process:
    """The crew of this process, once it has been made."""

    def __init__(self) -> None:
        self._crew: Crew | None = None

    def join(self, crew: Crew) -> None:
        self._crew = crew

    def leave(self) -> None:
        if self._crew is not None:
            self._crew.close()

    @property
    def here(self) -> Crew:
        if self._crew is None:
            raise RuntimeError("no crew in this process: tasks run in the prefork pool only")
        return self._crew


crew = _Process()


def register(celery: Celery) -> None:
    """Register the tasks with the Celery app."""
    celery.task(name=Task.DELIVER)(deliver)
    celery.task(name=Task.SETTLE)(settle)
    celery.task(name=Task.WEBHOOKS)(webhooks)
    celery.task(name=Task.UPKEEP)(upkeep)
    celery.task(name=Task.CANARY)(canary)


def deliver(lane: str) -> None:
    """Send what is due in this lane."""
    crew.here.drain(lane)


def settle() -> None:
    """Process the stored notifications."""
    crew.here.settle()


def webhooks() -> None:
    """Deliver due events to endpoints."""
    crew.here.deliver_webhooks()


def upkeep(sweep: str) -> None:
    """Run one sweep."""
    crew.here.sweep(Sweep(sweep))


def canary() -> None:
    """Show that the broker reaches this worker."""
    crew.here.hear()
