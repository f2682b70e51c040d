"""Traces: which work a request caused, in all processes, and how long each piece took. They are off until `start`.

While they are off, nothing of OpenTelemetry is imported and a span is one object that does nothing. While they are on,
`app.open_telemetry` records spans. A span belongs to a request: to the one that is given, else to the one that the log
lines of this thread name, else to none. What it holds is held to the rules of the log (`app.telemetry`).
"""

from importlib import import_module
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import UUID

import structlog

log = structlog.get_logger()

Fact = str | int | float | UUID | None


class Span(Protocol):
    """A piece of work, from where it is begun until `end`, or until the end of its `with` block."""

    def note(self, **facts: Fact) -> None:
        """Add facts about the work; None is left out."""

    def end(self) -> None:
        """The work is done."""

    def __enter__(self) -> Self:
        """The span itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; an error is noted by its type alone, since its text may quote anything."""


class Tracer(Protocol):
    """Begins spans."""

    def begin(self, name: str, request_id: UUID | None, *, is_root: bool) -> Span:
        """A span that begins now; with `is_root` the work of a whole request, which its other spans belong to."""

    def stop(self) -> None:
        """Send what was recorded, and record nothing more."""


class _NoSpan:
    def note(self, **facts: Fact) -> None:
        """Nothing is recorded."""

    def end(self) -> None:
        """Nothing was begun."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was begun."""


class _Off:
    _SPAN: Final = _NoSpan()

    def begin(self, name: str, request_id: UUID | None, *, is_root: bool) -> Span:  # noqa: ARG002 - as `Tracer` is called
        return self._SPAN

    def stop(self) -> None:
        """Nothing was recorded."""


class _Process:
    """The tracer of this process."""

    tracer: Tracer = _Off()


def start(endpoint: str) -> None:
    """Send the spans of this process to the base URL of an OTLP receiver; an empty one leaves traces off.

    A process that has forked since does not record any more, so each process of ours calls this after it was forked.
    """
    if not endpoint:
        return
    try:
        open_telemetry = import_module("app.open_telemetry")
    except ModuleNotFoundError:
        # The variable is a standard one, and often set for every program of a host.
        log.warning("traces_not_sent", reason="The packages of requirements-otel.txt are not installed.")
        return
    use(open_telemetry.sending_to(endpoint))


def use(tracer: Tracer) -> None:
    """Record spans by this tracer."""
    _Process.tracer = tracer


def stop() -> None:
    """Send what was recorded, and turn traces off."""
    _Process.tracer.stop()
    _Process.tracer = _Off()


def request(name: str, request_id: UUID) -> Span:
    """The span of all that is done until a request is answered."""
    return _Process.tracer.begin(name, request_id, is_root=True)


def span(name: str, request_id: UUID | None = None) -> Span:
    """The span of a piece of work."""
    return _Process.tracer.begin(name, request_id, is_root=False)
