"""Outcomes: an application reads what became of its own emails, page by page, as a file, and in numbers."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import RestrictedApiKey, ValidationFailed
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.reporting.outcome_words import OutcomeCause, WhoCanAct
from app.domain.reporting.outcomes import KIND_OF, SUPERSEDING, OutcomeKind
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Origin
from app.queue import Lane
from app.services.paging import Page
from app.services.reporting import outcomes
from app.services.reporting.outcome_file import COLUMNS, header, lines, with_masks
from app.services.reporting.outcomes import OutcomeFilter, OutcomeView
from app.store.reporting import outcome_pages
from app.store.suppression.gate_sql import reason_for
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, submit
from tests.support.gateway.forgetting import forget, with_account
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, recipient_of
from tests.support.gateway.web import AccountList

KIM, ANN, BOB = (f"{name}@example.net" for name in ("kim", "ann", "bob"))


def told(gateway: Gateway, who: Caller, **wanted: Any) -> list[OutcomeView]:
    """Return the outcomes that pass the filter."""
    return list(gateway.reporting.outcomes.page(who, OutcomeFilter(**wanted), Page(100)).data)


def test_an_inviter_learns_that_the_mailbox_is_full(gateway: Gateway) -> None:
    """From the bounce of a real email to the sentence, the next step and the person who can take it."""
    who = caller(gateway)
    email = submit(gateway, who, KIM, actor="user-7", reference="invitation-1", stream="invitations")
    submit(gateway, who, ANN, actor="user-8")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email, kind="Transient", subtype="MailboxFull"))
    [row] = told(gateway, who, actor="user-7")
    assert (row.email, row.email_id, row.actor, row.reference) == (KIM, email, "user-7", "invitation-1")
    assert (row.outcome.kind, row.outcome.cause) == (OutcomeKind.NOT_DELIVERED, OutcomeCause.MAILBOX_FULL)
    assert (row.outcome.sentence, row.outcome.next_step) == ("The mailbox is full.", "Try again next week.")
    assert row.outcome.who_can_act == "inviter"
    assert (row.stream, row.subject, row.app) == ("invitations", "You are invited", "invites")


def test_a_mistyped_address_is_told_with_the_right_ending(gateway: Gateway) -> None:
    """The bounce of such an address gets the cause `typo`, by which it can be found; others keep theirs."""
    who = caller(gateway)
    emails = [submit(gateway, who, address) for address in ("kim@gmial.com", KIM)]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    for email in emails:
        feed(gateway, bounce(gateway, email))
    [row] = told(gateway, who, causes=(OutcomeCause.TYPO,))
    assert (row.email, row.outcome.next_step) == ("kim@gmial.com", "Check the address: should it end in @gmail.com?")
    assert [one.email for one in told(gateway, who, causes=(OutcomeCause.MAILBOX_GONE,))] == [KIM]


@pytest.mark.parametrize("origin", Origin)
def test_why_an_email_was_not_sent_is_known_from_the_entry(gateway: Gateway, origin: Origin) -> None:
    """An email to an address on the list, by each origin: refused at once, with the words for that origin."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    change(gateway, "recipients", {"state": State.SUPPRESSED, "reason": reason_for(origin)}, email_id=email)
    [row] = told(gateway, who, kinds=(OutcomeKind.NOT_SENT,))
    causes = {
        Origin.BOUNCE: OutcomeCause.FAILED_BEFORE,
        Origin.SES_ACCOUNT: OutcomeCause.FAILED_BEFORE,
        Origin.COMPLAINT: OutcomeCause.COMPLAINED,
        Origin.MANUAL: OutcomeCause.BLOCKED,
        Origin.UNSUBSCRIBE: OutcomeCause.UNSUBSCRIBED,
        Origin.ERASURE: OutcomeCause.UNSUBSCRIBED,
    }
    assert row.outcome.cause is causes[origin]
    assert told(gateway, who, causes=(causes[origin],)) == [row]


