"""The suppression list in an operator's hands: add, find, remove with a reason, each with an audit line."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from app.aws.ses.account import SesAccount
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound, RestrictedApiKey, ServiceUnavailable, ValidationFailed
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.paging import Page
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.resolve import Naming
from app.services.suppression.unsuppress import Unsuppress
from app.store.engine.database import clock
from app.store.engine.redis import RedisBreaker
from app.store.suppression.positive_cache import Positives
from app.wiring.foundation import make_key_ring
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, state_of, submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows


class SesList:
    """Stands in for SES's own list, which compares exactly: the contract of `SesAccount.remove_suppressed`."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()
        self.away = False

    def remove_suppressed(self, address: str) -> bool:
        if self.away:
            raise ServiceUnavailable("SES could not be asked.")
        found = address in self.addresses
        self.addresses.discard(address)
        return found


@pytest.fixture
def account() -> SesList:
    return SesList()


def actions(gateway: Gateway) -> list[tuple[str, str | None]]:
    return [(row["action"], row["reason"]) for row in rows(gateway, "audit") if row["key"]]


def test_an_entry_has_its_actor_and_reason_and_is_in_the_audit(gateway: Gateway) -> None:
    """Added by hand, with the actor as its source; adding it again changes nothing and adds no audit line."""
    who = caller(gateway)
    added = gateway.suppress.add(who, "Kim@Example.net", reason="She asked us to stop.")
    assert added.created
    assert (added.entry.email, added.entry.scope, added.entry.origin) == ("Kim@Example.net", "*", "manual")
    assert added.entry.source == {"actor": who.actor}
    again = gateway.suppress.add(who, "kim@example.net", reason="Another reason.")
    assert not again.created
    assert again.entry == added.entry
    assert actions(gateway) == [("suppress", "She asked us to stop.")]


def test_emails_in_flight_to_the_address_are_named(gateway: Gateway) -> None:
    """An email that a worker holds, or that may have been sent, can no longer be held back."""
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
    """Without a reason it is refused; with one the entry ends, and history and audit keep actor and reason."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    for reason in (None, "", "   "):
        with pytest.raises(ValidationFailed):
            gateway.unsuppress(who, "kim@example.net", reason=reason)
    removed = gateway.unsuppress(who, "kim@example.net", reason="She is back.")
    assert (removed.entries[0].removed_by, removed.entries[0].removal_reason) == (who.actor, "She is back.")
    with pytest.raises(NotFound):
        gateway.suppress.find(who, "kim@example.net")
    assert actions(gateway)[-1] == ("unsuppress", "She is back.")
    gateway.unsuppress(
        replace(who, reason_optional=True), str(gateway.suppress.add(who, "kim@example.net").entry.id), reason=None
    )


def test_a_removal_lets_the_next_email_go(gateway: Gateway) -> None:
    """Gone from SQL and from Redis: nothing refuses the address any more."""
    who = caller(gateway)
    gateway.upkeep.warm_positives()
    gateway.suppress.add(who, "kim@example.net")
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset({"kim@example.net"})
    gateway.unsuppress(who, "kim@example.net", reason="She is back.", wait_for_ses=False)
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset()
    email = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT


class SuppressedMeanwhile(Positives):
    """Suppresses the address again between the commit of a removal and its clearing of Redis."""

    gateway: Gateway
    who: Caller

    def remove(self, keys: Iterable[str]) -> bool:
        self.gateway.suppress.add(self.who, "kim@example.net", reason="Fresh evidence.")
        return super().remove(keys)


def test_a_removal_never_hides_a_suppression_that_came_after_it(gateway: Gateway, account: SesList) -> None:
    """An entry committed while Redis is cleared stays in Redis, so that acceptance reports it."""
    who = caller(gateway)
    gateway.upkeep.warm_positives()
    gateway.suppress.add(who, "kim@example.net")
    key = make_key_ring(gateway.settings).derive("positives")
    late = SuppressedMeanwhile(gateway.redis, key=key, breaker=RedisBreaker())
    late.gateway, late.who = gateway, who
    unsuppress = Unsuppress(
        database=gateway.database,
        writer=ListWriter(database=gateway.database, positives=late),
        naming=Naming(gateway.pseudonyms),
        account=cast("SesAccount", account),
        bells=gateway.deliver.parts.bells,
    )
    unsuppress(who, "kim@example.net", reason="She is back.", wait_for_ses=False)
    assert gateway.suppress.find(who, "kim@example.net").entries[0].reason == "Fresh evidence."
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset({"kim@example.net"})


@pytest.mark.parametrize(
    "listed, answer", [("Kim@example.net", "removed"), ("kim@example.net", "removed"), ("", "absent")]
)
def test_a_removal_takes_the_address_off_the_list_of_ses(
    gateway: Gateway, account: SesList, listed: str, answer: str
) -> None:
    """In the spelling that SES has, and in lower case, since its list compares exactly."""
    who = caller(gateway)
    gateway.suppress.add(who, "Kim@example.net")
    account.addresses = {listed}
    removed = gateway.unsuppress(who, "kim@example.net", reason="She is back.", wait_for_ses=True)
    assert removed.ses_account == answer
    assert account.addresses <= {""}


def test_a_removal_at_ses_that_failed_is_done_by_upkeep(gateway: Gateway, account: SesList) -> None:
    """SES is away: the answer says that it is pending, and the sweep does it once SES is back."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    account.addresses, account.away = {"kim@example.net"}, True
    removed = gateway.unsuppress(who, "kim@example.net", reason="She is back.", wait_for_ses=True)
    assert removed.ses_account == "pending"
    assert gateway.upkeep.remove_at_ses() == 0
    account.away = False
    assert gateway.upkeep.remove_at_ses() == 1
    assert account.addresses == set()
    assert gateway.upkeep.remove_at_ses() == 0


