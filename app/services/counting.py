"""By how much the counts of recipients change when some move and some are added."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.domain.reporting.counted import change, counted, counted_at_first
from app.store.reporting.counts import Changes, Place
from app.store.sending.recipients import Recipient
from app.store.submission.emails import NewEmail

_HOUR_S: Final = 3600


def changes_of(moves: Iterable[tuple[Recipient, Recipient]]) -> Changes:
    """How these recipients, each as it was and as it is now, change the counts of the hours when they were accepted."""
    found: defaultdict[tuple[float, UUID, str, str], Counter[str]] = defaultdict(Counter)
    for was, row in moves:
        before, after = counted(was), counted(row)
        if before == after:
            continue
        # A number: to cut each time to its hour takes longer than all else here.
        hour = row.created_at.timestamp() // _HOUR_S
        numbers = found[hour, row.app_id, row.scope.partition("/")[2], row.mailbox_provider]
        for what, number in change(before, after):
            numbers[what] += number
    return {
        (datetime.fromtimestamp(hour * _HOUR_S, UTC), app_id, stream, provider): numbers
        for (hour, app_id, stream, provider), numbers in found.items()
    }


def changes_of_new(added: Iterable[NewEmail], hours: Mapping[UUID, datetime]) -> Changes:
    """How the recipients of new emails change the counts. `hours` as `counts.hours_of_new` gives them."""
    found: defaultdict[Place, Counter[str]] = defaultdict(Counter)
    for email in added:
        for one in email.recipients:
            place = found[hours.get(one.id), email.app_id, email.stream, one.mailbox_provider]
            for what in counted_at_first(one.state):
                place[what] += 1
    return found
