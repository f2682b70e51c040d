"""The channels on which an operator is alerted: webhooks, Slack's incoming webhooks, and email addresses.

Each is an endpoint of Postern's own application, so that alerts are delivered, retried and listed as all events are.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.address import InvalidAddress, parse_address
from app.domain.webhooks.endpoint_url import InvalidEndpointUrl, parse_endpoint_url
from app.domain.webhooks.events import OF_OPERATOR, WebhookEvent
from app.domain.webhooks.formats import MAILTO, EndpointFormat
from app.domain.webhooks.signature import new_secret
from app.queue import WEBHOOKS, Bells
from app.services.sending.unconfirmed import own_app
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.operating import audit
from app.store.submission.sealing import KeyRing
from app.store.webhooks import endpoints, outbox, secrets
from app.store.webhooks.endpoints import Endpoint
from app.store.webhooks.outbox import Occurrence

__all__ = ["AlertChannels", "Channel", "EndpointFormat"]

MOST_CHANNELS: Final = 20


@dataclass(frozen=True, slots=True)
class Channel:
    """A new channel, and the secret that signs what is posted to it; None for one that checks no signature."""

    endpoint: Endpoint
    secret: str | None


class AlertChannels:
    """The channels. Every method is for admins. `has_mail_server`: email can be sent without SES."""

    def __init__(
        self, *, database: Database, key_ring: KeyRing, bells: Bells, plain_http: bool, has_mail_server: bool
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._bells = bells
        self._plain_http = plain_http
        self._has_mail_server = has_mail_server

    def add(self, caller: Caller, target: str, form: EndpointFormat) -> Channel:
        """Add a channel: a URL, or an email address. Raises `ValidationFailed`."""
        caller.require(Scope.ADMIN)
        url = self._email(target) if form is EndpointFormat.EMAIL else self._url(target)
        endpoint_id, secret = new_id(), new_secret()
        with self._database.transaction() as connection:
            owner = own_app(connection).id
            if endpoints.count(connection, owner) >= MOST_CHANNELS:
                raise _invalid("too_many", f"There are at most {MOST_CHANNELS} channels.")
            events = [one.value for one in OF_OPERATOR]
            values = {"id": endpoint_id, "app_id": owner, "url": url, "events": events, "format": form.value}
            endpoints.add(connection, values)
            secrets.add(connection, self._key_ring, endpoint_id, secret)
            _audit(connection, caller, "alert_channel_add", endpoint_id)
            added = _own(connection, endpoint_id)
        return Channel(added, secret if form is EndpointFormat.STANDARD else None)

    def all(self, caller: Caller) -> tuple[Endpoint, ...]:
        """The channels, oldest first."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            found = endpoints.page(
                connection, app_id=own_app(connection).id, limit=MOST_CHANNELS, after=None, before=None
            )
        return found[::-1]

    def remove(self, caller: Caller, channel_id: UUID) -> None:
        """Remove a channel. What waits for it is not sent any more. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            _own(connection, channel_id)
            endpoints.delete(connection, channel_id)
            secrets.erase(connection, channel_id)
            _audit(connection, caller, "alert_channel_remove", channel_id)

    def test(self, caller: Caller, channel_id: UUID) -> UUID:
        """Send a test to a channel; return its delivery. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            owner = _own(connection, channel_id).app_id
            test = Occurrence(app_id=owner, type=WebhookEvent.WEBHOOK_TEST)
            delivery_id = outbox.add_for(connection, test, channel_id)
            endpoints.call_now(connection, channel_id)
        self._bells.ring(WEBHOOKS)
        return delivery_id

    def _url(self, text: str) -> str:
        try:
            return parse_endpoint_url(text.strip(), allow_http_loopback=self._plain_http)
        except InvalidEndpointUrl as error:
            raise _invalid("url", str(error)) from error

    def _email(self, text: str) -> str:
        if not self._has_mail_server:
            rule = "An email needs ALERT_SMTP_URL, a mail server that is not SES, and ALERT_FROM: set them and restart."
            raise _invalid("no_mail_server", rule)
        try:
            return f"{MAILTO}{parse_address(text).email}"
        except InvalidAddress as error:
            raise _invalid("address", str(error)) from error


def _own(connection: Connection, channel_id: UUID) -> Endpoint:
    found = endpoints.find(connection, channel_id, app_id=own_app(connection).id)
    if found is None:
        raise NotFound("There is no channel of this id: `./postern alerts` lists them.")
    return found


def _invalid(code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault("/target", code, rule),))


def _audit(connection: Connection, caller: Caller, action: str, channel_id: UUID) -> None:
    data = {"endpoint_id": str(channel_id)}
    audit.write(connection, actor=caller.actor, action=action, key=None, reason=None, data=data)
