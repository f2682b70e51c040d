"""`/metrics`: the figures of `app.services.operating.metrics` in the format of Prometheus.

They cover the whole gateway, not only the process that answers. No label holds an address, a sender, a host or an
AWS account. The busiest applications are named by one figure.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import isinf
from typing import Final

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.domain.apps.callers import Caller, Scope
from app.domain.operating.histograms import (
    ACCEPTED_CALLED,
    CALLED_DELIVERED,
    DATABASE,
    ENDPOINT_ANSWER,
    EVENT_TAKEN,
    REDIS,
    SES_ANSWER,
)
from app.domain.reporting.counted import Counted
from app.services.operating.metrics import COUNTED_UP_TO, Due, Figures, QueuePosition
from app.services.tally import SMTP_MESSAGE, SMTP_MILLISECONDS, SMTP_RECIPIENT, SMTP_SESSION
from app.version import VERSION
from app.web.http.context import current_gateway
from app.web.http.routing import Operation, Routes

metrics = Routes("metrics", __name__)

_OF_SMTP: Final = {
    SMTP_SESSION: ("postern_smtp_sessions_total", "Sessions of SMTP, by how they went.", "end"),
    SMTP_RECIPIENT: ("postern_smtp_recipients_total", "Recipients that SMTP clients named.", "verdict"),
    SMTP_MESSAGE: ("postern_smtp_messages_total", "Messages that SMTP clients sent.", "verdict"),
}
_TIMINGS: Final = {
    ACCEPTED_CALLED: (
        "postern_accepted_to_called_seconds",
        "From the acceptance of an email, or the time it was scheduled for, to the call by which SES took it.",
        "lane",
    ),
    CALLED_DELIVERED: (
        "postern_called_to_delivered_seconds",
        "From SES's acceptance of an email to its delivery, by SES's clock.",
        "",
    ),
    SES_ANSWER: ("postern_ses_answer_seconds", "How long calls to SES took, whatever came of them.", ""),
    DATABASE: (
        "postern_database_transaction_seconds",
        "How long transactions took, with the wait for a connection and the commit.",
        "part",
    ),
    REDIS: ("postern_redis_answer_seconds", "How long Redis took to answer, or was waited for.", "part"),
    EVENT_TAKEN: ("postern_event_to_taken_seconds", "From an event to the endpoint that took it.", ""),
    ENDPOINT_ANSWER: ("postern_endpoint_answer_seconds", "How long endpoints took to answer a post.", ""),
}
_OUTCOMES: Final = (
    Counted.ACCEPTED,
    Counted.SENT,
    Counted.DELIVERED,
    Counted.BOUNCED,
    Counted.COMPLAINED,
    Counted.SUPPRESSED,
    Counted.FAILED,
)
_COUNTED: Final = f"Counted up to {COUNTED_UP_TO:,}."


@metrics.operation(
    "GET",
    "/metrics",
    Operation(guard=Scope.METRICS_READ, summary="Get the gateway's metrics for Prometheus.", media="text/plain"),
)
def get_metrics(caller: Caller) -> Response:
    """Answer with the figures in Prometheus's text format."""
    caller.require(Scope.METRICS_READ)
    registry = CollectorRegistry(auto_describe=False)
    measure = current_gateway().measure
    registry.register(_Told(measure(), measure.apps()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Told(Collector):
    """The figures as metric families of Prometheus."""

    def __init__(self, figures: Figures, apps: Mapping[str, Mapping[str, int]]) -> None:
        self._figures = figures
        self._apps = apps

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        figures = self._figures
        yield _family("postern_build_info", "Always 1, of the version that answers.", "version", {VERSION: 1})
        yield _family(
            "postern_sweep_last_success_timestamp_seconds",
            "When each sweep last succeeded; 0 if it never did.",
            "sweep",
            {sweep.value: _timestamp(moment) for sweep, moment in figures.sweeps.items()},
        )
        yield _figure("postern_workers_alive", "Worker processes that were seen in the last minute.", figures.workers)
        yield _figure(
            "postern_broker_last_heard_timestamp_seconds",
            "When any worker last received a message through the broker; 0 if none ever did.",
            _timestamp(figures.broker_last_seen),
        )
        yield from self._queues()
        yield from self._queues_of_sqs()
        yield from self._canary()
        yield from self._smtp()
        yield _figure(
            "postern_recipients_unconfirmed", f"Recipients of unknown outcome. {_COUNTED}", figures.unconfirmed
        )
        yield _figure("postern_recipients_held", f"Recipients that are held for a person. {_COUNTED}", figures.held)
        yield _family("postern_circuits_open", "Open circuits and pauses, by kind.", "kind", figures.circuits)
        yield _family("postern_incidents_open", f"Open incidents, by kind. {_COUNTED}", "kind", figures.incidents)
        yield from self._totals()
        yield from self._timings()
        yield from self._of_apps()

    def _totals(self) -> Iterator[Metric]:
        """Counters since the gateway began; AWS judges an account by its bounces and complaints for each email sent."""
        events = CounterMetricFamily(
            "postern_recipients_total", "Recipients, by what has happened to them.", labels=["event"]
        )
        for event, number in self._figures.events.items():
            events.add_metric([event], number)
        yield events
        bounces = CounterMetricFamily("postern_bounces_total", "Bounces that SES reported.", labels=["type", "cause"])
        for labels, number in self._figures.bounces.items():
            bounces.add_metric(labels, number)
        yield bounces

    def _of_apps(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "postern_app_recipients",
            "Recipients that an application had accepted in this hour and the 23 before, by what they are now.",
            labels=["app", "outcome"],
        )
        for app, numbers in self._apps.items():
            for outcome in _OUTCOMES:
                family.add_metric([app, outcome], numbers.get(outcome, 0))
        yield family

    def _timings(self) -> Iterator[Metric]:
        for histogram, (name, about, label) in _TIMINGS.items():
            family = HistogramMetricFamily(name, about, labels=[label] if label else [])
            for value, reading in self._figures.timings[histogram].items():
                buckets = [("+Inf" if isinf(bound) else str(bound), number) for bound, number in reading.up_to]
                family.add_metric([value] if label else [], buckets, reading.seconds)
            yield family

    def _canary(self) -> Iterator[Metric]:
        """How old the last canary is that came back. Before the first one there is no figure."""
        canary, now = self._figures.canary, self._figures.now
        if canary is None:
            return
        yield _figure("postern_canaries_missing", "Canaries that are missing since one came back.", canary.missed)
        if canary.back_at is None or canary.seconds is None:
            return
        age = max(0.0, (now - canary.back_at).total_seconds())
        yield _figure("postern_canary_age_seconds", "How long ago the last canary came back.", age)
        yield _figure("postern_canary_round_trip_seconds", "From its acceptance to its first event.", canary.seconds)

    def _smtp(self) -> Iterator[Metric]:
        """What the SMTP doors have counted since the gateway began; nothing where there never was one."""
        counted = self._figures.smtp
        if not counted and not self._figures.smtp_doors:
            return
        yield _figure(
            "postern_smtp_doors_alive", "SMTP doors that were seen in the last minute.", self._figures.smtp_doors
        )
        for what, (name, about, label) in _OF_SMTP.items():
            family = CounterMetricFamily(name, about, labels=[label])
            for (kind, value), number in counted.items():
                if kind == what:
                    family.add_metric([value], number)
            yield family
        seconds = CounterMetricFamily("postern_smtp_message_seconds_total", "Time that the answers to messages took.")
        seconds.add_metric([], counted.get((SMTP_MILLISECONDS, ""), 0) / 1000)
        yield seconds

    def _queues_of_sqs(self) -> Iterator[Metric]:
        """Of each queue: what came of its messages, the age of the oldest one at the last poll, and when that was."""
        messages = CounterMetricFamily(
            "postern_sqs_messages_total",
            "Messages of SQS, by what was done with them.",
            labels=["queue", "region", "done"],
        )
        names = ["queue", "region"]
        oldest = GaugeMetricFamily(
            "postern_sqs_oldest_seconds",
            "How long the oldest message of the last poll had been in its queue; 0 if there was none.",
            labels=names,
        )
        polled = GaugeMetricFamily(
            "postern_sqs_last_poll_timestamp_seconds", "When each queue was last polled successfully.", labels=names
        )
        for one in self._figures.queues:
            labels = [one.queue, one.region]
            for done, number in one.counts.items():
                messages.add_metric([*labels, done], number)
            oldest.add_metric(labels, _oldest(one, self._figures.now))
            polled.add_metric(labels, _timestamp(one.polled_at))
        yield from (messages, oldest, polled)

    def _queues(self) -> Iterator[GaugeMetricFamily]:
        figures = self._figures
        due = {lane.value: one.count for lane, one in figures.email.items()}
        ages = {lane.value: _age(one, figures.now) for lane, one in figures.email.items()}
        yield _family("postern_queue_due", f"Recipients whose email is due, by lane. {_COUNTED}", "lane", due)
        yield _family("postern_queue_oldest_due_seconds", "How long the oldest of them has been due.", "lane", ages)
        states = {"due": figures.due_notifications.count, "parked": figures.parked, "quarantined": figures.quarantined}
        about = f"Notifications that are not settled, by state. {_COUNTED}"
        yield _family("postern_notifications", about, "state", states)
        age = _age(figures.due_notifications, figures.now)
        yield _figure("postern_notifications_oldest_due_seconds", "How long the oldest notification has been due.", age)


def _figure(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _family(name: str, help_text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _timestamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _oldest(one: QueuePosition, now: datetime) -> float:
    return max(0.0, (now - one.oldest_sent_at).total_seconds()) if one.oldest_sent_at else 0.0


def _age(due: Due, now: datetime) -> float:
    return max(0.0, (now - due.since).total_seconds()) if due.since else 0.0
