"""The verifier, with every case of `tests/corpus/sns`: genuine, forged, altered, replayed and malformed."""

from typing import Any

import pytest

from app.aws.sns.certificate_cache import FetchedCertificates
from app.aws.sns.verifier import SnsVerifier
from app.domain import errors
from tests.support.aws import sns_signing
from tests.support.aws.sns_corpus import (
    CASES,
    ServedCertificate,
    body,
    envelopes,
    fixed_clock,
    naive_string_to_sign,
    request_headers,
)


@pytest.mark.parametrize("case", CASES)
def test_every_notification_of_the_corpus_gets_its_verdict(case: dict[str, Any]) -> None:
    """A posted body is accepted, refused or deferred exactly as the corpus says."""
    signed, posted = envelopes(case)
    if case.get("same_signed_bytes"):
        assert naive_string_to_sign(posted) == sns_signing.string_to_sign(signed)
    source = ServedCertificate(case.get("certificate", "aws"))
    clock = fixed_clock(case)
    verifier = SnsVerifier(
        topic_arns=frozenset({case.get("topic", sns_signing.TOPIC_ARN)}),
        certificates=FetchedCertificates(source=source, clock=clock),
        minimum_version=case.get("minimum_version", 1),
        clock=clock,
        second_clock=fixed_clock({"now": case["second_now"]}) if "second_now" in case else None,
    )

    verdict = "accepted"
    try:
        message = verifier.verify(body(case, posted), request_headers(case, posted))
    except errors.PosternError as error:
        verdict = type(error).__name__
    else:
        assert (message.message, message.message_id) == (posted["Message"], posted["MessageId"])
        assert (message.type, message.subject, message.token) == (
            posted["Type"],
            posted.get("Subject"),
            posted.get("Token"),
        )

    assert verdict == case["expect"]
    if case.get("never_fetched"):
        assert source.fetched == []


def test_the_corpus_covers_what_it_promises() -> None:
    """At least 150 cases that must be refused, and enough genuine ones to catch a verifier that refuses everything."""
    verdicts = [param.values[0]["expect"] for param in CASES]  # type: ignore[index]
    assert sum(verdict != "accepted" for verdict in verdicts) >= 150
    assert verdicts.count("accepted") >= 25
