"""`/metrics`: true figures of the whole gateway, read from its database, and of nobody in particular."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from app.domain.callers import Scope
from app.domain.delivery import State
from app.queue import Lane
from app.services import measure
from app.services.measure import Measure
from app.services.rhythm import EVERY_S
from app.services.upkeep import Sweep
from app.store import circuits, heartbeats, incidents
from app.store.db import Database
from app.store.inbox import InboxState
from app.wiring import Gateway
from tests.feedback import put
from tests.gateways import caller, issue
from tests.mails import submit
from tests.rows import age, change
from tests.web import Web, problem_of, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


def scraped(web: Web) -> dict[str, float]:
    """Each sample by its name and its label's value, as Prometheus reads them."""
    token = issue(web.gateway, app="prometheus", scopes=frozenset({Scope.METRICS_READ})).token
    answer = web.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def note_incident(gateway: Gateway, kind: str, subject: str) -> None:
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind=kind, subject=subject, detail="Told by a server.")


def test_a_quiet_gateway_has_every_figure(web: Web) -> None:
    """Zero where there is nothing, so that an alert can tell nothing from unknown."""
    told = scraped(web)
    assert {name for name, value in told.items() if value} == set()
    assert {f"postern_sweep_last_success_timestamp_seconds {sweep}" for sweep in Sweep} <= set(told)
    assert {f"postern_queue_due {lane}" for lane in Lane} <= set(told)
    assert {f"postern_feedback {state}" for state in ("due", "parked", "quarantined")} <= set(told)


def test_what_waits_is_counted(web: Web) -> None:
    """Due mail by lane and for how long, and those whose fate is unknown; what is not due yet is no backlog."""
    gateway = web.gateway
    for app in ("one", "two"):
        who = caller(gateway, app=app)
        for number in range(3):
            submit(gateway, who, f"{app}{number}@example.net")
    age(gateway, "recipients", "due_at", timedelta(minutes=10), address="one0@example.net")
    change(gateway, "recipients", {"state": State.UNCONFIRMED}, address="one1@example.net")
    change(gateway, "recipients", {"state": State.HELD}, address="one2@example.net")
    age(gateway, "recipients", "due_at", -timedelta(minutes=10), address="two0@example.net")
    told = scraped(web)
    assert told["postern_queue_due transactional"] == 3
    assert told["postern_queue_due bulk"] == 0
    assert 600 <= told["postern_queue_oldest_due_seconds transactional"] < 700
    assert told["postern_queue_oldest_due_seconds bulk"] == 0
    assert (told["postern_mails_unconfirmed"], told["postern_mails_held"]) == (1, 1)


def test_news_that_waits_is_counted(web: Web) -> None:
    """Due, parked and quarantined, each by itself; what is settled is none of them."""
    gateway = web.gateway
    put(gateway, "a", "b", "c", "d", "e")
    change(gateway, "feedback", {"state": InboxState.PARKED}, raw="b")
    age(gateway, "feedback", "due_at", -timedelta(hours=1), raw="b")
    change(gateway, "feedback", {"state": InboxState.QUARANTINED}, raw="c")
    change(gateway, "feedback", {"state": InboxState.PROCESSED}, raw="d")
    age(gateway, "feedback", "due_at", timedelta(minutes=10), raw="e")
    told = scraped(web)
    assert [told[f"postern_feedback {state}"] for state in ("due", "parked", "quarantined")] == [2, 1, 1]
    assert 600 <= told["postern_feedback_oldest_due_seconds"] < 700


def test_what_is_wrong_is_counted_by_kind(web: Web) -> None:
    """Circuits and incidents, and no name of a sender or a domain with them; what was closed does not count."""
    gateway = web.gateway
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "sender:secret.example", reason="Not verified.")
        circuits.trip(connection, "account", reason="Paused.")
    note_incident(gateway, "refused_for_policy", "secret.example")
    note_incident(gateway, "refused_for_policy", "other.example")
    note_incident(gateway, "poison_row", "1")
    with gateway.database.transaction() as connection:
        incidents.close(connection, incidents.all_open(connection, limit=1)[0].id)
    told = scraped(web)
    assert (told["postern_circuits_open sender"], told["postern_circuits_open account"]) == (1, 1)
    assert told["postern_incidents_open refused_for_policy"] == 2
    assert "postern_incidents_open poison_row" not in told
    assert "secret" not in str(told)


