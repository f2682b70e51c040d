"""Our list follows SES's own: read whole, despite crashes and lost pages, and each entry is added once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws.ses import account
from app.aws.ses.account import PageLost, SesRefused
from app.domain.account.list_comparison import Standing
from app.domain.account.sync_progress import Stage, SyncPosition, Tally
from app.domain.suppression.rules import Origin
from app.store.operating import job_cursors
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import count, everything_stored, rows
from tests.support.suppression.list_sync import BOTH_WAYS, EVERYTHING, World, two_lists


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def test_our_list_follows_ses(world: World) -> None:
    """An address that SES suppresses is suppressed here, for every email and before SES is called; once only."""
    world.gateway.upkeep.warm_positives()
    world.at_ses("ann@example.net", "Bob.Lee+x@Example.NET", reason="COMPLAINT")
    done = world.run()
    assert (done.tally.added, done.tally.pages, done.tally.entries) == (2, 1, 2)
    assert world.live() == {"ann@example.net": "ses_account", "bob.lee+x@example.net": "ses_account"}
    entry = world.gateway.suppress.find(ROOT, "bob.lee+x@example.net").entries[0]
    assert entry.email == "Bob.Lee+x@Example.NET"
    assert entry.source["ses_list"]["reason"] == "COMPLAINT"
    assert world.gateway.positives.look_up(["bob.lee+x@example.net"]) == frozenset({"bob.lee+x@example.net"})
    assert world.run().tally.moved == 0


def test_small_pages_make_the_same_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages there are, each entry is taken once, and the calls are a second apart."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(5)))
    began = world.seconds()
    done = world.run()
    assert (done.tally.pages, done.tally.added) == (3, 5)
    assert world.seconds() - began >= 3


@pytest.mark.parametrize("fault", ["429", "500_before", "400:AccessDeniedException", "close_before"])
def test_a_failed_page_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Throttled: read again at once. Any other error: the run ends and says so, and the next one continues there."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(6)))
    shown: list[int] = []

    def fail_the_second(place: SyncPosition, _tally: Tally) -> None:
        shown.append(place.pages)
        if len(shown) == 1:
            world.faults({"match": {"operation": "ListSuppressedDestinations", "count": 1}, "fault": fault})

    if fault == "429":
        assert world.sync.run(ROOT, EVERYTHING, show=fail_the_second).tally.pages == 3
    else:
        with pytest.raises(SesRefused):
            world.sync.run(ROOT, EVERYTHING, show=fail_the_second)
        assert (world.place().stage, world.place().pages, len(world.live())) == (Stage.LISTING, 1, 2)
        assert world.run().tally.pages == 2
    assert len(world.live()) == 6


def test_a_page_that_was_half_stored_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the entries and the cursor costs a page; no entry is duplicated or missing."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(4)))
    keep = job_cursors.keep

    def crash(connection: Any, name: str, state: Any, **more: Any) -> bool:
        if state["pages"] == 2:
            raise RuntimeError("crashed")
        return keep(connection, name, state, **more)

    with monkeypatch.context() as broken:
        broken.setattr(job_cursors, "keep", crash)
        with pytest.raises(RuntimeError):
            world.run()
    assert (world.place().pages, len(world.live())) == (1, 4)
    assert world.run().tally.pages == 1
    assert count(world.gateway, "suppressions") == 4


def test_an_expired_page_token_restarts_the_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SES's token of a page expires; the list is then read from its beginning, and no entry is unsuppressed."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(5)))
    lost = {
        "match": {"operation": "ListSuppressedDestinations", "count": 1},
        "fault": "400:InvalidNextTokenException",
    }

    def lose(place: SyncPosition, tally: Tally) -> None:
        if place.pages == 2 and not tally.restarts:
            world.faults(lost)

    tally = world.sync.run(ROOT, EVERYTHING, show=lose).tally
    assert (tally.restarts, tally.pages, tally.added, tally.unsuppressed) == (1, 5, 5, 0)


def test_a_list_that_loses_every_page_token_ends_the_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run does not retry for ever: it says so, and the next pass starts at the beginning."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(3)))

    def lose(place: SyncPosition, _tally: Tally) -> None:
        fault = "400:InvalidNextTokenException"
        match = {"operation": "ListSuppressedDestinations", "count": 1}
        world.faults(*([{"match": match, "fault": fault}] if place.pages else []))

    with pytest.raises(PageLost):
        world.sync.run(ROOT, EVERYTHING, show=lose)
    assert world.place().stage is Stage.IDLE
    world.faults()
    assert world.run().tally.pages == 2


def test_addresses_of_the_mailbox_simulator_stay_off_the_list(world: World) -> None:
    """They are recognised and counted, and added to neither list."""
    world.at_ses("bounce@simulator.amazonses.com")
    done = world.run(BOTH_WAYS)
    assert (world.live(), done.drift.count(Standing.EXEMPT)) == ({}, 1)


def test_an_invalid_address_is_kept_and_reported(world: World) -> None:
    """No recipient can be suppressed under it, and nothing fails because of it."""
    world.at_ses("not an address", "kim@example.net")
    done = world.run()
    assert world.live() == {"kim@example.net": "ses_account"}
    assert done.drift.differences[Standing.NO_ADDRESS].examples == ["not an address"]
    assert {row["address"]: row["key"] for row in rows(world.gateway, "ses_suppressions")}["not an address"] == ""


def test_a_forgotten_address_comes_back_nowhere(world: World) -> None:
    """Suppressed under a pseudonym: neither list nor mirror stores the address again, and no report shows it."""
    world.at_ses("kim@example.net")
    world.put(world.gateway.pseudonyms("kim@example.net"), Origin.ERASURE)
    done = world.run()
    assert "kim@example.net" not in everything_stored(world.gateway)
    assert done.tally.forgotten == 1


def test_an_entry_that_is_there_already_stays_as_it_is(world: World) -> None:
    """A pause stays a pause, a complaint a complaint: SES's entry changes neither."""
    world.put("kim@example.net", Origin.COMPLAINT)
    until = datetime.now(UTC) + timedelta(days=14)
    world.put("lee@example.net", Origin.BOUNCE, expires_at=until)
    world.at_ses("kim@example.net", "lee@example.net")
    done = world.run()
    assert (done.tally.added, world.live()) == (0, {"kim@example.net": "complaint", "lee@example.net": "bounce"})
    assert (done.drift.count(Standing.OTHER_REASON), done.drift.count(Standing.BOTH)) == (1, 1)
