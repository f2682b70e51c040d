"""`/feedback/sns`: the answers to SNS, which decide whether it tries again."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from botocore.exceptions import ClientError

from app.aws.sns.verifier import SubscriptionConfirmer
from app.domain.errors import ServiceUnavailable
from app.services.feedback.receive import Receive
from app.store.engine.database import Database
from app.web.application import create_app
from tests.support.aws import sns_signing
from tests.support.aws.notifications import know_the_certificate, receiver
from tests.support.gateway.gateways import TOPIC
from tests.support.gateway.rows import age, change, rows
from tests.support.gateway.web import Web, body_of, problem_of, web_on

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
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        know_the_certificate(web.gateway)
        yield web


def receiving(web: Web, receive: Receive) -> Web:
    """The same application, which receives notifications in this way."""
    gateway = dataclasses.replace(web.gateway, receive=receive)
    return dataclasses.replace(web, gateway=gateway, client=create_app(gateway=gateway).test_client())


def notification(**more: Any) -> sns_signing.Envelope:
    return sns_signing.signer().notification(BOUNCE, topic_arn=TOPIC, **more)


def stored(web: Web) -> int:
    with web.gateway.database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM notifications").scalar_one())


@pytest.mark.parametrize("path", [PATH, f"{PATH}/", f"{PATH}?x=1"])
@pytest.mark.parametrize(
    "content_type", ["text/plain; charset=UTF-8", "application/json", "application/x-www-form-urlencoded", None]
)
def test_an_authentic_notification_is_stored_and_answered_200(web: Web, path: str, content_type: str | None) -> None:
    """With any media type, with or without a trailing slash: 200, no redirect, and it is in the inbox once."""
    envelope = notification()
    for status in ("stored", "duplicate"):
        answer = web.client.post(
            path,
            data=sns_signing.body(envelope),
            headers={name: value for name, value in sns_signing.headers(envelope).items() if name != "Content-Type"},
            content_type=content_type,
        )
        assert body_of(answer) == {"status": status}
    assert stored(web) == 1


def test_an_authentic_bounce_suppresses(web: Web) -> None:
    """From the request of SNS to the list, even for the address of an email that is not ours."""
    envelope = notification()
    web.client.post(PATH, data=sns_signing.body(envelope), headers=sns_signing.headers(envelope))
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
def test_other_messages_are_refused_for_good(web: Web, case: str, status: int, name: str) -> None:
    """403 if it is not from AWS or not for us, 400 if it is no notification; nothing is stored."""
    envelope = notification()
    other = sns_signing.signer().notification(BOUNCE, topic_arn=TOPIC.replace("123456789012", "666666666666"))
    body, headers = {
        "forged": (sns_signing.body(sns_signing.forger().sign(envelope)), sns_signing.headers(envelope)),
        "altered": (sns_signing.body(envelope | {"Message": BOUNCE + " "}), sns_signing.headers(envelope)),
        "other topic": (sns_signing.body(other), sns_signing.headers(other)),
        "no json": (b"{", sns_signing.headers(envelope)),
        "empty": (b"", sns_signing.headers(envelope)),
        "a list": (b"[]", sns_signing.headers(envelope)),
    }[case]
    problem = problem_of(web.client.post(PATH, data=body, headers=headers), status, name)
    assert "gone@example.com" not in str(problem)
    assert stored(web) == 0


def test_a_body_beyond_a_mebibyte_is_refused(web: Web) -> None:
    """Four times the most that SNS can send, whatever the API's own bound is."""
    headers = sns_signing.headers(notification())
    problem_of(web.client.post(PATH, data=b" " * (1024 * 1024 + 1), headers=headers), 413, "payload_too_large")


def test_our_own_trouble_is_a_5xx(web: Web) -> None:
    """SNS tries again after a 503 and after an unforeseen error: neither loses a bounce."""
    envelope = notification()
    for error, status, name in (
        (ServiceUnavailable("The database did not answer.", retry_after=1), 503, "service_unavailable"),
        (RuntimeError("surprise"), 500, "application_error"),
    ):

        def fail(*_: object, _error: Exception = error) -> None:
            raise _error

        broken = dataclasses.replace(web.gateway, receive=fail)  # type: ignore[arg-type]
        client = create_app(gateway=broken).test_client()
        answer = client.post(PATH, data=sns_signing.body(envelope), headers=sns_signing.headers(envelope))
        problem_of(answer, status, name)


