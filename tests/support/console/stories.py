"""A gateway in which every page of the console has something to show, some of it hostile."""

from typing import Any, Final
from uuid import UUID

from app.domain.apps.callers import Caller
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.engine.database import clock
from app.store.engine.ids import new_id
from app.store.feedback import refused_messages
from app.store.feedback.refused_messages import NewRefused
from app.store.operating import incidents
from app.store.tables.core import reviews
from tests.support.aws.notifications import put
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change
from tests.support.gateway.web import Headers, Web
from tests.support.webhooks.endpoints import subscribe

ATTACK: Final = "<script>alert(1)</script>"
"""It stands in everything that an application or a mail server may write."""

GONE: Final = "kim.gone@mail.example.net"
HELD: Final = "mia@mail.example.net"


def fill(web: Web) -> Caller:
    """Submit emails of every fate, and let things go wrong. Return their application."""
    gateway = web.gateway
    who, headers = caller(gateway), web.key()
    gateway.streams.set(ROOT, who.app, "news", title="News")
    hook = subscribe(gateway, who, "email.bounced", "email.delivered").endpoint
    arrived, gone, annoyed, held = (
        _submit(web, headers, f"{name}@mail.example.net") for name in ("ann", "kim.gone", "lee", "mia")
    )
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    failed = _submit(web, headers, "gus@mail.example.net")
    feed(gateway, delivery(gateway, arrived))
    feed(gateway, bounce(gateway, gone))
    feed(gateway, delivery(gateway, annoyed))
    feed(gateway, complaint(gateway, annoyed))
    change(gateway, "recipients", {"state": State.HELD}, email_id=held)
    change(gateway, "recipients", {"state": State.FAILED, "reason": f"Refused: {ATTACK}"}, email_id=failed)
    change(gateway, "webhook_deliveries", {"state": "failed"}, endpoint_id=hook.id)
    _submit(web, headers, "zoe@mail.example.net", scheduled_at="in 1 day")
    put(gateway, f'{{"eventType": "{ATTACK}"')
    gateway.settle.drain()
    refused = NewRefused(queue="events", message_id="one", reason="signature", detail=ATTACK, body=ATTACK, sent_at=None)
    with gateway.database.transaction() as connection:
        refused_messages.add(connection, [refused])
        incidents.note(connection, kind="refused_for_policy", subject="invites", detail=f"SES said: {ATTACK}")
        connection.execute(reviews.insert().values(id=new_id(), domain="mail.example.net", opened_at=clock(connection)))
    return who


def _submit(web: Web, headers: Headers, to: str, **more: Any) -> UUID:
    about = {"subject": f"An invitation {ATTACK}", "actor": "kim@mail.example.net", "reference": "party-7"}
    html = f"<p>Come and see. {ATTACK}<img src='https://evil.example/p.gif'></p>"
    tags = [{"name": "campaign", "value": "summer"}]
    return UUID(web.submit(headers, to=[to], html=html, tags=tags, **about, **more))
