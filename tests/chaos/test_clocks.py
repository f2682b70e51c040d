"""Clocks that are an hour or a day wrong, on real processes: the database's time counts, and SES's refusal passes."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import urllib3
from sqlalchemy import func, select

from app.domain.sending.state_machine import WAITING
from app.store.engine.database import Database, clock
from app.store.tables.core import circuits, notifications, recipients
from tests.chaos.drill import Drill
from tests.chaos.load.doors import Api
from tests.chaos.load.emails import SENDER
from tests.chaos.stage.clocks import Clocks
from tests.chaos.stage.stage import Stage, staged

HOUR, DAY = 3600, 86_400
PATIENCE_S = 90.0
Found = TypeVar("Found")


def until(look: Callable[[], Found]) -> Found:
    """The first true result of `look`."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A stage whose web, worker and beat have clocks that can be set wrong, and its API."""

    stage: Stage
    clocks: Clocks
    application: Api
    operator: Api
    database: Database

    def put(self, part: str, seconds: int) -> None:
        """Set the clock of a part `seconds` ahead, or behind."""
        self.clocks.put(self.stage.machines[part], seconds)

    def now(self, **later: float) -> datetime:
        """The database's time plus an offset."""
        with self.database.reading() as connection:
            return clock(connection) + timedelta(**later)

    def submit(self, to: str, **more: Any) -> str:
        """Submit an email that must be accepted."""
        email = {"from": SENDER, "to": [to], "subject": to, "text": "Do come.", **more}
        answer = self.application.call("POST", "/v1/emails", email)
        assert answer.status == 200, answer
        return str(answer.content["id"])

    def state(self, email: str) -> str:
        """The state of its only recipient."""
        return str(self.application.call("GET", f"/v1/emails/{email}").content["recipients"][0]["state"])

    def reaches(self, email: str, state: str) -> None:
        """Wait until the email has that state."""
        until(lambda: self.state(email) == state)

    def row(self, email: str) -> Any:
        """Its only recipient in the database."""
        with self.database.reading() as connection:
            return connection.execute(select(recipients).where(recipients.c.email_id == email)).one()

    def taken(self, address: str) -> list[datetime]:
        """The times when SES took an email to an address."""
        lines = [json.loads(line) for line in self.stage.ledger.read_text().splitlines()]
        return [datetime.fromisoformat(line["time"]) for line in lines if line["recipient"] == address]

    def suppress(self, address: str, **more: Any) -> None:
        """Suppress an address."""
        answer = self.operator.call("POST", "/v1/suppressions", {"email": address, "reason": "a test", **more})
        assert answer.status in (200, 201), answer

    def is_suppressed(self, address: str) -> bool:
        """Whether it is on the list."""
        return self.operator.call("GET", f"/v1/suppressions/{address}").status == 200

    def notifications(self) -> tuple[int, int]:
        """The number of stored notifications, and how many of them are settled."""
        with self.database.reading() as connection:
            stored = connection.scalar(select(func.count()).select_from(notifications)) or 0
            waiting = connection.scalar(
                select(func.count()).select_from(notifications).where(notifications.c.state.in_(["new", "parked"]))
            )
        return stored, stored - (waiting or 0)


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """A stage whose clocks are right, and have to be so again, in a directory that PostgreSQL's user may enter."""
    with TemporaryDirectory(prefix="postern-clocks-") as directory, ExitStack() as ending:
        clocks = Clocks(Path(directory) / "clocks", "web", "worker", "beat")
        variables = {part: {**of_clock, "SES_TRANSPORT": "boto3"} for part, of_clock in clocks.variables.items()}
        stage = ending.enter_context(staged(Drill(seed=1, seconds=0), Path(directory), variables=variables))
        database = Database(stage.database_url, pool_size=1)
        yield Play(
            stage=stage,
            clocks=clocks,
            application=Api(stage.url, stage.keys.api.token),
            operator=Api(stage.url, stage.keys.admin.token),
            database=database,
        )
        database.close()


def test_a_web_process_with_a_wrong_clock_does_as_the_database_says(play: Play) -> None:
    """Emails, schedules, expiries, suppressions and events, with the clocks of web and beat off both ways."""
    for seconds in (HOUR, -HOUR, DAY, -DAY):
        play.put("web", seconds)
        play.put("beat", seconds)
        assert_answers_show_another_time(play, seconds)
        name = f"{seconds}@example.net".replace("-", "minus-")
        emails = due_by_the_database(play, name)
        suppressions_last_as_long_as_the_database_says(play, name)
        a_bounce_counts_and_a_removal_sticks(play, name)
        for address, (email, due) in emails.items():
            play.reaches(email, "delivered")
            (taken,) = play.taken(address)
            assert taken >= due
    play.put("web", 0)
    play.put("beat", 0)


