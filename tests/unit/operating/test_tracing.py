"""Traces: which spans are one trace, what they may hold, and what happens while they are off."""

import sys

import pytest
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from app import tracing
from app.open_telemetry import ids_of
from app.telemetry import REDACTED
from tests.support.house.spans import recorded_spans


def test_the_spans_of_a_request_are_one_trace_in_every_process() -> None:
    """A worker that knows the request id of an email adds to the trace of the request, under its first span."""
    request_id = uuid7()
    with recorded_spans() as web:
        first = tracing.request("POST /v1/emails", request_id)
        with bound_contextvars(request_id=str(request_id)), tracing.span("gate"):
            first.note(status=200)
        first.end()
        gate, root = web.get_finished_spans()
    with recorded_spans() as worker:
        with tracing.span("call", request_id), tracing.span("claim"):
            request_id = uuid7()
        claim, call = worker.get_finished_spans()
    assert root.parent is None
    assert {one.context.trace_id for one in (root, gate, call)} == {root.context.trace_id}
    for inside in (gate, call):
        assert inside.parent is not None
        assert inside.parent.span_id == root.context.span_id
    assert (claim.parent, claim.context.trace_id == call.context.trace_id) == (None, False)


@pytest.mark.parametrize("sampler", ["traceidratio", "parentbased_traceidratio"])
def test_a_share_of_the_requests_is_sampled_whole(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share that was asked for; and a worker records the spans of a request if and only if the web did."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    ids = [uuid7() for _ in range(400)]
    with recorded_spans() as web:
        for one in ids:
            tracing.request("POST /v1/emails", one).end()
        sampled = {span.context.trace_id for span in web.get_finished_spans()}
    with recorded_spans() as worker:
        for one in ids:
            tracing.span("call", one).end()
        assert {span.context.trace_id for span in worker.get_finished_spans()} == sampled
    assert 120 < len(sampled & {ids_of(one)[0] for one in ids}) < 280


def fail_within_a_span() -> None:
    with tracing.span("call") as span:
        span.note(result="Accepted", address="kim@example.net", subject="Dear Kim", email_id=None)
        raise ValueError("kim@example.net")


def test_a_span_is_held_to_the_rules_of_the_log() -> None:
    """An address becomes a mark, and an error is named by its type: its text may quote anything."""
    with recorded_spans() as kept, pytest.raises(ValueError, match="kim"):
        fail_within_a_span()
    [span] = kept.get_finished_spans()
    assert dict(span.attributes or {}) == {
        "postern.result": "Accepted",
        "postern.address": REDACTED,
        "postern.subject": REDACTED,
        "error.type": "ValueError",
    }
    assert (span.status.is_ok, span.status.description, span.events) == (False, None, ())


def test_without_its_packages_a_process_runs_without_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is often set for all programs of a host. The log says what is missing."""
    monkeypatch.setitem(sys.modules, "app.open_telemetry", None)
    with capture_logs() as said:
        tracing.start("http://collector.example.com:4318")
    assert [line["event"] for line in said] == ["traces_not_sent"]
    assert tracing.span("call") is tracing.span("claim")


def test_while_traces_are_off_a_span_does_nothing() -> None:
    """Without an endpoint; errors pass through it."""
    tracing.start("")
    assert tracing.request("POST /v1/emails", uuid7()) is tracing.span("call")
    with pytest.raises(ValueError, match="kim"):
        fail_within_a_span()
