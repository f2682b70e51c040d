"""The layers that may block emails to an address, each with its verdict, its evidence, and how to unsuppress it.

The layers are judged from facts that the caller has read. This module reads nothing itself, except that
`AddressFacts.asked_live` asks SES.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final
from uuid import UUID

from app.aws.ses.account import SesAccount
from app.domain.errors import ServiceUnavailable
from app.domain.feedback.bounce_reader import BounceReader
from app.domain.feedback.events import BounceType, EventType, SesEvent
from app.domain.message.address import Address
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.suppression import pauses
from app.domain.suppression.remedies import (
    AT_SES_GLOBALLY,
    BY_A_DELIVERY,
    remedy_at_ses,
    remedy_for_entry,
    remedy_for_review,
)
from app.domain.suppression.rules import EVERY_EMAIL, rule
from app.services.suppression.disclosure import OF_ANOTHER, source_email
from app.services.suppression.explanation.layer import Finding, Layer, LayerName, LayerVerdict
from app.store.feedback.events import said
from app.store.suppression.address_history import AddressEvent, AtSes, Review
from app.store.suppression.suppressions import Suppression, is_address

_GLOBAL_LIST_LASTS: Final = timedelta(days=14)
_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFacts:
    """What was read about one address, as far as the caller may know it.

    `covering`: the entries that cover an unsubscription. `emails`: the source emails that may be named. `foreign`: the
    entries that follow from emails of other applications. `bounces` reads their evidence. `counting`: the bounces that
    count towards a pause now. `live`: SES itself was asked. `switched_off`: the reasons for which
    SES's own list stopped no email when that was last asked. `ses_fault`: why SES did not answer.
    """

    address: Address
    now: datetime
    entries: tuple[Suppression, ...]
    covering: frozenset[UUID]
    emails: frozenset[UUID]
    foreign: frozenset[UUID]
    reviews: tuple[Review, ...]
    at_ses: tuple[AtSes, ...]
    ses_read_at: datetime | None
    events: tuple[AddressEvent, ...]
    bounces: BounceReader
    counting: tuple[pauses.CountedBounce, ...]
    live: bool = False
    switched_off: tuple[str, ...] = ()
    ses_fault: str | None = None

    def asked_live(self, account: SesAccount, *, patience_s: float) -> "AddressFacts":
        """The same facts with what SES says of its list now, for each known spelling of the address.

        One call is allowed a second; all the waiting for these calls together takes at most `patience_s`.
        """
        until = monotonic() + patience_s
        listed = [one.address for one in self.at_ses] + [one.address for one in self.entries if is_address(one.key)]
        spellings = sorted({self.address.key, self.address.email, *listed})
        try:
            answers = [account.get_suppressed(one, longest_wait_s=max(0.0, until - monotonic())) for one in spellings]
            off = account.quota().switched_off if any(answers) else ()
        except ServiceUnavailable as error:
            return replace(self, live=True, ses_fault=error.detail)
        at_ses = (AtSes(address=one.address, reason=one.reason, updated_at=one.updated_at) for one in answers if one)
        return replace(self, live=True, at_ses=tuple(at_ses), switched_off=off)


def layers(facts: AddressFacts) -> tuple[Layer, ...]:
    """Every layer, in order."""
    return (_own_list(facts), _domain(facts), _review(facts), _ses_account(facts), _ses_global(facts), _soft(facts))


def _own_list(facts: AddressFacts) -> Layer:
    entries = [one for one in facts.entries if not one.key.startswith("@")]
    return _of_entries(facts, LayerName.LIST, entries, facts.address.key, clear="The address is not on the list.")


def _domain(facts: AddressFacts) -> Layer:
    domain = f"@{facts.address.domain}"
    entries = [one for one in facts.entries if one.key.startswith("@")]
    return _of_entries(facts, LayerName.DOMAIN, entries, domain, clear="Its whole domain is not on the list.")


def _of_entries(
    facts: AddressFacts, name: LayerName, entries: Sequence[Suppression], unsuppressed_as: str, *, clear: str
) -> Layer:
    if not entries:
        return Layer(name=name, verdict=LayerVerdict.CLEAR, summary=clear)
    target = "Its whole domain" if name is LayerName.DOMAIN else "The address"
    places = ", ".join(f"{one.scope} ({one.origin})" for one in entries)
    return Layer(
        name=name,
        verdict=LayerVerdict.BLOCKS,
        summary=f"{target} is on the list: {places}.",
        findings=tuple(_of_entry(facts, one, unsuppressed_as) for one in entries),
    )


def _of_entry(facts: AddressFacts, entry: Suppression, unsuppressed_as: str) -> Finding:
    source = entry.source
    email = source_email(entry)
    foreign = entry.id in facts.foreign
    cause = _cause_in_words(source, facts.bounces) or (OF_ANOTHER if foreign else entry.reason)
    diagnostic = source.get("diagnostic")
    kept = " Kept under a pseudonym: the person was forgotten." if is_pseudonym(entry.key) else ""
    own = " The recipient has also unsubscribed; that stays." if entry.id in facts.covering else ""
    return Finding(
        says=f"{cause}{kept}{own}",
        since=entry.created_at,
        until=entry.expires_at,
        scope=entry.scope,
        origin=entry.origin,
        suppression_id=entry.id,
        review_id=entry.review_id,
        email_id=email if email in facts.emails else None,
        event=_kind(source),
        diagnostic=diagnostic if isinstance(diagnostic, str) and not foreign else None,
        remedy=remedy_for_entry(unsuppressed_as, scope=entry.scope, origin=entry.origin),
    )


def _review(facts: AddressFacts) -> Layer:
    waiting = [one for one in facts.reviews if one.decided_at is None]
    if not waiting:
        return Layer(name=LayerName.REVIEW, verdict=LayerVerdict.CLEAR, summary="No review waits for a decision.")
    return Layer(
        name=LayerName.REVIEW,
        verdict=LayerVerdict.BLOCKS,
        summary="It was put on the list with many others of its domain; a person has to decide whether it stays.",
        findings=tuple(
            Finding(
                says=f"Many addresses of {one.domain} bounced at once: probably the fault of their server.",
                since=one.opened_at,
                review_id=one.id,
                remedy=remedy_for_review(one.domain),
            )
            for one in waiting
        ),
    )


def _ses_account(facts: AddressFacts) -> Layer:
    name = LayerName.SES_ACCOUNT
    if facts.ses_fault:
        return Layer(name=name, verdict=LayerVerdict.UNKNOWN, summary=f"SES did not answer: {facts.ses_fault}.")
    when = _when_read(facts)
    if facts.at_ses:
        spelled = ", ".join(f"{one.reason.lower()} since {one.updated_at:%Y-%m-%d}" for one in facts.at_ses)
        stopping = [one for one in facts.at_ses if one.reason not in facts.switched_off]
        off = "" if stopping else " But that list is switched off for such entries: it stops no email."
        return Layer(
            name=name,
            verdict=LayerVerdict.WARNS if stopping else LayerVerdict.CLEAR,
            summary=f"SES's own list has the address ({spelled}); {when}.{off}",
            findings=tuple(
                Finding(
                    says=f"On the suppression list of the SES account, with this spelling, for a {one.reason.lower()}.",
                    since=one.updated_at,
                    remedy=remedy_at_ses(one.address),
                )
                for one in facts.at_ses
            ),
        )
    if facts.live or facts.ses_read_at is not None:
        return Layer(name=name, verdict=LayerVerdict.CLEAR, summary=f"Not on SES's own list; {when}.")
    return Layer(name=name, verdict=LayerVerdict.UNKNOWN, summary="SES's own list has never been read here.")


def _when_read(facts: AddressFacts) -> str:
    if facts.live:
        return "asked just now"
    return f"last read {facts.ses_read_at:%Y-%m-%d %H:%M} UTC" if facts.ses_read_at else "never read as a whole"


def _ses_global(facts: AddressFacts) -> Layer:
    recent = [one for one in facts.events if _is_global(one) and one.occurred_at > facts.now - _GLOBAL_LIST_LASTS]
    name = LayerName.SES_GLOBAL
    if not recent:
        return Layer(name=name, verdict=LayerVerdict.CLEAR, summary="No sign of SES's global list in the last 14 days.")
    return Layer(
        name=name,
        verdict=LayerVerdict.WARNS,
        summary="SES refused an email to the address because of its global list: it has the bounces of all customers.",
        findings=tuple(
            Finding(
                says=one.detail,
                since=one.occurred_at,
                until=one.occurred_at + _GLOBAL_LIST_LASTS,
                email_id=one.email_id,
                event=one.type,
                diagnostic=one.data.get("diagnostic"),
                remedy=AT_SES_GLOBALLY,
            )
            for one in recent[:3]
        ),
    )


def _is_global(one: AddressEvent) -> bool:
    subtype = str(one.data.get("bounce_subtype")).lower()
    return one.data.get("bounce_type") == BounceType.PERMANENT and subtype == "suppressed"


def _soft(facts: AddressFacts) -> Layer:
    own = [one for one in facts.counting if one.weight is not pauses.Weight.LAID_TO_US]
    name, in_a_row, laid_to_us = LayerName.SOFT_BOUNCES, len(own), len(facts.counting) - len(own)
    recent = sum(one.occurred_at > facts.now - pauses.SOFT_BOUNCE_WINDOW for one in own)
    tally = (
        f"{recent} of {pauses.SOFT_BOUNCE_LIMIT} soft bounces within {pauses.SOFT_BOUNCE_WINDOW.days} days, "
        f"{in_a_row} of {pauses.SOFT_BOUNCES_IN_A_ROW} in a row"
    )
    if laid_to_us:
        limit = pauses.LAID_TO_US_IN_A_ROW
        tally += f", {laid_to_us} of {limit} refusals that are laid to us, if others of its domain get email"
    paused = [one for one in facts.entries if pauses.SOURCE in one.source and one.scope == EVERY_EMAIL]
    if paused:
        until = f"{paused[0].expires_at:%Y-%m-%d %H:%M} UTC" if paused[0].expires_at else "it is unsuppressed"
        findings = tuple(_of_entry(facts, one, facts.address.key) for one in paused)
        return Layer(
            name=name, verdict=LayerVerdict.BLOCKS, summary=f"Paused until {until}; {tally}.", findings=findings
        )
    if not facts.counting:
        return Layer(name=name, verdict=LayerVerdict.CLEAR, summary=f"{tally}: no pause.")
    findings = tuple(_soft_bounces(facts))
    return Layer(name=name, verdict=LayerVerdict.WARNS, summary=f"{tally}: no pause yet.", findings=findings)


def _soft_bounces(facts: AddressFacts) -> Iterator[Finding]:
    counting = {one.occurred_at for one in facts.counting}
    for one in facts.events:
        if one.type == EventType.BOUNCE and one.occurred_at in counting:
            yield Finding(
                says=one.effect or one.detail,
                since=one.occurred_at,
                email_id=one.email_id,
                event=one.type,
                diagnostic=one.data.get("diagnostic"),
                remedy=BY_A_DELIVERY,
            )


def _cause_in_words(source: dict[str, Any], bounces: BounceReader) -> str | None:
    """What the event behind an entry means, in the words of the suppression rules; None without an SES event."""
    bounce, complaint = said(source)
    if bounce is None and complaint is None:
        return None
    ses_event = SesEvent(
        kind=EventType.BOUNCE if bounce else EventType.COMPLAINT,
        ses_message_id="",
        recipient=None,
        occurred_at=_EVER,
        mail_sent_at=None,
        bounce=bounce,
        complaint=complaint,
    )
    reading = bounces.read_event(ses_event)
    return rule(ses_event, reading.cause if reading else None, exempt=False).why


def _kind(source: dict[str, Any]) -> str | None:
    if "bounce_type" in source:
        return EventType.BOUNCE
    return EventType.COMPLAINT if {"complaint_type", "complaint_subtype"} & source.keys() else None
