"""What an application may look up: all of its own emails, and nothing of another application's."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from app.domain.apps.callers import Scope
from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.domain.reporting.outcome_words import OutcomeCause
from app.domain.reporting.outcomes import OutcomeKind
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.paging import Page
from app.services.submission import look_up
from app.services.submission.look_up import EmailFilter
from app.store.submission import bounded_counts
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, recipient_of, rows

ANN, BOB = "ann@example.net", "bob@example.net"
FATES_OF_EMAILS = ((State.HELD, None), (State.BOUNCED, "mailbox_gone"), (State.BOUNCED, "mailbox_full"))


def test_an_email_is_shown_whole_to_its_owner(gateway: Gateway) -> None:
    """The answer has the content, the recipients with their states, and the state of the whole email."""
    who = caller(gateway)
    email = submit(gateway, who, "Ann <ann@example.net>", "bob@example.net")
    view = gateway.look_up.email(who, email)
    assert (view.text, view.html, view.subject) == ("Come and see.", "<p>Come and see.</p>", "You are invited")
    assert view.to == ("Ann <ann@example.net>", "bob@example.net")
    assert view.sender == "Invites <invites@example.com>"
    assert (view.last_event, [one.state for one in view.recipients]) == ("queued", ["queued", "queued"])


def test_another_application_sees_nothing(gateway: Gateway) -> None:
    """It gets the same answer for another application's email as for one that never existed; an admin sees all."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    other = caller(gateway, app="other")
    for unseen in (email, UUID(int=1)):
        with pytest.raises(NotFound, match=r"There is no such email\."):
            gateway.look_up.email(other, unseen)
        with pytest.raises(NotFound, match=r"There is no such email\."):
            gateway.look_up.timeline(other, unseen)
    assert gateway.look_up.emails(other, EmailFilter(), Page(10)).data == ()
    assert gateway.look_up.email(ROOT, email).id == email


def test_reading_needs_its_scope(gateway: Gateway) -> None:
    """A key that may only send reads nothing, not even its own emails."""
    who = caller(gateway, scopes=frozenset({Scope.EMAILS_SEND}))
    email = submit(gateway, who, "ann@example.net")
    with pytest.raises(RestrictedApiKey):
        gateway.look_up.email(who, email)
    with pytest.raises(RestrictedApiKey):
        gateway.look_up.emails(who, EmailFilter(), Page(10))


def test_emails_are_filtered(gateway: Gateway) -> None:
    """By recipient, last event, tag and stream, each alone and all together."""
    who = caller(gateway)
    wanted = submit(gateway, who, "kim@example.net", stream="news", tags=(("campaign", "spring"),))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, wanted))
    submit(gateway, who, "ann@example.net", tags=(("campaign", "autumn"),))
    for one in (
        EmailFilter(to="KIM@example.net"),
        EmailFilter(last_events=("bounced",)),
        EmailFilter(tags=(("campaign", "spring"),)),
        EmailFilter(stream="news"),
        EmailFilter(to="kim@example.net", last_events=("bounced",), tags=(("campaign", "spring"),), stream="news"),
    ):
        assert [email.id for email in gateway.look_up.emails(who, one, Page(10)).data] == [wanted], one
    assert gateway.look_up.emails(who, EmailFilter(to="kim@example.net", stream="other"), Page(10)).data == ()


