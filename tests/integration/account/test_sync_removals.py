"""What people removed stays removed, and only who has really left SES's list leaves ours with it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws import account
from app.aws.account import SesAccount, SesRefused, SuppressedPage
from app.domain.suppression import Origin
from app.queue import Lane
from app.services import sync_pull
from app.services.sync_place import Order, Place, Stage, Tally
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import ROOT, submit
from tests.rows import age, change, count, recipient_of, rows
from tests.syncing import EVERYTHING, World, two_lists


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def removed(world: World, address: str, *, ago: timedelta = timedelta(0)) -> datetime:
    """An address that a person took off the list, so long ago."""
    world.put(address, Origin.BOUNCE)
    world.gateway.suppress.remove(ROOT, address, reason="The mailbox is back.")
    age(world.gateway, "suppressions", "removed_at", ago, key=address)
    [row] = rows(world.gateway, "suppressions", key=address)
    moment: datetime = row["removed_at"]
    return moment


def our_mail(world: World, *, ses_message_id: str, handed_over: datetime) -> None:
    """A mail of ours that SES took."""
    mail = submit(world.gateway, caller(world.gateway), "kim@example.net")
    world.gateway.deliver.drain(Lane.TRANSACTIONAL)
    recipient_id = recipient_of(world.gateway, mail).id
    values = {"ses_message_id": ses_message_id, "started_at": handed_over}
    change(world.gateway, "attempts", values, recipient_id=recipient_id)


def test_a_removal_sticks_against_what_ses_knew_before(world: World) -> None:
    """SES's entry is older than the removal: nobody is suppressed again, and the entry leaves SES's list."""
    at = removed(world, "kim@example.net")
    world.at_ses("Kim@example.net", updated_at=str(at - timedelta(days=3)))
    tally = world.run().tally
    assert (world.live(), world.listed()) == ({}, set())
    assert (tally.added, tally.removed_at_ses) == (0, 1)
    assert rows(world.gateway, "ses_suppressions") == []


@pytest.mark.parametrize(
    "handed_over, sticks", [(timedelta(minutes=-5), True), (timedelta(minutes=5), False)], ids=["before", "after"]
)
def test_only_mail_that_left_after_the_removal_counts(world: World, handed_over: timedelta, *, sticks: bool) -> None:
    """SES heard late of a mail that had left before: the removal sticks. A later mail is fresh evidence."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    our_mail(world, ses_message_id="0100-kim", handed_over=at + handed_over)
    world.at_ses("kim@example.net", updated_at=str(at + timedelta(minutes=30)), ses_message_id="0100-kim")
    world.run()
    assert world.live() == ({} if sticks else {"kim@example.net": "ses_account"})
    assert world.listed() == (set() if sticks else {"kim@example.net"})


def test_a_mail_that_may_yet_be_ours_decides_nothing_for_an_hour(world: World) -> None:
    """While its event may still come, SES's entry stays and nobody is suppressed; after that it counts as fresh."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    now = at + timedelta(hours=3)
    world.at_ses("kim@example.net", updated_at=str(now - timedelta(minutes=10)), ses_message_id="0100-whose")
    assert (world.run().tally.undecided, world.live(), world.listed()) == (1, {}, {"kim@example.net"})
    world.at_ses("kim@example.net", updated_at=str(now - timedelta(minutes=70)), ses_message_id="0100-whose")
    assert (world.run(Order()).tally.added, world.live()) == (1, {"kim@example.net": "ses_account"})


def test_what_a_person_puts_on_ses_list_after_the_removal_counts(world: World) -> None:
    """No mail stands behind it, and it is newer: somebody means it."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    world.at_ses("kim@example.net", updated_at=str(at + timedelta(minutes=1)))
    world.run()
    assert world.live() == {"kim@example.net": "ses_account"}


def test_credentials_that_may_not_ask_hold_nothing_up(world: World) -> None:
    """A removal that SES's list contradicts stays in force, undecided; all others are taken in."""
    at = removed(world, "kim@example.net", ago=timedelta(hours=3))
    world.at_ses("kim@example.net", updated_at=str(at + timedelta(minutes=1)))
    world.at_ses("ann@example.net")
    world.faults({"match": {"operation": "GetSuppressedDestination"}, "fault": "400:AccessDeniedException"})
    tally = world.run().tally
    assert (tally.undecided, tally.added, world.live()) == (1, 1, {"ann@example.net": "ses_account"})


def test_all_spellings_of_one_person_are_one_entry(world: World) -> None:
    """Two entries at SES, one of ours, which stays while either is there; a removal takes both off."""
    world.at_ses("Kim@Example.net", "kim@example.net")
    assert world.run().tally.added == 1
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run().tally.lifted, world.live()) == (0, {"kim@example.net": "ses_account"})
    world.at_ses("KIM@example.net")
    world.run()
    world.gateway.suppress.remove(ROOT, "kim@example.net", reason="The mailbox is back.")
    assert (world.listed(), world.live()) == (set(), {})
    assert rows(world.gateway, "ses_suppressions") == []