def rejections_in(lines: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    return [(line["status"], line["reason"]) for line in lines if line["event"] == "notification_rejected"]


def forged() -> sns_signing.Envelope:
    return sns_signing.forger().sign(notification())


def post(web: Web, envelope: sns_signing.Envelope, **more: Any) -> Any:
    return web.client.post(PATH, data=sns_signing.body(envelope), headers=sns_signing.headers(envelope), **more)


def incidents_of(web: Web) -> list[tuple[str, str, int]]:
    return [(row["kind"], row["subject"], row["count"]) for row in rows(web.gateway, "incidents")]


def test_each_rejection_is_logged_with_its_reason_and_its_topic(web: Web) -> None:
    """400, 403, 413 and 503 alike: the log says why SNS was not answered 200."""
    envelope = notification()
    with structlog.testing.capture_logs() as lines:
        post(web, forged())
        post(web, envelope | {"MessageId": "x"})
        web.client.post(PATH, data=b"{", headers=sns_signing.headers(envelope))
        web.client.post(PATH, data=b" " * (1024 * 1024 + 1), headers=sns_signing.headers(envelope))
        web.client.post(PATH, data=b"", headers=sns_signing.headers(envelope) | {"Content-Encoding": "gzip"})
        post(web, notification(at=datetime.now(UTC) + timedelta(days=1)))
        post(web, notification(version=1))
        for terminated in (False, True):
            cut_off = {"CONTENT_LENGTH": "100", "wsgi.input_terminated": terminated}
            web.client.post(
                PATH, input_stream=BytesIO(b"{"), environ_overrides=cut_off, headers=sns_signing.headers(envelope)
            )
    assert rejections_in(lines) == [
        (403, "forged"),
        (400, "wrong_form"),
        (400, "not_json"),
        (413, "payload_too_large"),
        (503, "unsupported_media_type"),
        (503, "from_the_future"),
        (503, "signature_too_weak"),
        (503, "cut_off"),
        (503, "cut_off"),
    ]
    assert {line["topic_arn"] for line in lines if line["event"] == "notification_rejected"} == {TOPIC}


def test_a_database_that_is_away_is_logged_as_that(web: Web) -> None:
    """The answer is a 503, and there is no incident, since none could be stored."""
    web = receiving(web, receiver(web.gateway, database=Database("sqlite:////nowhere/at/all.db")))
    with structlog.testing.capture_logs() as lines:
        problem_of(post(web, notification()), 503, "service_unavailable")
    assert rejections_in(lines) == [(503, "not_stored")]


def test_a_gateway_without_topics_says_so(web: Web) -> None:
    """SNS keeps the notifications that the gateway cannot take in."""
    deaf = dataclasses.replace(web.gateway, receive=None)
    answer = create_app(gateway=deaf).test_client().post(PATH, data=sns_signing.body(notification()))
    assert "SNS_TOPIC_ARNS" in problem_of(answer, 503, "service_unavailable")["detail"]


def test_repeated_refusals_for_a_topic_of_ours_are_one_incident(web: Web) -> None:
    """One or two may come from anyone; three need a person. A flood of them is still one write a minute."""
    for _ in range(2):
        post(web, forged())
    assert incidents_of(web) == []
    for _ in range(30):
        post(web, forged())
    assert incidents_of(web) == [("feedback_refused", TOPIC, 1)]


def test_repeated_doubts_for_a_topic_of_ours_are_an_incident_of_their_own(web: Web) -> None:
    """The trouble is on our side, and SNS gives up after an hour."""
    for _ in range(3):
        post(web, notification(version=1))
    assert incidents_of(web) == [("feedback_doubted", TOPIC, 1)]
    assert "SignatureVersion" in rows(web.gateway, "incidents")[0]["detail"]


def test_a_subscription_that_sns_does_not_confirm_is_an_incident_at_once(
    web: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS signed it, so it is genuine; the log and the incident have what SNS answered."""

    class Refusing:
        def confirm_subscription(self, **_: str) -> NoReturn:
            raise ClientError(
                {"Error": {"Code": "AuthorizationError", "Message": "no permission"}}, "ConfirmSubscription"
            )

    web = receiving(web, receiver(web.gateway, confirmer=SubscriptionConfirmer(clients=lambda _: Refusing())))
    problem_of(post(web, sns_signing.signer().subscription_confirmation(topic_arn=TOPIC)), 503, "service_unavailable")
    assert incidents_of(web) == [("feedback_doubted", TOPIC, 1)]
    assert "Found: AuthorizationError: no permission." in rows(web.gateway, "incidents")[0]["detail"]
    assert "AuthorizationError: no permission" in capsys.readouterr().out


def test_refusals_for_the_topics_of_others_are_no_incident(web: Web) -> None:
    """Anyone can own a topic and let it post here."""
    other = TOPIC.replace("123456789012", "666666666666")
    for _ in range(10):
        problem_of(post(web, sns_signing.signer().notification(BOUNCE, topic_arn=other)), 403, "not_authentic")
    assert incidents_of(web) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_fresh_process_uses_the_certificate_that_another_has_fetched(
    migrated_url: str, redis_url: str, late: bool
) -> None:
    """It comes from SQL, for a day; after that the host is asked, which no test can reach."""
    with web_on(migrated_url, redis_url) as web:
        know_the_certificate(web.gateway)
        if late:
            age(web.gateway, "signing_certificates", "fetched_at", timedelta(days=2))
        answer = post(web, notification())
        assert answer.status_code == (503 if late else 200)


@pytest.mark.parametrize("what", ["pem", "proof", "fetched_at", "url"])
def test_a_certificate_written_by_a_stranger_is_not_believed(web: Web, what: str) -> None:
    """Write access to the database without SECRET_KEYS is not enough to speak for AWS."""
    envelope, name = forged(), "SimpleNotificationService-" + "f" * 32 + ".pem"
    match what:
        case "pem":
            change(web.gateway, "signing_certificates", {"pem": sns_signing.forger().certificate_pem})
        case "proof":
            change(web.gateway, "signing_certificates", {"proof": bytes(32)})
            envelope = notification()
        case "fetched_at":
            age(web.gateway, "signing_certificates", "fetched_at", timedelta(minutes=-1))
            envelope = notification()
        case "url":
            url = sns_signing.certificate_url(TOPIC, name)
            change(web.gateway, "signing_certificates", {"url": url})
            envelope = sns_signing.signer().sign(notification() | {"SigningCertURL": url})
    assert post(web, envelope).status_code == 503
    assert stored(web) == 0


def test_a_pinned_certificate_out_of_date_is_reported_at_start_and_by_readyz(
    migrated_sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Every notification is put off, so that SNS keeps it until the file is replaced."""
    pem = tmp_path / "pinned.pem"
    key = sns_signing.signer().key.public_key()
    pem.write_bytes(
        sns_signing.certificate(key, common_name="sns.amazonaws.com", valid_to=datetime(2024, 1, 1, tzinfo=UTC))
    )
    with (
        structlog.testing.capture_logs() as lines,
        web_on(migrated_sqlite_url, redis_url, sns_pinned_certificate=pem) as web,
    ):
        assert "2024-01-01" in next(line["detail"] for line in lines if line["event"] == "pinned_certificate_not_fit")
        assert post(web, notification()).status_code == 503
        ready = problem_of(web.client.get("/readyz"), 503, "service_unavailable")
        shown = next(check for check in ready["checks"] if check["name"] == "signing_certificate")
        assert (shown["ok"], shown["required"]) == (False, False)
        assert "SNS_PINNED_CERTIFICATE" in shown["detail"]


def test_a_pinned_certificate_that_aws_no_longer_uses_puts_off(
    migrated_sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Within its dates, but not the signer's: a forgery and a change of AWS's certificate look alike."""
    pem = tmp_path / "pinned.pem"
    pem.write_bytes(sns_signing.forger().certificate_pem)
    with web_on(migrated_sqlite_url, redis_url, sns_pinned_certificate=pem) as web:
        assert post(web, notification()).status_code == 503
        assert post(web, forged()).status_code == 200
