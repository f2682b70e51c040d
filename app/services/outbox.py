"""Events for endpoints: of recipients, of the suppression list and of applications.

Each event is written in the transaction of what it reports, so that it is committed with it or not at all. Where no
endpoint is enabled this costs one short query. The sweep `bells` rings for what is due, at most a second later.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.domain.suppression.rules import EVERY_EMAIL, Change
from app.domain.webhooks.events import OF_CHANGE, Standing, WebhookEvent, events_of
from app.store.sending.recipients import Recipient
from app.store.submission.emails import NewEmail
from app.store.suppression.suppressions import Suppression
from app.store.webhooks import outbox
from app.store.webhooks.outbox import Occurrence, Subscription


def of_moves(moves: Iterable[tuple[Recipient, Recipient]]) -> list[Occurrence]:
    """The events of these recipients, each as it was and as it is now."""
    return [
        Occurrence(
            app_id=after.app_id,
            type=event,
            email_id=after.email_id,
            recipient_id=after.id,
            facts={"cause": after.cause} if event is WebhookEvent.EMAIL_BOUNCED else {},
        )
        for before, after in moves
        for event in events_of(_standing(before), _standing(after))
    ]


def of_added(added: Iterable[NewEmail]) -> list[Occurrence]:
    """The events of the recipients of new emails: some are scheduled, and some are suppressed already."""
    return [
        Occurrence(app_id=email.app_id, type=event, email_id=email.id, recipient_id=recipient.id)
        for email in added
        for recipient in email.recipients
        for event in events_of(None, Standing(state=recipient.state))
    ]


def tell(connection: Connection, occurrences: Sequence[Occurrence]) -> None:
    """Write the occurrences that an endpoint of their application subscribes to."""
    if occurrences:
        to = outbox.subscriptions(connection, {one.app_id for one in occurrences})
        if to:
            outbox.add(connection, occurrences, to)


def announce(
    connection: Connection, *, app_id: UUID, event: WebhookEvent, facts: Mapping[str, Any] | None = None
) -> None:
    """Tell an application what happened to it, such as `app.paused`. `facts` are the payload, and hold no address."""
    tell(connection, [Occurrence(app_id=app_id, type=event, facts=facts or {})])


def tell_of_entries(connection: Connection, change: Change, entries: Collection[Suppression]) -> None:
    """Tell of a change of entries of the list to the applications that may see them.

    An entry for every email is for all applications to see, one in a scope for that application alone. What an
    application may not see of it is left out when the payload is made.
    """
    if not entries:
        return
    to = outbox.subscriptions(connection)
    event = OF_CHANGE[change]
    apps = {one.app_id: one for one in to if event.value in one.events}.values()
    occurrences = [
        Occurrence(app_id=app.app_id, type=event, suppression_id=entry.id)
        for entry in entries
        for app in apps
        if _may_see(app, entry)
    ]
    outbox.add(connection, occurrences, to)


def _may_see(one: Subscription, entry: Suppression) -> bool:
    return entry.scope == EVERY_EMAIL or entry.scope.partition("/")[0] == one.app


def _standing(row: Recipient) -> Standing:
    return Standing(
        state=row.state,
        taken=row.ses_message_id is not None,
        opened=row.opened_at is not None,
        clicked=row.clicked_at is not None,
    )
