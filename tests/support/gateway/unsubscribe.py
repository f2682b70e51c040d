"""Marked streams, the links of their mail, and the pages behind those, for tests."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from werkzeug.test import TestResponse

from app.queue import Lane
from app.store.models import audit, recipients, suppressions
from app.wiring import Gateway
from tests.gateways import caller
from tests.invitation import read
from tests.mails import ROOT, submit
from tests.web import Web

BASE = "https://mail.example.com/postern"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BACK = {"resubscribe": "yes"}
KIM = "kim@example.net"


def mark(gateway: Gateway, stream: str = "news", *, app: str = "invites", title: str | None = "News of ACME") -> None:
    gateway.streams.set(ROOT, app, stream, title=title, unsubscribe=True)


def mailed(web: Web, *to: str, stream: str = "news") -> UUID:
    """Mail of a stream that is marked, sent."""
    who = caller(web.gateway)
    mark(web.gateway)
    mail = submit(web.gateway, who, *(to or [KIM]), stream=stream)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    return mail


def path_of(web: Web, *, mail: int = -1) -> str:
    """Where the link of a mail that was sent leads, below the public URL."""
    link = read(web.mailer.sent[mail].raw)["List-Unsubscribe"]
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
    """All rows that a link could change."""
    with gateway.database.reading() as connection:
        return [connection.execute(select(table)).all() for table in (suppressions, audit, recipients)]


def page_of(answer: TestResponse) -> str:
    """The page, with the id of its request, which no two share, left aside."""
    assert answer.mimetype == "text/html"
    return answer.text
