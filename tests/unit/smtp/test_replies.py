"""Replies as octets, and from the errors of services to replies: 4xx where the same may be accepted later."""

from datetime import UTC, datetime

import pytest

from app.domain.errors import (
    ConcurrentIdempotentRequests,
    Fault,
    InvalidApiKey,
    PosternError,
    RateLimitExceeded,
    RestrictedApiKey,
    ServiceUnavailable,
    ValidationFailed,
)
from app.services.submission.check import Obstacle
from app.smtp import verdicts
from app.smtp.protocol.replies import GO_AHEAD, OK, Reply

TOO_LARGE = Fault("/raw", "message_too_large", "An email has at most 40 MiB.")


@pytest.mark.parametrize(
    "reply, octets",
    [
        (OK, b"250 2.0.0 Ok\r\n"),
        (GO_AHEAD, b"354 Send the message, and end it with a line that is one dot\r\n"),
        (Reply(250, "", "a\nb\nc"), b"250-a\r\n250-b\r\n250 c\r\n"),
        (Reply(554, "5.6.0", "one\ntwo"), b"554-5.6.0 one\r\n554 5.6.0 two\r\n"),
        (Reply(334, "", ""), b"334 \r\n"),
        (Reply(554, "5.6.0", "a\r\n250 b"), b"554-5.6.0 a\r\n554 5.6.0 250 b\r\n"),
        (Reply(554, "5.6.0", "\u00fc\0"), b"554 5.6.0 ??\r\n"),
    ],
)
def test_a_reply_is_lines_of_ascii(reply: Reply, octets: bytes) -> None:
    """Each line has the codes, and no text can end the reply or begin another one."""
    assert reply.encode() == octets


def test_lines_of_a_reply_are_short_and_few() -> None:
    """RFC 5321 allows 512 octets, and a client reads no page."""
    lines = Reply(554, "5.6.0", "word " * 10_000).encode().splitlines(keepends=True)
    assert max(map(len, lines)) <= 512
    assert len(lines) == 20


@pytest.mark.parametrize(
    "error, code, status",
    [
        (RestrictedApiKey("Not from here."), 550, "5.7.1"),
        (RateLimitExceeded("Five a day.", retry_after=5), 452, "4.7.1"),
        (ServiceUnavailable("host 10.0.0.1 is away"), 451, "4.3.0"),
        (ConcurrentIdempotentRequests("Another one is being answered."), 451, "4.3.0"),
        (PosternError("a fault of ours"), 451, "4.3.0"),
        (ValidationFailed("Too large.", faults=(TOO_LARGE,)), 552, "5.3.4"),
        (ValidationFailed("No From.", faults=(Fault("/headers/From", "required", "One From."),)), 554, "5.6.0"),
    ],
)
def test_an_error_has_a_reply(error: PosternError, code: int, status: str) -> None:
    """What may pass is 4xx. What depends on our own parts is not said."""
    reply = verdicts.of_error(error)
    assert (reply.code, reply.status) == (code, status)
    assert "10.0.0.1" not in reply.text


def test_each_fault_is_named_once() -> None:
    """One line for each, and the first of them is not repeated."""
    faults = (Fault("/headers/From", "required", "One From."), Fault("/raw", "nul_octet", "No NUL."))
    reply = verdicts.of_error(ValidationFailed("/headers/From: One From.", faults=faults))
    assert reply.text.splitlines() == ["/headers/From: One From.", "/raw: No NUL."]


@pytest.mark.parametrize(
    "error, code",
    [(InvalidApiKey("Not known."), 535), (RestrictedApiKey("Archived."), 535), (ServiceUnavailable("Away."), 454)],
)
def test_a_key_has_a_reply(error: PosternError, code: int) -> None:
    """A client that is refused 535 asks its user; 454 it tries again."""
    assert verdicts.of_key(error).code == code


@pytest.mark.parametrize(
    "obstacle, code, status",
    [
        (Obstacle(code="invalid", detail="One @."), 553, "5.1.3"),
        (Obstacle(code="suppressed", detail="Listed.", origin="bounce"), 550, "5.1.1"),
        (Obstacle(code="suppressed", detail="Listed.", origin="ses_account"), 550, "5.1.1"),
        (Obstacle(code="suppressed", detail="Listed.", origin="complaint"), 550, "5.7.1"),
        (Obstacle(code="domain_suppressed", detail="Listed.", origin="manual"), 550, "5.7.1"),
        (Obstacle(code="under_review", detail="Many bounced.", origin="bounce"), 452, "4.7.1"),
        (Obstacle(code="paused", detail="Paused."), 452, "4.7.1"),
    ],
)
def test_an_obstacle_has_a_reply(obstacle: Obstacle, code: int, status: str) -> None:
    """A bounce says that there is no such mailbox; the other reasons are those of policy."""
    reply = verdicts.of_obstacle(obstacle)
    assert (reply.code, reply.status) == (code, status)


def test_a_refusal_says_since_when() -> None:
    """And when it ends, if it does."""
    since, until = datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC)
    listed = Obstacle(code="suppressed", detail="Listed (bounce).", origin="bounce", since=since, until=until)
    assert verdicts.of_obstacle(listed).text == "Listed (bounce). It is there since 2026-11-03. It ends 2026-12-03."
