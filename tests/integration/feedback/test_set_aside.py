"""Authentic notifications that a person has to see: unreadable ones, and those about another account's emails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.feedback.notifications import InboxState
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import Run, run
from tests.support.aws.notifications import Event, bounced, complained, put
from tests.support.gateway.emails import bounce, state_of, submit
from tests.support.gateway.gateways import TOPIC, ScriptedMailer, caller, gateway_on
from tests.support.gateway.rows import rows

__all__ = ["run"]

UNREADABLE = {
    "empty": "",
    "no JSON": "no json",
    "single quotes": "{'eventType': 'Bounce'}",
    "cut off": json.dumps(bounced("kim@example.net", message="m1"))[:-1],
    "two objects": json.dumps(bounced("kim@example.net", message="m1")) * 2,
    "a list": "[]",
    "too deep": "[" * 1000,
    "without its mail": json.dumps(bounced("kim@example.net", message="m1") | {"mail": None}),
    "of a later year": '{"eventType": "OfSomeLaterYear"}',
}


def of_account(reported: Event, account: str) -> Event:
    return reported | {"mail": reported["mail"] | {"sendingAccountId": account}}


def of_set(reported: Event, name: str) -> Event:
    tags = reported["mail"]["tags"] | {"ses:configuration-set": [name]}
    return reported | {"mail": reported["mail"] | {"tags": tags}}


def settle(gateway: Gateway, *reported: Event | str) -> list[Any]:
    put(gateway, *(one if isinstance(one, str) else json.dumps(one) for one in reported))
    gateway.settle.drain()
    return rows(gateway, "notifications")


@pytest.fixture
def lenient(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> Iterator[Gateway]:
    """A gateway whose settings also name another account and another configuration set."""
    with gateway_on(
        migrated_url,
        redis_url,
        mailer=mailer,
        feedback_accounts="999999999999",
        feedback_configuration_sets="newsletter",
    ) as gateway:
        yield gateway


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_notification_is_set_aside_listed_and_an_incident(gateway: Gateway, run: Run, raw: str) -> None:
    """A list shows it until it is settled. A retry reads it again, and sets it aside again."""
    [row] = settle(gateway, raw)
    assert row["state"] == InboxState.QUARANTINED
    [listed] = run("feedback")["notifications"]
    assert (listed["id"], listed["note"][:16]) == (str(row["id"]), "cannot be read: ")
    [incident] = run("incidents")["incidents"]
    assert (incident["kind"], incident["subject"]) == ("unreadable_notification", TOPIC)
    assert run("feedback", str(row["id"]), "--retry") == {"retried": 1}
    gateway.settle.drain()
    assert [one["state"] for one in rows(gateway, "notifications")] == [InboxState.QUARANTINED]
    assert rows(gateway, "incidents")[0]["count"] == 2


def test_the_readable_part_of_a_notification_is_settled(gateway: Gateway) -> None:
    """A bounce of more recipients than SES allows suppresses those that were read; a person sees the rest."""
    reported = bounced("r0@example.net", message="m1")
    reported["bounce"]["bouncedRecipients"] *= 101
    [row] = settle(gateway, reported)
    assert row["state"] == InboxState.QUARANTINED
    assert [one["key"] for one in rows(gateway, "suppressions")] == ["r0@example.net"]


def test_an_unreadable_notification_delays_no_other(gateway: Gateway) -> None:
    """The readable ones in the same batch are settled."""
    settle(gateway, "no json", bounced("kim@example.net", message="m1"))
    assert [one["key"] for one in rows(gateway, "suppressions")] == ["kim@example.net"]


@pytest.mark.parametrize("ours", [True, False])
def test_an_event_of_another_account_suppresses_nothing_and_is_kept(gateway: Gateway, run: Run, ours: bool) -> None:
    """Another account with access to the topic cannot suppress our recipients. The notification waits for a person."""
    email = submit(gateway, caller(gateway), "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    reported = bounce(gateway, email) if ours else bounced("kim@example.net", message="not-ours")
    [row] = settle(gateway, of_account(reported, "999999999999"))
    assert (row["state"], row["note"]) == (InboxState.QUARANTINED, "of another AWS account")
    assert (rows(gateway, "suppressions"), rows(gateway, "events")) == ([], [])
    assert state_of(gateway, email) is State.SENT
    [incident] = run("incidents")["incidents"]
    assert (incident["kind"], incident["subject"]) == ("foreign_account", "999999999999")


def test_an_event_of_another_set_about_an_unknown_email_is_kept(gateway: Gateway) -> None:
    """Another sender of the account uses the topic, and its bounces are no evidence for our list."""
    [row] = settle(gateway, of_set(bounced("kim@example.net", message="not-ours"), "newsletter"))
    assert (row["state"], row["note"]) == (InboxState.QUARANTINED, "of another configuration set")
    assert rows(gateway, "suppressions") == []
    [incident] = rows(gateway, "incidents")
    assert (incident["kind"], incident["subject"]) == ("foreign_configuration_set", "newsletter")


def test_an_event_of_another_set_about_our_email_counts_and_is_an_incident(gateway: Gateway) -> None:
    """SES_CONFIGURATION_SET was changed after the email left: its bounce must not be lost."""
    email = submit(gateway, caller(gateway), "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    settle(gateway, of_set(bounce(gateway, email), "of-last-year"))
    assert state_of(gateway, email) is State.BOUNCED
    assert [one["key"] for one in rows(gateway, "suppressions")] == ["kim@example.net"]
    [incident] = rows(gateway, "incidents")
    assert (incident["kind"], incident["subject"]) == ("foreign_configuration_set", "of-last-year")


@pytest.mark.parametrize("account, name", [("123456789012", "postern"), ("123456789012", None), (None, "postern")])
def test_a_known_or_absent_account_and_set_make_no_difference(
    gateway: Gateway, account: str | None, name: str | None
) -> None:
    """The account of the topic, our own set, and notifications of an identity, which name no set."""
    reported = bounced("kim@example.net", message="m1")
    reported = of_account(reported, account) if account else reported
    settle(gateway, of_set(reported, name) if name else reported)
    assert rows(gateway, "incidents") == []
    assert [one["key"] for one in rows(gateway, "suppressions")] == ["kim@example.net"]


def test_settings_name_further_accounts_and_sets_whose_events_count(lenient: Gateway) -> None:
    """A notification that was set aside counts after a retry, once the settings name its account and set."""
    settle(lenient, of_set(of_account(complained("kim@example.net", message="m1"), "999999999999"), "newsletter"))
    assert rows(lenient, "incidents") == []
    assert [one["key"] for one in rows(lenient, "suppressions")] == ["kim@example.net"]


def test_forgetting_a_person_erases_notifications_that_were_set_aside(gateway: Gateway, run: Run) -> None:
    """An unreadable notification has no events to be found by, and waits longer than any retention."""
    settle(gateway, "no json: Kim@example.net", "no json: akim@example.net")
    run("forget", "kim@example.net", "--reason", "Asked for it.", "--yes", "--keep-at-ses")
    assert sorted(row["raw"] for row in rows(gateway, "notifications")) == ["", "no json: akim@example.net"]