def test_a_scope_is_removed_alone(gateway: Gateway) -> None:
    """Unsuppressing a person in one scope leaves the others."""
    who = caller(gateway)
    for scope in ("*", "invites/news"):
        gateway.suppress.add(who, "kim@example.net", scope=scope)
    gateway.unsuppress(who, "kim@example.net", scope="invites/news", reason="She wants it.", wait_for_ses=False)
    assert [one.scope for one in gateway.suppress.find(who, "kim@example.net").entries] == ["*"]


@pytest.mark.parametrize(
    "scope", ["other/news", "other", "invites/", "/news", "", "**", "invites/a/b", "Invites", "invites/ne ws", "*/news"]
)
def test_an_application_may_use_only_its_own_scopes(gateway: Gateway, scope: str) -> None:
    """Every email, itself, or one of its streams; an operator may name any application."""
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(caller(gateway), "kim@example.net", scope=scope)
    if scope.startswith("other"):
        assert gateway.suppress.add(ROOT, "kim@example.net", scope=scope).created


def test_each_operation_needs_its_scope(gateway: Gateway) -> None:
    """A key that may only send neither reads nor writes the list."""
    sender = caller(gateway, scopes=frozenset({Scope.EMAILS_SEND}))
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.add(sender, "kim@example.net")
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.find(sender, "kim@example.net")
    with pytest.raises(RestrictedApiKey):
        gateway.unsuppress(sender, "kim@example.net", reason="Because.")
    with pytest.raises(RestrictedApiKey):
        gateway.suppress.page(sender, origin=None, q=None, scope=None, page=Page(10))


@pytest.mark.parametrize("reason", ["a\nb", "x" * 501])
def test_a_reason_is_one_short_line(gateway: Gateway, reason: str) -> None:
    """It is shown in tables and logs."""
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(caller(gateway), "kim@example.net", reason=reason)


def test_an_entry_that_ends_in_the_past_is_refused(gateway: Gateway) -> None:
    """The end of an entry lies in the future, by the database's clock."""
    with gateway.database.reading() as connection:
        now = clock(connection)
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(caller(gateway), "kim@example.net", expires_at=now - timedelta(seconds=1))
    added = gateway.suppress.add(caller(gateway), "kim@example.net", expires_at=now + timedelta(hours=1))
    assert added.created


def test_pages_go_through_the_list_newest_first(gateway: Gateway) -> None:
    """Forward and back, without a repeat or a gap."""
    who = caller(gateway)
    for name in ("c", "a", "d", "b"):
        gateway.suppress.add(who, f"{name}@example.net")
    ids = ids_by_key(gateway)
    assert page(gateway, who) == ["b@example.net", "d@example.net"]
    assert page(gateway, who, after=ids["d@example.net"]) == ["a@example.net", "c@example.net"]
    assert page(gateway, who, before=ids["a@example.net"]) == ["b@example.net", "d@example.net"]


def test_pages_of_one_beginning_are_in_the_order_of_the_addresses(gateway: Gateway) -> None:
    """The newest of many may be anywhere among millions; addresses with one beginning are neighbours."""
    who = caller(gateway)
    for name in ("r3", "r1", "other", "r2", "r4"):
        gateway.suppress.add(who, f"{name}@example.net")
    ids = ids_by_key(gateway)
    assert page(gateway, who, q="R") == ["r1@example.net", "r2@example.net"]
    assert page(gateway, who, q="R", after=ids["r2@example.net"]) == ["r3@example.net", "r4@example.net"]
    assert page(gateway, who, q="R", before=ids["r3@example.net"]) == ["r1@example.net", "r2@example.net"]


def page(gateway: Gateway, who: Caller, *, q: str | None = None, **where: UUID) -> list[str]:
    """Return the addresses of a page of two."""
    found = gateway.suppress.page(who, origin=None, q=q, scope=None, page=Page(2, **where))
    return [one.email for one in found.data]


def ids_by_key(gateway: Gateway) -> dict[str, UUID]:
    return {row["key"]: row["id"] for row in rows(gateway, "suppressions")}
