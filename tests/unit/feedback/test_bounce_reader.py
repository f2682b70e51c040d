"""The cause of each bounce: every type of SES, overrides of a recipient's status, and replies of mail servers."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.feedback.bounce_causes import IN_PLAIN_WORDS, BounceCause
from app.domain.feedback.bounce_reader import BounceReading
from app.domain.feedback.events import Bounce, BounceType, EventType, SesEvent
from tests.support.aws.bounces import bounce_reader

C = BounceCause
DSN = {"action": "failed", "status": "5.1.1", "diagnostic": "smtp; 550 5.1.1 user unknown"}
SOFT = {"action": "failed", "status": "4.2.2", "diagnostic": "smtp; 452 4.2.2 mailbox full"}

# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
TYPES = [
    (BounceType.UNDETERMINED, "Undetermined", {}, C.UNDETERMINED),
    (BounceType.UNDETERMINED, "Undetermined", DSN, C.UNDETERMINED),
    (BounceType.PERMANENT, "General", DSN, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "General", {}, C.REFUSED_UNCLEAR),
    (BounceType.PERMANENT, "NoEmail", DSN, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "Suppressed", DSN, C.SES_GLOBAL_LIST),
    (BounceType.PERMANENT, "OnAccountSuppressionList", DSN, C.SES_LIST),
    (BounceType.PERMANENT, "OnTenantSuppressionList", DSN, C.SES_LIST),
    (BounceType.PERMANENT, "EmailValidationSuppressed", DSN, C.NOT_ATTEMPTED),
    (BounceType.PERMANENT, "UnsubscribedRecipient", DSN, C.OPTED_OUT),
    (BounceType.PERMANENT, "OfSomeLaterYear", DSN, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "OfSomeLaterYear", {}, C.REFUSED_UNCLEAR),
    (BounceType.TRANSIENT, "General", {}, C.AUTO_REPLY),
    (BounceType.TRANSIENT, "General", SOFT, C.MAILBOX_FULL),
    (BounceType.TRANSIENT, "MailboxFull", {}, C.MAILBOX_FULL),
    (BounceType.TRANSIENT, "MessageTooLarge", SOFT, C.THIS_MESSAGE),
    (BounceType.TRANSIENT, "ContentRejected", SOFT, C.THIS_MESSAGE),
    (BounceType.TRANSIENT, "AttachmentRejected", SOFT, C.THIS_MESSAGE),
    (BounceType.TRANSIENT, "CustomTimeoutExceeded", {}, C.PASSING),
    (BounceType.TRANSIENT, "OfSomeLaterYear", {}, C.PASSING),
    (BounceType.UNKNOWN, "Unknown", {}, C.UNKNOWN),
]


@pytest.mark.parametrize("kind, subtype, fields, cause", TYPES)
@pytest.mark.parametrize("spelling", [str, str.upper, str.lower])
def test_each_documented_bounce_has_its_cause(
    kind: BounceType, subtype: str, fields: dict[str, str], cause: BounceCause, spelling: type[str]
) -> None:
    """The table of SES, case-insensitively; an unknown subtype counts by its type."""
    assert bounce_reader().cause_of(Bounce(type=kind, subtype=spelling(subtype), **fields)) is cause


@pytest.mark.parametrize("kind, subtype, fields, _cause", TYPES)
def test_the_rule_is_named_that_read_the_reply(
    kind: BounceType, subtype: str, fields: dict[str, str], _cause: BounceCause
) -> None:
    """Where SES's own words decide, or no rule reads the reply, there is none."""
    rule = bounce_reader().read(Bounce(type=kind, subtype=subtype, **fields)).rule
    by_reply = bool(fields) and subtype in {"General", "OfSomeLaterYear"}
    assert (rule is not None) is by_reply
    assert rule != ""


def test_an_event_has_the_cause_of_its_bounce_and_without_a_bounce_none() -> None:
    """A delivery has no cause."""
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    delivery = SesEvent(
        kind=EventType.DELIVERY,
        ses_message_id="0100",
        recipient="kim@example.net",
        occurred_at=noon,
        mail_sent_at=noon,
    )
    gone = Bounce(type=BounceType.PERMANENT, subtype="General", **DSN)
    bounced = replace(delivery, kind=EventType.BOUNCE, bounce=gone)

    assert bounce_reader().read_event(delivery) is None
    assert bounce_reader().read_event(bounced) == BounceReading(C.MAILBOX_GONE, "no-such-mailbox")


@pytest.mark.parametrize(
    "fields, cause",
    [
        ({}, C.AUTO_REPLY),
        ({"action": "failed"}, C.PASSING),
        ({"status": "4.0.0"}, C.PASSING),
        ({"diagnostic": "smtp; 421 4.0.0 try again"}, C.PROVIDER_TROUBLE),
        ({"action": "", "status": "", "diagnostic": ""}, C.AUTO_REPLY),
    ],
)
def test_one_field_of_a_delivery_report_is_no_automatic_reply(fields: dict[str, str], cause: BounceCause) -> None:
    """SES gives an out-of-office reply the type of a temporary failure, but none of the fields of a report."""
    assert bounce_reader().cause_of(Bounce(type=BounceType.TRANSIENT, subtype="General", **fields)) is cause


@pytest.mark.parametrize("action, status", [("delayed", "4.0.0"), ("delayed", "5.1.1"), ("delayed", None)])
@pytest.mark.parametrize("kind", BounceType)
def test_a_recipient_that_is_delayed_did_not_bounce(kind: BounceType, action: str, status: str | None) -> None:
    """AWS's own sample of a permanent bounce has a recipient whose email is only delayed."""
    assert (
        bounce_reader().cause_of(Bounce(type=kind, subtype="General", action=action, status=status)) is C.STILL_TRYING
    )


