"""What may be in a log line: ids, numbers and words of our own; never anybody's address, key or text."""

import json
import logging
from typing import Any
from uuid import UUID

import pytest
import structlog

from app import telemetry
from app.domain.delivery import State
from app.telemetry import REDACTED, redact

ADDRESS = "canary.bird+tag@nest.example"
TOKEN = "ptn_abcdefghijkl_0123456789012345678901234567890123456789abc"
SUBJECT = "Canary sings at noon"
CANARIES = ("canary", "Canary", "nest.example", TOKEN, "sings")


@pytest.fixture
def configured() -> None:
    """Logging as a process of ours has it."""
    telemetry.configure("DEBUG")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == "", "standard output belongs to the commands"
    assert not any(canary in captured.err for canary in CANARIES)
    return [json.loads(line) for line in captured.err.splitlines()]


def fail() -> None:
    def deeper(value: str) -> None:
        raise ValueError(f"{value} is not welcome")

    try:
        deeper(ADDRESS)
    except ValueError as error:
        raise RuntimeError(f"failed for {ADDRESS}") from error


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        200,
        1.5,
        UUID("01900000-0000-7000-8000-000000000000"),
        State.BOUNCED,
        "key:abcdefghijkl",
        "/v1/emails/<uuid:email_id>",
        "arn:aws:sns:us-east-1:123456789012:postern",
        ["a", "b"],
    ],
)
def test_ids_numbers_and_words_pass(value: Any) -> None:
    """What tells an operator which thing and how many is written as it is."""
    said = redact(None, "info", {"field": value})["field"]
    assert str(said) == str(value)


@pytest.mark.parametrize(
    "value",
    [
        ADDRESS,
        f"Canary <{ADDRESS}>",
        SUBJECT,
        TOKEN,
        f"Bearer {TOKEN}",
        "Zoë",
        "line\nbreak",
        "x" * 400,
        {"to": ADDRESS},
        pytest.param(ADDRESS.encode(), id="bytes"),
        object(),
        [[ADDRESS]],
    ],
)
def test_all_else_does_not(value: Any) -> None:
    """Whatever else somebody logs, under whichever name, is replaced."""
    said = json.dumps(redact(None, "info", {"field": value}))
    assert REDACTED in said
    assert not any(canary in said for canary in CANARIES)


def test_sentences_of_our_own_lose_their_addresses() -> None:
    """A reason is a sentence of ours and passes; an address or a key in it does not."""
    event = {"event": "claim_failed", "reason": f"No answer for {ADDRESS}, <{ADDRESS}> or {TOKEN} in time."}
    assert redact(None, "info", event) == {
        "event": "claim_failed",
        "reason": f"No answer for {REDACTED}, <{REDACTED}> or {REDACTED} in time.",
    }


def test_a_line_is_json_with_the_ids_of_its_request(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Event, level, time and what the request bound stand in every line, whoever writes it."""
    structlog.contextvars.bind_contextvars(request_id="01900000-0000-7000-8000-000000000000")
    structlog.get_logger().info("drained", lane="bulk", count=3)
    logging.getLogger("some.library").warning("gave up on %s", ADDRESS)
    ours, theirs = lines(capsys)
    assert {**ours, "timestamp": ""} == {
        "event": "drained",
        "lane": "bulk",
        "count": 3,
        "level": "info",
        "timestamp": "",
        "request_id": "01900000-0000-7000-8000-000000000000",
    }
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["request_id"]) == (f"gave up on {REDACTED}", ours["request_id"])


def test_an_exception_is_types_and_places(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback says where and of what kind, through all its causes; the words of exceptions stay out."""
    for log in (structlog.get_logger(), logging.getLogger("some.library")):
        try:
            fail()
        except RuntimeError:
            log.exception("failed")
    for line in lines(capsys):
        assert line["exception"] == ["builtins.RuntimeError", "builtins.ValueError"]
        assert line["frames"][-1].endswith(":fail")
        assert line["level"] == "error"


def test_talkative_libraries_keep_what_they_send_to_themselves(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """At DEBUG too: botocore would write whole mails, SQLAlchemy every parameter."""
    for name in ("botocore.endpoint", "sqlalchemy.engine.Engine", "urllib3.connectionpool", "werkzeug"):
        logging.getLogger(name).debug("sent %s", SUBJECT)
        logging.getLogger(name).info("sent %s", SUBJECT)
    assert lines(capsys) == []
