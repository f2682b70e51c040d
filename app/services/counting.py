"""By how much the counts of recipients change when some move and some are added."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from app.domain.moments import first_of_hour
from app.domain.reporting.counted import change, counted, counted_at_first
from app.store.reporting.counts import Changes, Place
from app.store.sending.recipients import Recipient
from app.store.submission.emails import NewEmail


def changes_of(moves: Iterable[tuple[Recipient, Recipient]]) -> Changes:
    """How these recipients, each as it was and as it is now, change the counts of the hours when they were accepted."""
    found: Counter[tuple[Place, str]] = Counter()
    for was, row in moves:
        changed = change(counted(was), counted(row))
        if changed:
            place = Place(first_of_hour(row.created_at), row.app_id, row.scope.partition("/")[2], row.mailbox_provider)
            found.update({(place, what): number for what, number in changed.items()})
    return found


def changes_of_new(added: Iterable[NewEmail], hours: Mapping[UUID, datetime]) -> Changes:
    """How the recipients of new emails change the counts. `hours` as `counts.hours_of_new` gives them."""
    found: Counter[tuple[Place, str]] = Counter()
    for email in added:
        for one in email.recipients:
            place = Place(hours.get(one.id), email.app_id, email.stream, one.mailbox_provider)
            found.update((place, what) for what in counted_at_first(one.state))
    return found
