"""Webhook: validly signed SNS notifications, verified and stored, beside the same endpoint without verification.

Both endpoints run under gunicorn as Postern is deployed, with the same PostgreSQL with durable commits. In each round
both get the same notifications on 32 connections, into an empty table. They take turns to go first.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select, text

from app.cli.shell.operated_gateway import CHECKOUT
from app.store.tables.core import notifications
from bench.load.notifications import HEADERS, pinned
from bench.load.web import Endpoint, Posted, endpoint_table, gunicorn
from bench.measure.goals import Goal, Json, at_least
from bench.options import Amount, add_amounts
from bench.stage.stage import TOPIC, Stage, stage
from tests.support.aws.sns_signing import signer

VERIFIED, UNVERIFIED = "verified and stored", "stored unverified"
EVENTS = Amount(name="events", usual=3000, quick=800, what="notifications per round")
RUNS = Amount(name="runs", usual=7, quick=3, what="rounds")
EACH: Final = 10
"""Events per connection. A kept connection stays with the process that accepted it, so long ones may load unevenly."""

_SAID: Final = Path(CHECKOUT) / "tests" / "corpus" / "ses" / "event-bounce.json"

Rounds = Mapping[str, list[Posted]]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EVENTS, RUNS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    rounds: dict[str, list[Posted]] = {VERIFIED: [], UNVERIFIED: []}
    runs, events = RUNS.of(given), EVENTS.of(given)
    with stage(latency_ms=0) as there, _endpoints(there, events) as endpoints:
        for endpoint in endpoints.values():
            _post(there, endpoint, min(events, 500))
        for number in range(1, runs + 1):
            for name in list(endpoints)[:: 1 if number % 2 else -1]:
                rounds[name].append(_post(there, endpoints[name], events))
            rates = ", ".join(f"{name} {of[-1].rate:.0f}/s" for name, of in rounds.items())
            say(f"round {number} of {runs}: {rates}")
    for line in table(rounds):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(rounds)],
        "systems": {name: [one.as_json() for one in of] for name, of in rounds.items()},
    }


def goals(rounds: Rounds) -> list[Goal]:
    """Return the goal of the webhook."""
    pairs = zip(rounds[VERIFIED], rounds[UNVERIFIED], strict=True)
    return [
        at_least(
            "webhook: verified rate over the unverified", 0.85, [attempt.rate / other.rate for attempt, other in pairs]
        )
    ]


def table(rounds: Rounds) -> list[str]:
    """Return a line per endpoint: rate, latencies, and CPU by kind."""
    return endpoint_table(rounds, each="event")


@contextmanager
def _endpoints(there: Stage, events: int) -> Iterator[Mapping[str, Endpoint]]:
    bodies = there.directory / "notifications.ndjson"
    said = _SAID.read_text()
    bodies.write_text("\n".join(json.dumps(signer().notification(said, topic_arn=TOPIC)) for _ in range(events)))
    more = pinned(there.directory)
    with (
        gunicorn(there, "wsgi:app", more, probe="/healthz") as verified,
        gunicorn(there, "bench.baselines.unverified_webhook:unverified_app()", more, probe="/healthz") as unverified,
    ):
        yield {
            name: Endpoint(url=f"{url}/feedback/sns", headers=HEADERS, bodies=bodies)
            for name, url in ((VERIFIED, verified), (UNVERIFIED, unverified))
        }


def empty(connection: Connection) -> None:
    """Remove all notifications and what is about them."""
    connection.execute(text(f"truncate {notifications.name} cascade"))


def _post(there: Stage, endpoint: Endpoint, events: int) -> Posted:
    """Post `events` notifications, all of them new. Raises `RuntimeError` unless each was stored."""
    with there.gateway.database.transaction() as connection:
        empty(connection)
    posted = endpoint.post(events, each=EACH)
    with there.gateway.database.reading() as connection:
        stored = connection.scalar(select(func.count()).select_from(notifications))
    if stored != events:
        raise RuntimeError(f"{stored} of {events} notifications were stored")
    return posted
