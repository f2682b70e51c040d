"""A removal lasts, takes force after a complaint, and can be undone."""

from datetime import timedelta

import pytest

from app.domain.errors import Conflict, NotFound, ValidationFailed
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.store.engine.database import clock
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, count, rows

KIM = "kim@example.net"


def place(gateway: Gateway, origin: Origin, key: str = KIM, scope: str = EVERY_EMAIL) -> None:
    """Put an entry on the list as an event or a request would."""
    new = NewSuppression(key=key, scope=scope, address=key, origin=origin, reason=f"By {origin}.", actor="postern")
    with gateway.database.transaction() as connection:
        gateway.positives.add([key])
        suppressions.put(connection, new)


def live(gateway: Gateway) -> list[tuple[str, str]]:
    return [(row["scope"], row["origin"]) for row in rows(gateway, "suppressions", removed_at=None)]


@pytest.mark.parametrize("origin, word", [(Origin.COMPLAINT, "spam"), (Origin.ERASURE, "forgotten")])
def test_some_entries_are_unsuppressed_only_with_force(gateway: Gateway, origin: Origin, word: str) -> None:
    """The refusal gives the reason and the next step; with force the removal lasts like any other."""
    who = caller(gateway)
    place(gateway, origin)
    for name in (KIM, str(rows(gateway, "suppressions")[0]["id"])):
        with pytest.raises(ValidationFailed, match=word) as refused:
            gateway.unsuppress(who, name, reason="She asked.", wait_for_ses=False)
        assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/force", "required")]
    assert live(gateway) == [("*", origin)]
    removed = gateway.unsuppress(who, KIM, reason="She asked.", force=True, wait_for_ses=False)
    assert [one.origin for one in removed.entries] == [origin]
    assert live(gateway) == []


@pytest.mark.parametrize("origin", [Origin.BOUNCE, Origin.MANUAL, Origin.SES_ACCOUNT, Origin.UNSUBSCRIBE])
def test_other_entries_are_unsuppressed_with_a_reason_alone(gateway: Gateway, origin: Origin) -> None:
    """They need no force."""
    place(gateway, origin)
    gateway.unsuppress(caller(gateway), KIM, reason="She asked.", wait_for_ses=False)
    assert live(gateway) == []


def test_a_scope_without_a_complaint_needs_no_force(gateway: Gateway) -> None:
    """Only the entries that would be unsuppressed count."""
    who = caller(gateway)
    place(gateway, Origin.COMPLAINT)
    place(gateway, Origin.UNSUBSCRIBE, scope="invites/news")
    gateway.unsuppress(who, KIM, scope="invites/news", reason="She asked.", wait_for_ses=False)
    assert live(gateway) == [("*", "complaint")]


def test_a_forgotten_person_is_unsuppressed_by_the_address(gateway: Gateway) -> None:
    """The person alone knows the address, and it leads to the pseudonym. SES's sweep is not asked to remove it."""
    place(gateway, Origin.ERASURE, key=gateway.pseudonyms(KIM))
    assert gateway.suppress.find(ROOT, KIM).entries[0].origin == "erasure"
    gateway.unsuppress(caller(gateway), KIM, reason="She asked.", force=True)
    assert live(gateway) == []
    assert count(gateway, "suppressions", ses_removal="pending") == 0


def test_unsuppressing_a_stream_leaves_the_list_of_ses_alone(gateway: Gateway) -> None:
    """SES's list may hold the address for a bounce, which was not unsuppressed."""
    place(gateway, Origin.BOUNCE)
    place(gateway, Origin.UNSUBSCRIBE, scope="invites/news")
    removed = gateway.unsuppress(caller(gateway), KIM, scope="invites/news", reason="She asked.")
    assert removed.ses_account == "kept"
    assert count(gateway, "suppressions", ses_removal="pending") == 0


def test_a_removal_can_be_undone(gateway: Gateway) -> None:
    """Every entry of the removal is live again as it was, refuses again, and does not leave SES's list after all."""
    who = caller(gateway)
    gateway.upkeep.warm_positives()
    place(gateway, Origin.COMPLAINT)
    place(gateway, Origin.UNSUBSCRIBE, scope="invites/news")
    before = rows(gateway, "suppressions")
    gateway.unsuppress(who, KIM, reason="She asked.", force=True, wait_for_ses=False)
    restored = gateway.undo(who, "Kim@example.net", reason="Wrong Kim.")
    assert {(one.scope, one.origin) for one in restored} == {("*", "complaint"), ("invites/news", "unsubscribe")}
    assert rows(gateway, "suppressions") == before
    assert gateway.positives.look_up([KIM]) == frozenset({KIM})
    assert [(row["action"], row["reason"]) for row in rows(gateway, "audit") if row["key"]][2:] == [
        ("undo_unsuppress", "Wrong Kim."),
        ("undo_unsuppress", "Wrong Kim."),
    ]
    with pytest.raises(NotFound):
        gateway.undo(who, KIM, reason="Again.")


