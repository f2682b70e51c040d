"""`/v1/emails` with requests as real clients write them, on both databases, to the bytes that SES gets."""

import base64
import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.queue import Lane
from tests.support.gateway.web import MAIL, Headers, Web, body_of, pointers, problem_of, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, max_batch=20) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def test_what_clients_write_reaches_the_recipients(web: Web, key: Headers) -> None:
    """Names without quotes, a list in one text, a Django attachment, an invitation and a long thread."""
    thread = " ".join(f"<{number}@mail.example.com>" for number in range(60))
    body: dict[str, Any] = {
        **MAIL,
        "to": "ACME, Inc. <acme@example.com>, Events @ ACME <events@example.com>",
        "text": None,
        "html": '<p>Come and <a href="https://example.com/see">see</a>.</p>',
        "headers": {"References": thread.replace(" ", "\r\n "), "X-Number": 7},
        "attachments": [
            {
                "filename": "a.txt",
                "content": base64.encodebytes(b"x" * 90).decode(),
                "content_type": 'text/plain; charset="utf-8"',
            },
            {"content": "data:text/calendar;method=REQUEST;name=invite.ics;base64,QkVHSU4"},
        ],
        "tags": [{"name": "team", "value": "red"}, {"name": "team", "value": "blue"}, {"name": "id", "value": 7}],
    }
    email_id = body_of(web.client.post("/v1/emails", json=body, headers=key))["id"]
    shown = web.email(key, email_id)
    assert shown["to"] == ['"ACME, Inc." <acme@example.com>', '"Events @ ACME" <events@example.com>']
    assert shown["text"] == "Come and see [https://example.com/see]."
    assert shown["headers"] == {"References": thread, "X-Number": "7"}
    assert sorted((tag["name"], tag["value"]) for tag in shown["tags"]) == [
        ("id", "7"),
        ("team", "blue"),
        ("team", "red"),
    ]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(envelope.recipient for envelope in web.mailer.sent) == ["acme@example.com", "events@example.com"]
    written = email.message_from_bytes(web.mailer.sent[0].raw, policy=email.policy.default)
    assert [one.addr_spec for one in written["To"].addresses] == ["acme@example.com", "events@example.com"]
    assert str(written["References"]).split() == thread.split()
    assert [
        (part.get_filename(), part["Content-Type"].params.get("method")) for part in written.iter_attachments()
    ] == [
        ("a.txt", None),
        ("invite.ics", "REQUEST"),
    ]


def test_a_delay_counts_from_when_the_email_was_accepted(web: Web, key: Headers) -> None:
    """The answer has the time; another delay moves it, and one beyond the bound is refused."""
    email_id = web.submit(key, scheduled_at="in 2 hours", expires_at="in 1 day")
    shown = web.email(key, email_id)
    created = datetime.fromisoformat(shown["created_at"])
    for field, delay in (("scheduled_at", timedelta(hours=2)), ("expires_at", timedelta(days=1))):
        assert abs(datetime.fromisoformat(shown[field]) - created - delay) < timedelta(minutes=1)
    moved = web.client.patch(f"/v1/emails/{email_id}", json={"scheduled_at": "in 3 hours"}, headers=key)
    assert body_of(moved)["id"] == email_id
    at = datetime.fromisoformat(web.email(key, email_id)["scheduled_at"])
    assert timedelta(hours=2) < at - datetime.now(UTC) <= timedelta(hours=3, minutes=1)
    far = problem_of(
        web.client.post("/v1/emails", json={**MAIL, "scheduled_at": "in 5 weeks"}, headers=key), 422, "validation_error"
    )
    assert pointers(far) == ["/scheduled_at"]


def test_an_email_that_holds_nothing_is_refused(web: Web, key: Headers) -> None:
    """Alone and in a batch, where it is named by its place."""
    empty = {**MAIL, "subject": "", "text": ""}
    problem = problem_of(web.client.post("/v1/emails", json=empty, headers=key), 422, "validation_error")
    assert pointers(problem) == ["/text"]
    problem = problem_of(web.client.post("/v1/emails/batch", json=[MAIL, empty], headers=key), 422, "validation_error")
    assert pointers(problem) == ["/1/text"]
