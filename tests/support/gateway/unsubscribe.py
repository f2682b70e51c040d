"""Streams with an unsubscribe link, the links in their emails, and the pages of those links, for tests."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from werkzeug.test import TestResponse

from app.queue import Lane
from app.store.tables.core import audit, recipients, suppressions
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.messages import read
from tests.support.gateway.web import Web

BASE = "https://mail.example.com/postern"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BACK = {"resubscribe": "yes"}
KIM = "kim@example.net"


def mark(gateway: Gateway, stream: str = "news", *, app: str = "invites", title: str | None = "News of ACME") -> None:
    gateway.streams.set(ROOT, app, stream, title=title, unsubscribe=True)


def mailed(web: Web, *to: str, stream: str = "news") -> UUID:
    """Send an email of a stream with an unsubscribe link, and return its id."""
    who = caller(web.gateway)
    mark(web.gateway)
    email = submit(web.gateway, who, *(to or [KIM]), stream=stream)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    return email


def path_of(web: Web, *, email: int = -1) -> str:
    """Return the path of the link in an email that was sent, below the public URL."""
    link = read(web.mailer.sent[email].raw)["List-Unsubscribe"]
    assert link.startswith(f"<{BASE}/unsubscribe/")
    assert link.endswith(">")
    return str(link)[len(BASE) + 1 : -1]


def live(web: Web, address: str = KIM) -> list[tuple[str, str]]:
    with web.gateway.database.reading() as connection:
        rows = connection.execute(
            select(suppressions.c.scope, suppressions.c.origin).where(
                suppressions.c.key == address, suppressions.c.removed_at.is_(None)
            )
        )
        return [(row.scope, row.origin) for row in rows]


def everything(gateway: Gateway) -> list[Any]:
    """Return all rows that a link could change."""
    with gateway.database.reading() as connection:
        return [connection.execute(select(table)).all() for table in (suppressions, audit, recipients)]


def page_of(answer: TestResponse) -> str:
    """Return the page without the id of its request, which is different each time."""
    assert answer.mimetype == "text/html"
    return answer.text
