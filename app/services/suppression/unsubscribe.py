"""What a person does behind the link in a mail: stop mail of one stream, or take that back. List, filter and audit.

The person is whoever holds the link, and asks for nobody else. It only ever touches entries of the origin `unsubscribe`
in the scope of the mail's stream: a bounce, a complaint or what an operator decided is not lifted here. Where such an
entry has the place, the person's word is kept under it (`app.store.covered`).
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.errors import ServiceUnavailable
from app.domain.pseudonym import is_pseudonym
from app.domain.suppression import Origin
from app.domain.unsubscribe import Wish, masked
from app.services.links import Links
from app.store import audit, covered, streams, suppressions
from app.store.db import Database
from app.store.positives import Positives
from app.store.streams import Subscriber
from app.store.suppressions import NewSuppression, Suppression

log = structlog.get_logger()

_NO_ID: Final = UUID(int=0)
_NOBODY: Final = Subscriber(recipient_id=_NO_ID, email_id=_NO_ID, address="", key="", scope="", title=None)
_STOPPED: Final = "Unsubscribed with the link in a mail."
_TAKEN_BACK: Final = "Subscribed again with the link in a mail."


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a page may tell whoever holds the link: the stream's title if it has one, and the address as a hint."""

    title: str | None
    address: str
    stopped: bool


class Unsubscribe:
    """Reads links and does what is asked behind them."""

    def __init__(self, *, database: Database, positives: Positives, links: Links) -> None:
        self._database = database
        self._positives = positives
        self._links = links

    def standing(self, token: str) -> Standing | None:
        """How things stand behind a link; None when it is not ours, or leads to somebody who was forgotten.

        Raises `ServiceUnavailable`.
        """
        found = self._look(token)
        if found is None or is_pseudonym(found[0].key):
            return None
        subscriber, stopped = found
        return Standing(title=subscriber.title, address=masked(subscriber.address), stopped=stopped)

    def __call__(self, token: str, wish: Wish) -> None:
        """Do what is asked; done twice it is done once. Nobody learns whether the link was ours.

        Who was forgotten may still ask: the entry then stands under the pseudonym, as the row does.

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
        """Whose link it is, and whether that person has unsubscribed from the stream, whatever else stands there.

        A token that is not ours is looked for all the same, so that it takes as long.
        """
        with self._database.reading() as connection:
            subscriber = streams.subscriber(connection, self._links.recipient_of(token) or _NO_ID)
            own, others = _in_stream(connection, subscriber or _NOBODY)
            stopped = bool(own or covered.covered(connection, others))
        return (subscriber, stopped) if subscriber else None

    def _stop(self, subscriber: Subscriber) -> None:
        actor = _actor(subscriber)
        with self._database.transaction() as connection:
            # Before the commit: once it is committed, acceptance finds it in Redis and asks SQL.
            self._positives.add([subscriber.key])
            entry, put = suppressions.put(
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
        """The positive stays in Redis, where it costs a look into SQL at most."""
        actor = _actor(subscriber)
        with self._database.transaction() as connection:
            own, others = _in_stream(connection, subscriber)
            covered.withdraw(connection, others, actor=actor, reason=_TAKEN_BACK)
            lifted = suppressions.lift(connection, own, actor=actor, reason=_TAKEN_BACK, at_ses_too=False)
            if any(one.origin != Origin.UNSUBSCRIBE for one in lifted):
                raise ServiceUnavailable("The entry became another one meanwhile; repeat the request.")
            for entry in lifted:
                _audit(connection, "unsuppress", entry, actor=actor, reason=_TAKEN_BACK)


def _in_stream(connection: Connection, subscriber: Subscriber) -> tuple[list[UUID], list[UUID]]:
    """The person's live unsubscription in the scope of the stream, and the entry of another origin, if there is one."""
    live = [one for one in suppressions.live(connection, subscriber.key) if one.scope == subscriber.scope]
    own = [one.id for one in live if one.origin == Origin.UNSUBSCRIBE]
    return own, [one.id for one in live if one.id not in own]


def _actor(subscriber: Subscriber) -> str:
    return f"person:{subscriber.recipient_id}"


def _audit(connection: Connection, action: str, entry: Suppression, *, actor: str, reason: str) -> None:
    data = {"suppression_id": str(entry.id), "scope": entry.scope, "origin": entry.origin}
    audit.write(connection, actor=actor, action=action, key=entry.key, reason=reason, data=data)
