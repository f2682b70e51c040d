"""Spans by OpenTelemetry, sent by OTLP over HTTP. Only `app.tracing.start` imports this, once traces are on.

The trace of a request and the id of its first span are computed from its request id. So a worker finds the trace of an
email by what is stored with it, and a sampler by share decides in every process the same for one request. They are
digests, since a UUIDv7 begins with its time and has fixed bits, and samplers take the low bits of a trace id as a
random number (https://www.w3.org/TR/trace-context-2/#considerations-for-trace-id-field-generation).
"""

from contextvars import ContextVar
from hashlib import blake2b
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from structlog.contextvars import get_contextvars

from app.telemetry import redact
from app.tracing import Fact

_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8
_STANDARD: Final = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "error": "error.type",
}
"""Facts that the conventions of OpenTelemetry have a name for; all others are named `postern.…`."""


def sending_to(endpoint: str) -> "OpenTelemetry":
    """Spans are sent to this base URL, in batches by a thread; see the variables `OTEL_…` of OpenTelemetry."""
    return OpenTelemetry(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))


class OpenTelemetry:
    """Begins spans that `processor` gets when they end; see `app.tracing.Tracer`."""

    def __init__(self, processor: SpanProcessor) -> None:
        resource = Resource({"service.name": "postern"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, id_generator=_Ids())
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("postern")

    def begin(self, name: str, request_id: UUID | None, *, is_root: bool) -> "_Recorded":
        """See `app.tracing.Tracer.begin`."""
        request_id = request_id or get_contextvars().get("request_id")
        if request_id is None:
            return _Recorded(self._tracer.start_span(name, Context()))
        ids = ids_of(UUID(str(request_id)))
        span = self._begin_first(name, ids) if is_root else self._tracer.start_span(name, self._inside(*ids))
        recorded = _Recorded(span)
        recorded.note(request_id=request_id)
        return recorded

    def stop(self) -> None:
        """See `app.tracing.Tracer.stop`."""
        self._provider.shutdown()

    def _begin_first(self, name: str, ids: tuple[int, int]) -> Span:
        token = _next_ids.set(ids)
        try:
            return self._tracer.start_span(name, Context(), kind=SpanKind.SERVER)
        finally:
            _next_ids.reset(token)

    def _inside(self, trace_id: int, span_id: int) -> Context:
        """The context of a request: it is sampled if its first span was, perhaps by another process."""
        decision = self._provider.sampler.should_sample(None, trace_id, "").decision
        flags = TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
        first = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
        return set_span_in_context(NonRecordingSpan(first), Context())


def ids_of(request_id: UUID) -> tuple[int, int]:
    """The ids of the trace of a request, and of its first span."""
    digest = blake2b(request_id.bytes, digest_size=_TRACE_BYTES + _SPAN_BYTES).digest()
    return int.from_bytes(digest[:_TRACE_BYTES]), int.from_bytes(digest[_TRACE_BYTES:])


_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("next_ids", default=None)
"""Of the trace and the span that begin now, if they are not random."""


class _Ids(RandomIdGenerator):
    """Random ids, but for the first span of a request."""

    def generate_trace_id(self) -> int:
        """The id of a trace."""
        ids = _next_ids.get()
        return ids[0] if ids else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """The id of a span."""
        ids = _next_ids.get()
        return ids[1] if ids else super().generate_span_id()


class _Recorded:
    """See `app.tracing.Span`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, **facts: Fact) -> None:
        known = redact(None, "", {name: fact for name, fact in facts.items() if fact is not None})
        self._span.set_attributes({_STANDARD.get(name, f"postern.{name}"): fact for name, fact in known.items()})

    def end(self) -> None:
        self._span.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.note(error=kind.__name__)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
