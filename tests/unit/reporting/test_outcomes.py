"""Outcomes: every fate has words, and the words are for a person who has never heard of an email server."""

import re
from itertools import product
from typing import Final

import pytest

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.message.domain_typos import meant
from app.domain.reporting.outcome_words import OutcomeCause, Refusal, WhoCanAct
from app.domain.reporting.outcomes import FATES, KIND_OF, Fate, OutcomeKind, behind, outcome_of, refusal_of
from app.domain.sending.state_machine import TAKEN_BY_SES, State
from app.domain.suppression.rules import Origin

LONGEST: Final = 110

JARGON: Final = frozenset(
    {
        *("smtp", "ses", "sns", "aws", "dns", "mx", "api", "ip", "mta", "tls", "dkim", "spf", "dmarc", "mime"),
        *(
            "server",
            "suppress",
            "suppressed",
            "suppression",
            "bounce",
            "bounced",
            "bounces",
            "queue",
            "queued",
            "relay",
        ),
        *("domain", "host", "protocol", "header", "recipient_id", "lease", "retry", "permanent", "transient", "hard"),
        *("soft", "code", "status", "error", "failed", "reputation", "policy", "blocklist", "blacklist", "throttle"),
        *("deliverability", "postmaster", "complaint", "tombstone", "scope", "stream", "worker", "lane", "gateway"),
    }
)
"""Words that a reader who has never heard of SMTP does not know, or understands in another way."""

BOTH: Final = (False, True)
EVERY_FATE: Final = [
    Fate(state=state, bounce=bounce, origin=origin, refusal=refusal, superseded=newer, opened=opened, meant=domain)
    for state, bounce, origin, refusal, newer, opened, domain in product(
        State, (*BounceCause, None), (*Origin, None), (*Refusal, None), BOTH, BOTH, ("gmail.com", None)
    )
]


def test_every_fate_has_an_outcome() -> None:
    """Each combination of state, cause of a bounce, origin, refusal and mistyped domain; none is without a sentence."""
    assert len(EVERY_FATE) == 15 * 22 * 7 * 3 * 2 * 2 * 2
    seen = {outcome_of(fate) for fate in EVERY_FATE}
    assert seen == {outcome_of(fate) for fate in FATES}
    for outcome in seen:
        for text in (outcome.sentence, outcome.next_step):
            assert re.fullmatch(r"[A-Z][^\n]+[.?]", text)
            assert len(text) <= LONGEST
            assert not set(re.findall(r"[a-z_]+", text.lower())) & JARGON, text


def test_every_word_of_the_vocabularies_is_used() -> None:
    """A word that no fate leads to would be a filter that finds nothing."""
    seen = [outcome_of(fate) for fate in FATES]
    assert {outcome.kind for outcome in seen} == set(OutcomeKind)
    assert {outcome.cause for outcome in seen} == {*OutcomeCause, None}
    assert {outcome.who_can_act for outcome in seen} == set(WhoCanAct)


def test_one_sentence_means_one_thing() -> None:
    """Two outcomes with the same sentence of the same kind have the same cause, next step and person to act."""
    told: dict[tuple[str, str], set[tuple[str | None, str, str]]] = {}
    for outcome in map(outcome_of, FATES):
        told.setdefault((outcome.kind, outcome.sentence), set()).add(
            (outcome.cause, outcome.next_step, outcome.who_can_act)
        )
    assert [sentence for sentence, meanings in told.items() if len(meanings) > 1] == []


@pytest.mark.parametrize("state", State)
def test_the_kind_follows_from_the_state_alone(state: State) -> None:
    """So a list by kind, and the numbers of each, are lists and numbers of states. What SES has taken is not unsent."""
    assert {outcome_of(fate).kind for fate in EVERY_FATE if fate.state is state} == {KIND_OF[state]}
    assert (KIND_OF[state] is OutcomeKind.NOT_SENT) <= (state not in TAKEN_BY_SES)


