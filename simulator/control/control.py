"""The control surface: what a test or a demo may ask of the simulator and tell it, as JSON under `/_simulator/`.

It decides the JSON of that surface. It is no part of AWS and needs no credentials: the simulator listens on loopback.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from simulator.account import Account, IdentityFeedback
from simulator.behaviours import Behaviour, Behaviours
from simulator.calls import Call, Route
from simulator.errands import Errands
from simulator.event_stream import EventStream, read_stream_faults
from simulator.fates import EventKind, on_demand
from simulator.faults import Faults, read_rule
from simulator.http_server import Response, json_response
from simulator.inbox import Inbox
from simulator.ledger import Ledger
from simulator.sns_delivery import Courier
from simulator.sns_publisher import Publisher
from simulator.sns_topics import Topics
from simulator.suppression import Entry, Reason, SuppressionList
from simulator.timestamps import utc_now

DEFAULT_PAGE = 1000

Publication = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The JSON side of the control surface; a mistake in a request raises ValueError or SnsError."""

    account: Account
    behaviours: Behaviours
    courier: Courier
    errands: Errands
    faults: Faults
    inbox: Inbox
    ledger: Ledger
    publisher: Publisher
    stream: EventStream
    suppression: SuppressionList
    topics: Topics

    def routes(self) -> list[Route]:
        """Return what is answered here."""
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
            Route("POST", "/_simulator/suppressions", "Suppressions", self.put_suppressions),
            Route("POST", "/_simulator/identity-topics", "IdentityTopics", self.set_identity_topics),
        ]

    async def get_ledger(self, call: Call) -> Response:
        """Return entries from `?since=` on, at most `?limit=`, and the counts of all."""
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
        """Replace the fault rules by the list given."""
        rules = call.request.json()
        if not isinstance(rules, list):
            raise TypeError("a list of rules is expected")
        self.faults.rules = [read_rule(rule) for rule in rules]
        return json_response(self.faults.described())

    async def clear_faults(self, _call: Call) -> Response:
        """Take every fault back, those of the event stream too."""
        self.faults.rules = []
        self.stream.faults = read_stream_faults({})
        return json_response([])

    async def get_behaviours(self, _call: Call) -> Response:
        """Return which addresses were told to act otherwise."""
        return json_response(self.behaviours.told())

    async def tell_behaviours(self, call: Call) -> Response:
        """Make addresses act like the mailbox simulator's: `{"kim.gone@example.com": "bounce"}`."""
        self.behaviours.tell({address: Behaviour(behaviour) for address, behaviour in call.content().items()})
        return await self.get_behaviours(call)

    async def forget_behaviours(self, _call: Call) -> Response:
        """Make every address act as its name says."""
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
        """Publish one event, or with `stream` set how the event stream misbehaves.

        `{"ses_message_id", "type", "recipients"?, "detail"?}` reports on a mail of the inbox;
        `{"message": text or object, "topic_arn"?, "subject"?}` is published as it is. `duplicate` publishes so many
        more copies, `redeliver` delivers each so many times more, `delay_ms` waits first.
        """
        asked = call.content()
        if "stream" in asked:
            self.stream.faults = read_stream_faults(asked["stream"])
            return await self.get_stream(call)
        copies, deliveries = 1 + int(asked.get("duplicate", 0)), 1 + int(asked.get("redeliver", 0))
        publication = (
            self._raw(asked, copies, deliveries) if "message" in asked else self._report(asked, copies, deliveries)
        )
        self.errands.spawn(_after(float(asked.get("delay_ms", 0)) / 1000, publication))
        return json_response({"scheduled": copies}, status=202)

    async def set_identity_topics(self, call: Call) -> Response:
        """Have an identity notify topics: `{"identity", "topics": {"Bounce": arn, …}, "headers"?}`; each is greeted."""
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

    async def put_suppressions(self, call: Call) -> Response:
        """Put a list of entries on the account's list: `{"address", "reason", "updated_at"?, "ses_message_id"?}`."""
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
        mail = received.mail
        happening = on_demand(EventKind(str(asked.get("type"))), tuple(asked.get("recipients") or mail.recipients))
        happening = replace(happening, detail=dict(happening.detail) | dict(asked.get("detail") or {}))

        def report() -> None:
            self.stream.report(mail, happening, copies=copies, deliveries=deliveries)

        return report

    def _only_topic(self) -> str:
        topics = self.topics.topics()
        if len(topics) != 1:
            raise ValueError("topic_arn is needed unless there is exactly one topic")
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
