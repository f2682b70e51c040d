"""`/metrics`: exact figures of the whole gateway, read from its database, and without personal data."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from app.domain.apps.callers import Scope
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating import metrics
from app.services.operating.metrics import Measure
from app.services.operating.sweeps import EVERY_S, Sweep
from app.services.tally import EVENTS
from app.store.engine.database import Database
from app.store.feedback.notifications import InboxState
from app.store.operating import heartbeats, incidents
from app.store.sending import circuits
from app.version import VERSION
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import put
from tests.support.gateway.emails import bounce, complaint, feed, submit
from tests.support.gateway.gateways import caller, issue
from tests.support.gateway.rows import age, change
from tests.support.gateway.web import Web, problem_of, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


def scraped(web: Web) -> dict[str, float]:
    """Each sample by its name and its label's value, as Prometheus reads it."""
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
        incidents.note(connection, kind=kind, subject=subject, detail="As a server said.")


def test_the_rates_that_aws_judges_an_account_by_can_be_shown(web: Web) -> None:
    """Permanent bounces and complaints, and the emails that SES took."""
    who = caller(web.gateway)
    emails = [submit(web.gateway, who, f"r{number}@example.net") for number in range(3)]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, emails[0]))
    feed(web.gateway, complaint(web.gateway, emails[1]))
    figures = scraped(web)
    assert figures["postern_recipients_total sent"] == 3
    assert figures["postern_recipients_total complained"] == 1
    assert figures["postern_bounces_total mailbox_gone permanent"] == 1


def test_a_quiet_gateway_has_every_figure(web: Web) -> None:
    """Zero where there is nothing, so that an alert can distinguish zero from unknown."""
    figures = scraped(web)
    assert {name for name, value in figures.items() if value} == {f"postern_build_info {VERSION}"}
    assert {f"postern_sweep_last_success_timestamp_seconds {sweep}" for sweep in Sweep} <= set(figures)
    assert {f"postern_queue_due {lane}" for lane in Lane} <= set(figures)
    assert {f"postern_recipients_total {event}" for event in EVENTS} <= set(figures)
    assert {f"postern_notifications {state}" for state in ("due", "parked", "quarantined")} <= set(figures)


def test_waiting_emails_are_counted(web: Web) -> None:
    """Due emails by lane with their age, and those with an unknown outcome; emails due later are no backlog."""
    gateway = web.gateway
    for app in ("one", "two"):
        who = caller(gateway, app=app)
        for number in range(3):
            submit(gateway, who, f"{app}{number}@example.net")
    age(gateway, "recipients", "due_at", timedelta(minutes=10), address="one0@example.net")
    change(gateway, "recipients", {"state": State.UNCONFIRMED}, address="one1@example.net")
    change(gateway, "recipients", {"state": State.HELD}, address="one2@example.net")
    age(gateway, "recipients", "due_at", -timedelta(minutes=10), address="two0@example.net")
    figures = scraped(web)
    assert figures["postern_queue_due transactional"] == 3
    assert figures["postern_queue_due bulk"] == 0
    assert 600 <= figures["postern_queue_oldest_due_seconds transactional"] < 700
    assert figures["postern_queue_oldest_due_seconds bulk"] == 0
    assert (figures["postern_recipients_unconfirmed"], figures["postern_recipients_held"]) == (1, 1)


def test_waiting_notifications_are_counted(web: Web) -> None:
    """Due, parked and quarantined, each by itself; settled ones are in none of them."""
    gateway = web.gateway
    put(gateway, "a", "b", "c", "d", "e")
    change(gateway, "notifications", {"state": InboxState.PARKED}, raw="b")
    age(gateway, "notifications", "due_at", -timedelta(hours=1), raw="b")
    change(gateway, "notifications", {"state": InboxState.QUARANTINED}, raw="c")
    change(gateway, "notifications", {"state": InboxState.PROCESSED}, raw="d")
    age(gateway, "notifications", "due_at", timedelta(minutes=10), raw="e")
    figures = scraped(web)
    assert [figures[f"postern_notifications {state}"] for state in ("due", "parked", "quarantined")] == [2, 1, 1]
    assert 600 <= figures["postern_notifications_oldest_due_seconds"] < 700


def test_circuits_and_incidents_are_counted_by_kind(web: Web) -> None:
    """Without any name of a sender or a domain; closed ones do not count."""
    gateway = web.gateway
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "sender:secret.example", reason="Not verified.")
        circuits.trip(connection, "account", reason="Paused.")
    note_incident(gateway, "refused_for_policy", "secret.example")
    note_incident(gateway, "refused_for_policy", "other.example")
    note_incident(gateway, "poison_row", "1")
    with gateway.database.transaction() as connection:
        incidents.close(connection, incidents.all_open(connection, limit=1)[0].id)
    figures = scraped(web)
    assert (figures["postern_circuits_open sender"], figures["postern_circuits_open account"]) == (1, 1)
    assert figures["postern_incidents_open refused_for_policy"] == 2
    assert "postern_incidents_open poison_row" not in figures
    assert "secret" not in str(figures)


