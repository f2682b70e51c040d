"""`/metrics`: the figures of `app.services.measure` as Prometheus reads them.

They are of the whole gateway, not of the process that answers. No label holds an address, an application, a sender or
a host.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.domain.callers import Caller, Scope
from app.services.measure import COUNTED_UP_TO, Figures, Measure
from app.store.backlog import Due
from app.web.context import current_gateway
from app.web.routing import Operation, Routes

metrics = Routes("metrics", __name__)

_COUNTED: Final = f"Counted up to {COUNTED_UP_TO:,}."


@metrics.operation(
    "GET",
    "/metrics",
    Operation(guard=Scope.METRICS_READ, summary="How the gateway is, in figures for Prometheus.", media="text/plain"),
)
def get_metrics(caller: Caller) -> Response:
    """Answer with the figures in Prometheus's text format."""
    caller.require(Scope.METRICS_READ)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(Measure(database=current_gateway().database)()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Told(Collector):
    """The figures as families of Prometheus."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every family."""
        told = self._figures
        yield _family(
            "postern_sweep_last_success_timestamp_seconds",
            "When each sweep last succeeded; 0 when it never did.",
            "sweep",
            {sweep.value: _timestamp(moment) for sweep, moment in told.sweeps.items()},
        )
        yield _figure("postern_workers_alive", "Worker processes that were seen in the last minute.", told.workers)
        yield _figure(
            "postern_broker_last_heard_timestamp_seconds",
            "When a message last came through the broker to any worker; 0 when none ever did.",
            _timestamp(told.broker_heard),
        )
        yield from self._queues()
        yield _figure("postern_mails_unconfirmed", f"Recipients whose fate is not known. {_COUNTED}", told.unconfirmed)
        yield _figure("postern_mails_held", f"Recipients that wait for a person. {_COUNTED}", told.held)
        yield _family("postern_circuits_open", "What is held back, by kind.", "kind", told.circuits)
        yield _family("postern_incidents_open", f"Open incidents, by kind. {_COUNTED}", "kind", told.incidents)

    def _queues(self) -> Iterator[GaugeMetricFamily]:
        told = self._figures
        due = {lane.value: one.count for lane, one in told.mail.items()}
        ages = {lane.value: _age(one, told.now) for lane, one in told.mail.items()}
        yield _family("postern_queue_due", f"Recipients whose mail is due, by lane. {_COUNTED}", "lane", due)
        yield _family("postern_queue_oldest_due_seconds", "How long the oldest of them has been due.", "lane", ages)
        states = {"due": told.news.count, "parked": told.parked, "quarantined": told.quarantined}
        yield _family("postern_feedback", f"Notifications that are not settled, by state. {_COUNTED}", "state", states)
        age = _age(told.news, told.now)
        yield _figure("postern_feedback_oldest_due_seconds", "How long the oldest due notification has been so.", age)


def _figure(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _family(name: str, help_text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _timestamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _age(due: Due, now: datetime) -> float:
    return max(0.0, (now - due.since).total_seconds()) if due.since else 0.0