def test_an_application_sees_only_its_own(gateway: Gateway) -> None:
    """By any filter; an administrator sees all, or those of the application that it names."""
    who, other = caller(gateway), caller(gateway, app="other")
    for one in (who, other):
        submit(gateway, one, KIM, actor="user-7", reference="r", tags=(("list", "a"),))
    wide: list[dict[str, Any]] = [{}, {"actor": "user-7"}, {"reference": "r"}, {"tag": ("list", "a")}, {"email": KIM}]
    for wanted in wide:
        assert [row.app for row in told(gateway, other, **wanted)] == ["other"]
        assert {row.app for row in told(gateway, ROOT, **wanted)} == {"invites", "other"}
        assert [row.app for row in told(gateway, ROOT, app="invites", **wanted)] == ["invites"]
        counted = gateway.reporting.outcomes.counts(other, OutcomeFilter(**wanted))
        assert (counted.counts[OutcomeKind.ON_ITS_WAY], counted.emails) == (1, 1)
    [[row]] = gateway.reporting.outcomes.pieces(other, OutcomeFilter())
    assert row.app == "other"
    assert [row.app for row in told(gateway, other, app="other")] == ["other"]
    with pytest.raises(RestrictedApiKey):
        told(gateway, other, app="invites")
    foreign = told(gateway, who)[0].recipient_id
    with pytest.raises(ValidationFailed, match="recipient_id"):
        gateway.reporting.outcomes.page(other, OutcomeFilter(), Page(10, after=foreign))


def test_outcomes_need_the_scope_to_read(gateway: Gateway) -> None:
    """A key that may only send learns nothing."""
    who = caller(gateway, scopes=frozenset({Scope.EMAILS_SEND}))
    for ask in (
        lambda: gateway.reporting.outcomes.page(who, OutcomeFilter(), Page(10)),
        lambda: gateway.reporting.outcomes.pieces(who, OutcomeFilter()),
        lambda: gateway.reporting.outcomes.counts(who, OutcomeFilter()),
    ):
        with pytest.raises(RestrictedApiKey):
            ask()


@pytest.fixture
def many(gateway: Gateway) -> Caller:
    """An application with emails to one to five recipients, in many states, for two actors."""
    who = caller(gateway)
    states = list(State)
    for number in range(14):
        names = [f"p{number}.{place}@{'gmial.com' if number % 3 else 'example.net'}" for place in range(number % 5 + 1)]
        email = submit(gateway, who, *names, actor=f"user-{number % 2}", reference=f"r-{number}")
        for place, row in enumerate(gateway.look_up.email(who, email).recipients):
            state = states[(number + place) % len(states)]
            cause = list(BounceCause)[number] if state is State.BOUNCED else None
            change(gateway, "recipients", {"state": state, "cause": cause}, id=row.id)
    return who


def walk(gateway: Gateway, who: Caller, wanted: OutcomeFilter, limit: int) -> Iterator[tuple[OutcomeView, ...]]:
    """Yield the pages from the newest to the oldest."""
    after: UUID | None = None
    while True:
        page = gateway.reporting.outcomes.page(who, wanted, Page(limit, after=after))
        yield page.data
        if not page.has_more:
            return
        after = page.data[-1].recipient_id


def test_pages_hold_each_outcome_once_in_both_directions(gateway: Gateway, many: Caller) -> None:
    """Whatever the length of a page: by every filter the pages together are the file, forwards and backwards."""
    filters = [
        OutcomeFilter(),
        OutcomeFilter(actor="user-1"),
        *(OutcomeFilter(kinds=(kind,)) for kind in OutcomeKind),
        *(OutcomeFilter(causes=(cause,)) for cause in (OutcomeCause.TYPO, OutcomeCause.MAILBOX_GONE)),
        OutcomeFilter(actor="user-0", kinds=(OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN)),
    ]
    everything = [row for piece in gateway.reporting.outcomes.pieces(many, OutcomeFilter()) for row in piece]
    assert len(everything) == sum(number % 5 + 1 for number in range(14))
    for wanted, limit in product(filters, (1, 2, 3, 7, 100)):
        whole = [row for piece in gateway.reporting.outcomes.pieces(many, wanted) for row in piece]
        assert whole == [row for row in everything if passes(row, wanted)]
        pages = list(walk(gateway, many, wanted, limit))
        assert [row for page in pages for row in page] == whole
        assert all(len(page) == limit for page in pages[:-1])
        for earlier, later in pairwise(pages):
            back = gateway.reporting.outcomes.page(many, wanted, Page(limit, before=later[0].recipient_id))
            assert back.data == earlier
            assert back.has_more == (earlier is not pages[0])


