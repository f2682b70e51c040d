"""Removals by people last, and only an address that has really left SES's list leaves ours with it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws.ses import account
from app.aws.ses.account import SesAccount, SesRefused, SuppressedPage
from app.domain.account.sync_progress import Order, Stage, SyncPosition, Tally
from app.domain.suppression.rules import Origin
from app.queue import Lane
from app.services.account import sync_pull
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, count, recipient_of, rows
from tests.support.suppression.list_sync import EVERYTHING, World, two_lists


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def removed(world: World, address: str, *, ago: timedelta = timedelta(0)) -> datetime:
    """An address that a person removed from the list, `ago` before now."""
    world.put(address, Origin.BOUNCE)
    world.gateway.unsuppress(ROOT, address, reason="The mailbox is back.")
    age(world.gateway, "suppressions", "removed_at", ago, key=address)
    [row] = rows(world.gateway, "suppressions", key=address)
    moment: datetime = row["removed_at"]
    return moment


def our_mail(world: World, *, ses_message_id: str, handed_over: datetime) -> None:
    """An email of ours that SES took."""
    email = submit(world.gateway, caller(world.gateway), "kim@example.net")
    world.gateway.deliver.drain(Lane.TRANSACTIONAL)
    recipient_id = recipient_of(world.gateway, email).id
    values = {"ses_message_id": ses_message_id, "started_at": handed_over}
    change(world.gateway, "attempts", values, recipient_id=recipient_id)


def test_a_removal_outlasts_an_older_entry_of_ses(world: World) -> None:
    """SES's entry is older than the removal: the address is not suppressed again, and leaves SES's list."""
    at = removed(world, "kim@example.net")
    world.at_ses("Kim@example.net", updated_at=str(at - timedelta(days=3)))
    tally = world.run().tally
    assert (world.live(), world.listed()) == ({}, set())
    assert (tally.added, tally.removed_at_ses) == (0, 1)
    assert rows(world.gateway, "ses_suppressions") == []


@pytest.mark.parametrize(
    "handed_over, sticks", [(timedelta(minutes=-5), True), (timedelta(minutes=5), False)], ids=["before", "after"]
)
def test_only_email_sent_after_the_removal_counts(world: World, handed_over: timedelta, *, sticks: bool) -> None:
    """A late bounce of an email sent before leaves the removal in force. A later email is fresh evidence."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    our_mail(world, ses_message_id="0100-kim", handed_over=at + handed_over)
    world.at_ses("kim@example.net", updated_at=str(at + timedelta(minutes=30)), ses_message_id="0100-kim")
    world.run()
    assert world.live() == ({} if sticks else {"kim@example.net": "ses_account"})
    assert world.listed() == (set() if sticks else {"kim@example.net"})


def test_an_email_that_may_yet_be_ours_decides_nothing_for_an_hour(world: World) -> None:
    """While its event may still come, SES's entry stays and no address is suppressed; then it is fresh evidence."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    now = at + timedelta(hours=3)
    world.at_ses("kim@example.net", updated_at=str(now - timedelta(minutes=10)), ses_message_id="0100-whose")
    assert (world.run().tally.undecided, world.live(), world.listed()) == (1, {}, {"kim@example.net"})
    world.at_ses("kim@example.net", updated_at=str(now - timedelta(minutes=70)), ses_message_id="0100-whose")
    assert (world.run(Order()).tally.added, world.live()) == (1, {"kim@example.net": "ses_account"})


def test_a_manual_entry_at_ses_after_the_removal_counts(world: World) -> None:
    """No email stands behind it, and it is newer: a person put it there on purpose."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    world.at_ses("kim@example.net", updated_at=str(at + timedelta(minutes=1)))
    world.run()
    assert world.live() == {"kim@example.net": "ses_account"}