def test_who_lives_and_what_was_swept_is_told(web: Web) -> None:
    """Worker processes of the last minute, what came through the broker, and when each sweep succeeded."""
    gateway = web.gateway
    gateway.workforce.beat("host:2")
    gateway.workforce.beat("host:3")
    gateway.workforce.heard("host:1")
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=2), name="host:3")
    gateway.upkeep.run(Sweep.LEASES)
    told = scraped(web)
    assert told["postern_workers_alive"] == 1
    now = Measure(database=gateway.database)().now.timestamp()
    assert now - 60 < told["postern_broker_last_heard_timestamp_seconds"] <= now
    assert now - 60 < told["postern_sweep_last_success_timestamp_seconds leases"] <= now
    assert told["postern_sweep_last_success_timestamp_seconds expiry"] == 0


def test_counting_stops_where_it_is_bad_enough(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all applications together: a scrape costs no more with a million mails."""
    monkeypatch.setattr(measure, "COUNTED_UP_TO", 3)
    for app in ("one", "two"):
        who = caller(gateway, app=app)
        for number in range(4):
            submit(gateway, who, f"{app}{number}@example.net")
    put(gateway, *"abcde")
    figures = Measure(database=gateway.database)()
    assert (figures.mail[Lane.TRANSACTIONAL].count, figures.news.count) == (3, 3)


def test_a_database_that_is_away_is_no_zero(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scrape fails, which Prometheus shows; it does not tell that nothing waits."""
    token = issue(web.gateway, scopes=frozenset({Scope.METRICS_READ})).token
    headers = {"Authorization": f"Bearer {token}"}
    assert web.client.get("/metrics", headers=headers).status_code == 200

    def away(_: Measure) -> NoReturn:
        with Database("sqlite:////nowhere/at/all.db").reading():
            raise AssertionError("it opens")

    monkeypatch.setattr(Measure, "__call__", away)
    problem_of(web.client.get("/metrics", headers=headers), 503, "service_unavailable")


def test_every_count_has_an_index(gateway: Gateway) -> None:
    """None of the tables that grow is read as a whole."""
    if gateway.database.engine.dialect.name != "postgresql":
        prefix, whole = "EXPLAIN QUERY PLAN ", ("SCAN recipients", "SCAN feedback")
        indexed = "USING"
    else:
        prefix, whole, indexed = "EXPLAIN ", ("Seq Scan on recipients", "Seq Scan on feedback"), "never"
    asked: list[tuple[str, Any]] = []
    engine = gateway.database.engine

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", keep)
    Measure(database=gateway.database)()
    event.remove(engine, "before_cursor_execute", keep)
    plans = []
    with engine.connect() as connection:
        if prefix == "EXPLAIN ":
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in asked:
            if "recipients" in statement or "feedback" in statement:
                rows = connection.exec_driver_sql(prefix + statement, parameters).all()
                plans += [str(row) for row in rows]
    assert plans
    assert [line for line in plans if any(scan in line for scan in whole) and indexed not in line] == []


def test_a_sweep_that_has_not_succeeded_lately_is_named(gateway: Gateway) -> None:
    """Told by readiness and not required: after five turns, of five seconds at least."""

    def told() -> Any:
        return next(check for check in gateway.health.ready() if check.name == "sweeps")

    assert "never" in told().detail
    with gateway.database.transaction() as connection:
        for sweep in EVERY_S:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)
    assert told().ok
    age(gateway, "heartbeats", "seen_at", timedelta(seconds=26), name="sweep:bells")
    age(gateway, "heartbeats", "seen_at", timedelta(seconds=26), name="sweep:expiry")
    assert (told().ok, told().required) == (False, False)
    assert "bells (" in told().detail
    assert "expiry" not in told().detail