def test_emails_are_found_by_their_lane_and_by_what_is_due(gateway: Gateway) -> None:
    """What is due waits, and its time has come; by lane, or in all of them."""
    who = caller(gateway)
    gone = submit(gateway, who, "ann@gmail.com", lane=Lane.BULK)
    gateway.deliver.drain(Lane.BULK)
    later = submit(gateway, who, "ann@gmail.com", lane=Lane.BULK, scheduled_in=timedelta(hours=1))
    bulk, soon = (submit(gateway, who, "ann@gmail.com", lane=lane) for lane in (Lane.BULK, Lane.TRANSACTIONAL))
    for wanted, expected in (
        (EmailFilter(lane=Lane.BULK), [bulk, later, gone]),
        (EmailFilter(lane=Lane.BULK, is_due=True), [bulk]),
        (EmailFilter(lane=Lane.TRANSACTIONAL, is_due=True), [soon]),
        (EmailFilter(is_due=True), [soon, bulk]),
        (EmailFilter(is_due=True, states=(State.SCHEDULED,)), []),
        (EmailFilter(is_due=True, states=(State.SENT,)), []),
        (EmailFilter(is_due=True, to="ann@gmail.com", lane=Lane.BULK), [bulk]),
    ):
        for reader in (who, ROOT):
            assert [one.id for one in gateway.look_up.emails(reader, wanted, Page(10)).data] == expected, wanted
    first = gateway.look_up.emails(ROOT, EmailFilter(is_due=True), Page(1))
    assert ([one.id for one in first.data], first.has_more) == ([soon], True)
    assert [one.id for one in gateway.look_up.emails(ROOT, EmailFilter(is_due=True), Page(1, after=soon)).data] == [
        bulk
    ]


