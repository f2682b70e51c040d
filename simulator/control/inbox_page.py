"""The inbox as pages: the emails that were "sent", their senders, recipients and fates.

An email is hostile content: its text is shown escaped, its HTML in a sandboxed frame under a policy that loads nothing.
"""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from urllib.parse import quote

from simulator.control.html_pages import REFRESH_S, cell, filter_form, links_of, next_form, page
from simulator.control.inbox import Inbox, Received
from simulator.events.mailbox_behaviours import Behaviour, Behaviours
from simulator.http.calls import Call, Route
from simulator.http.server import Response
from simulator.ses.ledger import Ledger
from simulator.timestamps import iso_millis

LATEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPages:
    """The list of emails and the page of one email."""

    inbox: Inbox
    ledger: Ledger
    behaviours: Behaviours

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("GET", "/", "Inbox", self.show_all),
            Route("GET", "/_simulator/inbox", "Inbox", self.show_all),
            Route("POST", "/_simulator/next", "InboxNext", self.set_next),
            Route("GET", "/_simulator/inbox/{ses_message_id}", "InboxMail", self.show_one),
        ]

    async def show_all(self, call: Call) -> Response:
        """Return the latest emails, latest first: those in which `q` occurs, anew every few seconds with `refresh`."""
        asked = call.request.form()
        wanted, refresh = asked.get("q", "").strip(), "refresh" in asked
        shown = [received for received in self.inbox.latest(LATEST) if _has(received, wanted)]
        rows = "".join(_row(received) for received in shown)
        counts = self.ledger.counts()
        caption = f"{counts['emails']} emails accepted in all; {len(shown)} of the latest {LATEST} are shown."
        table = (
            f"<table><caption>{caption} Nothing here has left this machine.</caption>"
            "<thead><tr><th scope=col>Time (UTC)</th><th scope=col>From</th><th scope=col>To</th>"
            f"<th scope=col>Subject</th><th scope=col>Fate</th></tr></thead><tbody>{rows}</tbody></table>"
        )
        forms = filter_form(wanted, refresh=refresh) + next_form(self.behaviours.next)
        webhooks = '<p><a href="/_simulator/webhooks">Webhooks that came here</a></p>'
        return page("Sent emails", forms + webhooks + table, refresh_s=REFRESH_S if refresh else None)

    async def set_next(self, call: Call) -> Response:
        """Make the next email bounce, or behave otherwise, once; then show the inbox again."""
        chosen = call.request.form().get("behaviour", "")
        if chosen not in {*Behaviour, ""}:
            return page("No such behaviour", '<p><a href="/">All emails</a></p>', status=400)
        self.behaviours.next = Behaviour(chosen) if chosen else None
        return Response(303, b"", headers=(("Location", "/"),))

    async def show_one(self, call: Call) -> Response:
        """Return one email: its envelope, its fate, its text, its HTML in a sandbox, its source."""
        received = self.inbox.get(call.parameters["ses_message_id"])
        if received is None:
            return page("No such email", '<p>It was dropped or never sent. <a href="/">All emails</a></p>', status=404)
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
        parts.append(links_of(text, html))
        source = email.raw.decode("utf-8", "replace") or "\n".join(f"{name}: {value}" for name, value in email.headers)
        parts.append(f"<details><summary>Source</summary><pre>{escape(source)}</pre></details>")
        return page(email.subject or "(no subject)", '<p><a href="/">All emails</a></p>' + "".join(parts))


def _has(received: Received, wanted: str) -> bool:
    email = received.email
    return any(wanted.lower() in text.lower() for text in (email.sender, email.subject or "", *email.recipients))


def _row(received: Received) -> str:
    email = received.email
    link = f'<a href="/_simulator/inbox/{quote(email.ses_message_id)}">{escape(email.subject or "(no subject)")}</a>'
    cells = {
        "Time": f"{email.accepted_at:%H:%M:%S}",
        "From": escape(email.sender),
        "To": escape(", ".join(email.recipients)),
        "Subject": link,
        "Fate": escape(_fate(received)),
    }
    return f"<tr>{''.join(cell(name, value) for name, value in cells.items())}</tr>"


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
