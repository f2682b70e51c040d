"""What is in flight when an account is refused: many calls, one refusal."""

from datetime import timedelta

from app.domain.outcome import Paused
from app.queue import Lane
from app.services.record import Record, Report
from app.store import claims
from app.store.claims import Wanted
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import submit
from tests.rows import age, rows

NO = Paused("account", "The quota is used up.")


def claimed(gateway: Gateway) -> list[Report]:
    """One due mail after another, each claimed as by a worker of its own, and refused."""
    reports: list[Report] = []
    while True:
        wanted = Wanted(lane=Lane.TRANSACTIONAL, limit=1, lease=timedelta(minutes=1))
        with gateway.database.transaction() as connection:
            claim = claims.claim(connection, wanted)
        if not claim.mails:
            return reports
        reports += [Report(mine=mine, token=claim.token, result=NO) for mine in claim.mails]


def probe_waits(gateway: Gateway) -> float:
    """Seconds from the opening of the circuit to its next probe."""
    [row] = rows(gateway, "circuits")
    return float((row["probe_at"] - row["opened_at"]).total_seconds())


def test_calls_in_flight_do_not_put_off_the_first_probe(gateway: Gateway) -> None:
    """Five workers hear the same refusal in one moment; the account is tried ten seconds later, not minutes."""
    for number in range(5):
        submit(gateway, caller(gateway), f"guest-{number}@example.net")
    record = Record(database=gateway.database, max_attempts=12)
    for report in claimed(gateway):
        record([report])
    assert probe_waits(gateway) == 10


def test_a_refused_probe_does(gateway: Gateway) -> None:
    """A mail that was claimed once the circuit could be tried is news: the next try comes later."""
    for number in range(2):
        submit(gateway, caller(gateway), f"guest-{number}@example.net")
    record = Record(database=gateway.database, max_attempts=12)
    first, probe = claimed(gateway)
    record([first])
    age(gateway, "circuits", "opened_at", timedelta(seconds=11))
    record([probe])
    assert probe_waits(gateway) > 20