def test_credentials_without_get_permission_delay_no_other_entry(world: World) -> None:
    """A removal that SES's list contradicts stays in force, undecided; all other entries are taken in."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    world.at_ses("kim@example.net", updated_at=str(at + timedelta(minutes=1)))
    world.at_ses("ann@example.net")
    world.faults({"match": {"operation": "GetSuppressedDestination"}, "fault": "400:AccessDeniedException"})
    tally = world.run().tally
    assert (tally.undecided, tally.added, world.live()) == (1, 1, {"ann@example.net": "ses_account"})


def test_all_spellings_of_one_address_are_one_entry(world: World) -> None:
    """Two entries at SES, one of ours, which stays while either is there; a removal removes both."""
    world.at_ses("Kim@Example.net", "kim@example.net")
    assert world.run().tally.added == 1
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run().tally.unsuppressed, world.live()) == (0, {"kim@example.net": "ses_account"})
    world.at_ses("KIM@example.net")
    world.run()
    world.gateway.unsuppress(ROOT, "kim@example.net", reason="The mailbox is back.")
    assert world.live() == {}
    world.gateway.upkeep.remove_at_ses()
    assert (world.listed(), world.live()) == (set(), {})
    assert rows(world.gateway, "ses_suppressions") == []


def test_an_address_that_left_ses_list_is_unsuppressed_after_a_whole_pass(world: World) -> None:
    """By Postern, for that reason, with an audit line; a pass over new entries alone proves nothing."""
    world.gateway.upkeep.warm_positives()
    world.at_ses("ann@example.net", "kim@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run(Order()).tally.unsuppressed, len(world.live())) == (0, 2)
    assert (world.run().tally.unsuppressed, world.live()) == (1, {"ann@example.net": "ses_account"})
    [unsuppressed] = rows(world.gateway, "suppressions", key="kim@example.net")
    assert (unsuppressed["removed_by"], unsuppressed["removal_reason"], unsuppressed["ses_removal"]) == (
        "postern",
        sync_pull.LEFT,
        None,
    )
    assert [row["action"] for row in rows(world.gateway, "audit", key="kim@example.net")] == ["unsuppress"]
    assert world.gateway.positives.look_up(["kim@example.net"]) == frozenset()
    world.at_ses("kim@example.net", updated_at=str(datetime.now(UTC) - timedelta(days=30)))
    assert world.run().tally.added == 1


@pytest.mark.parametrize(
    "origin, source",
    [
        (Origin.BOUNCE, {}),
        (Origin.COMPLAINT, {}),
        (Origin.MANUAL, {}),
        (Origin.SES_ACCOUNT, {"bounce_subtype": "Suppressed"}),
    ],
)
def test_other_entries_stay_when_ses_removes_the_address(world: World, origin: Origin, source: dict[str, str]) -> None:
    """Bounces, complaints, people's entries and SES's global list stay, whatever SES's own list does."""
    world.put("kim@example.net", origin, source=source)
    world.at_ses("kim@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run().tally.unsuppressed, world.live()) == (0, {"kim@example.net": origin})
    assert rows(world.gateway, "ses_suppressions") == []


def test_a_bounce_takes_over_an_entry_of_ses(world: World) -> None:
    """After a bounce of our own the entry stays when SES removes the address."""
    world.at_ses("kim@example.net")
    world.run()
    world.put("kim@example.net", Origin.BOUNCE)
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run().tally.unsuppressed, world.live()) == (0, {"kim@example.net": "bounce"})


@pytest.mark.parametrize("read_before", [True, False])
def test_an_entry_from_a_bounce_of_ses_list_ends_with_that_list(world: World, *, read_before: bool) -> None:
    """`OnAccountSuppressionList` reports SES's list by another way, whether or not the address was ever read there."""
    world.put("kim@example.net", Origin.SES_ACCOUNT, source={"bounce_subtype": "OnAccountSuppressionList"})
    world.at_ses("ann@example.net", *(["Kim@example.net"] if read_before else []))
    world.run()
    if read_before:
        assert world.live().keys() == {"ann@example.net", "kim@example.net"}
        world.ses.delete_suppressed_destination(EmailAddress="Kim@example.net")
        world.run()
    assert world.live().keys() == {"ann@example.net"}


