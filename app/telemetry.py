"""What Postern says about itself: one line of JSON per event on standard error, and nothing of anybody's mail.

It decides what may be in a line. A field passes when it is a number, an id or a plain word; sentences pass only in the
fields that hold sentences of our own, and there, as in the lines of libraries, whatever looks like an address or a key
is taken out. An exception is told by its type and the places it passed, never by its text, which may quote values.
"""

import logging
import re
import sys
from collections.abc import Iterator
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
_SENTENCES = frozenset({"event", "reason", "detail", "timestamp"})
_FRAMES = 30

# They write what they send and receive when asked to speak at length.
_TALKATIVE = ("alembic", "boto3", "botocore", "celery", "kombu", "redis", "sqlalchemy", "urllib3", "werkzeug")


class LogEvent(StrEnum):
    """What the web process tells of."""

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
            foreign_pre_chain=_shared(),
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
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(severity, logging.WARNING))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with every value that may be somebody's address, key or words replaced."""
    return {name: _safe(name, value) for name, value in event.items()}


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
    """The event with its exception as types and places."""
    error = _exception_of(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if error is not None:
        event["exception"] = [f"{type(one).__module__}.{type(one).__qualname__}" for one in _chain(error)]
        event["frames"] = list(_places(error.__traceback__))[-_FRAMES:]
    return event


def _exception_of(info: Any) -> BaseException | None:
    """The exception that an event was given, in any of the ways in which the loggers take one."""
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exc_info()[1] if info else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it came from, outermost first."""
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
