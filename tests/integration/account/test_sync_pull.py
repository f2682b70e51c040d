"""Our list follows SES's own: read whole, in spite of crashes and lost pages, and nobody is added twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws import account
from app.aws.account import PageLost, SesRefused
from app.domain.ses_list import Standing
from app.domain.suppression import Origin
from app.services.sync_place import Place, Stage, Tally
from app.store import cursors
from app.wiring import Gateway
from tests.mails import ROOT
from tests.rows import count, everything_stored, rows
from tests.syncing import BOTH_WAYS, EVERYTHING, World, two_lists


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def test_ours_follows_ses(world: World) -> None:
    """What SES suppresses is suppressed here, for every mail and before anybody asks SES; a second run adds nothing."""
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
    """However many pages there are, each entry is taken once, a second apart."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(5)))
    began = world.seconds()
    done = world.run()
    assert (done.tally.pages, done.tally.added) == (3, 5)
    assert world.seconds() - began >= 3


@pytest.mark.parametrize("fault", ["429", "500_before", "400:AccessDeniedException", "close_before"])
def test_a_page_that_fails_is_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Too fast: it is asked again at once. Whatever else: the run ends and says so, and the next goes on from there."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(6)))
    told: list[int] = []

    def fail_the_second(place: Place, _tally: Tally) -> None:
        told.append(place.pages)
        if len(told) == 1:
            world.faults({"match": {"operation": "ListSuppressedDestinations", "count": 1}, "fault": fault})

    if fault == "429":
        assert world.sync.run(ROOT, EVERYTHING, tell=fail_the_second).tally.pages == 3
    else:
        with pytest.raises(SesRefused):
            world.sync.run(ROOT, EVERYTHING, tell=fail_the_second)
        assert (world.place().stage, world.place().pages, len(world.live())) == (Stage.LISTING, 1, 2)
        assert world.run().tally.pages == 2
    assert len(world.live()) == 6


def test_a_page_that_was_half_taken_in_is_taken_in_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after the entries and before the cursor costs a page, and no entry stands twice or is missing."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(4)))
    keep = cursors.keep

    def crash(connection: Any, name: str, state: Any, **more: Any) -> bool:
        if state["pages"] == 2:
            raise RuntimeError("crashed")
        return keep(connection, name, state, **more)

    with monkeypatch.context() as broken:
        broken.setattr(cursors, "keep", crash)
        with pytest.raises(RuntimeError):
            world.run()
    assert (world.place().pages, len(world.live())) == (1, 4)
    assert world.run().tally.pages == 1
    assert count(world.gateway, "suppressions") == 4


def test_a_lost_page_begins_the_pass_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SES's name of a page is good for a while only; the list is then read from its beginning, and nobody is lifted."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(5)))
    lost = {
        "match": {"operation": "ListSuppressedDestinations", "count": 1},
        "fault": "400:InvalidNextTokenException",
    }

    def lose(place: Place, tally: Tally) -> None:
        if place.pages == 2 and not tally.restarts:
            world.faults(lost)

    tally = world.sync.run(ROOT, EVERYTHING, tell=lose).tally
    assert (tally.restarts, tally.pages, tally.added, tally.lifted) == (1, 5, 5, 0)


def test_a_list_that_loses_every_page_ends_the_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked for for ever: the run says so, and the next pass begins at the beginning."""
    monkeypatch.setattr(account, "PAGE_SIZE", 2)
    world.at_ses(*(f"r{number}@example.net" for number in range(3)))

    def lose(place: Place, _tally: Tally) -> None:
        fault = "400:InvalidNextTokenException"
        match = {"operation": "ListSuppressedDestinations", "count": 1}
        world.faults(*([{"match": match, "fault": fault}] if place.pages else []))

    with pytest.raises(PageLost):
        world.sync.run(ROOT, EVERYTHING, tell=lose)
    assert world.place().stage is Stage.IDLE
    world.faults()
    assert world.run().tally.pages == 2


def test_addresses_of_the_mailbox_simulator_stay_off_the_list(world: World) -> None:
    """They are known and counted, on neither list's account."""
    world.at_ses("bounce@simulator.amazonses.com")
    done = world.run(BOTH_WAYS)
    assert (world.live(), done.drift.count(Standing.EXEMPT)) == ({}, 1)


def test_what_is_no_address_is_kept_and_reported(world: World) -> None:
    """Nobody can be suppressed under it, and nothing fails for it."""
    world.at_ses("not an address", "kim@example.net")
    done = world.run()
    assert world.live() == {"kim@example.net": "ses_account"}
    assert done.drift.differences[Standing.NO_ADDRESS].examples == ["not an address"]
    assert {row["address"]: row["key"] for row in rows(world.gateway, "ses_suppressions")}["not an address"] == ""


def test_the_address_of_somebody_who_was_forgotten_comes_back_nowhere(world: World) -> None:
    """Suppressed under a pseudonym: neither list nor mirror learns the address again, and no report shows it."""
    world.at_ses("kim@example.net")
    world.put(world.gateway.pseudonyms("kim@example.net"), Origin.ERASURE)
    done = world.run()
    assert "kim@example.net" not in everything_stored(world.gateway)
    assert done.tally.forgotten == 1


def test_what_is_suppressed_already_stays_as_it_is(world: World) -> None:
    """A pause stays a pause, a complaint a complaint: SES's word adds nothing to them."""
    world.put("kim@example.net", Origin.COMPLAINT)
    until = datetime.now(UTC) + timedelta(days=14)
    world.put("lee@example.net", Origin.BOUNCE, expires_at=until)
    world.at_ses("kim@example.net", "lee@example.net")
    done = world.run()
    assert (done.tally.added, world.live()) == (0, {"kim@example.net": "complaint", "lee@example.net": "bounce"})
    assert (done.drift.count(Standing.OTHER_REASON), done.drift.count(Standing.BOTH)) == (1, 1)