def test_a_pass_that_missed_an_entry_unsuppresses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a changing list may skip an entry: it is looked up by name before it counts as gone."""
    world.at_ses("ann@example.net", "kim@example.net")
    world.run()
    whole = SesAccount.list_suppressed

    def without_kim(self: SesAccount, *given: Any, **more: Any) -> SuppressedPage:
        page = whole(self, *given, **more)
        return replace(page, entries=tuple(one for one in page.entries if one.address != "kim@example.net"))

    with monkeypatch.context() as careless:
        careless.setattr(SesAccount, "list_suppressed", without_kim)
        assert world.run().tally.unsuppressed == 0
    assert len(world.live()) == 2
    assert count(world.gateway, "ses_suppressions") == 2


def test_a_pass_that_did_not_end_unsuppresses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that was not seen so far may be on a later page."""
    monkeypatch.setattr(account, "PAGE_SIZE", 1)
    world.at_ses("ann@example.net", "kim@example.net", "lee@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")

    def stop(place: SyncPosition, _tally: Tally) -> None:
        if place.pages == 1:
            world.faults({"match": {"operation": "*"}, "fault": "500_before"})

    with pytest.raises(SesRefused):
        world.sync.run(ROOT, EVERYTHING, show=stop)
    assert (world.place().stage, len(world.live())) == (Stage.LISTING, 3)


def test_a_list_that_empties_at_once_is_not_believed(world: World) -> None:
    """SES erases the list of a paused account: every entry stays, an incident is noted, and a person decides."""
    everybody = [f"r{number}@example.net" for number in range(30)]
    world.at_ses(*everybody)
    world.run()
    for address in everybody:
        world.ses.delete_suppressed_destination(EmailAddress=address)
    assert (world.run().tally.departed_unbelieved, len(world.live())) == (30, 30)
    [incident] = rows(world.gateway, "incidents")
    assert (incident["kind"], incident["detail"][:8]) == ("ses_list_shrunk", "30 of 30")
    assert (world.run().tally.departed_unbelieved, len(world.live())) == (30, 30)


@pytest.mark.parametrize("most", [1_000, 7])
def test_a_person_may_confirm_that_the_list_is_empty(world: World, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Then each entry is looked up by name, in as many rounds as needed; missing ones are unsuppressed, others stay."""
    monkeypatch.setattr(sync_pull, "MANY", most)
    monkeypatch.setattr(sync_pull, "PART", 5)
    everybody = [f"r{number}@example.net" for number in range(30)]
    world.at_ses(*everybody)
    world.run()
    for address in everybody[1:]:
        world.ses.delete_suppressed_destination(EmailAddress=address)
    accepted = world.run(Order(full=True, accept_departures=True)).tally
    assert (accepted.unsuppressed, accepted.departed_unbelieved) == (29, 0)
    assert world.live().keys() == {everybody[0]}
    assert count(world.gateway, "ses_suppressions") == 1


def test_credentials_without_get_permission_unsuppress_nothing(world: World) -> None:
    """Without a look-up by name an entry does not count as gone; everything else goes on."""
    world.at_ses("ann@example.net", "kim@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    world.faults({"match": {"operation": "GetSuppressedDestination"}, "fault": "400:AccessDeniedException"})
    assert (world.run().tally.unsuppressed, len(world.live())) == (0, 2)
    assert world.place().stage is Stage.IDLE


def test_an_address_that_ses_cannot_look_up_delays_no_other(world: World) -> None:
    """It stays suppressed, counted as undecided; the other one, gone at SES as well, is unsuppressed."""
    world.at_ses("ann@example.net", "kim@example.net", "lee@example.net")
    world.run()
    for gone in ("ann@example.net", "kim@example.net"):
        world.ses.delete_suppressed_destination(EmailAddress=gone)
    match = {"operation": "GetSuppressedDestination", "recipient": "ann@example.net"}
    world.faults({"match": match, "fault": "400:BadRequestException"})
    tally = world.run().tally
    assert (tally.unsuppressed, tally.undecided) == (1, 1)
    assert world.live().keys() == {"ann@example.net", "lee@example.net"}
    assert world.place().stage is Stage.IDLE


def test_an_invalid_address_waits_for_no_removal_at_ses(world: World) -> None:
    """It cannot be on SES's list, and must not stand before those that can be removed."""
    for number in range(2):
        world.put(f"r{number}@example.net", Origin.BOUNCE)
        world.gateway.unsuppress(ROOT, f"r{number}@example.net", reason="It is back.", wait_for_ses=False)
    match = {"operation": "DeleteSuppressedDestination", "recipient": "r0@example.net"}
    world.faults({"match": match, "fault": "400:BadRequestException"})
    assert world.gateway.upkeep.remove_at_ses() == 2
    assert world.gateway.upkeep.remove_at_ses() == 0
