"""Calls in flight when SES refuses an account: many calls count as one refusal."""

from datetime import timedelta

from app.domain.sending.call_outcome import Tripped
from app.queue import Lane
from app.services.sending.call_results import Report
from app.services.sending.record import Record
from app.store.sending import claims
from app.store.sending.claims import Wanted
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows

NO = Tripped("account", "The quota is used up.")


def claimed(gateway: Gateway) -> list[Report]:
    """Due emails, each claimed as by a worker of its own, and refused."""
    reports: list[Report] = []
    while True:
        wanted = Wanted(lane=Lane.TRANSACTIONAL, limit=1, lease=timedelta(minutes=1))
        with gateway.database.transaction() as connection:
            claim = claims.claim(connection, wanted)
        if not claim.emails:
            return reports
        reports += [Report(attempt=attempt, result=NO) for attempt in claim.emails]


def probe_waits(gateway: Gateway) -> float:
    """Seconds from the opening of the circuit to its next probe."""
    [row] = rows(gateway, "circuits")
    return float((row["probe_at"] - row["opened_at"]).total_seconds())


def test_calls_in_flight_do_not_put_off_the_first_probe(gateway: Gateway) -> None:
    """Five workers get the same refusal in one moment; the account is probed ten seconds later, not minutes later."""
    for number in range(5):
        submit(gateway, caller(gateway), f"guest-{number}@example.net")
    record = Record(database=gateway.database, max_attempts=12)
    for report in claimed(gateway):
        record([report])
    assert probe_waits(gateway) == 10


def test_a_refused_probe_puts_off_the_next_probe(gateway: Gateway) -> None:
    """An email that was claimed once the circuit could be probed is a new sign: the next probe comes later."""
    for number in range(2):
        submit(gateway, caller(gateway), f"guest-{number}@example.net")
    record = Record(database=gateway.database, max_attempts=12)
    first, probe = claimed(gateway)
    record([first])
    age(gateway, "circuits", "opened_at", timedelta(seconds=11))
    record([probe])
    assert probe_waits(gateway) > 20
