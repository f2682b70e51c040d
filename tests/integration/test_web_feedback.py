"""`/feedback/sns`: what SNS is answered, which decides whether it tries again."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.domain.errors import ServiceUnavailable
from tests import signing
from tests.gateways import TOPIC
from tests.web import Web, body_of, problem_of, web_on

PATH = "/feedback/sns"
BOUNCE = json.dumps(
    {
        "eventType": "Bounce",
        "mail": {"messageId": "0100-unknown", "timestamp": "2026-11-24T06:00:00.000Z", "destination": []},
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": "gone@example.com", "action": "failed", "status": "5.1.1"}],
            "timestamp": "2026-11-24T06:00:01.000Z",
            "feedbackId": "feedback-1",
        },
    }
)


@pytest.fixture
def web(migrated_url: str, redis_url: str, tmp_path: Path) -> Iterator[Web]:
    pinned = tmp_path / "sns.pem"
    pinned.write_bytes(signing.signer().certificate_pem)
    with web_on(migrated_url, redis_url, sns_pinned_certificate=pinned) as web:
        yield web


def notification(**more: Any) -> signing.Envelope:
    return signing.signer().notification(BOUNCE, topic_arn=TOPIC, **more)


def stored(web: Web) -> int:
    with web.gateway.database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one())


@pytest.mark.parametrize("path", [PATH, f"{PATH}/", f"{PATH}?x=1"])
@pytest.mark.parametrize(
    "content_type", ["text/plain; charset=UTF-8", "application/json", "application/x-www-form-urlencoded", None]
)
def test_what_is_authentic_is_stored_and_answered_200(web: Web, path: str, content_type: str | None) -> None:
    """Whatever type SNS calls it, with or without a slash: 200, no redirect, and it is in the inbox once."""
    envelope = notification()
    for status in ("stored", "duplicate"):
        answer = web.client.post(
            path,
            data=signing.body(envelope),
            headers={name: value for name, value in signing.headers(envelope).items() if name != "Content-Type"},
            content_type=content_type,
        )
        assert body_of(answer) == {"status": status}
    assert stored(web) == 1


def test_an_authentic_bounce_suppresses(web: Web) -> None:
    """From the answer to SNS to the list: the address of a mail that is not even ours."""
    envelope = notification()
    web.client.post(PATH, data=signing.body(envelope), headers=signing.headers(envelope))
    web.gateway.settle.drain()
    found = body_of(web.client.get("/v1/suppressions/gone@example.com", headers=web.key()))
    assert (found["origin"], found["source_id"]) == ("bounce", None)


@pytest.mark.parametrize(
    "case, status, name",
    [
        ("forged", 403, "not_authentic"),
        ("altered", 403, "not_authentic"),
        ("other topic", 403, "not_authentic"),
        ("no json", 400, "malformed_notification"),
        ("empty", 400, "malformed_notification"),
        ("a list", 400, "malformed_notification"),
    ],
)
def test_what_is_not_is_refused_for_good(web: Web, case: str, status: int, name: str) -> None:
    """403 for what is not from AWS or not for us, 400 for what is no notification; nothing is stored."""
    envelope = notification()
    other = signing.signer().notification(BOUNCE, topic_arn=TOPIC.replace("123456789012", "666666666666"))
    body, headers = {
        "forged": (signing.body(signing.forger().sign(envelope)), signing.headers(envelope)),
        "altered": (signing.body(envelope | {"Message": BOUNCE + " "}), signing.headers(envelope)),
        "other topic": (signing.body(other), signing.headers(other)),
        "no json": (b"{", signing.headers(envelope)),
        "empty": (b"", signing.headers(envelope)),
        "a list": (b"[]", signing.headers(envelope)),
    }[case]
    problem = problem_of(web.client.post(PATH, data=body, headers=headers), status, name)
    assert "gone@example.com" not in str(problem)
    assert stored(web) == 0


def test_a_body_beyond_a_mebibyte_is_refused(web: Web) -> None:
    """Four times what SNS can send, whatever the API's own bound is."""
    headers = signing.headers(notification())
    problem_of(web.client.post(PATH, data=b" " * (1024 * 1024 + 1), headers=headers), 413, "payload_too_large")


def test_our_own_trouble_is_a_5xx(web: Web) -> None:
    """SNS tries again after a 503, and after what nobody foresaw: neither loses a bounce."""
    envelope = notification()
    for error, status, name in (
        (ServiceUnavailable("The database did not answer.", retry_after=1), 503, "service_unavailable"),
        (RuntimeError("surprise"), 500, "application_error"),
    ):

        def fail(*_: object, _error: Exception = error) -> None:
            raise _error

        broken = dataclasses.replace(web.gateway, receive=fail)  # type: ignore[arg-type]
        client = create_app(gateway=broken).test_client()
        answer = client.post(PATH, data=signing.body(envelope), headers=signing.headers(envelope))
        problem_of(answer, status, name)
