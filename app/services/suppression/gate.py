"""May this address be sent to now? Asked three times: at accept, in the claim and at the last look before the call.

The other two ask SQL (`app.store.claims`, `app.services.last_look`) and decide. Here is the first, which tells the
caller early and may use Redis: it holds positives only, so a hit is confirmed in SQL before anything is refused, and a
miss decides nothing that the claim would not decide again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.suppression import decisive, scopes_around
from app.services.combine import Combine
from app.store import suppressions
from app.store.db import Database
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from app.store.suppressions import Suppression

_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Addressee:
    """An address as the list sees it: its suppression key and the scope of the mail, `app/stream`."""

    key: str
    scope: str


class Gate:
    """Looks addressees up in the suppression list."""

    def __init__(self, *, database: Database, positives: Positives, pseudonyms: Pseudonyms) -> None:
        self._database = database
        self._positives = positives
        self._pseudonyms = pseudonyms
        self._hint: Combine[frozenset[str], frozenset[str] | None] = Combine(self._hint_at_all, at_most=_AT_MOST)

    def suppressed(self, addressees: Sequence[Addressee]) -> dict[Addressee, Suppression]:
        """Those that are suppressed by committed rows of the list, each with the entry that says so.

        Raises `ServiceUnavailable` when SQL has to be asked and is away: then nobody knows, and nothing may be sent.
        """
        names = {one: self._names(one.key) for one in addressees}
        hits = self._hint(frozenset(name for each in names.values() for name in each))
        if hits is not None:
            names = {one: each for one, each in names.items() if not hits.isdisjoint(each)}
        return self._listed(names) if names else {}

    def listed(self, addressees: Sequence[Addressee]) -> dict[Addressee, Suppression]:
        """The same, by SQL alone and whatever Redis says: one statement for up to 1,600 addresses."""
        return self._listed({one: self._names(one.key) for one in addressees})

    def _hint_at_all(self, questions: Sequence[frozenset[str]]) -> Sequence[frozenset[str] | None]:
        """What Redis says to all who ask at the same moment, asked once: to each what is hit, of whomever, or None."""
        hits = self._positives.look_up(list(frozenset[str]().union(*questions)))
        return [hits] * len(questions)

    def _listed(self, names: Mapping[Addressee, Sequence[str]]) -> dict[Addressee, Suppression]:
        scopes = {scope for one in names for scope in scopes_around(one.scope)}
        with self._database.reading() as connection:
            live = suppressions.live_among(
                connection, [name for each in names.values() for name in each], scopes=scopes
            )
        entries = {one: decisive(_concerning(one, each, live)) for one, each in names.items()}
        return {one: entry for one, entry in entries.items() if entry is not None}

    def _names(self, key: str) -> tuple[str, str, str]:
        """Under which names an address may be on the list: its own, its domain's, and that of a forgotten person."""
        return key, key[key.index("@") :], self._pseudonyms(key)


def _concerning(
    addressee: Addressee, names: Sequence[str], live: dict[tuple[str, str], Suppression]
) -> Iterator[Suppression]:
    places = [(name, scope) for scope in scopes_around(addressee.scope) for name in names]
    return (live[place] for place in places if place in live)
