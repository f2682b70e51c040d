"""Spans that a test looks at: recorded by OpenTelemetry as in production, and kept instead of sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import tracing
from app.open_telemetry import OpenTelemetry


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    """Record the spans of this process, as one process more; the exporter has those that have ended."""
    exporter = InMemorySpanExporter()
    tracing.use(OpenTelemetry(SimpleSpanProcessor(exporter)))
    try:
        yield exporter
    finally:
        tracing.stop()
