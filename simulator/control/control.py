"""The control surface: tests and demos query and steer the simulator here, as JSON under `/_simulator/`.

It is not part of AWS and needs no credentials: the simulator listens on loopback.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from simulator.control.inbox import Inbox
from simulator.events.background_work import BackgroundWork
from simulator.events.event_stream import EventStream, read_stream_faults
from simulator.events.fates import EventKind, on_demand
from simulator.events.mailbox_behaviours import Behaviour, Behaviours
from simulator.http.calls import Call, Route
from simulator.http.faults import Faults, read_rule
from simulator.http.server import Response, json_response
from simulator.ses.account import Account, IdentityFeedback
from simulator.ses.ledger import Ledger
from simulator.ses.suppression import Entry, Reason, SuppressionList
from simulator.sns.delivery import Courier
from simulator.sns.publisher import Publisher
from simulator.sns.topics import Topics
from simulator.timestamps import utc_now

DEFAULT_PAGE = 1000

Publication = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The JSON side of the control surface; a malformed request raises ValueError or SnsError."""

    account: Account
    behaviours: Behaviours
    courier: Courier
    background_work: BackgroundWork
    faults: Faults
    inbox: Inbox
    ledger: Ledger
    publisher: Publisher
    stream: EventStream
    suppression: SuppressionList
    topics: Topics

    def routes(self) -> list[Route]:
        """Return the routes of the control surface."""
        return [
            Route("GET", "/_simulator/ledger", "Ledger", self.get_ledger),
            Route("GET", "/_simulator/deliveries", "Deliveries", self.get_deliveries),
            Route("GET", "/_simulator/faults", "Faults", self.get_faults),
            Route("POST", "/_simulator/faults", "Faults", self.set_faults),
            Route("DELETE", "/_simulator/faults", "Faults", self.clear_faults),
            Route("GET", "/_simulator/behaviours", "Behaviours", self.get_behaviours),
            Route("POST", "/_simulator/behaviours", "Behaviours", self.tell_behaviours),
            Route("DELETE", "/_simulator/behaviours", "Behaviours", self.forget_behaviours),
            Route("GET", "/_simulator/events", "Events", self.get_stream),
            Route("POST", "/_simulator/events", "Events", self.make_event),
            Route("GET", "/_simulator/suppressions", "Suppressions", self.get_suppressions),
            Route("POST", "/_simulator/suppressions", "Suppressions", self.put_suppressions),
            Route("POST", "/_simulator/identity-topics", "IdentityTopics", self.set_identity_topics),
        ]

    async def get_ledger(self, call: Call) -> Response:
        """Return at most `?limit=` entries from `?since=` on, and the counts of all."""
        query = parse_qs(call.request.query)
        await self.ledger.written()
        return json_response(
            self.ledger.page(since=_number(query, "since", 0), limit=_number(query, "limit", DEFAULT_PAGE))
        )

    async def get_deliveries(self, call: Call) -> Response:
        """Return the latest `?limit=` SNS deliveries, the counts of all, and the dead letters."""
        limit = _number(parse_qs(call.request.query), "limit", DEFAULT_PAGE)
        return json_response(
            {
                "counts": self.courier.counts(),
                "deliveries": self.courier.log(limit),
                "dead_letters": self.courier.dead_letters,
            }
        )

    async def get_faults(self, _call: Call) -> Response:
        """Return the fault rules in force."""
        return json_response(self.faults.described())

    async def set_faults(self, call: Call) -> Response:
        """Replace the fault rules with the given list."""
        rules = call.request.json()
        if not isinstance(rules, list):
            raise TypeError("a list of rules is expected")
        self.faults.rules = [read_rule(rule) for rule in rules]
        return json_response(self.faults.described())

    async def clear_faults(self, _call: Call) -> Response:
        """Remove every fault, those of the event stream included."""
        self.faults.rules = []
        self.stream.faults = read_stream_faults({})
        return json_response([])

    async def get_behaviours(self, _call: Call) -> Response:
        """Return the addresses with a behaviour set here, and their behaviours."""
        return json_response(self.behaviours.by_address())

    async def tell_behaviours(self, call: Call) -> Response:
        """Make addresses behave like those of the mailbox simulator: `{"kim.gone@example.com": "bounce"}`."""
        self.behaviours.tell({address: Behaviour(behaviour) for address, behaviour in call.content().items()})
        return await self.get_behaviours(call)

    async def forget_behaviours(self, _call: Call) -> Response:
        """Remove every behaviour set here; each address behaves as its name says."""
        self.behaviours.forget()
        return json_response({})

    async def get_stream(self, _call: Call) -> Response:
        """Return how the event stream misbehaves and how many events it has dropped."""
        faults = self.stream.faults
        return json_response(
            {
                "stream": {
                    "duplicate_rate": faults.duplicate_rate,
                    "redeliver_rate": faults.redeliver_rate,
                    "drop_rate": faults.drop_rate,
                    "reorder": faults.reorder,
                    "before_response": faults.before_response,
                    "delay_ms": [1000 * seconds for seconds in faults.delay] if faults.delay else None,
                },
                "dropped": self.stream.dropped,
            }
        )

    async def make_event(self, call: Call) -> Response:
        """Publish one event; with `stream`, set how the event stream misbehaves instead.

        `{"ses_message_id", "type", "recipients"?, "detail"?}` publishes an event about an email in the inbox;
        `{"message": text or object, "topic_arn"?, "subject"?}` is published as it is. `duplicate` is the number of
        further copies, `redeliver` the number of further deliveries of each, `delay_ms` the wait before the first.
        """
        asked = call.content()
        if "stream" in asked:
            self.stream.faults = read_stream_faults(asked["stream"])
            return await self.get_stream(call)
        copies, deliveries = 1 + int(asked.get("duplicate", 0)), 1 + int(asked.get("redeliver", 0))
        publication = (
            self._raw(asked, copies, deliveries) if "message" in asked else self._report(asked, copies, deliveries)
        )
        self.background_work.spawn(_after(float(asked.get("delay_ms", 0)) / 1000, publication))
        return json_response({"scheduled": copies}, status=202)

    async def set_identity_topics(self, call: Call) -> Response:
        """Set the topics that an identity notifies, and publish SES's greeting to each.

        The body is `{"identity", "topics": {"Bounce": arn, …}, "headers"?}`.
        """
        asked = call.content()
        identity = str(asked["identity"]).lower()
        topics = {EventKind(kind): str(arn) for kind, arn in asked.get("topics", {}).items()}
        for kind, arn in topics.items():
            greeting = {
                "notificationType": "AmazonSnsSubscriptionSucceeded",
                "message": f"You have successfully subscribed your Amazon SNS topic '{arn}' to receive '{kind.value}' "
                f"notifications from Amazon SES for identity '{identity}'.",
            }
            self.publisher.publish(arn, json.dumps(greeting))
        self.account.feedback[identity] = IdentityFeedback(topics=topics, headers=bool(asked.get("headers", False)))
        return json_response({})

    async def get_suppressions(self, _call: Call) -> Response:
        """Return the addresses on the account's suppression list, latest first."""
        return json_response({"addresses": [entry.address for entry in self.suppression.entries()]})

    async def put_suppressions(self, call: Call) -> Response:
        """Put a list of `{"address", "reason", "updated_at"?, "ses_message_id"?}` on the account's suppression list."""
        asked = call.request.json()
        if not isinstance(asked, list):
            raise TypeError("a list of entries is expected")
        for entry in [_suppressed(one) for one in asked]:
            self.suppression.put(entry)
        return json_response({"entries": len(self.suppression.entries())})

    def _raw(self, asked: Mapping[str, Any], copies: int, deliveries: int) -> Publication:
        message = asked["message"]
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        topic_arn = str(asked.get("topic_arn") or self._only_topic())
        self.topics.topic(topic_arn)

        def publish() -> None:
            for _ in range(copies):
                self.publisher.publish(topic_arn, text, subject=asked.get("subject"), deliveries=deliveries)

        return publish

    def _report(self, asked: Mapping[str, Any], copies: int, deliveries: int) -> Publication:
        received = self.inbox.get(str(asked.get("ses_message_id")))
        if received is None:
            raise ValueError("no such ses_message_id in the inbox")
        email = received.email
        happening = on_demand(EventKind(str(asked.get("type"))), tuple(asked.get("recipients") or email.recipients))
        happening = replace(happening, detail=dict(happening.detail) | dict(asked.get("detail") or {}))

        def report() -> None:
            self.stream.report(email, happening, copies=copies, deliveries=deliveries)

        return report

    def _only_topic(self) -> str:
        topics = self.topics.topics()
        if len(topics) != 1:
            raise ValueError("topic_arn is required unless there is exactly one topic")
        return topics[0].arn


def _suppressed(asked: Mapping[str, Any]) -> Entry:
    updated_at = datetime.fromisoformat(asked["updated_at"]) if "updated_at" in asked else utc_now()
    return Entry(
        address=str(asked["address"]),
        reason=Reason(asked["reason"]),
        updated_at=updated_at,
        ses_message_id=asked.get("ses_message_id"),
    )


async def _after(seconds: float, publication: Publication) -> None:
    if seconds:
        await asyncio.sleep(seconds)
    publication()


def _number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    return int(query[name][0]) if name in query else default