def test_workers_and_sweeps_are_shown(web: Web) -> None:
    """Worker processes of the last minute, messages through the broker, and when each sweep succeeded."""
    gateway = web.gateway
    gateway.workforce.beat("host:2")
    gateway.workforce.beat("host:3")
    gateway.workforce.was_reached("host:1")
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=2), name="host:3")
    gateway.upkeep.run(Sweep.LEASES)
    figures = scraped(web)
    assert figures["postern_workers_alive"] == 1
    now = Measure(database=gateway.database)().now.timestamp()
    assert now - 60 < figures["postern_broker_last_heard_timestamp_seconds"] <= now
    assert now - 60 < figures["postern_sweep_last_success_timestamp_seconds leases"] <= now
    assert figures["postern_sweep_last_success_timestamp_seconds expiry"] == 0


def test_counting_stops_at_a_bound(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all applications together: a scrape costs no more with a million emails."""
    monkeypatch.setattr(metrics, "COUNTED_UP_TO", 3)
    for app in ("one", "two"):
        who = caller(gateway, app=app)
        for number in range(4):
            submit(gateway, who, f"{app}{number}@example.net")
    put(gateway, *"abcde")
    figures = Measure(database=gateway.database)()
    assert (figures.email[Lane.TRANSACTIONAL].count, figures.due_notifications.count) == (3, 3)


def test_a_database_that_is_away_is_no_zero(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scrape fails, which Prometheus shows; it does not report that nothing waits."""
    token = issue(web.gateway, scopes=frozenset({Scope.METRICS_READ})).token
    headers = {"Authorization": f"Bearer {token}"}
    assert web.client.get("/metrics", headers=headers).status_code == 200

    def away(_: Measure) -> NoReturn:
        with Database("sqlite:////nowhere/at/all.db").reading():
            raise AssertionError("it opens")

    monkeypatch.setattr(Measure, "__call__", away)
    problem_of(web.client.get("/metrics", headers=headers), 503, "service_unavailable")


def test_every_count_has_an_index(gateway: Gateway) -> None:
    """None of the growing tables is read as a whole."""
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
            if "recipients" in statement or "notifications" in statement:
                rows = connection.exec_driver_sql(prefix + statement, parameters).all()
                plans += [str(row) for row in rows]
    assert plans
    assert [line for line in plans if any(scan in line for scan in whole) and indexed not in line] == []


def test_a_sweep_that_has_not_succeeded_lately_is_named(gateway: Gateway) -> None:
    """Reported by readiness and not required: after five intervals, of five seconds at least."""

    def sweeps() -> Any:
        return next(check for check in gateway.health.ready() if check.name == "sweeps")

    assert "never" in sweeps().detail
    with gateway.database.transaction() as connection:
        for sweep in EVERY_S:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)
    assert sweeps().ok
    age(gateway, "heartbeats", "seen_at", timedelta(seconds=26), name="sweep:bells")
    age(gateway, "heartbeats", "seen_at", timedelta(seconds=26), name="sweep:expiry")
    assert (sweeps().ok, sweeps().required) == (False, False)
    assert "bells (" in sweeps().detail
    assert "expiry" not in sweeps().detail


def test_what_smtp_doors_count_is_shown(web: Web) -> None:
    """Of all doors together, added up over their restarts; a gateway without one shows nothing."""
    assert not any(name.startswith("postern_smtp") for name in scraped(web))
    door = web.gateway.smtp_door
    door.beat("smtp:host:1", {("smtp_message", "accepted"): 2, ("smtp_ms", ""): 1500})
    door.beat("smtp:host:2", {("smtp_message", "accepted"): 1, ("smtp_session", "ended"): 1})
    figures = scraped(web)
    assert figures["postern_smtp_doors_alive"] == 2
    assert figures["postern_smtp_messages_total accepted"] == 3
    assert figures["postern_smtp_sessions_total ended"] == 1
    assert figures["postern_smtp_message_seconds_total"] == 1.5


def test_histograms_have_the_form_of_prometheus(web: Web) -> None:
    """Each bucket has all that is at most its bound, and the last one has all."""
    submit(web.gateway, caller(web.gateway), "kim@example.net")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    web.gateway.write_timings.write()
    figures = scraped(web)
    name = "postern_accepted_to_called_seconds"
    assert figures[f"{name}_bucket transactional +Inf"] == figures[f"{name}_count transactional"] == 1
    assert figures[f"{name}_bucket transactional 60.0"] == 1
    assert 0 <= figures[f"{name}_sum transactional"] < 60
    assert figures["postern_ses_answer_seconds_bucket 30.0"] == figures["postern_ses_answer_seconds_count"] == 1


def test_the_busiest_applications_are_named(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the outcomes of a day, and all others together: there are never more figures than that."""
    monkeypatch.setattr(metrics, "_NAMED", 1)
    gateway = web.gateway
    for app, number in (("busy", 3), ("calm", 2), ("rare", 1)):
        for one in range(number):
            submit(gateway, caller(gateway, app=app), f"{app}{one}@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    age(gateway, "count_changes", "hour", timedelta(hours=25), app_id=caller(gateway, app="rare").app_id)
    figures = scraped(web)
    name = "postern_app_recipients"
    assert (figures[f"{name} busy accepted"], figures[f"{name} busy sent"], figures[f"{name} busy bounced"]) == (
        3,
        3,
        0,
    )
    assert figures[f"{name} (others) accepted"] == 2
    assert not any(sample.startswith((f"{name} calm", f"{name} rare")) for sample in figures)
