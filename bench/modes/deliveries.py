"""Deliveries: the CPU of an event that is posted to an endpoint, and how long one waits beside a dead endpoint.

The events are of emails that were sent, and go by HTTP to a receiver in another process. Then as many deliveries as
`--waiting` says wait for an endpoint that never answers, and single events for a live one are timed, against the same
with an empty queue.
"""

import multiprocessing
import resource
import statistics
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any, Final
from uuid import UUID

import psycopg

from app.domain.apps.callers import Caller
from app.queue import Lane
from app.services.webhooks.endpoints import NewEndpoint
from app.store.engine.ids import new_id
from app.store.webhooks import deliveries
from app.wiring.gateway import Gateway, build
from bench.measure.goals import Goal, Json, at_most
from bench.options import Amount, add_amounts
from bench.stage.stage import stage
from tests.support.gateway.emails import submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller

EVENTS = Amount(name="events", usual=3_000, quick=300, what="events posted in a round")
WAITING = Amount(name="waiting", usual=1_000_000, quick=5_000, what="deliveries that wait for a dead endpoint")
RUNS = Amount(name="runs", usual=5, quick=2, what="rounds")
SINGLES: Final = 50
_AT_ONCE: Final = 500
_FILL: Final = """
with added as (
    insert into webhook_messages (id, app_id, type, email_id, recipient_id, sequence, facts, occurred_at)
    select gen_random_uuid(), %(app)s, 'email.bounced', gen_random_uuid(), gen_random_uuid(), 1, '{}', now()
    from generate_series(1, %(waiting)s) returning id, recipient_id)
insert into webhook_deliveries (id, endpoint_id, message_id, about_id, state, due_at, created_at)
select gen_random_uuid(), %(endpoint)s, id, recipient_id, 'waiting', now(), now() from added
"""


class _Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer 200 at once; on another path than `/live`, never."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/live":
            time.sleep(60)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EVENTS, WAITING, RUNS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds and the single events, and return the goals and the figures."""
    with _receiver() as url, stage(latency_ms=0) as there, _gateway(there.gateway) as gateway:
        who = caller(gateway)
        live = gateway.webhooks.endpoints.add(who, NewEndpoint(url=f"{url}/live", events=("email.sent",))).endpoint
        cpu = [_round(gateway, who, EVENTS.of(given)) for _ in range(RUNS.of(given) + 1)][1:]
        say(f"an event that is posted: {statistics.median(cpu):.3f} ms of CPU")
        empty = _latencies(gateway, who, live.id)
        dead = gateway.webhooks.endpoints.add(who, NewEndpoint(url=f"{url}/dead", events=("email.bounced",)))
        _fill(there.environment["DATABASE_URL"], who, dead.endpoint.id, WAITING.of(given))
        beside = _latencies(gateway, who, live.id)
        waits = f"beside a dead endpoint with {WAITING.of(given):,} waiting {statistics.median(beside):.1f} ms"
        say(f"a single event: with an empty queue {statistics.median(empty):.1f} ms, {waits}")
    found = {"cpu_ms": cpu, "empty_ms": empty, "beside_dead_ms": beside}
    return {"goals": [goal.as_json() for goal in goals(found)], **found}


def goals(found: dict[str, list[float]]) -> list[Goal]:
    """Return the goals of webhooks."""
    ratio = statistics.median(found["beside_dead_ms"]) / statistics.median(found["empty_ms"])
    return [
        at_most("deliveries: CPU of an event that is posted, in ms", 0.4, found["cpu_ms"]),
        at_most("deliveries: latency beside a dead endpoint, over that of an empty queue", 1.5, [ratio]),
    ]


@contextmanager
def _receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        process.kill()
        process.join()
        server.server_close()


@contextmanager
def _gateway(like: Gateway) -> Iterator[Gateway]:
    """A gateway that may post to this machine, and sends its email to nobody."""
    settings = like.settings.model_copy(update={"webhook_allowed_networks": (ip_network("127.0.0.0/8"),)})
    gateway = build(settings, mailer=ScriptedMailer())
    try:
        yield gateway
    finally:
        gateway.close()


def _round(gateway: Gateway, who: Caller, events: int) -> float:
    """The CPU of an event in milliseconds: of a drain that posts this many."""
    tag = new_id().hex
    for start in range(0, events, _AT_ONCE):
        some = [submission(f"{tag}{number}@example.net") for number in range(start, min(start + _AT_ONCE, events))]
        gateway.accept(who, some, idempotency=None, answer=lambda _: {})
    while gateway.deliver.drain(Lane.TRANSACTIONAL).more:
        pass
    before = _cpu()
    posted = gateway.webhooks.deliver.drain()
    if posted != events:
        raise RuntimeError(f"{posted} of {events} events were posted")
    return 1000 * (_cpu() - before) / events


def _latencies(gateway: Gateway, who: Caller, endpoint_id: UUID) -> list[float]:
    """How long single events take from their commit to their delivery, in milliseconds, while a process drains."""
    over = threading.Event()
    draining = threading.Thread(target=_drain_until, args=(gateway, over))
    draining.start()
    try:
        return [_latency(gateway, who, endpoint_id) for _ in range(SINGLES)]
    finally:
        over.set()
        draining.join()


def _drain_until(gateway: Gateway, over: threading.Event) -> None:
    while not over.is_set():
        gateway.webhooks.deliver.drain()
        over.wait(0.002)


def _latency(gateway: Gateway, who: Caller, endpoint_id: UUID) -> float:
    submit(gateway, who, f"{new_id().hex}@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    began = time.monotonic()
    gateway.webhooks.deliver.wake()
    while _waits(gateway, endpoint_id):
        time.sleep(0.0005)
    return 1000 * (time.monotonic() - began)


def _waits(gateway: Gateway, endpoint_id: UUID) -> bool:
    with gateway.database.asking() as connection:
        return bool(deliveries.due(connection, endpoint_id, limit=1))


def _fill(database_url: str, who: Caller, endpoint_id: UUID, waiting: int) -> None:
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_FILL, {"app": who.app_id, "endpoint": endpoint_id, "waiting": waiting})
        connection.execute("analyze webhook_deliveries")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