def test_only_the_last_removal_is_undone(gateway: Gateway) -> None:
    """Each scope has its own; an earlier removal stays, unless it is named by its id."""
    who = caller(gateway)
    place(gateway, Origin.BOUNCE)
    place(gateway, Origin.UNSUBSCRIBE, scope="invites/news")
    gateway.unsuppress(who, KIM, scope="*", reason="First.", wait_for_ses=False)
    age(gateway, "suppressions", "removed_at", timedelta(seconds=1), scope="*")
    gateway.unsuppress(who, KIM, scope="invites/news", reason="Second.", wait_for_ses=False)
    [bounce] = rows(gateway, "suppressions", scope="*")
    gateway.undo(who, KIM, reason="Wrong Kim.")
    assert live(gateway) == [("invites/news", "unsubscribe")]
    gateway.undo(who, str(bounce["id"]), reason="Wrong Kim.")
    assert sorted(live(gateway)) == [("*", "bounce"), ("invites/news", "unsubscribe")]


@pytest.mark.parametrize(
    "meanwhile, stands", [(Origin.MANUAL, Origin.BOUNCE), (Origin.COMPLAINT, Origin.COMPLAINT), (Origin.BOUNCE, None)]
)
def test_an_undone_removal_gives_way_to_fresh_evidence(
    gateway: Gateway, meanwhile: Origin, stands: Origin | None
) -> None:
    """Of the entry that came meanwhile and the one put back, the stronger is kept."""
    who = caller(gateway)
    place(gateway, Origin.BOUNCE)
    gateway.unsuppress(who, KIM, reason="She asked.", wait_for_ses=False)
    place(gateway, meanwhile)
    if stands is Origin.BOUNCE:
        gateway.undo(who, KIM, reason="Wrong Kim.")
    else:
        with pytest.raises(Conflict, match="suppressed again"):
            gateway.undo(who, KIM, reason="Wrong Kim.")
    assert live(gateway) == [("*", stands or meanwhile)]


def test_an_expired_entry_is_not_put_back(gateway: Gateway) -> None:
    """A pause that has expired meanwhile."""
    who = caller(gateway)
    with gateway.database.reading() as connection:
        soon = clock(connection) + timedelta(hours=1)
    gateway.suppress.add(who, KIM, expires_at=soon)
    gateway.unsuppress(who, KIM, reason="She asked.", wait_for_ses=False)
    age(gateway, "suppressions", "expires_at", timedelta(seconds=1))
    with pytest.raises(Conflict, match="expired"):
        gateway.undo(who, KIM, reason="Wrong Kim.")


def test_an_undoing_needs_a_reason_and_something_to_undo(gateway: Gateway) -> None:
    """Without a removal there is nothing to put back, and an entry that Postern itself ended is no removal."""
    who = caller(gateway)
    place(gateway, Origin.BOUNCE)
    with pytest.raises(NotFound):
        gateway.undo(who, KIM, reason="Why not.")
    entry_id = rows(gateway, "suppressions")[0]["id"]
    with gateway.database.transaction() as connection:
        suppressions.unsuppress(connection, [entry_id], actor=suppressions.POSTERN, reason="Delivered again.")
    with pytest.raises(NotFound):
        gateway.undo(who, KIM, reason="Why not.")
    with pytest.raises(ValidationFailed):
        gateway.undo(who, KIM, reason="  ")


def test_another_application_can_neither_unsuppress_nor_undo(gateway: Gateway) -> None:
    """Entries of one application are hidden from another."""
    place(gateway, Origin.UNSUBSCRIBE, scope="invites/news")
    stranger = caller(gateway, app="other")
    with pytest.raises(NotFound):
        gateway.unsuppress(stranger, KIM, reason="Because.", wait_for_ses=False)
    gateway.unsuppress(caller(gateway), KIM, reason="She asked.", wait_for_ses=False)
    for name in (KIM, str(rows(gateway, "suppressions")[0]["id"])):
        with pytest.raises(NotFound):
            gateway.undo(stranger, name, reason="Because.")


def test_an_administrator_sees_the_changes_of_an_entry(gateway: Gateway) -> None:
    """For ever, including what was replaced, removed and put back; an application sees only the current state."""
    who = caller(gateway)
    place(gateway, Origin.BOUNCE)
    place(gateway, Origin.COMPLAINT)
    gateway.unsuppress(who, KIM, reason="She asked.", force=True, wait_for_ses=False)
    gateway.undo(who, KIM, reason="Wrong Kim.")
    changes = gateway.suppress.find(ROOT, KIM).changes
    assert [(one.type, one.origin, one.reason) for one in changes] == [
        ("restored", "complaint", "Wrong Kim."),
        ("removed", "complaint", "She asked."),
        ("replaced", "complaint", "By complaint."),
        ("added", "bounce", "By bounce."),
    ]
    assert gateway.suppress.find(who, KIM).changes == ()
