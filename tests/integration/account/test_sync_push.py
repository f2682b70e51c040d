"""Our bounces and complaints are put on SES's list, and nothing else; the differences of both lists are reported."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from app.aws.ses.account import SesAccount, SesRefused
from app.domain.account.list_comparison import Standing
from app.domain.account.sync_progress import Order, SyncPosition, Tally
from app.domain.errors import RestrictedApiKey
from app.domain.suppression.rules import Origin
from app.services.account import sync_push
from app.services.account.sync_list import ALWAYS_PUT, Synced
from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.tables.core import reviews
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, everything_stored, rows
from tests.support.suppression.list_sync import BOTH_WAYS, World, two_lists

PUSH = Order(adds=False, origins=ALWAYS_PUT, full=True)


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def in_review(world: World, key: str, *, decided: bool) -> None:
    """An entry under review, with or without a decision."""
    review_id, open_since = new_id(), {"domain": "example.net", "opened_at": now()}
    over = {"decided_at": now()} if decided else {}
    with world.gateway.database.transaction() as connection:
        connection.execute(insert(reviews).values(id=review_id, **open_since, **over))
    change(world.gateway, "suppressions", {"review_id": review_id}, key=key)


def test_only_permanent_bounces_and_complaints_are_put_on_ses_list(world: World) -> None:
    """Bounces and complaints for every email, without an end, of one ASCII address; nothing else; nothing twice."""
    later = datetime.now(UTC) + timedelta(days=14)
    world.put("kim@example.net", Origin.BOUNCE, address="Kim@Example.net")
    world.put("lee@example.net", Origin.COMPLAINT)
    world.put("ann@xn--bcher-kva.example", Origin.BOUNCE, address="ann@bücher.example")
    world.put("decided@example.net", Origin.BOUNCE)
    in_review(world, "decided@example.net", decided=True)
    world.put("paused@example.net", Origin.BOUNCE, expires_at=later)
    world.put("asked@example.net", Origin.BOUNCE)
    in_review(world, "asked@example.net", decided=False)
    world.put("stream@example.net", Origin.COMPLAINT, scope="invites/news")
    world.put("app@example.net", Origin.BOUNCE, scope="invites")
    world.put("@example.org", Origin.BOUNCE)
    world.put(world.gateway.pseudonyms("gone@example.net"), Origin.ERASURE)
    world.put("person@example.net", Origin.MANUAL)
    world.put("opted@example.net", Origin.UNSUBSCRIBE)
    world.put("ses@example.net", Origin.SES_ACCOUNT)
    world.put("bounce@simulator.amazonses.com", Origin.BOUNCE)
    world.at_ses("LEE@example.net", reason="COMPLAINT")
    done = world.run(PUSH)
    put = {"Kim@example.net", "ann@xn--bcher-kva.example", "decided@example.net"}
    assert world.listed() == put | {"LEE@example.net"}
    assert (done.tally.put_at_ses, done.tally.added, done.drift.count(Standing.ONLY_HERE)) == (3, 0, 0)
    assert world.run(PUSH).tally.moved == 0


def test_the_reason_is_one_of_ses(world: World) -> None:
    """A complaint is a COMPLAINT; a bounce is a BOUNCE, and so is a manual entry when it is asked for."""
    world.put("kim@example.net", Origin.BOUNCE)
    world.put("lee@example.net", Origin.COMPLAINT)
    world.put("person@example.net", Origin.MANUAL)
    world.run(Order(adds=False, origins=(*ALWAYS_PUT, Origin.MANUAL), full=True))
    page = world.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    assert {entry["EmailAddress"]: entry["Reason"] for entry in page} == {
        "kim@example.net": "BOUNCE",
        "lee@example.net": "COMPLAINT",
        "person@example.net": "BOUNCE",
    }


def test_a_push_alone_adds_nothing_to_our_list(world: World) -> None:
    """SES's list is read for comparison only; a later pull still sees its entries."""
    world.at_ses("ann@example.net")
    world.put("kim@example.net", Origin.BOUNCE)
    world.run(PUSH)
    assert world.live() == {"kim@example.net": "bounce"}
    world.run(Order())
    assert world.live() == {"ann@example.net": "ses_account", "kim@example.net": "bounce"}


