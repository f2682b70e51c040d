"""May this address be sent to now? The first of three checks: at accept, in the claim, and just before the SES call.

The other two ask SQL (`app.store.sending.claims`, `app.services.sending.last_look`), and theirs is the decision. This
one tells the caller early and may use Redis. Redis holds positives only: a hit is confirmed in SQL before an email is
refused, and after a miss the claim still checks SQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app import tracing
from app.domain.suppression.rules import decisive, scopes_around
from app.services.coalesce import Combine
from app.store.engine.database import Database
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.suppression import suppressions
from app.store.suppression.positive_cache import Positives
from app.store.suppression.suppressions import Suppression

_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient as the list sees it: the suppression key of the address, and the scope of the email, `app/stream`."""

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
        """The addressees that committed rows of the list suppress, each with its decisive entry.

        Raises `ServiceUnavailable` when SQL has to be asked and is away: then it is not known whether an address is
        suppressed, and nothing may be sent.
        """
        names = {one: self._names(one.key) for one in addressees}
        with tracing.span("gate") as span:
            hits = self._hint(frozenset(name for each in names.values() for name in each))
            if hits is not None:
                names = {one: each for one, each in names.items() if not hits.isdisjoint(each)}
            found = self._listed(names) if names else {}
            span.note(recipients=len(addressees), suppressed=len(found))
        return found

    def listed(self, addressees: Sequence[Addressee]) -> dict[Addressee, Suppression]:
        """As `suppressed`, but from SQL alone, without Redis: one statement for up to 1,600 addresses."""
        return self._listed({one: self._names(one.key) for one in addressees})

    def _hint_at_all(self, questions: Sequence[frozenset[str]]) -> Sequence[frozenset[str] | None]:
        """Ask Redis once for all callers that wait at the same moment.

        Each gets the hits among the names of all of them, or None when Redis cannot say.
        """
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
        """The names under which an address may be on the list: its own, its domain's, and its pseudonym."""
        return key, key[key.index("@") :], self._pseudonyms(key)


def _concerning(
    addressee: Addressee, names: Sequence[str], live: dict[tuple[str, str], Suppression]
) -> Iterator[Suppression]:
    places = [(name, scope) for scope in scopes_around(addressee.scope) for name in names]
    return (live[place] for place in places if place in live)
