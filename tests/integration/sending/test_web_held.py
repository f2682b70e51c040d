"""Held email over HTTP: only an administrator may find it, send it again or discard it."""

from collections.abc import Iterator

import pytest

from app.domain.apps.callers import Scope
from app.domain.sending.call_outcome import Ambiguous, Refused
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from tests.support.gateway.web import MAIL, Headers, Web, web_on

LONG_AGO = "2020-01-01 00:00:00.000000"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as there:
        yield there


@pytest.fixture
def admin(web: Web) -> Headers:
    return web.key("operators", Scope.ADMIN)


def hold_one(web: Web) -> str:
    """An email whose call had no answer, and whose application wants a person to decide; returns its id."""
    web.mailer.answers["ann@example.com"] = Ambiguous("Silence.")
    body = MAIL | {"on_unconfirmed": "hold"}
    email: str = web.client.post("/v1/emails", json=body, headers=web.key()).get_json()["id"]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    with web.gateway.database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE recipients SET unconfirmed_since = '{LONG_AGO}'")
    assert web.gateway.reconcile.sweep() == 1
    del web.mailer.answers["ann@example.com"]
    return email


def state_of(web: Web, email: str, admin: Headers) -> tuple[str, bool]:
    recipient = web.client.get(f"/v1/emails/{email}", headers=admin).get_json()["recipients"][0]
    return recipient["state"], recipient["possible_duplicate"]


def test_a_held_email_is_found_and_sent_again(web: Web, admin: Headers) -> None:
    """It is listed by its state; a resend sends it once more, marked as a possible duplicate."""
    email = hold_one(web)
    listed = web.client.get("/v1/emails?state=held", headers=admin).get_json()["data"]
    assert [one["id"] for one in listed] == [email]
    answer = web.client.post(f"/v1/emails/{email}/resend", json={"reason": "She says nothing came."}, headers=admin)
    assert answer.status_code == 200
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(web, email, admin) == (State.SENT, True)
    assert len(web.mailer.sent) == 2


def test_a_held_email_is_discarded(web: Web, admin: Headers) -> None:
    """A discard ends it unsent, with the reason; afterwards there is nothing left to decide."""
    email = hold_one(web)
    body = {"reason": "The event is over."}
    assert web.client.post(f"/v1/emails/{email}/discard", json=body, headers=admin).status_code == 200
    assert state_of(web, email, admin) == (State.CANCELED, False)
    assert web.client.post(f"/v1/emails/{email}/resend", json=body, headers=admin).status_code == 409


def test_a_failed_email_is_sent_again_only_on_request(web: Web, admin: Headers) -> None:
    """With `failed` it is sent again, as no possible duplicate; without `failed`, no held email is found."""
    web.mailer.answers["ann@example.com"] = Refused("No.")
    email = web.client.post("/v1/emails", json=MAIL, headers=web.key()).get_json()["id"]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    web.mailer.answers.clear()
    assert state_of(web, email, admin) == (State.FAILED, False)
    body = {"reason": "The content filter was mended."}
    assert web.client.post(f"/v1/emails/{email}/resend", json=body, headers=admin).status_code == 409
    again = body | {"failed": True}
    assert web.client.post(f"/v1/emails/{email}/resend", json=again, headers=web.key()).status_code == 403
    assert web.client.post(f"/v1/emails/{email}/resend", json=again, headers=admin).status_code == 200
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(web, email, admin) == (State.SENT, False)


@pytest.mark.parametrize("verb", ["resend", "discard"])
def test_only_an_administrator_decides_and_only_with_a_reason(web: Web, admin: Headers, verb: str) -> None:
    """The application itself is refused; so is a decision without a reason; nothing changes."""
    email = hold_one(web)
    body = {"reason": "I want it."}
    assert web.client.post(f"/v1/emails/{email}/{verb}", json=body, headers=web.key()).status_code == 403
    assert web.client.post(f"/v1/emails/{email}/{verb}", json={}, headers=admin).status_code == 422
    assert state_of(web, email, admin) == (State.HELD, False)


def test_an_email_that_is_held_back_names_its_circuit(web: Web, admin: Headers) -> None:
    """No call was made for it, and yet its reason names the circuit that it waits for."""
    web.gateway.restore.begin(operator("test"), reason="Restored to 04:00.")
    email = web.client.post("/v1/emails", json=MAIL, headers=web.key()).get_json()["id"]
    recipient = web.client.get(f"/v1/emails/{email}", headers=admin).get_json()["recipients"][0]
    assert recipient["reason"] == "Held back: Restored to 04:00."
