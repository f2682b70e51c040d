"""The spans of an email on its whole way, and how they are sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from uuid_utils.compat import uuid7

from app import tracing
from app.open_telemetry import ids_of
from app.queue import Lane
from app.web.application import create_app
from tests.support.gateway.early_mailers import ScriptedEarlyMailer
from tests.support.gateway.emails import bounce, feed
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on
from tests.support.gateway.web import MAIL, Web, body_of
from tests.support.house.spans import recorded_spans
from tests.support.webhooks.endpoints import subscribe


@pytest.fixture(params=[ScriptedMailer, ScriptedEarlyMailer], ids=["threads", "early"])
def web(request: pytest.FixtureRequest, migrated_sqlite_url: str, redis_url: str) -> Iterator[Web]:
    """With each way in which calls share threads."""
    mailer = request.param()
    with gateway_on(migrated_sqlite_url, redis_url, mailer=mailer, webhook_allowed_networks="127.0.0.0/8") as built:
        yield Web(built, mailer, None, create_app(gateway=built).test_client())  # type: ignore[arg-type]


def facts(spans: tuple[ReadableSpan, ...], name: str) -> list[dict[str, object]]:
    return [dict(span.attributes or {}) for span in spans if span.name == name]


def test_the_way_of_an_email_is_traced(web: Web) -> None:
    """Request, gate and call are one trace; batches have their own; and no span holds an address or a text."""
    key, who = web.key(), caller(web.gateway)
    subscribe(web.gateway, who, "email.sent", url="http://127.0.0.1:1024/hooks?kim@example.net")
    with recorded_spans() as kept:
        answer = web.client.post("/v1/emails", json=MAIL, headers=key)
        web.gateway.deliver.drain(Lane.TRANSACTIONAL)
        web.gateway.webhooks.deliver.drain()
        feed(web.gateway, bounce(web.gateway, UUID(body_of(answer)["id"])))
        web.client.post("/feedback/sns", data=b"kim@example.net")
        web.client.get("/kim@example.net")
        spans = kept.get_finished_spans()
    request_id = answer.headers["X-Request-Id"]
    trace_id, _ = ids_of(UUID(request_id))
    assert {span.name for span in spans if span.context.trace_id == trace_id} == {"POST /v1/emails", "gate", "call"}
    [asked], [call] = facts(spans, "POST /v1/emails"), facts(spans, "call")
    assert (asked["http.route"], asked["http.response.status_code"]) == ("/v1/emails", 200)
    assert asked["postern.request_id"] == call["postern.request_id"] == request_id
    assert call["postern.result"] == "Accepted"
    assert [one["postern.claimed"] for one in facts(spans, "claim")][:1] == [1]
    assert facts(spans, "record") == [{"postern.reports": 1}]
    assert facts(spans, "settle")[0]["postern.notifications"] == 1
    assert facts(spans, "receive")[0]["error.type"] == "MalformedNotification"
    assert facts(spans, "no route")[0]["http.response.status_code"] == 404
    assert len(facts(spans, "webhook")) == 1
    written = " ".join(span.to_json() for span in spans)
    assert "@" not in written
    assert "You are invited" not in written


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """An OTLP receiver: its base URL, and the path and body of each request that came."""
    came: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", came
        server.shutdown()
        thread.join()


def test_spans_are_sent_by_otlp() -> None:
    """To the endpoint of the setting, under the name of the service, at the latest when the process ends."""
    request_id = uuid7()
    with receiver() as (url, came):
        tracing.start(url)
        tracing.request("POST /v1/emails", request_id).end()
        tracing.stop()
    [(path, body)] = came
    [sent] = ExportTraceServiceRequest.FromString(body).resource_spans
    [span] = sent.scope_spans[0].spans
    assert (path, span.name) == ("/v1/traces", "POST /v1/emails")
    assert int.from_bytes(span.trace_id) == ids_of(request_id)[0]
    resource = {one.key: one.value.string_value for one in sent.resource.attributes}
    assert resource["service.name"] == "postern"