def passes(row: OutcomeView, wanted: OutcomeFilter) -> bool:
    return (
        wanted.actor in {None, row.actor}
        and (not wanted.kinds or row.outcome.kind in wanted.kinds)
        and (not wanted.causes or row.outcome.cause in wanted.causes)
    )


def test_the_numbers_are_those_of_the_list(gateway: Gateway, many: Caller) -> None:
    """For the same filter, whatever outcome it asks for; beyond a bound only the newest emails are counted."""
    for wanted in (OutcomeFilter(), OutcomeFilter(actor="user-1"), OutcomeFilter(email="p3.1@example.net")):
        rows = told(gateway, many, actor=wanted.actor, email=wanted.email)
        counted = gateway.reporting.outcomes.counts(many, wanted)
        assert counted.counts == {kind: sum(row.outcome.kind is kind for row in rows) for kind in OutcomeKind}
        assert counted.complete
    only = OutcomeFilter(kinds=(OutcomeKind.DELIVERED,))
    assert gateway.reporting.outcomes.counts(many, only) == gateway.reporting.outcomes.counts(many, OutcomeFilter())
    counted = gateway.reporting.outcomes.counts(many, OutcomeFilter(), most=2)
    assert (counted.emails, counted.complete, sum(counted.counts.values())) == (2, False, 13 % 5 + 1 + 12 % 5 + 1)


