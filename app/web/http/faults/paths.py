"""What to do instead, for a request to a path that is not served, or with a method that the path does not answer.

It decides the sentence. It names the declared path, never that of the request, which may hold an address.
"""

import re
from collections.abc import Collection
from typing import Final

from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

_NOT_SERVED: Final = "Nothing is served at this path."
_SEE: Final = "/docs lists what is."

# Routes of Resend's API (https://resend.com/docs/api-reference) that Postern does not have.
_OF_RESEND: Final = {
    "api-keys": "A key belongs to an application: administrators issue it at /v1/apps/{app}/keys.",
    "audiences": "Postern keeps no lists of contacts. Your application does, and sends to each.",
    "automations": "Postern runs no automations. Give an email a scheduled_at instead.",
    "broadcasts": "Postern has no broadcasts. Send the emails with POST /v1/emails/batch, in the lane `bulk`.",
    "contact-properties": "Postern keeps no contacts. Your application does.",
    "contacts": "Postern keeps no contacts. Who must not get emails is at /v1/suppressions.",
    "domains": "Domains are verified in SES. `./postern doctor` shows them to the operators of this gateway.",
    "events": "Postern takes no events of your own. What happened to an email is at /v1/emails/{id}/events.",
    "inboxes": "Postern receives no email.",
    "logs": "Postern serves no logs. What happened to an email is at /v1/emails/{id}/events.",
    "segments": "Postern keeps no lists of contacts. Your application does, and sends to each.",
    "templates": "Templates are not supported. Send the rendered html and text.",
    "topics": "Topics are not supported. Use the field `stream` of an email instead.",
    "usage": "Postern counts no usage. What it has sent is in its metrics, at /metrics.",
}
_OF_RESENDS_EMAILS: Final = (
    (re.compile(r"/v1/emails/receiving(?:/.*)?"), "Postern receives no email."),
    (re.compile(r"/v1/emails/[^/]+/attachments(?:/.*)?"), "Postern does not give attachments back."),
)
_BY_ID: Final = re.compile(r"/v1/emails/[^/]+(?:/(?:events|cancel|resend|discard))?")
_AN_ID: Final = "An email's id is a UUID, such as 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f. This path has something else."


def advice_for_path(path: str, served: MapAdapter) -> str:
    """The sentences for a path that is not served: what is served instead, as far as that can be known."""
    return f"{_NOT_SERVED} {_instead(path, served)}"


def advice_for_method(method: str, allowed: Collection[str]) -> str:
    """The sentences for a method that a path does not answer; `allowed` are those that it answers."""
    answered = sorted(set(allowed) - {"HEAD", "OPTIONS"})
    *others, last = answered or ["nothing"]
    sentence = f"This path answers {', '.join(others)}{' and ' if others else ''}{last}."
    if method == "OPTIONS":
        return f"{sentence} No path is for scripts of other origins: call the API from your server."
    return sentence


def _instead(path: str, served: MapAdapter) -> str:
    plain = re.sub(r"/{2,}", "/", path)
    if plain != path and (rule := _rule(plain, served)):
        return f"Write the path with single slashes: `{rule}`."
    if not plain.startswith("/v1/"):
        if rule := _rule(f"/v1{plain}", served):
            return f"Use `{rule}`: the address of the API ends in /v1."
        plain = f"/v1{plain}"
    if (kind := plain.split("/")[2]) in _OF_RESEND:
        return _OF_RESEND[kind]
    for pattern, sentence in _OF_RESENDS_EMAILS:
        if pattern.fullmatch(plain):
            return sentence
    return _AN_ID if _BY_ID.fullmatch(plain) else _SEE


def _rule(path: str, served: MapAdapter) -> str | None:
    """The declared path that serves `path` with some method, with placeholders; None if there is none."""
    for method in sorted(served.allowed_methods(path)):
        try:
            rule, _ = served.match(path, method=method, return_rule=True)
        except (HTTPException, RequestRedirect):
            continue
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    return None
