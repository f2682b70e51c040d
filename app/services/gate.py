"""May this address be sent to now? Asked three times: at accept, in the claim and at the last look before the call.

The claim asks in its own statement (`app.store.claims`). Here are the other two, which may use Redis: it holds
positives only, so a hit is confirmed in SQL before anything is refused, and a miss decides nothing that the claim would
not decide again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.suppression import EVERY_MAIL
from app.store import suppressions
from app.store.db import Database
from app.store.positives import Positives
from app.store.suppressions import Suppression


@dataclass(frozen=True, slots=True)
class Addressee:
    """An address as the list sees it: its suppression key and the scope of the mail, `app/stream`."""

    key: str
    scope: str


class Gate:
    """Looks addressees up in the suppression list."""

    def __init__(self, *, database: Database, positives: Positives) -> None:
        self._database = database
        self._positives = positives

    def suppressed(self, addressees: Sequence[Addressee]) -> dict[Addressee, Suppression]:
        """Those that are suppressed by committed rows of the list, each with the entry that says so.

        Raises `ServiceUnavailable` when SQL has to be asked and is away: then nobody knows, and nothing may be sent.
        """
        hits = self._positives.look_up([one.key for one in addressees])
        suspects = list(addressees) if hits is None else [one for one in addressees if one.key in hits]
        if not suspects:
            return {}
        scopes = {EVERY_MAIL, *(one.scope for one in suspects)}
        with self._database.reading() as connection:
            live = suppressions.live_among(connection, [one.key for one in suspects], scopes=scopes)
        entries = {one: live.get((one.key, EVERY_MAIL)) or live.get((one.key, one.scope)) for one in suspects}
        return {one: entry for one, entry in entries.items() if entry is not None}
