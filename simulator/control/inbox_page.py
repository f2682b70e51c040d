"""The inbox as pages: the emails that were "sent", their senders, recipients and fates.

An email is hostile content: its text is shown escaped, its HTML in a sandboxed frame under a policy that loads nothing.
"""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from urllib.parse import quote

from simulator.control.inbox import Inbox, Received
from simulator.http.calls import Call, Route
from simulator.http.server import Response
from simulator.ses.ledger import Ledger
from simulator.timestamps import iso_millis

LATEST = 200

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1a1a1a; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e8e8e8; } a { color: #8ab4f8; } }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884; }
td { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8884; padding: 1rem; }
iframe { width: 100%; height: 24rem; border: 1px solid #8884; background: #fff; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPages:
    """The list of emails and the page of one email."""

    inbox: Inbox
    ledger: Ledger

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("GET", "/", "Inbox", self.show_all),
            Route("GET", "/_simulator/inbox", "Inbox", self.show_all),
            Route("GET", "/_simulator/inbox/{ses_message_id}", "InboxMail", self.show_one),
        ]

    async def show_all(self, _call: Call) -> Response:
        """Return the latest emails, latest first."""
        rows = "".join(_row(received) for received in self.inbox.latest(LATEST))
        counts = self.ledger.counts()
        caption = f"{counts['emails']} emails accepted in all; the latest {LATEST} at most are shown."
        table = (
            f"<table><caption>{caption} Nothing here has left this machine.</caption>"
            "<thead><tr><th scope=col>Time (UTC)</th><th scope=col>From</th><th scope=col>To</th>"
            f"<th scope=col>Subject</th><th scope=col>Fate</th></tr></thead><tbody>{rows}</tbody></table>"
        )
        return _page("Sent emails", table)

    async def show_one(self, call: Call) -> Response:
        """Return one email: its envelope, its fate, its text, its HTML in a sandbox, its source."""
        received = self.inbox.get(call.parameters["ses_message_id"])
        if received is None:
            return _page("No such email", '<p>It was dropped or never sent. <a href="/">All emails</a></p>', status=404)
        email = received.email
        text, html = _bodies(received)
        facts = {
            "SES message id": email.ses_message_id,
            "Time (UTC)": iso_millis(email.accepted_at),
            "From": email.sender,
            "To": ", ".join(email.recipients),
            "Fate": _fate(received),
            "Tags": ", ".join(f"{name}={value}" for name, value in email.tags.items()),
            "Configuration set": email.configuration_set or "none",
        }
        parts = ["".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())]
        parts = [f"<dl>{parts[0]}</dl>"]
        if text is not None:
            parts.append(f"<h2>Text</h2><pre>{escape(text)}</pre>")
        if html is not None:
            parts.append(f'<h2>HTML</h2><iframe sandbox title="The email as HTML" srcdoc="{escape(html)}"></iframe>')
        source = email.raw.decode("utf-8", "replace") or "\n".join(f"{name}: {value}" for name, value in email.headers)
        parts.append(f"<details><summary>Source</summary><pre>{escape(source)}</pre></details>")
        return _page(email.subject or "(no subject)", '<p><a href="/">All emails</a></p>' + "".join(parts))


def _row(received: Received) -> str:
    email = received.email
    link = f'<a href="/_simulator/inbox/{quote(email.ses_message_id)}">{escape(email.subject or "(no subject)")}</a>'
    cells = [f"{email.accepted_at:%H:%M:%S}", escape(email.sender), escape(", ".join(email.recipients)), link]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}<td>{escape(_fate(received))}</td></tr>"


def _fate(received: Received) -> str:
    if len(received.email.recipients) == 1:
        return ", then ".join(received.fates.get(received.email.recipients[0], ["accepted"]))
    return "; ".join(f"{address}: {', then '.join(fates)}" for address, fates in received.fates.items()) or "accepted"


def _bodies(received: Received) -> tuple[str | None, str | None]:
    email = received.email
    if not email.raw:
        return email.text, email.html
    message = message_from_bytes(email.raw, policy=policy.default)
    return _body(message, "plain"), _body(message, "html")


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        # The charset is unknown to Python, or the body contradicts its own headers.
        return part.as_string()


def _page(title: str, content: str, *, status: int = 200) -> Response:
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}: SES simulator</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    headers = (
        ("Content-Security-Policy", CONTENT_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    )
    return Response(status, page.encode("utf-8", "replace"), content_type="text/html; charset=utf-8", headers=headers)
