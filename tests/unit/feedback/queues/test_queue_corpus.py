"""Every case of `tests/corpus/sns` as a message of a queue: the verdict is that of the webhook."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app.aws.sns.certificate_cache import FetchedCertificates
from app.aws.sns.verifier import SnsMessage, SnsVerifier
from app.aws.sqs.queue import QueueMessage
from app.domain.errors import PosternError, ServiceUnavailable
from app.services.feedback.queues.verdicts import Answered, Judge, Left, Refused, Stored, Verdict
from app.services.feedback.receive import Receipt
from tests.support.aws import sns_signing
from tests.support.aws.sns_corpus import CASES, ServedCertificate, body, envelopes, fixed_clock

ONLY_HEADERS = frozenset({"headers", "drop_headers", "headers_in_upper_case"})
"""What a case does to the headers of its request; a message of a queue has none."""


def answer(_message: SnsMessage) -> Receipt:
    return Receipt.CONFIRMED


def verifier_of(case: dict[str, Any], clock: Callable[[], datetime]) -> SnsVerifier:
    source = ServedCertificate(case.get("certificate", "aws"))
    return SnsVerifier(
        topic_arns=frozenset({case.get("topic", sns_signing.TOPIC_ARN)}),
        certificates=FetchedCertificates(source=source, clock=clock),
        minimum_version=case.get("minimum_version", 1),
        clock=clock,
        second_clock=fixed_clock({"now": case["second_now"]}) if "second_now" in case else None,
    )


def expected(case: dict[str, Any], message: bytes) -> type[Verdict]:
    """The verdict on the same body at the webhook, without the headers of the request."""
    clock = fixed_clock(case)
    try:
        verified = verifier_of(case, clock).verify(message, {})
    except ServiceUnavailable:
        return Left
    except PosternError:
        return Refused
    return Stored if verified.type == "Notification" else Answered


@pytest.mark.parametrize("case", CASES)
def test_every_notification_of_the_corpus_gets_the_verdict_of_the_webhook(case: dict[str, Any]) -> None:
    """Accepted is stored or answered, refused is kept aside, and what may be our fault stays in the queue."""
    _, posted = envelopes(case)
    raw = body(case, posted)
    clock = fixed_clock(case)
    judge = Judge(verifier=verifier_of(case, clock), answer=answer, clock=clock)
    verdict = judge(QueueMessage(id="m", receipt="r", body=raw.decode("utf-8", "surrogateescape")))
    assert type(verdict) is expected(case, raw)
    if not ONLY_HEADERS & case.keys():
        webhook = {"accepted": (Stored, Answered), "ServiceUnavailable": (Left,)}.get(case["expect"], (Refused,))
        assert isinstance(verdict, webhook)
    if isinstance(verdict, Stored):
        assert (verdict.new.raw, verdict.new.sns_message_id) == (posted["Message"], posted["MessageId"])


def test_the_corpus_reaches_every_verdict() -> None:
    """A corpus that is not read, or cases that all fail for one reason, would prove nothing."""
    cases: list[Any] = [param.values[0] for param in CASES]
    reached = [expected(case, body(case, envelopes(case)[1])) for case in cases]
    assert {kind: reached.count(kind) > 3 for kind in (Stored, Answered, Refused, Left)} == dict.fromkeys(
        (Stored, Answered, Refused, Left), True
    )


@pytest.mark.parametrize("kind", ["eventType", "notificationType"])
def test_an_event_without_an_envelope_is_named_as_raw_delivery(kind: str) -> None:
    """No header of a queue says so, and the operator has to learn which switch is wrong."""
    clock = fixed_clock({})
    judge = Judge(verifier=verifier_of({}, clock), answer=answer, clock=clock)
    verdict = judge(QueueMessage(id="m", receipt="r", body=json.dumps({kind: "Bounce", "mail": {}})))
    assert isinstance(verdict, Refused)
    assert verdict.reason == "raw_delivery"


def test_a_message_that_breaks_our_code_is_tried_five_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is kept aside: a message that is tried for ever would be seen by no person."""

    def broken(*_: object, **__: object) -> SnsMessage:
        raise KeyError("a bug")

    clock = fixed_clock({})
    verifier = verifier_of({}, clock)
    monkeypatch.setattr(SnsVerifier, "verify", broken)
    judge = Judge(verifier=verifier, answer=answer, clock=clock)
    verdicts = [judge(QueueMessage(id="m", receipt="r", body="{}", receives=receives)) for receives in range(1, 7)]
    assert [type(verdict) for verdict in verdicts] == [Left] * 4 + [Refused] * 2
    assert {verdict.reason for verdict in verdicts if not isinstance(verdict, Stored | Answered)} == {"crashed"}
