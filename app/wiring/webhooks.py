"""The area `webhooks`: endpoints, and the delivery of events to them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from app.domain.message.address import InvalidAddress, parse_address
from app.domain.webhooks.addresses import AllowedAddresses
from app.domain.webhooks.formats import EndpointFormat
from app.net.dns.records import resolved
from app.net.smtp.send import EmailPoster, MailServer
from app.net.webhooks.post import WebhookPoster
from app.services.webhooks.deliver import DeliverWebhooks
from app.services.webhooks.deliveries import Deliveries
from app.services.webhooks.endpoints import Endpoints
from app.services.webhooks.lanes import Lanes
from app.services.webhooks.record import RecordCalls
from app.services.webhooks.render import Render
from app.services.webhooks.turn import Poster, TurnParts
from app.wiring.foundation import Ground, proxy
from config import Settings, SettingsError

_SIDE_BY_SIDE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookServices:
    """What this area offers."""

    deliver: DeliverWebhooks
    endpoints: Endpoints
    deliveries: Deliveries


def build_webhooks(settings: Settings, ground: Ground) -> WebhookServices:
    """The services of webhooks."""
    parts = TurnParts(
        database=ground.database,
        key_ring=ground.key_ring,
        render=Render(region=settings.aws_region),
        record=RecordCalls(database=ground.database),
        poster=_posters(settings),
        lanes=Lanes(_SIDE_BY_SIDE),
        clock=ground.clock,
        stopping=threading.Event(),
        timings=ground.timings,
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


def _sender(settings: Settings) -> str:
    """The address that alerts are from; empty if none is set. Raises `SettingsError` if it is no address."""
    try:
        return parse_address(settings.alert_from).envelope if settings.alert_from else ""
    except InvalidAddress as error:
        raise SettingsError(f"Postern cannot start: ALERT_FROM: {error}") from error


def _posters(settings: Settings) -> Callable[[EndpointFormat], Poster]:
    """The poster of each form. That of webhooks is made when it is needed: it reads the authorities of TLS."""
    through = proxy()
    allowed = AllowedAddresses(settings.webhook_allowed_networks)
    by_email = EmailPoster(server=mail_server(settings), sender=_sender(settings))
    of_webhooks = cache(lambda: WebhookPoster(resolve=resolved().addresses, allowed=allowed, proxy=through))
    return lambda form: by_email if form is EndpointFormat.EMAIL else of_webhooks()
