"""The Celery app of the workers, from the environment's settings; one crew per worker process, made after forking.

`celery -A worker.celery worker` finds it here. What the tasks do is in `worker.tasks`. Beat has an app of its own,
`worker.beat`.
"""

import gc
import os
import sys
from typing import Any

gc.disable()  # imports leave no garbage, and looking for it takes a fifth of the start

import structlog
from celery.signals import worker_init, worker_process_init, worker_process_shutdown
from kombu.entity import Queue as CeleryQueue

from app import tracing
from app.queue import Queue, make_celery
from app.wiring.gateway import build
from app.wiring.key_check import require_keys
from config import SettingsError
from worker import tasks
from worker.consumer import PatientConsumer
from worker.node import Node
from worker.process import Crew
from worker.schedule import keep_time
from worker.startup import log_as_postern, usable_settings

log = structlog.get_logger()


settings = usable_settings()
app = make_celery(settings.broker_url)
app.conf.task_queues = [CeleryQueue(queue.value) for queue in Queue]  # type: ignore[no-untyped-call]
app.conf.worker_consumer = f"{PatientConsumer.__module__}:{PatientConsumer.__name__}"
tasks.register(app)
keep_time(app)  # the units of the release before start beat from here
log_as_postern(settings)


@worker_init.connect  # type: ignore[untyped-decorator]
def open_ears(**_: Any) -> None:
    """Once the queues are chosen, let the worker consume one more, which is for it alone.

    Before that its keys are checked: a worker that cannot decrypt what it needs exits.
    """
    try:
        require_keys(settings)
    except SettingsError as error:
        sys.exit(str(error))
    Node(app, main=os.getpid()).consume()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def begin(**_: Any) -> None:
    """Build what this process needs: no connection may be shared across a fork."""
    tracing.start(settings.otel_exporter_otlp_endpoint)
    gateway = build(settings)
    if gateway.transport is not None:
        log.info("ses_transport", transport=gateway.transport.name, reason=gateway.transport.why)
    tasks.crew.join(Crew(gateway, node=Node(app, main=os.getppid())))


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def end(**_: Any) -> None:
    """Finish what is on the wire."""
    tasks.crew.leave()
    tracing.stop()


# What is here by now stays to the end. Looked at again and again, it would be copied by every process that is forked.
gc.freeze()
gc.enable()
