"""SES lists every permanent bounce by itself; our reading of the same bounce outranks its list."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.account.list_comparison import Standing
from app.domain.account.sync_progress import Order
from app.domain.suppression.rules import Origin
from app.queue import Lane
from app.services.account.sync_pull import BLAMELESS
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, count, recipient_of, rows
from tests.support.suppression.list_sync import EVERYTHING, World, two_lists

KIM = "kim@example.net"
POLICY = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked by our DNS block list"}
GONE = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
ON_SES_LIST = {"subtype": "OnAccountSuppressionList"}


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def send(world: World, ses_message_id: str) -> None:
    """An email to Kim that SES took under this id."""
    email = submit(world.gateway, caller(world.gateway), KIM)
    world.gateway.deliver.drain(Lane.TRANSACTIONAL)
    recipient_id = recipient_of(world.gateway, email).id
    change(world.gateway, "attempts", {"ses_message_id": ses_message_id}, recipient_id=recipient_id)
    change(world.gateway, "recipients", {"ses_message_id": ses_message_id}, id=recipient_id)


def settle(world: World, ses_message_id: str, **more: Any) -> None:
    put(world.gateway, json.dumps(bounced(KIM, message=ses_message_id, **more)))
    world.gateway.settle.drain()


def test_a_refusal_for_policy_does_not_block_the_address_after_a_sync(world: World) -> None:
    """SES has listed the address by itself. It leaves SES's list, and no entry appears on ours."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.at_ses("Kim@example.net", ses_message_id="0100-policy")

    done = world.run()

    assert (world.live(), world.listed()) == ({}, set())
    assert (done.tally.added, done.tally.removed_at_ses, done.tally.unsuppressed) == (0, 1, 0)
    assert rows(world.gateway, "ses_suppressions") == []


def test_a_bounce_that_shows_a_dead_mailbox_stays_on_both_lists(world: World) -> None:
    """Our own entry stands, and SES's is left alone."""
    send(world, "0100-gone")
    settle(world, "0100-gone", fields=GONE)
    world.at_ses(KIM, ses_message_id="0100-gone")

    done = world.run()

    assert (world.live(), world.listed()) == ({KIM: "bounce"}, {KIM})
    assert (done.tally.moved, done.drift.count(Standing.BOTH)) == (0, 1)


def test_another_email_behind_the_entry_at_ses_still_suppresses(world: World) -> None:
    """We know a blameless bounce, but SES listed the address for an email that is not ours."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    old = str(datetime.now(UTC) - timedelta(hours=2))
    world.at_ses(KIM, ses_message_id="0100-of-another-program", updated_at=old)

    assert world.run().tally.added == 1
    assert (world.live(), world.listed()) == ({KIM: "ses_account"}, {KIM})


def test_an_email_whose_bounce_is_not_here_yet_decides_nothing_for_an_hour(world: World) -> None:
    """The event may still come; after an hour SES's entry counts."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    send(world, "0100-unread")
    now = datetime.now(UTC)
    world.at_ses(KIM, ses_message_id="0100-unread", updated_at=str(now - timedelta(minutes=10)))
    assert (world.run().tally.undecided, world.live(), world.listed()) == (1, {}, {KIM})

    world.at_ses(KIM, ses_message_id="0100-unread", updated_at=str(now - timedelta(minutes=70)))
    assert (world.run(Order()).tally.added, world.live()) == (1, {KIM: "ses_account"})


def test_a_bounce_that_is_read_after_the_sync_takes_the_entry_back(world: World) -> None:
    """The sync was faster than the event: the next pass unsuppresses the address, with an audit entry."""
    send(world, "0100-policy")
    world.at_ses(KIM, ses_message_id="0100-policy")
    world.run()
    assert world.live() == {KIM: "ses_account"}

    settle(world, "0100-policy", fields=POLICY)
    done = world.run()

    assert (world.live(), world.listed()) == ({}, set())
    assert (done.tally.unsuppressed, done.tally.removed_at_ses) == (1, 1)
    [audited] = rows(world.gateway, "audit", action="unsuppress")
    assert (audited["actor"], audited["reason"]) == ("postern", BLAMELESS)


