"""What each kind of bounce is evidence of: every type of SES, what a recipient overrides, and what servers say."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.bounces import IN_PLAIN_WORDS, BounceCause, cause_of
from app.domain.feedback import Bounce, BounceType

C = BounceCause
DSN = {"action": "failed", "status": "5.1.1", "diagnostic": "smtp; 550 5.1.1 user unknown"}
SOFT = {"action": "failed", "status": "4.2.2", "diagnostic": "smtp; 452 4.2.2 mailbox full"}

# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
TYPES = [
    (BounceType.UNDETERMINED, "Undetermined", {}, C.PASSING),
    (BounceType.PERMANENT, "General", DSN, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "General", {}, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "NoEmail", DSN, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "Suppressed", DSN, C.MAILBOX_GONE),
    (BounceType.PERMANENT, "OnAccountSuppressionList", DSN, C.SES_LIST),
    (BounceType.PERMANENT, "OnTenantSuppressionList", DSN, C.SES_LIST),
    (BounceType.PERMANENT, "EmailValidationSuppressed", DSN, C.NOT_ATTEMPTED),
    (BounceType.PERMANENT, "UnsubscribedRecipient", DSN, C.OPTED_OUT),
    (BounceType.PERMANENT, "OfSomeLaterYear", DSN, C.MAILBOX_GONE),
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
    """The table of SES, in whatever case it is spelled, and later subtypes by their type."""
    assert cause_of(Bounce(type=kind, subtype=spelling(subtype), **fields)) is cause


@pytest.mark.parametrize("action, status", [("delayed", "4.0.0"), ("delayed", "5.1.1"), ("delayed", None)])
@pytest.mark.parametrize("kind", BounceType)
def test_a_recipient_that_is_delayed_did_not_bounce(kind: BounceType, action: str, status: str | None) -> None:
    """AWS's own sample of a permanent bounce holds a recipient whose mail is only delayed."""
    assert cause_of(Bounce(type=kind, subtype="General", action=action, status=status)) is C.STILL_TRYING


@pytest.mark.parametrize(
    "status, cause",
    [("4.4.7", C.PROVIDER_TROUBLE), ("4.2.2", C.MAILBOX_FULL), ("4.1.1", C.PASSING), ("2.0.0", C.PASSING)],
)
@pytest.mark.parametrize("subtype", ["General", "NoEmail", "Suppressed", "OfSomeLaterYear"])
def test_the_status_of_the_recipient_outranks_the_type(status: str, cause: BounceCause, subtype: str) -> None:
    """A permanent bounce whose recipient has a passing or a good status blames no mailbox."""
    assert cause_of(Bounce(type=BounceType.PERMANENT, subtype=subtype, action="failed", status=status)) is cause


@pytest.mark.parametrize("status", ["5.7.1", "5.7.26", "5.7.515", "4.7.0", "4.7.28"])
@pytest.mark.parametrize("kind", [BounceType.PERMANENT, BounceType.TRANSIENT, BounceType.UNDETERMINED])
def test_a_refusal_for_policy_is_about_us(kind: BounceType, status: str) -> None:
    """RFC 3463: X.7.X is security or policy, whatever type SES gave the bounce."""
    assert cause_of(Bounce(type=kind, subtype="General", action="failed", status=status)) is C.OUR_FAULT


@pytest.mark.parametrize("status", [None, "", "5.0.0", "4.0.0"])
def test_a_vague_status_is_made_precise_by_the_text(status: str | None) -> None:
    """Where the report says no more than that it failed, the code in the server's own words counts."""
    text = "smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated."
    bounce = Bounce(type=BounceType.PERMANENT, subtype="General", action="failed", status=status, diagnostic=text)
    assert cause_of(bounce) is C.OUR_FAULT


@pytest.mark.parametrize("text", ["550 5.1.1 see rfc 15.7.1", "550 no such user 5.7.1.2", "550 5.7 gone", "550 45.7.1"])
def test_numbers_that_only_look_like_policy_are_none(text: str) -> None:
    """A version, an address or another code in the text excuses no mailbox."""
    bounce = Bounce(type=BounceType.PERMANENT, subtype="General", action="failed", status="5.0.0", diagnostic=text)
    assert cause_of(bounce) is C.MAILBOX_GONE


def test_a_precise_status_is_not_overruled_by_the_text() -> None:
    """User unknown stays user unknown, whatever else the server says."""
    bounce = Bounce(
        type=BounceType.PERMANENT, subtype="General", action="failed", status="5.1.1", diagnostic="see 5.7.1"
    )
    assert cause_of(bounce) is C.MAILBOX_GONE


@pytest.mark.parametrize("subtype", ["OnAccountSuppressionList", "OnTenantSuppressionList"])
def test_the_list_of_the_account_is_recognised_whatever_the_status(subtype: str) -> None:
    """SES says that it did not try: no status of a recipient can say otherwise."""
    bounce = Bounce(type=BounceType.PERMANENT, subtype=subtype, action="failed", status="5.7.1")
    assert cause_of(bounce) is C.SES_LIST


CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "diagnostics.json"
SAID: list[dict[str, Any]] = json.loads(CORPUS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("said", SAID, ids=[f"{number} {one['said_by']}" for number, one in enumerate(SAID)])
def test_what_a_server_says_is_understood(said: dict[str, Any]) -> None:
    """Codes and texts of the large providers and mail servers, each with what it is evidence of."""
    bounce = Bounce(
        type=BounceType(said["type"].lower()),
        subtype=said["subtype"],
        action="failed" if said["status"] else None,
        status=said["status"],
        diagnostic=said["text"],
    )
    assert cause_of(bounce) == said["cause"]


def test_every_cause_is_told_in_one_sentence() -> None:
    """To whoever asks why a mail came back."""
    assert set(IN_PLAIN_WORDS) == set(BounceCause)
    assert all(words.endswith(".") and len(words) < 100 for words in IN_PLAIN_WORDS.values())
