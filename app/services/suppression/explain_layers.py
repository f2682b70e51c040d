"""The layers that may keep mail from an address, each with its verdict, its evidence, and who can lift it.

From facts that were read before; it reads nothing itself, except that it asks SES when it is told to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.aws.account import SesAccount
from app.domain.address import Address
from app.domain.errors import ServiceUnavailable
from app.domain.feedback import Bounce, BounceType, Complaint, Feedback, FeedbackKind
from app.domain.lifting import AT_SES_GLOBALLY, BY_A_DELIVERY, Lift, lift_at_ses, lift_entry, lift_review
from app.domain.pseudonym import is_pseudonym
from app.domain.suppression import EVERY_MAIL, SOFT_BOUNCE_LIMIT, SOFT_BOUNCE_WINDOW, rule
from app.services.disclosure import OF_ANOTHER, source_mail
from app.store.evidence import AtSes, Heard, Review
from app.store.suppressions import Suppression, is_address

_GLOBAL_LIST_LASTS: Final = timedelta(days=14)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_SOFT: Final = "soft_bounces"


class LayerName(StrEnum):
    """The layers, in the order in which a mail meets them."""

    LIST = "list"
    DOMAIN = "domain"
    REVIEW = "review"
    SES_ACCOUNT = "ses_account"
    SES_GLOBAL = "ses_global"
    SOFT_BOUNCES = "soft_bounces"


class Verdict(StrEnum):
    """What a layer says: Postern sends nothing, it sends but SES may not deliver, nothing, or that nobody knows."""

    BLOCKS = "blocks"
    WARNS = "warns"
    CLEAR = "clear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a layer knows of the address.

    `says` is what it means in plain words, `diagnostic` the remote server's own; `event` the kind of news behind it and
    `email_id` the mail that the news was about.
    """

    says: str
    since: datetime | None = None
    until: datetime | None = None
    scope: str | None = None
    origin: str | None = None
    suppression_id: UUID | None = None
    review_id: UUID | None = None
    email_id: UUID | None = None
    event: str | None = None
    diagnostic: str | None = None
    lift: Lift | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: its verdict, a sentence, and what it rests on."""

    name: LayerName
    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of one address: only what the caller may know.

    `covering` are the entries that cover an unsubscription, `mails` the source mails that may be named, `foreign` those
    that belong to others, `counting` the soft bounces that count towards a pause now. `live` says that SES itself was
    asked, `ses_fault` that it did not answer.
    """

    address: Address
    now: datetime
    entries: tuple[Suppression, ...]
    covering: frozenset[UUID]
    mails: frozenset[UUID]
    foreign: frozenset[UUID]
    reviews: tuple[Review, ...]
    at_ses: tuple[AtSes, ...]
    ses_read_at: datetime | None
    heard: tuple[Heard, ...]
    counting: tuple[datetime, ...]
    live: bool = False
    ses_fault: str | None = None

    def asked_live(self, account: SesAccount) -> "Facts":
        """The same with what SES says of its list now, in each spelling that is known; one call a second."""
        listed = [one.address for one in self.at_ses] + [one.address for one in self.entries if is_address(one.key)]
        spellings = sorted({self.address.key, self.address.email, *listed})
        try:
            found = [entry for one in spellings if (entry := account.get_suppressed(one))]
        except ServiceUnavailable as error:
            return replace(self, live=True, ses_fault=error.detail)
        at_ses = (AtSes(address=one.address, reason=one.reason, updated_at=one.updated_at) for one in found)
        return replace(self, live=True, at_ses=tuple(at_ses))


def layers(facts: Facts) -> tuple[Layer, ...]:
    """Every layer, in order."""
    return (_own_list(facts), _domain(facts), _review(facts), _ses_account(facts), _ses_global(facts), _soft(facts))


def _own_list(facts: Facts) -> Layer:
    entries = [one for one in facts.entries if not one.key.startswith("@")]
    return _of_entries(facts, LayerName.LIST, entries, facts.address.key, clear="The address is not on the list.")