@pytest.mark.parametrize("fault", ["500_after", "close_after"])
def test_a_push_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A call whose answer was lost is made again, which changes nothing; earlier calls are not repeated."""
    monkeypatch.setattr(sync_push, "LOOK_AT", 2)
    keys = [f"r{number}@example.net" for number in range(5)]
    for key in keys:
        world.put(key, Origin.BOUNCE)

    def fail_the_third(_place: SyncPosition, tally: Tally) -> None:
        if tally.put_at_ses == 2:
            match = {"operation": "PutSuppressedDestination", "count": 1}
            world.faults({"match": match, "fault": fault})

    with pytest.raises(SesRefused):
        world.sync.run(ROOT, PUSH, show=fail_the_third)
    assert world.listed() == set(keys[:3])
    world.faults()
    assert world.run(Order(adds=False, origins=ALWAYS_PUT)).tally.put_at_ses == 3
    assert world.listed() == set(keys)


def put_while_removed(world: World, monkeypatch: pytest.MonkeyPatch, *, crash: bool) -> None:
    """A person removes an entry here while it is being put at SES; then the process may die."""
    put = SesAccount.put_suppressed

    def put_late(self: SesAccount, address: str, reason: Any) -> None:
        world.gateway.unsuppress(ROOT, address, reason="The mailbox is back.")
        put(self, address, reason)
        if crash:
            raise RuntimeError("crashed")

    monkeypatch.setattr(SesAccount, "put_suppressed", put_late)


@pytest.mark.parametrize("crash", [False, True])
def test_an_entry_removed_during_its_put_is_removed_at_ses(
    world: World, monkeypatch: pytest.MonkeyPatch, *, crash: bool
) -> None:
    """The removal holds, also when the process dies between the call and its notes."""
    world.put("kim@example.net", Origin.BOUNCE)
    with monkeypatch.context() as meanwhile:
        put_while_removed(world, meanwhile, crash=crash)
        if crash:
            with pytest.raises(RuntimeError):
                world.run(PUSH)
            assert world.listed() == {"kim@example.net"}
        else:
            world.run(PUSH)
    world.run(Order(adds=False, origins=ALWAYS_PUT))
    assert (world.listed(), world.live()) == (set(), {})
    assert rows(world.gateway, "ses_suppressions") == []


def test_a_sandbox_is_reported_and_no_call_is_made(gateway: Gateway, tmp_path: Path) -> None:
    """SES's sandbox takes no entries: the run says so."""
    with two_lists(gateway, tmp_path, production_access=False) as world:
        world.put("kim@example.net", Origin.BOUNCE)
        world.faults({"match": {"operation": "PutSuppressedDestination"}, "fault": "500_before"})
        done = world.run(BOTH_WAYS)
        assert (done.tally.push_refused, done.tally.put_at_ses) == (sync_push.SANDBOX, 0)


def test_credentials_that_may_not_put_end_the_push(world: World) -> None:
    """The first refusal is the last call: it is reported, and the pulled entries stay."""
    for number in range(3):
        world.put(f"r{number}@example.net", Origin.BOUNCE)
    world.at_ses("ann@example.net")
    match = {"operation": "PutSuppressedDestination", "count": 1}
    world.faults({"match": match, "fault": "400:AccessDeniedException"})
    done = world.run(BOTH_WAYS)
    assert done.tally.push_refused == "SES refused PutSuppressedDestination: AccessDeniedException"
    assert (done.tally.put_at_ses, done.tally.added, done.tally.refused_by_ses) == (0, 1, 1)


