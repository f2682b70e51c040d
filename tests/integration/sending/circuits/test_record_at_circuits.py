"""Which results of calls open and close which circuits, and which raise an incident."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.sending.call_outcome import Accepted, Ambiguous, Outcome, Refused, Retry, Throttled, Tripped
from app.services.sending.call_results import NotCalled, Report, Result
from app.store.sending import circuits
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.reports import claimed, record
from tests.support.gateway.rows import rows


def open_circuits(gateway: Gateway) -> set[str]:
    with gateway.database.reading() as connection:
        return {one.scope for one in circuits.all_open(connection)}


EVERYBODY = {"ses", "account", "configuration_set", "keys"}
ITS_OWN = {"sender:example.com", "stream:invites/default"}
OF_OTHERS = {"sender:example.org", "stream:invites/news"}


@pytest.mark.parametrize(
    "result, closed",
    [
        (Accepted("ses-1"), EVERYBODY | ITS_OWN),
        (Throttled("Slow."), {"ses"}),
        (Refused("No."), {"ses"}),
        (Retry("Odd."), {"ses"}),
        (Retry("Sandbox.", "ses_sandbox", "account"), {"ses"}),
        (Retry("Broken.", "render_failed", "x"), set()),
        (Tripped("account", "Paused."), {"ses"}),
        (Tripped("configuration_set", "Gone."), {"ses"}),
        (Tripped("sender:example.com", "Not verified."), {"ses"}),
        (Tripped("keys", "No key."), set()),
        (Tripped("stream:invites/default", "No link."), set()),
        (Tripped("ses", "Away."), set()),
        (Ambiguous("Silence."), set()),
        (NotCalled("Away."), set()),
    ],
    ids=lambda given: " ".join(sorted(given)) or "none" if isinstance(given, set) else str(given),
)
def test_a_result_closes_the_circuits_whose_cause_it_proves_over(
    gateway: Gateway, result: Outcome | NotCalled, closed: set[str]
) -> None:
    """Any answer proves that SES can be reached; only an accepted email proves more, and for its own sender only."""
    _, report = claimed(gateway)
    with gateway.database.transaction() as connection:
        for scope in EVERYBODY | ITS_OWN | OF_OTHERS:
            circuits.trip(connection, scope, reason="For this test.")
    record(gateway, report(result))
    assert open_circuits(gateway) == (EVERYBODY | ITS_OWN | OF_OTHERS) - closed


@pytest.mark.parametrize(
    "scope, opens",
    [("ses", False), ("keys", False), ("account", True), ("configuration_set", True), ("sender:example.com", True)],
)
@pytest.mark.parametrize("was_open", [False, True])
def test_a_failure_beside_a_success_opens_a_circuit_unless_the_success_disproves_it(
    gateway: Gateway, scope: str, opens: bool, was_open: bool
) -> None:
    """Both calls are of one moment: one failed connection or body does not stop all; a pause may begin in between."""
    who = caller(gateway)
    for name in ("ann", "bob"):
        submit(gateway, who, f"{name}@example.net")
    taken = take(gateway)
    if was_open:
        with gateway.database.transaction() as connection:
            circuits.trip(connection, scope, reason="For this test.")
    results: tuple[Result, Result] = (Accepted("ses-1"), Tripped(scope, "Away."))
    pairs = zip(taken.emails, results, strict=True)
    record(gateway, *[Report(attempt=attempt, result=result) for attempt, result in pairs])
    assert open_circuits(gateway) == ({scope} if opens else set())


@pytest.mark.parametrize(
    "result, incident",
    [
        (Retry("Odd.", "ses_answer_unknown", "400 Odd"), ("ses_answer_unknown", "400 Odd", "Odd.")),
        (Retry("Odd.", "render_failed", "x" * 401), ("render_failed", "x" * 400, "Odd.")),
        (Tripped("keys", "No key."), ("sealing_key_missing", "SECRET_KEYS", "No key.")),
        (Tripped("stream:invites/default", "None."), ("unsubscribe_link_missing", "invites/default", "None.")),
        (Tripped("account", "Paused."), None),
        (Tripped("sender:example.com", "Not verified."), None),
        (Refused("No."), None),
    ],
    ids=str,
)
def test_a_fault_that_a_person_has_to_mend_is_an_incident(
    gateway: Gateway, result: Outcome, incident: tuple[str, str, str] | None
) -> None:
    """An unknown error code and a missing setting are incidents; a circuit of SES ends by itself and is none."""
    _, report = claimed(gateway)
    record(gateway, report(result))
    noted = [(one["kind"], one["subject"], one["detail"]) for one in rows(gateway, "incidents")]
    assert noted == ([incident] if incident else [])


def test_a_recorder_that_waits_for_a_circuit_holds_none_after_it(migrated_postgres_url: str, redis_url: str) -> None:
    """All take them in one order, whatever that of the table: otherwise two may wait for each other."""
    gateway = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())
    _, report = claimed(gateway)
    with gateway.database.transaction() as connection:
        for scope in ("sender:example.com", "account"):
            circuits.trip(connection, scope, reason="For this test.")
        connection.exec_driver_sql("ANALYZE circuits")  # so that PostgreSQL reads it from its first row on
    with ThreadPoolExecutor(1) as other:
        with gateway.database.transaction() as connection:
            circuits.lock(connection, {"account"})
            recording = other.submit(record, gateway, report(Accepted("ses-1")))
            time.sleep(0.3)
            sender = "SELECT scope FROM circuits WHERE scope = 'sender:example.com' FOR UPDATE NOWAIT"
            assert connection.exec_driver_sql(sender).all() == [("sender:example.com",)]
        recording.result(5)
    assert open_circuits(gateway) == set()
    gateway.close()