def test_a_search_for_a_rare_cause_ends(gateway: Gateway, many: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many emails would be read for a page, the answer says how to narrow the list."""
    monkeypatch.setattr(outcomes, "_MOST_READ", 1)
    change(gateway, "recipients", {"state": State.BOUNCED, "cause": BounceCause.MAILBOX_GONE, "key": KIM})
    with pytest.raises(ValidationFailed, match="Narrow the list"):
        gateway.reporting.outcomes.page(many, OutcomeFilter(causes=(OutcomeCause.TYPO,)), Page(5))


def test_a_search_for_a_rare_cause_reads_no_other_email_whole(
    gateway: Gateway, many: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many suppressed emails only the one with the cause is read with its addresses: that is the dear part."""
    change(gateway, "recipients", {"state": State.SUPPRESSED, "reason": reason_for(Origin.BOUNCE)})
    rare = told(gateway, many)[-1]
    change(gateway, "recipients", {"reason": reason_for(Origin.UNSUBSCRIBE)}, id=rare.recipient_id)
    read, sent = list[Sequence[UUID]](), outcome_pages.sent

    def noting(connection: Connection, email_ids: Sequence[UUID]) -> tuple[outcome_pages.Sent, ...]:
        read.append(email_ids)
        return sent(connection, email_ids)

    monkeypatch.setattr(outcome_pages, "sent", noting)
    rows = told(gateway, many, causes=(OutcomeCause.UNSUBSCRIBED,))
    assert [(row.recipient_id, row.outcome.cause) for row in rows] == [(rare.recipient_id, OutcomeCause.UNSUBSCRIBED)]
    assert read == [[rare.email_id]]


def test_a_file_goes_on_after_a_piece_without_a_rare_cause(
    gateway: Gateway, many: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only email with the cause is the oldest, and a piece holds one email: no row is lost."""
    monkeypatch.setattr(outcomes, "PIECE", 1)
    change(gateway, "recipients", {"state": State.SUPPRESSED, "reason": reason_for(Origin.BOUNCE)})
    rare = told(gateway, many)[-1]
    change(gateway, "recipients", {"reason": reason_for(Origin.UNSUBSCRIBE)}, id=rare.recipient_id)
    pieces = gateway.reporting.outcomes.pieces(many, OutcomeFilter(causes=(OutcomeCause.UNSUBSCRIBED,)))
    assert [row.recipient_id for piece in pieces for row in piece] == [rare.recipient_id]


def test_a_time_bounds_the_list(gateway: Gateway) -> None:
    """`since` and `until` are about when the email was accepted."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    at = gateway.look_up.email(who, email).created_at
    assert len(told(gateway, who, since=at, until=at + timedelta(seconds=1))) == 1
    assert told(gateway, who, until=at) == told(gateway, who, since=at + timedelta(seconds=1)) == []


def test_an_opened_email_is_told_as_opened(gateway: Gateway) -> None:
    """It is delivered all the same."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, delivery(gateway, email))
    assert told(gateway, who)[0].outcome.sentence == "The email has arrived."
    change(gateway, "recipients", {"opened_at": recipient_of(gateway, email).updated_at}, email_id=email)
    assert told(gateway, who, kinds=(OutcomeKind.DELIVERED,))[0].outcome.sentence == (
        "The email has arrived and was opened."
    )


def test_an_email_that_a_newer_one_canceled_is_told_apart(gateway: Gateway) -> None:
    """There is nothing to do: the newer one goes its way."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    change(gateway, "recipients", {"state": State.CANCELED, "reason": SUPERSEDING}, email_id=email)
    [row] = told(gateway, who, causes=(OutcomeCause.CANCELED,))
    assert row.outcome.sentence == "A newer email took its place, so this one was not sent."
    change(gateway, "recipients", {"reason": "Canceled by the application."}, email_id=email)
    assert told(gateway, who)[0].outcome.sentence == "The email was canceled before it left."


def test_the_file_can_be_opened_in_a_spreadsheet(gateway: Gateway) -> None:
    """Every cell is text: none begins a formula, whatever the application gave as actor, reference or subject."""
    who = caller(gateway)
    submit(gateway, who, "=1+1@example.net", actor="=cmd|' /C calc'!A0", reference="@SUM(1)", stream="a-b")
    views = [row for piece in gateway.reporting.outcomes.pieces(who, OutcomeFilter()) for row in piece]
    [names, cells] = csv.reader(io.StringIO(header() + lines(views)))
    assert tuple(names) == COLUMNS
    row = dict(zip(names, cells, strict=True))
    assert (row["actor"], row["reference"]) == ("'=cmd|' /C calc'!A0", "'@SUM(1)")
    assert all(not cell or cell[0] not in "=+-@\t\r" for cell in cells)
    assert (row["outcome"], row["cause"], row["who_can_act"]) == ("on_its_way", "", "nobody")


def test_masks_leave_no_address(gateway: Gateway) -> None:
    """Neither of the recipient, nor of the actor, nor in a reference, which may be a URL, or a subject."""
    who = caller(gateway)
    for reference in (f"to-{BOB}", f"https://example.com/?to={BOB.replace('@', '%40')}"):
        submit(gateway, who, KIM, actor=ANN, reference=reference)
        shown = with_masks(told(gateway, who)[0])
        assert (shown.email, shown.actor, shown.subject) == ("k•••@example.net", "a•••@example.net", None)
        assert not any(name in repr(shown).replace("%40", "@") for name in (KIM, ANN, BOB))


def test_no_one_is_advised_to_write_to_a_forgotten_person(gateway: Gateway) -> None:
    """Whatever became of the emails before: one was held back by an unsubscription, one was waiting."""
    gateway = with_account(gateway, AccountList())
    who = caller(gateway)
    gateway.suppress.add(ROOT, KIM, scope="invites/news", reason="Unsubscribed.")
    submit(gateway, who, KIM, stream="news")
    submit(gateway, who, KIM)
    forget(gateway, KIM)
    shown = told(gateway, who)
    assert {one.outcome.kind for one in shown} == {OutcomeKind.NOT_SENT}
    assert {(one.outcome.next_step, one.outcome.who_can_act) for one in shown} == {
        ("Send nothing more, unless the person asks for it again.", WhoCanAct.RECIPIENT)
    }


def test_every_state_has_its_kind_in_the_list(gateway: Gateway) -> None:
    """A list by kind finds the recipients in each of its states, and no others."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    for state, kind in product(State, OutcomeKind):
        change(gateway, "recipients", {"state": state}, email_id=email)
        assert len(told(gateway, who, kinds=(kind,))) == (KIND_OF[state] is kind)