def test_an_address_that_ses_refuses_delays_no_other(world: World) -> None:
    """It is counted, and left to the next pass."""
    for number in range(3):
        world.put(f"r{number}@example.net", Origin.BOUNCE)
    match = {"operation": "PutSuppressedDestination", "recipient": "r1@example.net"}
    world.faults({"match": match, "fault": "400:BadRequestException"})
    done = world.run(PUSH)
    assert (done.tally.put_at_ses, done.tally.refused_by_ses, done.tally.push_refused) == (2, 1, None)
    assert done.drift.differences[Standing.ONLY_HERE].examples == ["r1@example.net"]


def differing(world: World) -> None:
    """Two lists that differ in every way."""
    world.put("both@example.net", Origin.BOUNCE)
    world.put("other@example.net", Origin.BOUNCE)
    world.put("here@example.net", Origin.BOUNCE)
    world.put("left@example.net", Origin.SES_ACCOUNT, source={"ses_list": {}})
    world.put("removed@example.net", Origin.BOUNCE)
    world.gateway.unsuppress(ROOT, "removed@example.net", reason="The mailbox is back.", wait_for_ses=False)
    world.put(world.gateway.pseudonyms("gone@example.net"), Origin.ERASURE)
    world.at_ses("BOTH@example.net", "ses@example.net", "gone@example.net", "not an address", reason="BOUNCE")
    world.at_ses("other@example.net", reason="COMPLAINT")
    world.at_ses("bounce@simulator.amazonses.com")
    world.at_ses("removed@example.net", updated_at="2026-01-01T00:00:00+00:00")


def found(synced: Synced) -> dict[Standing, tuple[int, list[str]]]:
    return {where: (one.count, one.examples) for where, one in synced.drift.differences.items() if one.count}


def test_the_drift_is_reported_and_nothing_is_changed(world: World) -> None:
    """A look reports every kind of difference, with examples, and leaves both lists and every table as they were."""
    differing(world)
    at_ses, here = world.listed(), everything_stored(world.gateway)
    assert found(world.sync.look(ROOT, BOTH_WAYS)) == {
        Standing.BOTH: (1, ["BOTH@example.net"]),
        Standing.OTHER_REASON: (1, ["other@example.net"]),
        Standing.ONLY_AT_SES: (1, ["ses@example.net"]),
        Standing.REMOVED_HERE: (1, ["removed@example.net"]),
        Standing.FORGOTTEN: (1, []),
        Standing.EXEMPT: (1, ["bounce@simulator.amazonses.com"]),
        Standing.NO_ADDRESS: (1, ["not an address"]),
        Standing.ONLY_HERE: (1, ["here@example.net"]),
        Standing.LEFT_SES: (1, ["left@example.net"]),
    }
    assert (world.listed(), everything_stored(world.gateway)) == (at_ses, here)


def test_after_a_run_both_ways_only_lasting_differences_remain(world: World) -> None:
    """The differences that the look announced are gone."""
    differing(world)
    done = world.run(BOTH_WAYS)
    left = {Standing.OTHER_REASON, Standing.EXEMPT, Standing.NO_ADDRESS}
    assert found(done).keys() - {Standing.BOTH, Standing.FROM_SES} == left
    assert world.listed() >= {"here@example.net"}
    assert not world.listed() & {"removed@example.net"}


def test_examples_are_few_however_large_the_difference(world: World) -> None:
    """All are counted, ten are shown."""
    world.at_ses(*(f"r{number:02}@example.net" for number in range(25)))
    looked = world.sync.look(ROOT, BOTH_WAYS).drift.differences[Standing.ONLY_AT_SES]
    assert (looked.count, len(looked.examples)) == (25, 10)


def test_only_an_operator_may_sync(world: World) -> None:
    """The lists belong to the account: no application's key reads or changes them here."""
    application = caller(world.gateway)
    with pytest.raises(RestrictedApiKey):
        world.sync.run(application, BOTH_WAYS)
    with pytest.raises(RestrictedApiKey):
        world.sync.look(application, BOTH_WAYS)