def _domain(facts: Facts) -> Layer:
    domain = f"@{facts.address.domain}"
    entries = [one for one in facts.entries if one.key.startswith("@")]
    return _of_entries(facts, LayerName.DOMAIN, entries, domain, clear="Its whole domain is not on the list.")


def _of_entries(facts: Facts, name: LayerName, entries: Sequence[Suppression], lifted_as: str, *, clear: str) -> Layer:
    if not entries:
        return Layer(name=name, verdict=Verdict.CLEAR, summary=clear)
    whom = "Its whole domain" if name is LayerName.DOMAIN else "The address"
    told = ", ".join(f"{one.scope} ({one.origin})" for one in entries)
    return Layer(
        name=name,
        verdict=Verdict.BLOCKS,
        summary=f"{whom} is on the list: {told}.",
        findings=tuple(_of_entry(facts, one, lifted_as) for one in entries),
    )


def _of_entry(facts: Facts, entry: Suppression, lifted_as: str) -> Finding:
    source = entry.source
    mail = source_mail(entry)
    foreign = mail in facts.foreign
    told = _in_words(source) or (OF_ANOTHER if foreign else entry.reason)
    diagnostic = source.get("diagnostic")
    kept = " Kept under a pseudonym: the person was forgotten." if is_pseudonym(entry.key) else ""
    own = " The recipient has unsubscribed besides; that stays." if entry.id in facts.covering else ""
    return Finding(
        says=f"{told}{kept}{own}",
        since=entry.created_at,
        until=entry.expires_at,
        scope=entry.scope,
        origin=entry.origin,
        suppression_id=entry.id,
        review_id=entry.review_id,
        email_id=mail if mail in facts.mails else None,
        event=_kind(source),
        diagnostic=diagnostic if isinstance(diagnostic, str) and not foreign else None,
        lift=lift_entry(lifted_as, scope=entry.scope, origin=entry.origin),
    )


def _review(facts: Facts) -> Layer:
    waiting = [one for one in facts.reviews if one.decided_at is None]
    if not waiting:
        return Layer(name=LayerName.REVIEW, verdict=Verdict.CLEAR, summary="No review has to be decided.")
    return Layer(
        name=LayerName.REVIEW,
        verdict=Verdict.BLOCKS,
        summary="It came onto the list with many others of its domain; a person has yet to say whether it stays.",
        findings=tuple(
            Finding(
                says=f"Many addresses of {one.domain} bounced at once: more likely the fault of their server.",
                since=one.opened_at,
                review_id=one.id,
                lift=lift_review(one.domain),
            )
            for one in waiting
        ),
    )


def _ses_account(facts: Facts) -> Layer:
    name = LayerName.SES_ACCOUNT
    if facts.ses_fault:
        return Layer(name=name, verdict=Verdict.UNKNOWN, summary=f"SES did not say: {facts.ses_fault}.")
    when = _when_read(facts)
    if facts.at_ses:
        spelled = ", ".join(f"{one.reason.lower()} since {one.updated_at:%Y-%m-%d}" for one in facts.at_ses)
        return Layer(
            name=name,
            verdict=Verdict.WARNS,
            summary=f"SES's own list has the address ({spelled}); {when}.",
            findings=tuple(
                Finding(
                    says=f"On the suppression list of the SES account, spelled as there, for a {one.reason.lower()}.",
                    since=one.updated_at,
                    lift=lift_at_ses(one.address),
                )
                for one in facts.at_ses
            ),
        )
    if facts.live or facts.ses_read_at is not None:
        return Layer(name=name, verdict=Verdict.CLEAR, summary=f"Not on SES's own list; {when}.")
    return Layer(name=name, verdict=Verdict.UNKNOWN, summary="SES's own list was never read here.")


def _when_read(facts: Facts) -> str:
    if facts.live:
        return "asked just now"
    return f"last read {facts.ses_read_at:%Y-%m-%d %H:%M} UTC" if facts.ses_read_at else "never read as a whole"