def assert_answers_show_another_time(play: Play, seconds: int) -> None:
    """Otherwise the test would prove nothing."""
    answer = urllib3.request("GET", f"{play.stage.url}/healthz", retries=False)
    off = parsedate_to_datetime(answer.headers["Date"]) - play.now()
    assert abs(off - timedelta(seconds=seconds)) < timedelta(minutes=5)


def due_by_the_database(play: Play, name: str) -> dict[str, tuple[str, datetime]]:
    """Accepted emails, with the earliest time of sending of each; an email past its deadline is not accepted."""
    now, later = play.now(), play.now(seconds=2)
    emails: dict[str, tuple[datetime, dict[str, Any]]] = {
        f"at-once-{name}": (now, {}),
        f"in-time-{name}": (now, {"expires_at": play.now(minutes=10).isoformat()}),
        f"later-{name}": (later, {"scheduled_at": later.isoformat(), "expires_at": play.now(minutes=20).isoformat()}),
    }
    email = {"from": SENDER, "to": [name], "subject": "Late", "text": "Do come."}
    over = play.application.call("POST", "/v1/emails", email | {"expires_at": play.now(minutes=-1).isoformat()})
    assert over.status == 422
    return {address: (play.submit(address, **more), due) for address, (due, more) in emails.items()}


def suppressions_last_as_long_as_the_database_says(play: Play, name: str) -> None:
    play.suppress(f"listed-{name}", expires_at=play.now(minutes=30).isoformat())
    ends = play.now(seconds=1)
    play.suppress(f"soon-free-{name}", expires_at=ends.isoformat())
    assert play.state(play.submit(f"listed-{name}")) == "suppressed"
    until(lambda: play.now() > ends)
    play.reaches(play.submit(f"soon-free-{name}"), "delivered")
    assert play.taken(f"listed-{name}") == []


def a_bounce_counts_and_a_removal_sticks(play: Play, name: str) -> None:
    address = f"gone-{name}"
    play.stage.simulator.call("POST", "behaviours", {address: "bounce"})
    email = play.submit(address)
    play.reaches(email, "bounced")
    assert play.is_suppressed(address)
    assert play.operator.call("DELETE", f"/v1/suppressions/{address}", {"reason": "a test"}).status == 200
    stored, _ = play.notifications()
    late = {"ses_message_id": play.row(email).ses_message_id, "type": "Bounce"}
    play.stage.simulator.call("POST", "events", late)
    until(lambda: play.notifications() > (stored, stored))
    until(lambda: len(set(play.notifications())) == 1)
    assert not play.is_suppressed(address)


def test_a_worker_with_a_wrong_clock_loses_nothing_and_goes_on_when_it_is_right(play: Play) -> None:
    """A running call ends normally; then SES refuses and all emails wait with the reason; then each is sent once.

    boto3 signs by the clock of the host.
    """
    for seconds in (DAY, -HOUR):
        name = f"{seconds}@example.net".replace("-", "minus-")
        on_the_wire = a_call_that_is_on(play, f"on-the-wire-{name}", seconds)
        guests = [f"guest-{number}-{name}" for number in range(3)]
        waiting = [play.submit(guest) for guest in guests]
        reason = until(lambda: reason_to_wait(play))
        assert "clock of this worker's host is wrong" in reason
        assert {play.state(email) for email in waiting} <= WAITING
        assert {play.row(email).attempts for email in waiting} == {0}
        assert [play.taken(guest) for guest in guests] == [[], [], []]

        play.put("worker", 0)
        for email in waiting:
            play.reaches(email, "delivered")
        assert reason_to_wait(play) == ""
        assert [len(play.taken(one)) for one in (f"on-the-wire-{name}", *guests)] == [1, 1, 1, 1]
        assert not any(play.row(email).possible_duplicate for email in (on_the_wire, *waiting))


def test_the_fast_transport_signs_by_the_time_of_the_database(play: Play) -> None:
    """SES takes what a worker sends whose clock is a day off, and nothing waits."""
    worker = play.stage.machines["worker"]
    worker.set_environment(SES_TRANSPORT="fast")
    worker.kill()
    play.put("worker", DAY)
    email = play.submit("fast@example.net")
    play.reaches(email, "delivered")
    assert reason_to_wait(play) == ""
    play.put("worker", 0)


def a_call_that_is_on(play: Play, address: str, seconds: int) -> str:
    """The worker's clock jumps during a call to SES: no lease has ended, and the answer counts."""
    play.stage.simulator.call("POST", "faults", [{"fault": "latency", "ms": 2000}])
    email = play.submit(address)
    until(lambda: play.stage.simulator.call("GET", "faults")[0]["struck"])
    play.put("worker", seconds)
    assert play.state(email) == "sending"
    play.reaches(email, "delivered")
    play.stage.simulator.call("DELETE", "faults")
    return email


def reason_to_wait(play: Play) -> str:
    """The reason why the whole account waits, or nothing if it does not."""
    with play.database.reading() as connection:
        return str(connection.scalar(select(circuits.c.reason).where(circuits.c.scope == "account")) or "")
