"""What came to the receivers of webhooks, as pages in the style of the inbox."""

import json
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import quote

from simulator.control.html_pages import REFRESH_S, cell, page
from simulator.http.calls import Call, Route
from simulator.http.server import Response
from simulator.timestamps import iso_millis
from simulator.webhooks.receivers import Post, Receiver, Receivers

LATEST: Final = 200

_SIGNATURES: Final = {True: "verified", False: "does not verify", None: "not checked: no secret was given"}
_HOW: Final = (
    "<p>Let an endpoint of Postern be <code>/_webhooks/NAME</code> here. Its signatures are checked once the secret is "
    'given: <code>PUT /_simulator/webhooks/NAME {"secret": "whsec_…"}</code>. <a href="/">Emails</a></p>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverPages:
    """The list of posts and the page of one post."""

    receivers: Receivers

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("GET", "/_simulator/webhooks", "WebhookPages", self.show_all),
            Route("GET", "/_simulator/webhooks/{name}/{number}", "WebhookPage", self.show_one),
        ]

    async def show_all(self, call: Call) -> Response:
        """Return the latest posts of all receivers, latest first, anew every few seconds with `refresh`."""
        refresh = "refresh" in call.request.form()
        posts = [(receiver, post) for receiver in self.receivers.all() for post in list(receiver.posts)[-LATEST:]]
        posts.sort(key=lambda one: one[1].received_at, reverse=True)
        rows = "".join(_row(receiver, post) for receiver, post in posts[:LATEST])
        caption = (
            f"{sum(one.received for one in self.receivers.all())} posts came in all; {len(posts[:LATEST])} are shown."
        )
        table = (
            f"<table><caption>{caption}</caption><thead><tr><th scope=col>Time (UTC)</th><th scope=col>Receiver</th>"
            "<th scope=col>Type</th><th scope=col>Id</th><th scope=col>Signature</th><th scope=col>Answered</th></tr>"
            f"</thead><tbody>{rows}</tbody></table>"
        )
        return page("Webhooks", _HOW + _form(refresh=refresh) + table, refresh_s=REFRESH_S if refresh else None)

    async def show_one(self, call: Call) -> Response:
        """Return one post: its signature, its headers and its body."""
        receiver = self.receivers.find(call.parameters["name"])
        number = call.parameters["number"]
        found = [post for post in receiver.posts if str(post.number) == number] if receiver is not None else []
        back = '<p><a href="/_simulator/webhooks">All webhooks</a></p>'
        if receiver is None or not found:
            return page("No such webhook", f"<p>It was dropped or never came.</p>{back}", status=404)
        post = found[0]
        facts = {
            "Receiver": receiver.name,
            "Time (UTC)": iso_millis(post.received_at),
            "Signature": _SIGNATURES[receiver.verified(post)],
            "Answered": post.answered,
        }
        listed = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
        headers = "\n".join(f"{name}: {value}" for name, value in post.headers.items())
        return page(
            post.type() or "(no type)",
            f"{back}<dl>{listed}</dl><h2>Body</h2><pre>{escape(_readable(post.body))}</pre>"
            f"<h2>Headers</h2><pre>{escape(headers)}</pre>",
        )


def _row(receiver: Receiver, post: Post) -> str:
    place = f"/_simulator/webhooks/{quote(receiver.name, safe='')}/{post.number}"
    cells = {
        "Time": f"{post.received_at:%H:%M:%S}",
        "Receiver": escape(receiver.name),
        "Type": f'<a href="{escape(place)}">{escape(post.type() or "(no type)")}</a>',
        "Id": escape(post.headers.get("webhook-id", "")),
        "Signature": _SIGNATURES[receiver.verified(post)],
        "Answered": escape(post.answered),
    }
    return f"<tr>{''.join(cell(name, value) for name, value in cells.items())}</tr>"


def _form(*, refresh: bool) -> str:
    checked = " checked" if refresh else ""
    return (
        f'<form action="/_simulator/webhooks"><label><input type="checkbox" name="refresh"{checked}> '
        f"reload every {REFRESH_S} s</label> <button>Show</button></form>"
    )


def _readable(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