def _ses_global(facts: Facts) -> Layer:
    recent = [one for one in facts.heard if _is_global(one) and one.occurred_at > facts.now - _GLOBAL_LIST_LASTS]
    name = LayerName.SES_GLOBAL
    if not recent:
        return Layer(name=name, verdict=Verdict.CLEAR, summary="No sign of SES's global list in the last 14 days.")
    return Layer(
        name=name,
        verdict=Verdict.WARNS,
        summary="SES refused mail to the address for its global list, which holds bounces of all its customers.",
        findings=tuple(
            Finding(
                says=one.detail,
                since=one.occurred_at,
                until=one.occurred_at + _GLOBAL_LIST_LASTS,
                email_id=one.email_id,
                event=one.type,
                diagnostic=one.data.get("diagnostic"),
                lift=AT_SES_GLOBALLY,
            )
            for one in recent[:3]
        ),
    )


def _is_global(one: Heard) -> bool:
    subtype = str(one.data.get("bounce_subtype")).lower()
    return one.data.get("bounce_type") == BounceType.PERMANENT and subtype == "suppressed"


def _soft(facts: Facts) -> Layer:
    name, count = LayerName.SOFT_BOUNCES, len(facts.counting)
    told = f"{count} of {SOFT_BOUNCE_LIMIT} soft bounces within {SOFT_BOUNCE_WINDOW.days} days"
    pauses = [one for one in facts.entries if _SOFT in one.source and one.scope == EVERY_MAIL]
    if pauses:
        until = f"{pauses[0].expires_at:%Y-%m-%d %H:%M} UTC" if pauses[0].expires_at else "somebody lifts it"
        findings = tuple(_of_entry(facts, one, facts.address.key) for one in pauses)
        return Layer(name=name, verdict=Verdict.BLOCKS, summary=f"Paused until {until}; {told}.", findings=findings)
    if not count:
        return Layer(name=name, verdict=Verdict.CLEAR, summary=f"{told}: no pause.")
    findings = tuple(_soft_bounces(facts))
    return Layer(name=name, verdict=Verdict.WARNS, summary=f"{told}: no pause yet.", findings=findings)


def _soft_bounces(facts: Facts) -> Iterator[Finding]:
    for one in facts.heard:
        if one.type == FeedbackKind.BOUNCE and one.occurred_at in facts.counting:
            yield Finding(
                says=one.effect or one.detail,
                since=one.occurred_at,
                until=one.occurred_at + SOFT_BOUNCE_WINDOW,
                email_id=one.email_id,
                event=one.type,
                diagnostic=one.data.get("diagnostic"),
                lift=BY_A_DELIVERY,
            )


def _in_words(source: dict[str, Any]) -> str | None:
    """What the news behind an entry means, in the words in which the list judges it; None for no news of SES."""
    bounce = complaint = None
    if source.get("bounce_type") in set(BounceType):
        named = {name: source.get(name) for name in ("action", "status", "diagnostic")}
        bounce = Bounce(type=BounceType(source["bounce_type"]), subtype=str(source.get("bounce_subtype")), **named)
    elif "complaint_type" in source or "complaint_subtype" in source:
        complaint = Complaint(feedback_type=source.get("complaint_type"), subtype=source.get("complaint_subtype"))
    else:
        return None
    news = Feedback(
        kind=FeedbackKind.BOUNCE if bounce else FeedbackKind.COMPLAINT,
        ses_message_id="",
        recipient=None,
        occurred_at=_EVER,
        mail_sent_at=None,
        bounce=bounce,
        complaint=complaint,
    )
    return rule(news, exempt=False).why


def _kind(source: dict[str, Any]) -> str | None:
    if "bounce_type" in source:
        return FeedbackKind.BOUNCE
    return FeedbackKind.COMPLAINT if {"complaint_type", "complaint_subtype"} & source.keys() else None
