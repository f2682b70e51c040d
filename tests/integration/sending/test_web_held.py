"""Held mail over HTTP: found, sent again or given up by an administrator, and by nobody else."""

from collections.abc import Iterator

import pytest

from app.domain.callers import Scope
from app.domain.delivery import State
from app.domain.outcome import Ambiguous
from app.queue import Lane
from app.services.authenticate import operator
from tests.web import MAIL, Headers, Web, web_on

LONG_AGO = "2020-01-01 00:00:00.000000"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as there:
        yield there


@pytest.fixture
def admin(web: Web) -> Headers:
    return web.key("operators", Scope.ADMIN)


def hold_one(web: Web) -> str:
    """A mail whose call had no answer, and whose application wants a person to decide; its id."""
    web.mailer.answers["ann@example.com"] = Ambiguous("Silence.")
    body = MAIL | {"on_unconfirmed": "hold"}
    mail: str = web.client.post("/v1/emails", json=body, headers=web.key()).get_json()["id"]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    with web.gateway.database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE recipients SET unconfirmed_since = '{LONG_AGO}'")
    assert web.gateway.reconcile.sweep() == 1
    del web.mailer.answers["ann@example.com"]
    return mail


def state_of(web: Web, mail: str, admin: Headers) -> tuple[str, bool]:
    recipient = web.client.get(f"/v1/emails/{mail}", headers=admin).get_json()["recipients"][0]
    return recipient["state"], recipient["possible_duplicate"]


def test_a_held_mail_is_found_and_sent_again(web: Web, admin: Headers) -> None:
    """It is listed by its state; a resend sends it once more, marked as a possible duplicate."""
    mail = hold_one(web)
    listed = web.client.get("/v1/emails?state=held", headers=admin).get_json()["data"]
    assert [one["id"] for one in listed] == [mail]
    answer = web.client.post(f"/v1/emails/{mail}/resend", json={"reason": "She says nothing came."}, headers=admin)
    assert answer.status_code == 200
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(web, mail, admin) == (State.SENT, True)
    assert len(web.mailer.sent) == 2


def test_a_held_mail_is_given_up(web: Web, admin: Headers) -> None:
    """A discard ends it unsent, with the reason; afterwards there is nothing left to decide."""
    mail = hold_one(web)
    body = {"reason": "The event is over."}
    assert web.client.post(f"/v1/emails/{mail}/discard", json=body, headers=admin).status_code == 200
    assert state_of(web, mail, admin) == (State.CANCELED, False)
    assert web.client.post(f"/v1/emails/{mail}/resend", json=body, headers=admin).status_code == 409


@pytest.mark.parametrize("verb", ["resend", "discard"])
def test_only_an_administrator_decides_and_only_with_a_reason(web: Web, admin: Headers, verb: str) -> None:
    """The application itself is refused; so is a verdict without a reason; nothing moves."""
    mail = hold_one(web)
    body = {"reason": "I want it."}
    assert web.client.post(f"/v1/emails/{mail}/{verb}", json=body, headers=web.key()).status_code == 403
    assert web.client.post(f"/v1/emails/{mail}/{verb}", json={}, headers=admin).status_code == 422
    assert state_of(web, mail, admin) == (State.HELD, False)


def test_a_mail_that_is_held_back_says_by_what(web: Web, admin: Headers) -> None:
    """Nothing was tried with it, and yet its reason names the circuit that it waits for."""
    web.gateway.restore.begin(operator("test"), reason="Restored to 04:00.")
    mail = web.client.post("/v1/emails", json=MAIL, headers=web.key()).get_json()["id"]
    recipient = web.client.get(f"/v1/emails/{mail}", headers=admin).get_json()["recipients"][0]
    assert recipient["reason"] == "Held back: Restored to 04:00."
