"""How the drill's client of the SMTP door reads the answers of a real door."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.domain.errors import RateLimitExceeded, ServiceUnavailable
from app.services.submission.check import Obstacle
from tests.chaos.load.doors import Answer, SmtpDoor
from tests.chaos.load.emails import DoorName, Email
from tests.support.smtp.doors import KEY_ID, SECRET, FakeServices, running_door, until

LISTED = Obstacle(code="suppressed", detail="The address is on the suppression list (bounce).", origin="bounce")
FIRST, GONE = "00000000-0000-0000-0000-000000000001", "gone@example.net"


def email(*to: str) -> Email:
    body = {"from": "org@example.com", "to": [*to], "subject": "drill-1", "text": "Do come."}
    return Email(key="drill-1", body=body, door=DoorName.SMTP)


@pytest.fixture
def services() -> FakeServices:
    return FakeServices(suppressed={GONE: LISTED})


@pytest.fixture
def door(services: FakeServices) -> Iterator[SmtpDoor]:
    with running_door(services) as running:
        yield SmtpDoor(running.port, user=KEY_ID, password=SECRET)


def test_an_email_goes_on_without_a_suppressed_recipient(door: SmtpDoor, services: FakeServices) -> None:
    """The others are submitted, and a repetition is the same submission and does not name it again."""
    given = email("ann@example.net", GONE)
    assert door.offer(given) == Answer(200, {"id": FIRST}, frozenset({GONE}))
    rest = given.without(frozenset({GONE}))
    assert door.offer(rest) == Answer(200, {"id": FIRST}, is_known=True)
    assert [envelope for _, envelope in services.submitted] == [("ann@example.net",)]


def test_an_email_to_suppressed_recipients_alone_is_over(door: SmtpDoor, services: FakeServices) -> None:
    """Nothing is submitted, and no recipient is left to offer it to."""
    given = email(GONE)
    assert given.without(door.offer(given).withheld).recipients == ()
    assert services.submitted == []


def test_a_client_that_hangs_up_after_its_message_is_known_when_it_comes_again(
    door: SmtpDoor, services: FakeServices
) -> None:
    """It comes by another relay then, and its message is the same submission."""
    given = replace(email("ann@example.net"), hangs_up_after_s=0.0)
    assert door.offer(given) == Answer(0, "")
    until(lambda: services.submitted)
    assert door.offer(given.with_patience()) == Answer(200, {"id": FIRST}, is_known=True)
    assert len(services.submitted) == 1


@pytest.mark.parametrize("at", ["authenticate", "vet_recipient", "submit"])
@pytest.mark.parametrize("error", [ServiceUnavailable("away"), RateLimitExceeded("too many", retry_after=1)])
def test_what_may_pass_asks_for_another_try(door: SmtpDoor, services: FakeServices, at: str, error: Exception) -> None:
    """A 4yz puts the whole email off, at whichever command."""

    def fail(name: str) -> None:
        if name == at:
            raise error

    services.before = fail
    assert door.offer(email("ann@example.net")).status == 503
    assert services.submitted == []


def test_a_lost_connection_is_no_answer(services: FakeServices) -> None:
    """Nothing is known about the email."""
    with running_door(services) as running:
        door = SmtpDoor(running.port, user=KEY_ID, password=SECRET)
    assert door.offer(email("ann@example.net")) == Answer(0, "", is_sent=False)