def test_who_left_ses_list_is_lifted_once_a_whole_pass_has_shown_it(world: World) -> None:
    """By Postern, for the reason, in the audit; a pass over what is new proves nothing."""
    world.gateway.upkeep.warm_positives()
    world.at_ses("ann@example.net", "kim@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run(Order()).tally.lifted, len(world.live())) == (0, 2)
    assert (world.run().tally.lifted, world.live()) == (1, {"ann@example.net": "ses_account"})
    [lifted] = rows(world.gateway, "suppressions", key="kim@example.net")
    assert (lifted["removed_by"], lifted["removal_reason"], lifted["ses_removal"]) == ("postern", sync_pull.LEFT, None)
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
def test_nothing_else_is_lifted_because_ses_let_go(world: World, origin: Origin, source: dict[str, str]) -> None:
    """What bounced, complained, was said by a person, or is on SES's global list stays, whatever its own list does."""
    world.put("kim@example.net", origin, source=source)
    world.at_ses("kim@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run().tally.lifted, world.live()) == (0, {"kim@example.net": origin})
    assert rows(world.gateway, "ses_suppressions") == []


def test_what_bounces_meanwhile_is_no_longer_ses_word(world: World) -> None:
    """A bounce of our own takes the entry over, and stays when SES lets go."""
    world.at_ses("kim@example.net")
    world.run()
    world.put("kim@example.net", Origin.BOUNCE)
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    assert (world.run().tally.lifted, world.live()) == (0, {"kim@example.net": "bounce"})


@pytest.mark.parametrize("read_before", [True, False])
def test_what_our_own_bounce_told_of_ses_list_is_lifted_with_it(world: World, *, read_before: bool) -> None:
    """`OnAccountSuppressionList` is SES's list by another way, whether it was ever read with the address or not."""
    world.put("kim@example.net", Origin.SES_ACCOUNT, source={"bounce_subtype": "OnAccountSuppressionList"})
    world.at_ses("ann@example.net", *(["Kim@example.net"] if read_before else []))
    world.run()
    if read_before:
        assert world.live().keys() == {"ann@example.net", "kim@example.net"}
        world.ses.delete_suppressed_destination(EmailAddress="Kim@example.net")
        world.run()
    assert world.live().keys() == {"ann@example.net"}


def test_a_pass_that_missed_somebody_lifts_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a list that changes may leave an entry out: it is asked for by name before it is believed gone."""
    world.at_ses("ann@example.net", "kim@example.net")
    world.run()
    whole = SesAccount.list_suppressed

    def without_kim(self: SesAccount, *given: Any, **more: Any) -> SuppressedPage:
        page = whole(self, *given, **more)
        return replace(page, entries=tuple(one for one in page.entries if one.address != "kim@example.net"))

    with monkeypatch.context() as careless:
        careless.setattr(SesAccount, "list_suppressed", without_kim)
        assert world.run().tally.lifted == 0
    assert len(world.live()) == 2
    assert count(world.gateway, "ses_suppressions") == 2


def test_a_pass_that_did_not_end_lifts_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen so far may be on a page to come."""
    monkeypatch.setattr(account, "PAGE_SIZE", 1)
    world.at_ses("ann@example.net", "kim@example.net", "lee@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")

    def stop(place: Place, _tally: Tally) -> None:
        if place.pages == 1:
            world.faults({"match": {"operation": "*"}, "fault": "500_before"})

    with pytest.raises(SesRefused):
        world.sync.run(ROOT, EVERYTHING, tell=stop)
    assert (world.place().stage, len(world.live())) == (Stage.LISTING, 3)


def test_a_list_that_is_gone_at_once_is_not_believed(world: World) -> None:
    """SES erases the list of an account that was paused: everybody stays, an incident is noted, a person decides."""
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
def test_a_person_may_say_that_they_have_all_left(world: World, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Then each is asked for by name, however many rounds that takes, and lifted; those who are there stay."""
    monkeypatch.setattr(sync_pull, "_MANY", most)
    monkeypatch.setattr(sync_pull, "_PART", 5)
    everybody = [f"r{number}@example.net" for number in range(30)]
    world.at_ses(*everybody)
    world.run()
    for address in everybody[1:]:
        world.ses.delete_suppressed_destination(EmailAddress=address)
    accepted = world.run(Order(full=True, accept_departures=True)).tally
    assert (accepted.lifted, accepted.departed_unbelieved) == (29, 0)
    assert world.live().keys() == {everybody[0]}
    assert count(world.gateway, "ses_suppressions") == 1


def test_credentials_that_may_not_ask_lift_nobody(world: World) -> None:
    """Without a look by name an entry is not believed gone; everything else goes on."""
    world.at_ses("ann@example.net", "kim@example.net")
    world.run()
    world.ses.delete_suppressed_destination(EmailAddress="kim@example.net")
    world.faults({"match": {"operation": "GetSuppressedDestination"}, "fault": "400:AccessDeniedException"})
    assert (world.run().tally.lifted, len(world.live())) == (0, 2)
    assert world.place().stage is Stage.IDLE