@pytest.mark.parametrize(
    "status, cause",
    [("4.4.7", C.PROVIDER_TROUBLE), ("4.2.2", C.MAILBOX_FULL), ("4.1.1", C.PASSING), ("2.0.0", C.PASSING)],
)
@pytest.mark.parametrize("subtype", ["General", "NoEmail", "Suppressed", "OfSomeLaterYear"])
def test_the_status_of_the_recipient_outranks_the_type(status: str, cause: BounceCause, subtype: str) -> None:
    """A permanent bounce whose recipient has a temporary or successful status blames no mailbox."""
    assert (
        bounce_reader().cause_of(Bounce(type=BounceType.PERMANENT, subtype=subtype, action="failed", status=status))
        is cause
    )


@pytest.mark.parametrize("status", ["5.7.1", "5.7.26", "5.7.515", "4.7.0", "4.7.28"])
@pytest.mark.parametrize("kind", [BounceType.PERMANENT, BounceType.TRANSIENT])
def test_a_refusal_for_policy_is_about_us(kind: BounceType, status: str) -> None:
    """RFC 3463: X.7.X is security or policy, whatever type SES gave the bounce."""
    assert bounce_reader().cause_of(Bounce(type=kind, subtype="General", action="failed", status=status)) is C.OUR_FAULT


@pytest.mark.parametrize("status", [None, "", "5.0.0", "4.0.0"])
def test_a_vague_status_is_made_precise_by_the_text(status: str | None) -> None:
    """Where the report says only that delivery failed, the code in the text of the server counts."""
    text = "smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated."
    bounce = Bounce(type=BounceType.PERMANENT, subtype="General", action="failed", status=status, diagnostic=text)
    assert bounce_reader().cause_of(bounce) is C.OUR_FAULT


@pytest.mark.parametrize("text", ["550 5.1.1 see rfc 15.7.1", "550 no such user 5.7.1.2", "550 5.7 no such user"])
def test_numbers_that_only_look_like_policy_are_none(text: str) -> None:
    """A version, an address or another code in the text excuses no mailbox."""
    bounce = Bounce(type=BounceType.PERMANENT, subtype="General", action="failed", status="5.0.0", diagnostic=text)
    assert bounce_reader().cause_of(bounce) is C.MAILBOX_GONE


def test_clear_words_outweigh_every_code() -> None:
    """An unknown user stays an unknown user, whatever else the text says."""
    bounce = Bounce(
        type=BounceType.PERMANENT,
        subtype="General",
        action="failed",
        status="5.1.1",
        diagnostic="unknown user, 5.7.1",
    )
    assert bounce_reader().cause_of(bounce) is C.MAILBOX_GONE


@pytest.mark.parametrize("subtype", ["OnAccountSuppressionList", "OnTenantSuppressionList"])
def test_the_list_of_the_account_is_recognised_with_any_status(subtype: str) -> None:
    """SES did not try to deliver, so no status of a recipient overrides that."""
    bounce = Bounce(type=BounceType.PERMANENT, subtype=subtype, action="failed", status="5.7.1")
    assert bounce_reader().cause_of(bounce) is C.SES_LIST


CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "diagnostics.json"
SAID: list[dict[str, Any]] = json.loads(CORPUS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("said", SAID, ids=[f"{number} {one['said_by']}" for number, one in enumerate(SAID)])
def test_the_answer_of_a_server_is_understood(said: dict[str, Any]) -> None:
    """Codes and texts of the large providers and mail servers, each with its cause."""
    bounce = Bounce(
        type=BounceType(said["type"].lower()),
        subtype=said["subtype"],
        action="failed" if said["status"] else None,
        status=said["status"],
        diagnostic=said["text"],
    )
    assert bounce_reader().cause_of(bounce) == said["cause"]


def test_every_cause_has_one_sentence() -> None:
    """The sentence explains to a person why an email bounced."""
    assert set(IN_PLAIN_WORDS) == set(BounceCause)
    assert all(words.endswith(".") and len(words) < 100 for words in IN_PLAIN_WORDS.values())


@pytest.mark.parametrize("status", ["5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.5.0"])
def test_a_status_without_a_detail_says_nothing(status: str) -> None:
    """RFC 3463: X.n.0 is "other or undefined", whichever part of the system it is of."""
    for fields in ({"status": status}, {"diagnostic": f"smtp; 550 {status} sorry"}):
        bounce = Bounce(type=BounceType.PERMANENT, subtype="General", action="failed", **fields)
        assert bounce_reader().cause_of(bounce) is C.REFUSED_UNCLEAR


@pytest.mark.parametrize(
    "status, cause",
    [
        ("5.2.2", C.MAILBOX_FULL),
        ("5.7.26", C.OUR_FAULT),
        ("5.4.6", C.PROVIDER_TROUBLE),
        ("5.1.1", C.MAILBOX_GONE),
        ("5.1.2", C.DOMAIN_GONE),
    ],
)
@pytest.mark.parametrize("of_the_report", [None, "", "5.0.0"])
def test_a_status_in_the_text_counts_without_any_word(status: str, cause: BounceCause, of_the_report: str) -> None:
    """Servers answer in every language, but with the same codes."""
    text = f"smtp; 550 {status} nix da"
    bounce = Bounce(type=BounceType.PERMANENT, subtype="General", status=of_the_report, diagnostic=text)
    assert bounce_reader().cause_of(bounce) is cause
