"""Make the payloads of messages when they are delivered, so that the outbox holds no address.

A person who was forgotten meanwhile stands there under a pseudonym. Of an entry of the suppression list, an application
sees in a payload what it would see of it in the API.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller
from app.domain.sending.wire_message_id import wire_message_id
from app.domain.webhooks.formats import written
from app.domain.webhooks.payloads import EmailFacts, EntryFacts, of_email, of_entry, payload
from app.services.suppression.disclosure import Disclosed, disclosed, source_email
from app.store.webhooks import contents
from app.store.webhooks.contents import About, Content
from app.store.webhooks.endpoints import Endpoint

Json = dict[str, Any]
_ACTOR: Final = "webhooks"


class Render:
    """Makes payloads. `region` is that of SES, which the Message-ID names."""

    def __init__(self, *, region: str) -> None:
        self._region = region

    def __call__(self, connection: Connection, endpoint: Endpoint, message_ids: Collection[UUID]) -> dict[UUID, bytes]:
        """The bodies to post, by message."""
        found = contents.of_messages(connection, message_ids)
        entries = self._entries(connection, endpoint, [one for one in found.values() if one.suppression_id])
        return {one.id: self._body(endpoint, one, entries) for one in found.values()}

    def _body(self, endpoint: Endpoint, content: Content, entries: Mapping[UUID, Json]) -> bytes:
        whole = payload(content.type, content.occurred_at, self._data(endpoint, content, entries))
        return written(endpoint.format, whole)

    def _data(self, endpoint: Endpoint, content: Content, entries: Mapping[UUID, Json]) -> Json:
        if content.suppression_id is not None:
            return entries.get(content.suppression_id, {"id": str(content.suppression_id)})
        if content.email_id is None or content.recipient_id is None:
            return {"app": endpoint.app, **content.facts}
        if content.about is None:
            ids = {"email_id": str(content.email_id), "recipient_id": str(content.recipient_id)}
            return {**ids, "sequence": content.sequence, **content.facts}
        return of_email(content.type, self._facts(content, content.email_id, content.recipient_id, content.about))

    def _facts(self, content: Content, email_id: UUID, recipient_id: UUID, about: About) -> EmailFacts:
        taken = about.ses_message_id
        shown = {name: getattr(about, name) for name in About.__dataclass_fields__ if name != "ses_message_id"}
        return EmailFacts(
            email_id=email_id,
            recipient_id=recipient_id,
            message_id=wire_message_id(taken, self._region) if taken else None,
            sequence=content.sequence,
            cause=content.facts.get("cause"),
            bounce=content.bounce,
            **shown,
        )

    def _entries(self, connection: Connection, endpoint: Endpoint, about: Collection[Content]) -> dict[UUID, Json]:
        """The data of the entries, by id, as the application of the endpoint may see them."""
        wanted = {one.suppression_id for one in about if one.suppression_id}
        if not wanted:
            return {}
        rows = contents.entries(connection, wanted)
        return {one.id: of_entry(_entry(one)) for one in disclosed(connection, _caller(endpoint), rows)}


def _entry(row: Disclosed) -> EntryFacts:
    email = source_email(row)
    return EntryFacts(
        id=row.id,
        address=row.address,
        origin=row.origin,
        source_id=str(email) if email else None,
        scope=row.scope,
        reason=row.reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _caller(endpoint: Endpoint) -> Caller:
    """The application of an endpoint, as the rules of the suppression list know it: without any scope."""
    return Caller(
        actor=_ACTOR,
        app_id=endpoint.app_id,
        app=endpoint.app,
        scopes=frozenset(),
        senders=(),
        default_lane="",
    )
