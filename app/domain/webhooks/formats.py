"""The form in which an endpoint wants its events. Applications get `standard`; an operator may choose another one."""

import json
from collections.abc import Mapping
from email.message import EmailMessage
from enum import StrEnum
from typing import Any, Final

Json = Mapping[str, Any]

MAILTO: Final = "mailto:"
"""What the URL of an endpoint begins with that gets its events by email."""

_MOST: Final = 2_500
"""Slack recommends at most 4,000 characters for the text of a message (https://docs.slack.dev/reference/methods/chat.postMessage)."""

_ESCAPED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class EndpointFormat(StrEnum):
    """The form of what is posted: the JSON of the event, Slack's incoming webhook, or an email."""

    STANDARD = "standard"
    SLACK = "slack"
    EMAIL = "email"


def written(form: EndpointFormat, event: Json) -> bytes:
    """The body of one event, of which `event` is the whole payload."""
    match form:
        case EndpointFormat.STANDARD:
            return _json(event)
        case EndpointFormat.SLACK:
            return _json({"text": _for_slack(f"*{title_of(event)}*\n{text_of(event)}")})
        case EndpointFormat.EMAIL:
            message = EmailMessage()
            message["Subject"] = title_of(event)
            message.set_content(f"{text_of(event)}\n")
            return message.as_bytes()


def title_of(event: Json) -> str:
    """One line that names what happened, in at most 150 characters."""
    data = event["data"]
    what = f"{data['kind']}: {data['subject']}" if "kind" in data else str(event["type"])
    return " ".join(f"Postern {_STATES.get(event['type'], '')}: {what}".split()).replace(" :", ":")[:150]


def text_of(event: Json) -> str:
    """What happened, since when, and where to look."""
    data = event["data"]
    lines = [str(data.get("detail") or "This is a test: alerts arrive here.")]
    lines += [f"{name.capitalize()} {data[f'{name}_at']}." for name in ("opened", "closed") if data.get(f"{name}_at")]
    return "\n".join(lines)[:_MOST]


_STATES: Final = {
    "incident.opened": "incident",
    "incident.closed": "incident over",
    "circuit.opened": "email waits",
    "circuit.closed": "email goes on",
}


def _for_slack(text: str) -> str:
    """The text with the three characters escaped that Slack gives a meaning.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    return "".join(_ESCAPED.get(character, character) for character in text)


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
