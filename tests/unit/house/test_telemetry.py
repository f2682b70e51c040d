"""A log line may hold ids, numbers and Postern's own words, but no address, key or text of a person."""

import json
import logging
from typing import Any
from uuid import UUID

import pytest
import structlog

from app import telemetry
from app.domain.sending.state_machine import State
from app.telemetry import REDACTED, redact

ADDRESS = "canary.bird+tag@nest.example"
TOKEN = "ptn_abcdefghijkl_0123456789012345678901234567890123456789abc"
SUBJECT = "Canary sings at noon"
CANARIES = ("canary", "Canary", "nest.example", TOKEN, "sings")


@pytest.fixture
def configured() -> None:
    """Set up logging as in a process of Postern."""
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
    """Values that say which thing, or how many, are written as they are."""
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
    """Any other value, under any name, is replaced."""
    said = json.dumps(redact(None, "info", {"field": value}))
    assert REDACTED in said
    assert not any(canary in said for canary in CANARIES)


def test_sentences_of_our_own_lose_their_addresses() -> None:
    """A reason is Postern's own sentence and passes; an address or a key in it is replaced."""
    event = {"event": "claim_failed", "reason": f"No answer for {ADDRESS}, <{ADDRESS}> or {TOKEN} in time."}
    assert redact(None, "info", event) == {
        "event": "claim_failed",
        "reason": f"No answer for {REDACTED}, <{REDACTED}> or {REDACTED} in time.",
    }


def test_a_line_is_json_with_the_ids_of_its_request(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line has the event, level, time and the ids of its request, whichever logger writes it."""
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
    """A traceback has the types and places of all causes, but no texts of exceptions."""
    for log in (structlog.get_logger(), logging.getLogger("some.library")):
        try:
            fail()
        except RuntimeError:
            log.exception("failed")
    for line in lines(capsys):
        assert line["exception"] == ["builtins.RuntimeError", "builtins.ValueError"]
        assert line["frames"][-1].endswith(":fail")
        assert line["level"] == "error"


def test_verbose_libraries_do_not_log_the_data_that_they_send(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """At DEBUG too: botocore would log whole emails, SQLAlchemy every parameter."""
    for name in ("botocore.endpoint", "sqlalchemy.engine.Engine", "urllib3.connectionpool", "werkzeug"):
        logging.getLogger(name).debug("sent %s", SUBJECT)
        logging.getLogger(name).info("sent %s", SUBJECT)
    assert lines(capsys) == []


def test_a_log_line_of_a_library_has_no_text_of_an_exception(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither Celery's line of a failed task, with its own format, nor gunicorn's or SQLAlchemy's own handlers."""
    error = ValueError(f"{SUBJECT} for {ADDRESS}")
    fields = {"name": "postern.deliver", "id": "0b7f", "description": "raised unexpected", "exc": repr(error)}
    fields |= {"args": SUBJECT, "kwargs": SUBJECT, "traceback": SUBJECT}
    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s] %(description)s: %(exc)s", fields, exc_info=(ValueError, error, None)
    )
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.error("Error handling request %s %s", "GET", f"/v1/suppressions/{SUBJECT}", exc_info=error)
    logging.getLogger("sqlalchemy.pool").error("Exception during reset of %r: %s", error, SUBJECT, exc_info=error)
    task, request, pool = lines(capsys)
    assert task["event"].startswith("Task postern.deliver[0b7f] ")
    assert task["exception"] == ["builtins.ValueError"]
    assert request["event"].startswith("Error handling request GET ")
    assert "ValueError" in pool["event"]


def test_no_library_keeps_a_handler_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Gunicorn's loggers would not propagate their lines, and would write them unchanged."""
    logger = logging.getLogger("gunicorn.error")
    logger.addHandler(logging.StreamHandler())
    logger.propagate = False
    telemetry.configure("INFO")
    logger.warning("Invalid request from ip=%s: %s", "127.0.0.1", f"GET /unsubscribe/{SUBJECT}")
    [line] = lines(capsys)
    assert line["event"].startswith("Invalid request from ip=127.0.0.1: ")


def test_a_failing_test_prints_a_plain_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """A framed traceback with all variables takes long to render, and it is rendered inside open transactions."""
    address = "kim@example.net"
    try:
        int("no answer")
    except ValueError:
        structlog.get_logger().exception("failed", of=len(address))
    printed = capsys.readouterr().out
    assert "Traceback (most recent call last)" in printed
    assert "ValueError: invalid literal" in printed
    assert address not in printed
    assert "╭" not in printed
