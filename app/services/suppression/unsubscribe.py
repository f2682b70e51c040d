"""Unsubscribe from one stream with the link in an email, or subscribe again. Changes list, filter and audit.

Anyone who has the link acts as the recipient it was made for, and for no other. Only entries of the origin
`unsubscribe` in the scope of the email's stream are touched: a bounce, a complaint or an operator's entry stays. Where
such an entry has the place, the unsubscription is kept under it (`app.store.suppression.covered_unsubscribes`).
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.errors import ServiceUnavailable
from app.domain.message.address import masked
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.suppression.rules import Origin
from app.domain.suppression.unsubscribe_link import Wish
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.unsubscribe_links import Links
from app.store.apps import streams
from app.store.apps.streams import Subscriber
from app.store.engine.database import Database
from app.store.operating import audit
from app.store.suppression import covered_unsubscribes, entry_locks, suppressions
from app.store.suppression.suppressions import NewSuppression, Suppression

log = structlog.get_logger()

_NO_ID: Final = UUID(int=0)
_NO_SUBSCRIBER: Final = Subscriber(recipient_id=_NO_ID, email_id=_NO_ID, address="", key="", scope="", title=None)
_STOPPED: Final = "Unsubscribed with the link in an email."
_TAKEN_BACK: Final = "Subscribed again with the link in an email."


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the page behind a link may show: the stream's title if it has one, and the masked address.

    `stopped`: whether the recipient has unsubscribed.
    """

    title: str | None
    address: str
    stopped: bool


class Unsubscribe:
    """Reads links and carries out what is asked with them."""

    def __init__(self, *, database: Database, writer: ListWriter, links: Links) -> None:
        self._database = database
        self._writer = writer
        self._links = links

    def standing(self, token: str) -> Standing | None:
        """What the link's page may show; None when the link is not ours, or its recipient was forgotten.

        Raises `ServiceUnavailable`.
        """
        found = self._look(token)
        if found is None or is_pseudonym(found[0].key):
            return None
        subscriber, stopped = found
        return Standing(title=subscriber.title, address=masked(subscriber.address), stopped=stopped)

    def __call__(self, token: str, wish: Wish) -> None:
        """Unsubscribe, or subscribe again. A repeat changes nothing. The caller cannot tell whether the link was ours.

        A forgotten person may still use the link: the entry is then under the pseudonym, as the recipient's row is.

        Raises `ServiceUnavailable`: then nothing was changed.
        """
        found = self._look(token)
        if found is None:
            log.warning("unsubscribe_unknown", wish=wish)
            return
        subscriber, stopped = found
        if wish is Wish.UNSUBSCRIBE and not stopped:
            self._stop(subscriber)
        elif wish is Wish.RESUBSCRIBE and stopped:
            self._take_back(subscriber)

    def _look(self, token: str) -> tuple[Subscriber, bool] | None:
        """The recipient of the link, and whether they have unsubscribed from the stream, also under another entry.

        A token that is not ours costs the same queries, so that timing does not give it away.
        """
        with self._database.reading() as connection:
            subscriber = streams.subscriber(connection, self._links.recipient_of(token) or _NO_ID)
            own, others = _in_stream(connection, subscriber or _NO_SUBSCRIBER)
            stopped = bool(own or covered_unsubscribes.covered(connection, others))
        return (subscriber, stopped) if subscriber else None

    def _stop(self, subscriber: Subscriber) -> None:
        actor = _actor(subscriber)
        with self._database.transaction() as connection:
            entry, put = self._writer.put(
                connection,
                NewSuppression(
                    key=subscriber.key,
                    scope=subscriber.scope,
                    address=subscriber.address,
                    origin=Origin.UNSUBSCRIBE,
                    reason=_STOPPED,
                    actor=actor,
                    source={"actor": actor, "email_id": str(subscriber.email_id)},
                ),
            )
            if put:
                _audit(connection, "suppress", entry, actor=actor, reason=_STOPPED)

    def _take_back(self, subscriber: Subscriber) -> None:
        """Take the unsubscription back. The positive stays in Redis, where it costs one query in SQL at most."""
        actor = _actor(subscriber)
        with self._database.transaction() as connection:
            # Read under the lock: when another entry is unsuppressed, the unsubscription that it covers comes back.
            entry_locks.hold_keys(connection, [subscriber.key])
            own, others = _in_stream(connection, subscriber)
            self._writer.withdraw(connection, others, actor=actor, reason=_TAKEN_BACK)
            unsuppressed = self._writer.unsuppress(connection, own, actor=actor, reason=_TAKEN_BACK, at_ses_too=False)
            if any(one.origin != Origin.UNSUBSCRIBE for one in unsuppressed):
                raise ServiceUnavailable("The entry was replaced meanwhile; repeat the request.")
            for entry in unsuppressed:
                _audit(connection, "unsuppress", entry, actor=actor, reason=_TAKEN_BACK)


def _in_stream(connection: Connection, subscriber: Subscriber) -> tuple[list[UUID], list[UUID]]:
    """Ids of the live entries in the scope of the stream: the unsubscription, and that of another origin, if any."""
    live = [one for one in suppressions.live(connection, subscriber.key) if one.scope == subscriber.scope]
    own = [one.id for one in live if one.origin == Origin.UNSUBSCRIBE]
    return own, [one.id for one in live if one.id not in own]


def _actor(subscriber: Subscriber) -> str:
    return f"person:{subscriber.recipient_id}"


def _audit(connection: Connection, action: str, entry: Suppression, *, actor: str, reason: str) -> None:
    data = {"suppression_id": str(entry.id), "scope": entry.scope, "origin": entry.origin}
    audit.write(connection, actor=actor, action=action, key=entry.key, reason=reason, data=data)