def test_what_is_due_is_found_among_many_too(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more than are sorted, it is found among all that waits."""
    monkeypatch.setattr(bounded_counts, "_DUE_SORTED", 1)
    who = caller(gateway)
    submit(gateway, who, "ann@gmail.com", scheduled_in=timedelta(hours=1))
    due = [submit(gateway, who, "ann@gmail.com") for _ in range(2)]
    for reader in (who, ROOT):
        found = gateway.look_up.emails(reader, EmailFilter(is_due=True, lane=Lane.TRANSACTIONAL), Page(10))
        assert [one.id for one in found.data] == due[::-1]


@pytest.mark.parametrize("looked_through", [(0, 0), (0, 100), (100, 100)], ids=["many", "some", "few"])
@pytest.mark.parametrize("rare", [0, 100], ids=["common", "rare"])
def test_a_list_is_the_same_wherever_it_starts(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, looked_through: tuple[int, int], rare: int
) -> None:
    """By a person, an address, a state and a cause, whether many emails have the one or few recipients the other."""
    monkeypatch.setattr(bounded_counts, "_ALWAYS_LOOKED_THROUGH", looked_through[0])
    monkeypatch.setattr(bounded_counts, "_LOOKED_THROUGH", looked_through[1])
    monkeypatch.setattr(bounded_counts, "_RARE", rare)
    who, other = caller(gateway), caller(gateway, app="other")
    made = [
        (submit(gateway, app, to, actor=actor, reference=reference), to, actor, reference, state, cause)
        for app, to, actor, reference, (state, cause) in product(
            (who, other), (ANN, BOB), ("kim", "lee"), ("party", None), FATES_OF_EMAILS
        )
    ]
    for email, *_, is_now, why in made:
        change(gateway, "recipients", {"state": is_now, "cause": why}, email_id=email)
    asked = product(
        (ANN, None), ("kim", None), ("party", None), (State.HELD, State.BOUNCED, None), ("mailbox_gone", None)
    )
    for to, actor, reference, state, cause in asked:
        wanted = EmailFilter(
            to=to, actor=actor, reference=reference, states=(state,) if state else (), causes=(cause,) if cause else ()
        )
        asks = (to, actor, reference, state, cause)
        expected = [
            email for email, *has in reversed(made) if all(a in (None, b) for a, b in zip(asks, has, strict=True))
        ]
        for reader, mine in ((who, expected[len(expected) // 2 :]), (ROOT, expected)):
            assert [one.id for one in gateway.look_up.emails(reader, wanted, Page(100)).data] == mine, wanted


def test_emails_are_found_by_their_mailbox_provider(gateway: Gateway) -> None:
    """Of any recipient; with a state or a cause, of that same recipient. Other domains have one provider together."""
    who = caller(gateway)
    both = submit(gateway, who, "kim@gmail.com", "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, both))
    later = submit(gateway, who, "ann@googlemail.com")
    for wanted, expected in (
        (EmailFilter(provider="gmail"), [later, both]),
        (EmailFilter(provider="other"), [both]),
        (EmailFilter(provider="gmail", states=(State.BOUNCED,)), [both]),
        (EmailFilter(provider="other", states=(State.BOUNCED,)), []),
        (EmailFilter(provider="gmail", causes=("mailbox_gone",)), [both]),
        (EmailFilter(provider="gmail", last_events=("queued",)), [later]),
        (EmailFilter(provider="yahoo"), []),
    ):
        for reader in (who, ROOT):
            assert [one.id for one in gateway.look_up.emails(reader, wanted, Page(10)).data] == expected, wanted
    with pytest.raises(ValidationFailed, match="One of apple"):
        gateway.look_up.emails(who, EmailFilter(provider="google"), Page(10))


def test_two_tags_of_one_name_are_kept_and_found(gateway: Gateway) -> None:
    """Both are shown, each is found, and neither is a part of another value."""
    who = caller(gateway)
    tags = (("team", "red"), ("team", "blue"), ("id", "7"), ("team", "red"))
    wanted = submit(gateway, who, "kim@example.net", tags=tags)
    submit(gateway, who, "ann@example.net", tags=(("team", "Red"), ("id", "77")))
    assert sorted(gateway.look_up.email(who, wanted).tags) == [("id", "7"), ("team", "blue"), ("team", "red")]
    for tag in (("team", "red"), ("team", "blue"), ("id", "7")):
        for one in (EmailFilter(tags=(tag,)), EmailFilter(tags=(tag,), to="kim@example.net")):
            assert [email.id for email in gateway.look_up.emails(who, one, Page(10)).data] == [wanted], one
    for tag in (("team", "re"), ("team", "green"), ("team", ""), ("team", "Blue"), ("id", "red")):
        assert gateway.look_up.emails(who, EmailFilter(tags=(tag,)), Page(10)).data == (), tag


def test_several_values_of_a_filter(gateway: Gateway) -> None:
    """An email has one of the last events and of the states, and all of the tags; each is listed once."""
    who = caller(gateway)
    tags = {"kim@example.net": ("a", "b"), "bob@example.net": ("a",), "ann@example.net": ("b",)}
    kim, bob = (submit(gateway, who, name, tags=tuple((tag, "1") for tag in tags[name])) for name in list(tags)[:2])
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, kim))
    ann = submit(gateway, who, "ann@example.net", tags=(("b", "1"),))
    for wanted, expected in (
        (EmailFilter(last_events=("bounced", "queued")), [ann, kim]),
        (EmailFilter(last_events=("sent", "bounced", "sent")), [bob, kim]),
        (EmailFilter(states=(State.SENT, State.QUEUED)), [ann, bob]),
        (EmailFilter(last_events=("sent", "bounced"), states=(State.SENT,)), [bob]),
        (EmailFilter(tags=(("a", "1"), ("b", "1"))), [kim]),
        (EmailFilter(last_events=("sent", "bounced"), tags=(("a", "1"),), to="kim@example.net"), [kim]),
    ):
        assert [one.id for one in gateway.look_up.emails(who, wanted, Page(10)).data] == expected, wanted
    first = gateway.look_up.emails(who, EmailFilter(last_events=("sent", "bounced", "queued")), Page(2))
    assert ([one.id for one in first.data], first.has_more) == ([ann, bob], True)


def test_an_application_is_named_by_those_who_see_several(gateway: Gateway) -> None:
    """An application may name itself alone: the answer to another name would look like that one's emails."""
    who, other = caller(gateway), caller(gateway, app="other")
    mine, theirs = submit(gateway, who, "ann@example.net"), submit(gateway, other, "ann@example.net")
    assert [one.id for one in gateway.look_up.emails(ROOT, EmailFilter(app="other"), Page(10)).data] == [theirs]
    assert [one.id for one in gateway.look_up.emails(who, EmailFilter(app=who.app), Page(10)).data] == [mine]
    with pytest.raises(RestrictedApiKey):
        gateway.look_up.emails(who, EmailFilter(app="other"), Page(10))
    with pytest.raises(ValidationFailed, match="There is no application of this name"):
        gateway.look_up.emails(ROOT, EmailFilter(app="lost"), Page(10))


@pytest.mark.parametrize("wanted", [EmailFilter(to="nobody"), EmailFilter(last_events=("lost",))])
def test_a_filter_that_means_nothing_is_refused(gateway: Gateway, wanted: EmailFilter) -> None:
    """An empty page would look like a valid answer."""
    with pytest.raises(ValidationFailed):
        gateway.look_up.emails(caller(gateway), wanted, Page(10))


def test_pages_go_forward_and_back(gateway: Gateway) -> None:
    """Newest first, without a repeat or a gap; each page states whether more follows in its direction."""
    who = caller(gateway)
    emails = [submit(gateway, who, f"r{number}@example.net") for number in range(5)]
    newest = emails[::-1]
    first = gateway.look_up.emails(who, EmailFilter(), Page(2))
    assert ([one.id for one in first.data], first.has_more) == (newest[:2], True)
    last = gateway.look_up.emails(who, EmailFilter(), Page(3, after=newest[1]))
    assert ([one.id for one in last.data], last.has_more) == (newest[2:], False)
    back = gateway.look_up.emails(who, EmailFilter(), Page(2, before=newest[3]))
    assert ([one.id for one in back.data], back.has_more) == (newest[1:3], True)
    assert all(one.text is None for one in first.data)


def test_a_body_that_cannot_be_opened_is_shown_as_none(gateway: Gateway) -> None:
    """A lost key loses the content and nothing else."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "emails", {"sealed_key": b"x" * 64})
    view = gateway.look_up.email(ROOT, email)
    assert (view.text, view.html) == (None, None)
    assert view.recipients[0].state == State.QUEUED


def test_an_email_says_what_became_of_it(gateway: Gateway) -> None:
    """For each recipient, in plain words, in lists too; and one email lists its files, or that they were erased."""
    who = caller(gateway)
    email = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    (view,) = gateway.look_up.emails(who, EmailFilter(), Page(10)).data
    outcome = view.recipients[0].outcome
    assert (outcome.kind, outcome.cause) == (OutcomeKind.NOT_DELIVERED, OutcomeCause.MAILBOX_GONE)
    assert not gateway.look_up.email(who, email).erased
    change(gateway, "emails", {"sealed_body": None, "sealed_key": None})
    assert gateway.look_up.email(who, email).erased


def test_all_emails_of_a_filter_come_in_pieces(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of its pages, in the same order; a filter that is wrong is refused before the first piece."""
    monkeypatch.setattr(look_up, "_PIECE", 2)
    who = caller(gateway)
    sent = [submit(gateway, who, f"p{number}@example.net") for number in range(5)]
    pieces = list(gateway.look_up.pieces(who, EmailFilter()))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert [view.id for piece in pieces for view in piece] == sent[::-1]
    with pytest.raises(ValidationFailed):
        gateway.look_up.pieces(ROOT, EmailFilter(app="no-such-app"))


def test_a_cancellation_with_a_reason_is_in_the_audit(gateway: Gateway) -> None:
    """The recipient and the audit say who canceled and why. An application gives no reason, and needs none."""
    who = caller(gateway)
    first, second = submit(gateway, who, "ann@example.net"), submit(gateway, who, "bob@example.net")
    gateway.revise.cancel(who, first)
    gateway.revise.cancel(ROOT, second, reason="Sent by mistake.")
    recipient = recipient_of(gateway, second)
    assert (recipient.state, recipient.reason) == (State.CANCELED, f"Canceled by {ROOT.actor}: Sent by mistake.")
    (entry,) = rows(gateway, "audit", action="cancel")
    assert (entry["actor"], entry["reason"]) == (ROOT.actor, "Sent by mistake.")
    assert (entry["key"], entry["data"]) == ("bob@example.net", {"recipient_id": str(recipient.id)})
