"""The suppression list in people's hands: add, find, remove with a reason, and leave a trace of each."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.callers import Caller, Scope
from app.domain.delivery import State
from app.domain.errors import NotFound, RestrictedApiKey, ServiceUnavailable, ValidationFailed
from app.queue import Lane
from app.services.pages import Page
from app.store.db import clock
from app.store.positives import Positives
from app.store.redis import Breaker
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import ROOT, state_of, submit, take
from tests.rows import age, rows


class SesList:
    """SES's own suppression list, which compares addresses exactly: the contract of `SesAccount.remove_suppressed`."""

    def __init__(self, *addresses: str, away: bool = False) -> None:
        self.addresses = set(addresses)
        self.away = away

    def remove_suppressed(self, address: str) -> bool:
        if self.away:
            raise ServiceUnavailable("SES could not be asked.")
        found = address in self.addresses
        self.addresses.discard(address)
        return found


def with_ses(gateway: Gateway, ses: SesList) -> None:
    gateway.suppress._account = ses  # type: ignore[assignment]


def actions(gateway: Gateway) -> list[tuple[str, str | None]]:
    return [(row["action"], row["reason"]) for row in rows(gateway, "audit") if row["key"]]


def test_an_entry_says_who_and_why_and_is_in_the_audit(gateway: Gateway) -> None:
    """Added by hand, with the actor as its source; adding it again changes nothing and adds no second trace."""
    who = caller(gateway)
    added = gateway.suppress.add(who, "Kim@Example.net", reason="She asked us to stop.")
    assert added.created
    assert (added.entry.email, added.entry.scope, added.entry.origin) == ("Kim@Example.net", "*", "manual")
    assert added.entry.source == {"actor": who.actor}
    again = gateway.suppress.add(who, "kim@example.net", reason="Another reason.")
    assert not again.created
    assert again.entry == added.entry
    assert actions(gateway) == [("suppress", "She asked us to stop.")]


def test_what_is_in_flight_to_the_address_is_named(gateway: Gateway) -> None:
    """A mail that a worker holds, or that may have been sent, is too late to be held back."""
    who = caller(gateway)
    held, doubtful = submit(gateway, who, "kim@example.net"), submit(gateway, who, "kim@example.net")
    take(gateway, limit=1)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1), state=State.SENDING)
    gateway.upkeep.end_leases()
    take(gateway, limit=1)
    waiting = submit(gateway, who, "kim@example.net")
    added = gateway.suppress.add(who, "kim@example.net")
    assert {one.email_id: one.state for one in added.in_flight} == {held: "unconfirmed", doubtful: "sending"}
    assert waiting not in {one.email_id for one in added.in_flight}


def test_a_removal_needs_a_reason_and_leaves_a_tombstone(gateway: Gateway) -> None:
    """Without a reason it is refused; with one the entry is over, and history and audit keep who and why."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    with_ses(gateway, SesList())
    for reason in (None, "", "   "):
        with pytest.raises(ValidationFailed):
            gateway.suppress.remove(who, "kim@example.net", reason=reason)
    removed = gateway.suppress.remove(who, "kim@example.net", reason="She is back.")
    assert (removed.entries[0].removed_by, removed.entries[0].removal_reason) == (who.actor, "She is back.")
    with pytest.raises(NotFound):
        gateway.suppress.find(who, "kim@example.net")
    assert actions(gateway)[-1] == ("unsuppress", "She is back.")
    gateway.suppress.remove(
        replace(who, reason_optional=True), str(gateway.suppress.add(who, "kim@example.net").entry.id), reason=None
    )


def test_a_removal_lets_the_next_mail_go(gateway: Gateway) -> None:
    """Gone from SQL and from Redis: nothing refuses the address any more."""
    who = caller(gateway)
    gateway.upkeep.warm_positives()
    gateway.suppress.add(who, "kim@example.net")
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset({"kim@example.net"})
    gateway.suppress.remove(who, "kim@example.net", reason="She is back.", wait_for_ses=False)
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset()
    mail = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.SENT


class SuppressedMeanwhile(Positives):
    """Between the commit of a removal and its clearing of Redis, somebody else suppresses the address again."""

    gateway: Gateway
    who: Caller

    def remove(self, keys: Iterable[str]) -> bool:
        self.gateway.suppress._positives = self.gateway.positives
        self.gateway.suppress.add(self.who, "kim@example.net", reason="Fresh evidence.")
        return super().remove(keys)


def test_a_removal_never_hides_a_suppression_that_came_after_it(gateway: Gateway) -> None:
    """What is committed while Redis is cleared stays in Redis, so that acceptance tells it."""
    who = caller(gateway)
    gateway.upkeep.warm_positives()
    gateway.suppress.add(who, "kim@example.net")
    late = SuppressedMeanwhile(gateway.redis, key=gateway.positives._key, breaker=Breaker())
    late.gateway, late.who = gateway, who
    gateway.suppress._positives = late
    gateway.suppress.remove(who, "kim@example.net", reason="She is back.", wait_for_ses=False)
    assert gateway.suppress.find(who, "kim@example.net").entries[0].reason == "Fresh evidence."
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset({"kim@example.net"})


@pytest.mark.parametrize(
    "listed, answer", [("Kim@example.net", "removed"), ("kim@example.net", "removed"), ("", "absent")]
)
def test_a_removal_takes_the_address_off_the_list_of_ses(gateway: Gateway, listed: str, answer: str) -> None:
    """In the spelling that SES knows, and in lower case, since its list compares exactly."""
    who = caller(gateway)
    gateway.suppress.add(who, "Kim@example.net")
    ses = SesList(listed)
    with_ses(gateway, ses)
    assert gateway.suppress.remove(who, "kim@example.net", reason="She is back.").ses_account == answer
    assert ses.addresses <= {""}


def test_a_removal_at_ses_that_failed_is_done_by_upkeep(gateway: Gateway) -> None:
    """SES is away: the person is told that it is pending, and the sweep does it once SES is back."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    ses = SesList("kim@example.net", away=True)
    with_ses(gateway, ses)
    assert gateway.suppress.remove(who, "kim@example.net", reason="She is back.").ses_account == "pending"
    assert gateway.upkeep.remove_at_ses() == 0
    ses.away = False
    assert gateway.upkeep.remove_at_ses() == 1
    assert ses.addresses == set()
    assert gateway.upkeep.remove_at_ses() == 0


