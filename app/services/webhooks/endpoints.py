"""The endpoints of an application: add, show, change, enable, delete, rotate a secret, and send a test event.

This module decides which URLs and events are accepted, and that a secret is shown in full to its application only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, Fault, NotFound, ValidationFailed
from app.domain.message.text_rules import broken_text_rule
from app.domain.webhooks.endpoint_url import InvalidEndpointUrl, parse_endpoint_url
from app.domain.webhooks.events import SUBSCRIBABLE, WebhookEvent
from app.domain.webhooks.formats import EndpointFormat
from app.domain.webhooks.signature import new_secret
from app.queue import WEBHOOKS, Bells
from app.services.paging import Page, Paged, paged
from app.store.apps import apps
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.operating import audit
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable
from app.store.webhooks import endpoints, outbox, secrets
from app.store.webhooks.endpoints import Endpoint
from app.store.webhooks.outbox import Occurrence

__all__ = ["Endpoint", "EndpointChange", "EndpointStatus", "Endpoints", "NewEndpoint", "WithSecret", "own_endpoint"]

Json = dict[str, Any]

MOST_ENDPOINTS: Final = 50
"""Endpoints of one application. Each event is delivered to every one that subscribes to it."""

_LONGEST_DESCRIPTION: Final = 200
_UNREADABLE: Final = "The secret cannot be opened. Rotate it, unless the operator gives SECRET_KEYS its key back."
_STAYS_AN_ADDRESS: Final = "This channel of alerts sends email to one address: remove it, and add another one."
_BY_A_PERSON: Final = "It was disabled by request."


class EndpointStatus(StrEnum):
    """Whether an endpoint gets events, in the words of Resend."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """An endpoint as it was asked for. An administrator may name its application; default: that of the key."""

    url: str
    events: tuple[str, ...]
    description: str | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """What to change of an endpoint; None changes nothing."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    status: EndpointStatus | None = None


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint, and the secret that signs for it now."""

    endpoint: Endpoint
    secret: str


class Endpoints:
    """The endpoints of applications. `plain_http`: endpoints on this machine may be `http`."""

    def __init__(self, *, database: Database, key_ring: KeyRing, bells: Bells, plain_http: bool) -> None:
        self._database = database
        self._key_ring = key_ring
        self._bells = bells
        self._plain_http = plain_http

    def add(self, caller: Caller, new: NewEndpoint, *, reason: str | None = None) -> WithSecret:
        """Add an endpoint with a new secret. Raises `ValidationFailed`, and `NotFound` for an unknown application."""
        caller.require(Scope.WEBHOOKS_WRITE)
        values = self._values(url=new.url, events=new.events, description=new.description)
        endpoint_id, secret = new_id(), new_secret()
        with self._database.transaction() as connection:
            app_id = _app_of(connection, caller, new.app)
            if endpoints.count(connection, app_id) >= MOST_ENDPOINTS:
                raise _invalid("/endpoint", "too_many", f"An application has at most {MOST_ENDPOINTS} endpoints.")
            endpoints.add(connection, {"id": endpoint_id, "app_id": app_id, **values})
            secrets.add(connection, self._key_ring, endpoint_id, secret)
            _audit(connection, caller, "webhook_add", endpoint_id, reason=reason, events=list(new.events))
            return WithSecret(_own(connection, caller, endpoint_id), secret)

    def page(self, caller: Caller, page: Page, *, app: str | None = None) -> Paged[Endpoint]:
        """The endpoints of the application, newest first.

        For an administrator those of all applications, or of the one of this name. Raises `NotFound`.
        """
        caller.require(Scope.WEBHOOKS_WRITE)
        with self._database.reading() as connection:
            app_id = _whose(caller) if app is None else _app_of(connection, caller, app)
            found = endpoints.page(
                connection, app_id=app_id, limit=page.limit + 1, after=page.after, before=page.before
            )
        return paged(found, page)

    def find(self, caller: Caller, endpoint_id: UUID) -> Endpoint:
        """One endpoint, without its secret. Raises `NotFound`."""
        with self._database.reading() as connection:
            return own_endpoint(connection, caller, endpoint_id)

    def get(self, caller: Caller, endpoint_id: UUID) -> WithSecret:
        """One endpoint and its secret. Raises `NotFound`, and `Conflict` if the secret cannot be opened."""
        caller.require(Scope.WEBHOOKS_WRITE)
        with self._database.reading() as connection:
            endpoint = _own(connection, caller, endpoint_id)
            sealed = secrets.signing(connection, endpoint_id)
        if not sealed:  # deleted since it was read
            raise _unknown()
        try:
            return WithSecret(endpoint, secrets.opened(self._key_ring, sealed)[0])
        except (UnknownSealingKey, Unsealable) as error:
            raise Conflict(_UNREADABLE) from error

    def change(
        self, caller: Caller, endpoint_id: UUID, change: EndpointChange, *, reason: str | None = None
    ) -> Endpoint:
        """Change an endpoint. One that is enabled, or gets another URL, begins anew and is called at once.

        Raises `NotFound` and `ValidationFailed`.
        """
        caller.require(Scope.WEBHOOKS_WRITE)
        values = self._values(url=change.url, events=change.events, description=change.description)
        with self._database.transaction() as connection:
            before = _own(connection, caller, endpoint_id, lock=True)
            if "url" in values and before.format is EndpointFormat.EMAIL:
                raise _invalid("/endpoint", "email", _STAYS_AN_ADDRESS)
            if values:
                endpoints.change(connection, endpoint_id, values)
            if "url" in values:
                endpoints.begin_anew(connection, endpoint_id)
            if change.status is EndpointStatus.ENABLED:
                endpoints.enable(connection, endpoint_id)
            elif change.status is EndpointStatus.DISABLED and before.disabled_at is None:
                endpoints.disable(connection, endpoint_id, why=_BY_A_PERSON)
            done = {"changed": sorted(values), "status": change.status}
            _audit(connection, caller, "webhook_change", endpoint_id, reason=reason, **done)
            after = _own(connection, caller, endpoint_id)
        self._bells.ring(WEBHOOKS)
        return after

    def delete(self, caller: Caller, endpoint_id: UUID, *, reason: str | None = None) -> None:
        """Delete an endpoint with its secrets. Its deliveries stay until their retention ends. Raises `NotFound`."""
        caller.require(Scope.WEBHOOKS_WRITE)
        with self._database.transaction() as connection:
            _own(connection, caller, endpoint_id, lock=True)
            endpoints.delete(connection, endpoint_id)
            secrets.erase(connection, endpoint_id)
            _audit(connection, caller, "webhook_delete", endpoint_id, reason=reason)

    def rotate_secret(self, caller: Caller, endpoint_id: UUID, *, reason: str | None = None) -> WithSecret:
        """A new secret for an endpoint. The one before it signs beside it for a day. Raises `NotFound`."""
        caller.require(Scope.WEBHOOKS_WRITE)
        secret = new_secret()
        with self._database.transaction() as connection:
            endpoint = _own(connection, caller, endpoint_id, lock=True)
            secrets.add(connection, self._key_ring, endpoint_id, secret)
            _audit(connection, caller, "webhook_rotate_secret", endpoint_id, reason=reason)
        return WithSecret(endpoint, secret)

    def test(self, caller: Caller, endpoint_id: UUID, *, reason: str | None = None) -> UUID:
        """Send a test event to an endpoint; return its delivery. Raises `NotFound`."""
        caller.require(Scope.WEBHOOKS_WRITE)
        with self._database.transaction() as connection:
            endpoint = _own(connection, caller, endpoint_id)
            test = Occurrence(app_id=endpoint.app_id, type=WebhookEvent.WEBHOOK_TEST)
            delivery_id = outbox.add_for(connection, test, endpoint_id)
            endpoints.call_now(connection, endpoint_id)
            _audit(connection, caller, "webhook_test", endpoint_id, reason=reason, delivery_id=str(delivery_id))
        self._bells.ring(WEBHOOKS)
        return delivery_id

    def _values(self, *, url: str | None, events: Sequence[str] | None, description: str | None) -> Json:
        """The columns that are given, checked. Raises `ValidationFailed` with every fault."""
        faults = [*self._faults_of_url(url), *_faults_of_events(events), *_faults_of_description(description)]
        if faults:
            raise ValidationFailed(faults[0].detail, faults=tuple(faults))
        given: Json = {
            "url": url and parse_endpoint_url(url, allow_http_loopback=self._plain_http),
            "events": None if events is None else list(dict.fromkeys(events)),
            "description": description,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _faults_of_url(self, url: str | None) -> list[Fault]:
        if url is None:
            return []
        try:
            parse_endpoint_url(url, allow_http_loopback=self._plain_http)
        except InvalidEndpointUrl as error:
            return [Fault("/endpoint", "url", str(error))]
        return []


def own_endpoint(connection: Connection, caller: Caller, endpoint_id: UUID) -> Endpoint:
    """An endpoint that the caller may see. Raises `RestrictedApiKey` and `NotFound`."""
    caller.require(Scope.WEBHOOKS_WRITE)
    return _own(connection, caller, endpoint_id)


def _own(connection: Connection, caller: Caller, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    endpoint = endpoints.find(connection, endpoint_id, app_id=_whose(caller), lock=lock)
    if endpoint is None:
        raise _unknown()
    return endpoint


def _unknown() -> NotFound:
    return NotFound("This application has no endpoint of this id.")


def _app_of(connection: Connection, caller: Caller, app: str | None) -> UUID:
    if app is None:
        return caller.app_id
    caller.require(Scope.ADMIN)
    named = apps.by_name(connection, app)
    if named is None:
        raise NotFound("There is no application of this name; `./postern app create` makes it.")
    return named.id


def _whose(caller: Caller) -> UUID | None:
    return None if caller.is_admin else caller.app_id


def _faults_of_events(events: Sequence[str] | None) -> list[Fault]:
    if events is None:
        return []
    if not events:
        return [Fault("/events", "too_short", "Name at least one event.")]
    known = {one.value for one in SUBSCRIBABLE}
    rule = f"There is no such event. The events are {', '.join(sorted(known))}."
    return [Fault(f"/events/{place}", "unknown", rule) for place, name in enumerate(events) if name not in known]


def _faults_of_description(description: str | None) -> list[Fault]:
    if description is None or (len(description) <= _LONGEST_DESCRIPTION and not broken_text_rule(description)):
        return []
    rule = f"A description is one line of at most {_LONGEST_DESCRIPTION} characters."
    return [Fault("/description", "grammar", rule)]


def _invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))


def _audit(
    connection: Connection, caller: Caller, action: str, endpoint_id: UUID, *, reason: str | None, **data: Any
) -> None:
    named = {"endpoint_id": str(endpoint_id), **data}
    audit.write(connection, actor=caller.actor, action=action, key=None, reason=reason, data=named)