@pytest.mark.parametrize(
    "fate, kind, cause, sentence, next_step, who",
    [
        (
            Fate(state=State.BOUNCED, bounce=BounceCause.MAILBOX_FULL),
            *("not_delivered", "mailbox_full", "The mailbox is full.", "Try again next week.", "inviter"),
        ),
        (
            Fate(state=State.BOUNCED, bounce=BounceCause.MAILBOX_GONE),
            *("not_delivered", "mailbox_gone", "There is no mailbox at this address, or it is closed."),
            *("Ask the person for the address that they use now.", "inviter"),
        ),
        (
            Fate(state=State.BOUNCED, bounce=BounceCause.DOMAIN_GONE, meant="gmail.com"),
            *("not_delivered", "typo", "The email did not get through: the address looks mistyped."),
            *("Check the address: should it end in @gmail.com?", "inviter"),
        ),
        (
            Fate(state=State.BOUNCED, bounce=BounceCause.OUR_FAULT),
            *("not_delivered", "our_side"),
            "The recipient's email system takes no email from us at the moment; the address is not to blame.",
            *("Find out why, then send it again.", "operator"),
        ),
        (
            Fate(state=State.SUPPRESSED, origin=Origin.UNSUBSCRIBE),
            *("not_sent", "unsubscribed", "The person does not want to receive these emails any more."),
            *("Send nothing more, unless the person asks for it again.", "recipient"),
        ),
        (
            Fate(state=State.DELIVERED, opened=True),
            *("delivered", None, "The email has arrived and was opened.", "Nothing to do.", "nobody"),
        ),
    ],
)
def test_outcomes_read_as_they_should(
    fate: Fate, kind: str, cause: str | None, sentence: str, next_step: str, who: str
) -> None:
    """Some of them, word by word. `docs/outcomes.md` has all."""
    outcome = outcome_of(fate)
    told = (outcome.kind, outcome.cause, outcome.sentence, outcome.next_step, outcome.who_can_act)
    assert told == (kind, cause, sentence, next_step, who)


def test_only_what_may_be_a_mistyped_address_is_told_as_one() -> None:
    """A full mailbox exists, whatever its domain looks like; and an email that arrived was addressed correctly."""
    typos = {fate for fate in FATES if outcome_of(fate).cause is OutcomeCause.TYPO}
    assert {fate.state for fate in typos} == {State.BOUNCED, State.SUPPRESSED, State.FAILED}
    assert all(fate.meant for fate in typos)
    assert BounceCause.MAILBOX_FULL not in {fate.bounce for fate in typos}
    assert meant("gmial.com") == "gmail.com"


def test_that_a_person_was_forgotten_is_not_told() -> None:
    """The outcome of their email is that of a person who has unsubscribed."""
    forgotten, unsubscribed = (
        outcome_of(Fate(state=State.SUPPRESSED, origin=origin)) for origin in (Origin.ERASURE, Origin.UNSUBSCRIBE)
    )
    assert forgotten == unsubscribed


@pytest.mark.parametrize(
    "reason, refusal",
    [
        ("SES refused the email: Illegal address", Refusal.ADDRESS),
        ("SES refused the email: Missing final [...]", Refusal.ADDRESS),
        ("SES refused the email: Domain contains dot-dot", Refusal.ADDRESS),
        ("SES refused the email: Local address contains control or whitespace", Refusal.ADDRESS),
        ("SES refused the email: Message contains virus", Refusal.CONTENT),
        ("SES refused the email: Illegal file name of an attachment", Refusal.CONTENT),
        ("SES accepted the email and then rejected it.", Refusal.CONTENT),
        (None, None),
    ],
)
def test_what_was_refused_is_read_from_the_reason(reason: str | None, refusal: Refusal | None) -> None:
    """Words about an address mean the address, and all others the content."""
    assert refusal_of(reason) is refusal


KINDS: Final = [(), *((kind,) for kind in OutcomeKind), (OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN)]
CAUSES: Final = [(), *((cause,) for cause in OutcomeCause), (OutcomeCause.TYPO, OutcomeCause.MAILBOX_FULL)]


@pytest.mark.parametrize("kinds", KINDS, ids=",".join)
@pytest.mark.parametrize("causes", CAUSES, ids=",".join)
def test_the_conditions_behind_a_filter_miss_no_fate(
    kinds: tuple[OutcomeKind, ...], causes: tuple[OutcomeCause, ...]
) -> None:
    """Every fate with a wanted outcome meets a condition; and without causes no fate with another outcome does.

    Bounces from before causes were kept are found by their kind alone.
    """
    conditions = behind(kinds, causes)
    for fate in (one for one in FATES if not causes or one.bounce is not None or one.state is not State.BOUNCED):
        outcome = outcome_of(fate)
        wanted = (not kinds or outcome.kind in kinds) and (not causes or outcome.cause in causes)
        met = any(fate.state in one.states and (not one.bounces or fate.bounce in one.bounces) for one in conditions)
        assert met >= wanted
        if not causes:
            assert met == wanted