def test_a_refusal_by_ses_own_list_is_no_evidence_of_its_own(world: World) -> None:
    """Email sent meanwhile was refused by SES's list. That entry goes with the bounce that led to it."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    send(world, "0100-refused")
    settle(world, "0100-refused", **ON_SES_LIST)
    assert world.live() == {KIM: "ses_account"}
    world.at_ses(KIM, ses_message_id="0100-policy")

    world.run()

    assert (world.live(), world.listed()) == ({}, set())


def test_a_complaint_at_ses_is_not_disputed_by_a_bounce(world: World) -> None:
    """A blameless bounce says nothing against a complaint."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.at_ses(KIM, reason="COMPLAINT", ses_message_id="0100-policy")

    world.run()

    assert (world.live(), world.listed()) == ({KIM: "ses_account"}, {KIM})


def test_what_a_person_put_on_the_list_stays(world: World) -> None:
    """A manual entry here is not ended by the bounce, and SES's list is left to it."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.put(KIM, Origin.MANUAL)
    world.at_ses(KIM, ses_message_id="0100-policy")

    world.run()

    assert (world.live(), world.listed()) == ({KIM: "manual"}, {KIM})


def test_without_permission_to_ask_ses_nothing_is_decided(world: World) -> None:
    """The address is not suppressed on SES's word alone, and the run reports it as undecided."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.at_ses(KIM, ses_message_id="0100-policy")
    world.faults({"match": {"operation": "GetSuppressedDestination"}, "fault": "400:AccessDeniedException"})

    tally = world.run().tally

    assert (tally.undecided, tally.added, world.live(), world.listed()) == (1, 0, {}, {KIM})


def test_a_look_names_the_entries_that_our_reading_disputes(world: World) -> None:
    """A dry run shows them and changes neither list."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.at_ses(KIM, ses_message_id="0100-policy")
    world.at_ses("lee@example.net")
    world.run(Order(adds=False, full=True))

    drift = world.sync.look(ROOT, EVERYTHING).drift

    assert drift.differences[Standing.DISPUTED].examples == [KIM]
    assert drift.differences[Standing.ONLY_AT_SES].examples == ["lee@example.net"]
    assert (world.live(), world.listed()) == ({}, {KIM, "lee@example.net"})


def test_the_end_of_a_pause_takes_the_address_off_ses_list_too(world: World) -> None:
    """Otherwise SES would refuse the next email, and its refusal would suppress the address again."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.put(KIM, Origin.BOUNCE, expires_at=datetime.now(UTC) + timedelta(days=14))
    world.at_ses("Kim@example.net", ses_message_id="0100-policy")
    world.run()
    assert (world.live(), world.listed()) == ({KIM: "bounce"}, {"Kim@example.net"})

    change(world.gateway, "suppressions", {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, key=KIM)
    world.gateway.unsuppress.expire()
    assert count(world.gateway, "suppressions", ses_removal="pending") == 1
    world.gateway.upkeep.remove_at_ses()

    assert (world.live(), world.listed()) == ({}, set())
    assert count(world.gateway, "suppressions", ses_removal="pending") == 0


def test_the_end_of_a_pause_leaves_what_ses_has_for_another_reason(world: World) -> None:
    """SES listed the address for an email of another program: that evidence is not ours to end."""
    world.put(KIM, Origin.BOUNCE, expires_at=datetime.now(UTC) + timedelta(days=14))
    world.at_ses(KIM, ses_message_id="0100-of-another-program")
    world.run()

    change(world.gateway, "suppressions", {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, key=KIM)
    world.gateway.unsuppress.expire()
    world.gateway.upkeep.remove_at_ses()

    assert world.listed() == {KIM}
    assert count(world.gateway, "suppressions", ses_removal="pending") == 0


def test_while_ses_is_out_of_reach_the_removal_stays_pending(world: World) -> None:
    """The sweep asks again later; nothing is lost."""
    send(world, "0100-policy")
    settle(world, "0100-policy", fields=POLICY)
    world.put(KIM, Origin.BOUNCE, expires_at=datetime.now(UTC) + timedelta(days=14))
    world.at_ses(KIM, ses_message_id="0100-policy")
    world.run()
    change(world.gateway, "suppressions", {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, key=KIM)
    world.gateway.unsuppress.expire()
    world.faults({"match": {"operation": "GetSuppressedDestination", "count": 1}, "fault": "close_before"})

    world.gateway.upkeep.remove_at_ses()
    assert (world.listed(), count(world.gateway, "suppressions", ses_removal="pending")) == ({KIM}, 1)
    world.gateway.upkeep.remove_at_ses()
    assert (world.listed(), count(world.gateway, "suppressions", ses_removal="pending")) == (set(), 0)
