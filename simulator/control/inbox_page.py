"""The inbox as pages: what was "sent", by whom, to whom, and what became of it.

A mail is hostile content: its text is shown escaped, its HTML in a sandboxed frame under a policy that loads nothing.
"""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from urllib.parse import quote

from simulator.calls import Call, Route
from simulator.http_server import Response
from simulator.inbox import Inbox, Received
from simulator.ledger import Ledger
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
    """The list of mails and the page of one mail."""

    inbox: Inbox
    ledger: Ledger

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        return [
            Route("GET", "/", "Inbox", self.show_all),
            Route("GET", "/_simulator/inbox", "Inbox", self.show_all),
            Route("GET", "/_simulator/inbox/{ses_message_id}", "InboxMail", self.show_one),
        ]

    async def show_all(self, _call: Call) -> Response:
        """Return the latest mails, latest first."""
        rows = "".join(_row(received) for received in self.inbox.latest(LATEST))
        counts = self.ledger.counts()
        caption = f"{counts['mails']} mails accepted in all; the latest {LATEST} at most are shown."
        table = (
            f"<table><caption>{caption} Nothing here ever left this machine.</caption>"
            "<thead><tr><th scope=col>Time (UTC)</th><th scope=col>From</th><th scope=col>To</th>"
            f"<th scope=col>Subject</th><th scope=col>Fate</th></tr></thead><tbody>{rows}</tbody></table>"
        )
        return _page("Sent mail", table)

    async def show_one(self, call: Call) -> Response:
        """Return one mail: its envelope, its fate, its text, its HTML in a sandbox, its source."""
        received = self.inbox.get(call.parameters["ses_message_id"])
        if received is None:
            return _page("No such mail", '<p>It is gone, or never was. <a href="/">All mail</a></p>', status=404)
        mail = received.mail
        text, html = _bodies(received)
        facts = {
            "SES message id": mail.ses_message_id,
            "Time (UTC)": iso_millis(mail.accepted_at),
            "From": mail.sender,
            "To": ", ".join(mail.recipients),
            "Fate": _fate(received),
            "Tags": ", ".join(f"{name}={value}" for name, value in mail.tags.items()),
            "Configuration set": mail.configuration_set or "none",
        }
        parts = ["".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())]
        parts = [f"<dl>{parts[0]}</dl>"]
        if text is not None:
            parts.append(f"<h2>Text</h2><pre>{escape(text)}</pre>")
        if html is not None:
            parts.append(f'<h2>HTML</h2><iframe sandbox title="The mail as HTML" srcdoc="{escape(html)}"></iframe>')
        source = mail.raw.decode("utf-8", "replace") or "\n".join(f"{name}: {value}" for name, value in mail.headers)
        parts.append(f"<details><summary>Source</summary><pre>{escape(source)}</pre></details>")
        return _page(mail.subject or "(no subject)", '<p><a href="/">All mail</a></p>' + "".join(parts))


def _row(received: Received) -> str:
    mail = received.mail
    link = f'<a href="/_simulator/inbox/{quote(mail.ses_message_id)}">{escape(mail.subject or "(no subject)")}</a>'
    cells = [f"{mail.accepted_at:%H:%M:%S}", escape(mail.sender), escape(", ".join(mail.recipients)), link]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}<td>{escape(_fate(received))}</td></tr>"


def _fate(received: Received) -> str:
    if len(received.mail.recipients) == 1:
        return ", then ".join(received.fates.get(received.mail.recipients[0], ["accepted"]))
    return "; ".join(f"{address}: {', then '.join(fates)}" for address, fates in received.fates.items()) or "accepted"


def _bodies(received: Received) -> tuple[str | None, str | None]:
    mail = received.mail
    if not mail.raw:
        return mail.text, mail.html
    message = message_from_bytes(mail.raw, policy=policy.default)
    return _body(message, "plain"), _body(message, "html")


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        # A charset that Python does not know, or a body that contradicts its own headers.
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
