"""Endpoints for tests that answer as the test says, and keep what they got."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.apps.callers import Caller
from app.domain.webhooks.post_result import PostOutcome, PostResult
from app.queue import Lane
from app.services.paging import Page
from app.services.webhooks.endpoints import NewEndpoint, WithSecret
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit
from tests.support.gateway.rows import age

URL = "https://hooks.example.net/postern"
ACCEPTED = PostResult(PostOutcome.ACCEPTED, 200, "It answered 200.", "ok", 0.01)
REFUSED = PostResult(PostOutcome.REFUSED, 422, "It answered 422.", "no", 0.01)
BROKEN = PostResult(PostOutcome.REFUSED, 500, "It answered 500.", "oops", 0.01)
GONE = PostResult(PostOutcome.REFUSED, 410, "It answered 410.", "gone", 0.01)
SLOWLY_BROKEN = PostResult(PostOutcome.REFUSED, 504, "It answered 504.", "", 2.5)
SILENT = PostResult(PostOutcome.TIMED_OUT, None, "It did not answer in time.", "", 15.0)


@dataclass(frozen=True)
class Posted:
    """One POST that an endpoint got."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The payload."""
        return json.loads(self.body)

    @property
    def type(self) -> str:
        """The type of the event."""
        return str(self.json["type"])

    @property
    def id(self) -> str:
        """The id by which a receiver knows that it has got an event already."""
        return self.headers["webhook-id"]


@dataclass
class ScriptedPoster:
    """Answers each POST with what `answer` returns for it; see `app.net.webhooks.post.WebhookPoster`."""

    answer: Callable[[Posted], PostResult] = lambda _: ACCEPTED
    got: list[Posted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> PostResult:
        """Keep the POST and answer it."""
        posted = Posted(url, dict(headers), body, time.monotonic())
        with self._lock:
            self.got.append(posted)
        return self.answer(posted)

    def types(self, url: str = URL) -> list[str]:
        """The types of the events that an endpoint got, in order."""
        return [one.type for one in self.got if one.url == url]


def scripted(gateway: Gateway, answer: Callable[[Posted], PostResult] = lambda _: ACCEPTED) -> ScriptedPoster:
    """Have the gateway post to this poster from now on."""
    poster = ScriptedPoster(answer)
    gateway.webhooks.deliver.parts = replace(gateway.webhooks.deliver.parts, poster=lambda _: poster)
    return poster


def subscribe(gateway: Gateway, who: Caller, *events: str, url: str = URL) -> WithSecret:
    """Add an endpoint that gets these events."""
    return gateway.webhooks.endpoints.add(who, NewEndpoint(url=url, events=events))


def states(gateway: Gateway, who: Caller, endpoint_id: UUID) -> list[str]:
    """The states of the deliveries of an endpoint, oldest first."""
    return [
        one.state.value for one in reversed(gateway.webhooks.deliveries.page(who, endpoint_id, Page(limit=100)).data)
    ]


def sent_to(gateway: Gateway, who: Caller, *addresses: str) -> list[UUID]:
    """Emails that SES took, to each of these addresses."""
    emails = [submit(gateway, who, one) for one in addresses]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return emails


def let_wait_end(gateway: Gateway) -> None:
    """As if every endpoint and every delivery had waited long enough."""
    age(gateway, "webhook_endpoints", "due_at", timedelta(seconds=1))
    age(gateway, "webhook_deliveries", "due_at", timedelta(seconds=1), state="waiting")
