"""From the email to a receiver over HTTP: a worker process is woken by a bell, posts, and the receiver verifies."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.queue import Lane
from app.services.paging import Page
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.webhooks.endpoints import states, subscribe
from worker.process import Crew


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    """A gateway that may post to this machine, as `up` does."""
    settings = settings_for(migrated_url, redis_url, webhook_allowed_networks="127.0.0.0/8")
    built = build(settings, mailer=ScriptedMailer())
    yield built
    built.close()


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server that answers 200, its URL, and what it got."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hooks", got
        finally:
            server.shutdown()
            thread.join()


def wait_until_one(got: list[Any]) -> None:
    """Wait for the first post."""
    ends = time.monotonic() + 20
    while not got and time.monotonic() < ends:
        time.sleep(0.01)
    assert len(got) == 1


def test_a_receiver_gets_the_event_and_verifies_it(gateway: Gateway) -> None:
    """Over HTTP, with the header names of the standard."""
    who = caller(gateway)
    with receiver() as (url, got):
        added = subscribe(gateway, who, "email.sent", url=url)
        submit(gateway, who, "kim@example.net")
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert gateway.webhooks.deliver.drain() == 1
    [(headers, body)] = got
    assert Webhook(added.secret).verify(body, headers)["data"]["to"] == ["kim@example.net"]
    assert headers["content-type"] == "application/json"
    assert states(gateway, who, added.endpoint.id) == ["delivered"]


def test_a_bell_has_a_worker_process_deliver(gateway: Gateway) -> None:
    """The task of the bell returns at once, and a thread of its own delivers: email waits for no endpoint."""
    who, crew = caller(gateway), Crew(gateway)
    try:
        with receiver() as (url, got):
            subscribe(gateway, who, "email.sent", url=url)
            submit(gateway, who, "kim@example.net")
            gateway.deliver.drain(Lane.TRANSACTIONAL)
            crew.deliver_webhooks()
            wait_until_one(got)
    finally:
        crew.close()


def test_a_worker_process_without_a_broker_delivers(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bell ever rings: the process looks for work by itself."""
    monkeypatch.setattr("worker.process._SILENCE_S", 0.0)
    monkeypatch.setattr("worker.process._BEAT_EVERY_S", 0.1)
    who = caller(gateway)
    with receiver() as (url, got):
        subscribe(gateway, who, "email.sent", url=url)
        submit(gateway, who, "kim@example.net")
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        crew = Crew(gateway)
        try:
            wait_until_one(got)
        finally:
            crew.close()


def test_an_endpoint_on_this_machine_is_refused_unless_it_is_allowed(migrated_url: str, redis_url: str) -> None:
    """Neither when it is added over http, nor when a name leads there."""
    built = build(settings_for(migrated_url, redis_url), mailer=ScriptedMailer())
    try:
        who = caller(built)
        added = subscribe(built, who, "email.sent", url="https://127.0.0.1/hooks")
        submit(built, who, "kim@example.net")
        built.deliver.drain(Lane.TRANSACTIONAL)
        built.webhooks.deliver.drain()
        [delivery] = built.webhooks.deliveries.page(who, added.endpoint.id, Page(limit=1)).data
        [attempt] = built.webhooks.deliveries.get(who, added.endpoint.id, delivery.id).attempts
        assert attempt.outcome == "address_refused"
    finally:
        built.close()
