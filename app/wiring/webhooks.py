"""The area `webhooks`: endpoints, and the delivery of events to them."""

import threading
from dataclasses import dataclass
from typing import Final

from app.domain.webhooks.formats import EndpointFormat
from app.net.smtp.send import EmailPoster, MailServer
from app.net.webhooks.post import WebhookPoster
from app.services.sending.thread_pools import Threads
from app.services.webhooks.deliver import DeliverWebhooks
from app.services.webhooks.deliveries import Deliveries
from app.services.webhooks.endpoints import Endpoints
from app.services.webhooks.record import RecordCalls
from app.services.webhooks.render import Render
from app.services.webhooks.turn import TurnParts
from app.wiring.foundation import Ground
from config import Settings

_SIDE_BY_SIDE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookServices:
    """What this area offers."""

    deliver: DeliverWebhooks
    endpoints: Endpoints
    deliveries: Deliveries


def build_webhooks(settings: Settings, ground: Ground) -> WebhookServices:
    """The services of webhooks."""
    poster = WebhookPoster()
    parts = TurnParts(
        database=ground.database,
        key_ring=ground.key_ring,
        render=Render(region=settings.aws_region),
        record=RecordCalls(database=ground.database),
        posters={
            EndpointFormat.STANDARD: poster,
            EndpointFormat.SLACK: poster,
            EndpointFormat.EMAIL: EmailPoster(server=mail_server(settings), sender=settings.alert_from),
        },
        lanes=Threads(_SIDE_BY_SIDE, name="webhook_call"),
        clock=ground.clock,
        stopping=threading.Event(),
    )
    return WebhookServices(
        deliver=DeliverWebhooks(database=ground.database, bells=ground.bells, parts=parts),
        endpoints=Endpoints(
            database=ground.database,
            key_ring=ground.key_ring,
            bells=ground.bells,
            plain_http=bool(settings.webhook_allowed_networks),
        ),
        deliveries=Deliveries(database=ground.database, bells=ground.bells),
    )


def mail_server(settings: Settings) -> MailServer | None:
    """The mail server of alerts, if one is set."""
    url = settings.alert_smtp_url.get_secret_value()
    return MailServer.at(url) if url else None
