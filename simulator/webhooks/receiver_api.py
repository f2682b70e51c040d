"""The door of the receivers, `/_webhooks/NAME`, and what the control surface can set of them."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from simulator.http.calls import Call, Route
from simulator.http.server import Response, json_response
from simulator.timestamps import iso_millis
from simulator.webhooks.faults import LARGE_BYTES, Rule, read_rule
from simulator.webhooks.receivers import Post, Receiver, Receivers
from simulator.webhooks.signature import key_of

_OK: Final = {"received": True}
_SETTINGS: Final = frozenset({"secret", "faults"})
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverApi:
    """Takes webhooks, and shows and steers the receivers."""

    receivers: Receivers
    dice: random.Random
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return the routes of the receivers and of their settings."""
        return [
            Route("POST", "/_webhooks/{name}", "Webhook", self.receive),
            Route("GET", "/_webhooks/{name}", "Webhooks", self.get_posts),
            Route("DELETE", "/_webhooks/{name}", "Webhooks", self.forget_posts),
            Route("PUT", "/_simulator/webhooks/{name}", "WebhookSettings", self.put_settings),
        ]

    async def receive(self, call: Call) -> Response | None:
        """Keep a post, and answer it as the first fault that strikes says, else with 200."""
        receiver = self.receivers.named(call.parameters["name"])
        rule = next((one for one in receiver.rules if one.strikes(self.dice)), None)
        receiver.keep(
            at=self.clock(),
            headers=call.request.headers,
            body=call.request.body,
            answered=rule.fault if rule is not None else "200",
        )
        return json_response(_OK) if rule is None else await _answer_with(rule, receiver)

    async def get_posts(self, call: Call) -> Response:
        """Return at most `?limit=` posts after number `?since=`, oldest first, and the count of all."""
        receiver, asked = self.receivers.find(call.parameters["name"]) or Receiver(""), call.request.form()
        since, limit = int(asked.get("since", 0)), int(asked.get("limit", _PAGE))
        shown = list(islice(receiver.since(since), limit))
        return json_response(
            {
                "received": receiver.received,
                "faults": [rule.described() for rule in receiver.rules],
                "posts": [_described(receiver, post) for post in shown],
                "next": shown[-1].number if shown else since,
            }
        )

    async def forget_posts(self, call: Call) -> Response:
        """Drop what came; secret and faults stay."""
        self.receivers.named(call.parameters["name"]).forget()
        return await self.get_posts(call)

    async def put_settings(self, call: Call) -> Response:
        """Set the secret that posts are verified with, and replace the faults: `{"secret"?, "faults"?}`."""
        asked = call.content()
        unknown = set(asked) - _SETTINGS
        if unknown:
            raise ValueError(f"unknown member: {min(unknown)}")
        rules = [read_rule(one) for one in asked.get("faults", [])]
        key = key_of(str(asked["secret"])) if "secret" in asked else None
        receiver = self.receivers.named(call.parameters["name"])
        receiver.key = key if "secret" in asked else receiver.key
        receiver.rules = rules if "faults" in asked else receiver.rules
        return await self.get_posts(call)


async def _answer_with(rule: Rule, receiver: Receiver) -> Response | None:
    match rule.fault:
        case "close":
            return None
        case "hang":
            await asyncio.sleep(rule.seconds)
            return None
        case "slow":
            await asyncio.sleep(rule.seconds)
            return json_response(_OK)
        case "half":
            return Response(200, b"{}", cut=True)
        case "large":
            return Response(200, b"x" * LARGE_BYTES, content_type="text/plain")
    place = rule.location or f"/_webhooks/{receiver.name}"
    redirect = (("Location", place),) if rule.fault.startswith("3") else ()
    return json_response({"received": False}, status=int(rule.fault), headers=redirect)


def _described(receiver: Receiver, post: Post) -> dict[str, Any]:
    return {
        "number": post.number,
        "received_at": iso_millis(post.received_at),
        "headers": post.headers,
        "body": post.body.decode("utf-8", "replace"),
        "answered": post.answered,
        "verified": receiver.verified(post),
    }
