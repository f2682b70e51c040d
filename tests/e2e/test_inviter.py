"""As the person who invited: from the email with a link to what became of each invitation, without a login."""

from collections.abc import Iterator
from functools import partial
from html import unescape
from typing import Any

import pytest

from tests.support.servers.cli import Up, until, up

INVITER = "user-17"
GUESTS = {"ann@example.com": "delivered", "gus@example.com": "bounced", "kim.gone@example.com": "bounced"}


def has_come_to(gateway: Up, email_id: str, state: str) -> bool:
    return gateway.state(email_id) == state


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A gateway with three invitations of one inviter, whose fate is known."""
    with up(tmp_path_factory.mktemp("home")) as gateway:
        behaviours = f"{gateway.ready['inbox_url'].rstrip('/')}/_simulator/behaviours"
        assert gateway.pool.request("POST", behaviours, json={"gus@example.com": "softbounce"}).status == 200
        for guest, state in GUESTS.items():
            email = {"from": gateway.ready["from"], "to": [guest], "subject": "You are invited", "text": "Do come."}
            sent = gateway.call("POST", "/v1/emails", {**email, "actor": INVITER, "reference": f"party-{guest[:3]}"})
            until(partial(has_come_to, gateway, str(sent["id"]), state))
        yield gateway


def page(running: Up, link: dict[str, Any]) -> str:
    answer = running.pool.request("GET", link["url"])
    assert answer.status == 200
    assert answer.headers.get("Set-Cookie") is None
    return unescape(answer.data.decode())


def test_an_inviter_reads_what_became_of_each_invitation(running: Up) -> None:
    """The link needs no key, and says what to do next."""
    text = page(running, running.call("POST", "/v1/outcome-links", {"actor": INVITER}))
    assert "The mailbox is full." in text
    assert "next week" in text
    assert all(guest in text for guest in GUESTS)


def test_a_masked_link_shows_no_address(running: Up) -> None:
    """The application decides who sees addresses."""
    text = page(running, running.call("POST", "/v1/outcome-links", {"actor": INVITER, "mask_addresses": True}))
    assert "The mailbox is full." in text
    assert not any(guest in text for guest in GUESTS)


def test_the_application_learns_the_same_by_api_and_by_webhook(running: Up) -> None:
    """The words of the page are those of the API; the receiver of the simulator gets the events."""
    listed = running.call("GET", f"/v1/outcomes?actor={INVITER}")["data"]
    assert {one["email"]: one["outcome"] for one in listed} == {
        guest: "delivered" if state == "delivered" else "not_delivered" for guest, state in GUESTS.items()
    }
    receiver = f"{running.ready['inbox_url'].rstrip('/')}/_webhooks/tests"
    running.call("POST", "/v1/webhooks", {"endpoint": receiver, "events": ["email.delivered"]})
    sent = running.submit("bob@example.com")
    until(lambda: sent in running.pool.request("GET", receiver).data.decode())