def test_a_scope_is_removed_alone(gateway: Gateway) -> None:
    """Taking somebody back onto one list does not put her back onto all."""
    who = caller(gateway)
    for scope in ("*", "invites/news"):
        gateway.suppress.add(who, "kim@example.net", scope=scope)
    gateway.suppress.remove(who, "kim@example.net", scope="invites/news", reason="She wants it.", wait_for_ses=False)
    assert [one.scope for one in gateway.suppress.find(who, "kim@example.net").entries] == ["*"]


@pytest.mark.parametrize(
    "scope", ["other/news", "other", "invites/", "/news", "", "**", "invites/a/b", "Invites", "invites/ne ws", "*/news"]
)
def test_an_application_speaks_for_its_own_streams(gateway: Gateway, scope: str) -> None:
    """A scope is every mail, the own application or a stream of it; an operator may name any application."""
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(caller(gateway), "kim@example.net", scope=scope)
    if scope.startswith("other"):
        assert gateway.suppress.add(ROOT, "kim@example.net", scope=scope).created


def test_each_act_needs_its_scope(gateway: Gateway) -> None:
    """A key that may only send neither reads nor writes the list."""
    sender = caller(gateway, scopes=frozenset({Scope.EMAILS_SEND}))
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.add(sender, "kim@example.net")
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.find(sender, "kim@example.net")
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.remove(sender, "kim@example.net", reason="Because.")
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.page(sender, origin=None, q=None, scope=None, page=Page(10))


@pytest.mark.parametrize("reason", ["a\nb", "x" * 501])
def test_a_reason_is_one_short_line(gateway: Gateway, reason: str) -> None:
    """It stands in tables and logs of people."""
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(caller(gateway), "kim@example.net", reason=reason)


def test_an_entry_that_is_over_before_it_begins_is_refused(gateway: Gateway) -> None:
    """The end of an entry lies ahead, by the database's clock."""
    with gateway.database.reading() as connection:
        now = clock(connection)
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(caller(gateway), "kim@example.net", expires_at=now - timedelta(seconds=1))
    added = gateway.suppress.add(caller(gateway), "kim@example.net", expires_at=now + timedelta(hours=1))
    assert added.created


def test_pages_go_through_the_list_newest_first(gateway: Gateway) -> None:
    """Forward and back, filtered by the beginning of an address, without a repeat or a gap."""
    who = caller(gateway)
    for number in range(5):
        gateway.suppress.add(who, f"r{number}@example.net")
    gateway.suppress.add(who, "other@example.net")

    def page(**where: object) -> list[str]:
        found = gateway.suppress.page(who, origin=None, q="R", scope=None, page=Page(2, **where))  # type: ignore[arg-type]
        return [one.email for one in found.data]

    ids = {row["key"]: row["id"] for row in rows(gateway, "suppressions")}
    assert page() == ["r4@example.net", "r3@example.net"]
    assert page(after=ids["r3@example.net"]) == ["r2@example.net", "r1@example.net"]
    assert page(before=ids["r2@example.net"]) == ["r4@example.net", "r3@example.net"]
