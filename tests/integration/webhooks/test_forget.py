"""Webhooks hold no address: a person who is forgotten leaves nothing in their tables, nor in what is sent later."""

from dataclasses import replace

from app.queue import Lane
from app.store.tables.core import metadata
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import bounce, feed, submit
from tests.support.gateway.forgetting import KEY, KIM, NAMED, OpaqueMailer, forget, with_account
from tests.support.gateway.gateways import caller, replace_call_parts
from tests.support.gateway.rows import everything_stored
from tests.support.gateway.web import AccountList
from tests.support.webhooks.endpoints import BROKEN, scripted, subscribe

TABLES = [table for name, table in metadata.tables.items() if name.startswith("webhook_")]


def test_the_tables_of_webhooks_hold_no_address(gateway: Gateway) -> None:
    """Neither an event nor the answer of a receiver that repeats it."""
    who = caller(gateway)
    scripted(gateway, lambda posted: replace(BROKEN, response=posted.body.decode()))
    subscribe(gateway, who, "email.sent", "email.bounced", "suppression.added")
    email = submit(gateway, who, NAMED)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    gateway.webhooks.deliver.drain()
    stored = everything_stored(gateway, TABLES).lower()
    assert "email.bounced" in stored
    assert KEY not in stored


def test_an_event_about_a_forgotten_person_names_a_pseudonym(gateway: Gateway) -> None:
    """What waited for its endpoint is delivered later, without the address."""
    gateway = with_account(gateway, AccountList())
    replace_call_parts(gateway, mailer=OpaqueMailer())
    who, poster = caller(gateway), scripted(gateway)
    subscribe(gateway, who, "email.sent", "email.bounced", "suppression.added")
    email = submit(gateway, who, NAMED)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    forgotten = forget(gateway, KIM)
    gateway.webhooks.deliver.drain()
    sent = b"".join(one.body for one in poster.got).decode().lower()
    assert sorted(poster.types()) == ["email.bounced", "email.sent", "suppression.added"]
    assert KEY not in sent
    assert forgotten.pseudonym.lower() in sent
