"""The log: one line of JSON per event on standard error, and nothing from the content of any email.

It decides what may be in a line. A field passes when it is a number, an id or a plain word. Sentences pass only in the
fields that hold sentences of our own; there, and in the lines of libraries, everything that looks like an address or a
key is removed. An exception is logged by its type and its stack, never by its text, which may quote values.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum, StrEnum
from traceback import walk_tb
from types import TracebackType
from typing import Any, TextIO, cast
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_WORD = re.compile(r"[A-Za-z0-9_.:/<>+-]{1,300}")
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:=]+@[^\s@<>\"'(),;]+")
_KEY = re.compile(r"\bptn_\w+|\bBearer\s+\S+")
_SENTENCES = frozenset({"event", "reason", "detail", "expected", "found", "timestamp"})
_FRAMES = 30

# They bring handlers of their own, which do not redact.
_SELF_WILLED = ("gunicorn.access", "gunicorn.error")

# At the level DEBUG they write what they send and receive.
_TALKATIVE = ("alembic", "boto3", "botocore", "celery", "kombu", "redis", "sqlalchemy", "urllib3", "werkzeug")


class LogEvent(StrEnum):
    """The log events of the web process."""

    REQUEST_ANSWERED = "request_answered"
    REQUEST_FAILED = "request_failed"


class _StandardError:
    """Standard error as it is when a line is written, not as it was when the loggers were made."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(level: str) -> None:
    """Write every event of this process, and of the libraries in it, from `level` on as lines of JSON."""
    severity = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*_shared(), _render_exception, redact, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_StandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_without_values, *_shared()],
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _render_exception,
                redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(severity)
    for name in _SELF_WILLED:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(severity, logging.WARNING))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with every value replaced that may be an address, a key or text of an email."""
    return {name: _safe(name, value) for name, value in event.items()}


def _without_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The line of a library with its arguments replaced, except numbers and plain words.

    Celery passes the text of an exception as an argument, and that may quote anything.
    """
    values, record = event.pop("positional_args", None), event["_record"]
    if values:
        event["event"] = _filled(str(record.msg), values)
    return event


def _filled(template: str, values: Any) -> str:
    try:
        if isinstance(values, Mapping):
            return template % {name: _as_argument(value) for name, value in values.items()}
        return template % tuple(_as_argument(value) for value in values)
    except (TypeError, ValueError, KeyError):
        return template


def _as_argument(value: Any) -> Any:
    """An argument of a library's line: numbers and plain words stay, an exception is replaced by its type."""
    if isinstance(value, BaseException):
        return type(value).__qualname__
    return value if isinstance(value, (int, float)) else _safe_text("", str(value))


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _safe(name: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | Enum():
            return value
        case UUID() | datetime():
            return str(value)
        case str():
            return _safe_text(name, value)
        case list() | tuple():
            return [_safe(name, item) for item in value]
        case _:
            return REDACTED


def _safe_text(name: str, text: str) -> str:
    if name in _SENTENCES:
        return _KEY.sub(REDACTED, _ADDRESS.sub(REDACTED, text))
    return text if _WORD.fullmatch(text) and not _KEY.search(text) else REDACTED


def _render_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with its exception as types and stack frames."""
    error = _exception_of(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if error is not None:
        event["exception"] = [f"{type(one).__module__}.{type(one).__qualname__}" for one in _chain(error)]
        event["frames"] = list(_places(error.__traceback__))[-_FRAMES:]
    return event


def _exception_of(info: Any) -> BaseException | None:
    """The exception of an event, in any of the forms that the loggers accept."""
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exc_info()[1] if info else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _places(traceback: TracebackType | None) -> Iterator[str]:
    for frame, line in walk_tb(traceback):
        code = frame.f_code
        yield f"{code.co_filename}:{line}:{code.co_name}"
