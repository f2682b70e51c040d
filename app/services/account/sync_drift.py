"""How our suppression list and SES's own differ: the counts, with some examples of each kind.

This module changes nothing and calls nothing. The caller hands it SES's list page by page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.aws.ses.account import Suppressed
from app.domain.account.list_comparison import Standing
from app.domain.suppression.rules import Origin
from app.services.account.sync_pull import Pull
from app.services.account.sync_push import Push
from app.store.account import ses_list
from app.store.engine.database import Database

EXAMPLES: Final = 10
_LOOK_AT: Final = 1_000


@dataclass(slots=True)
class Difference:
    """How many entries differ in one way, and the first of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, address: str | None) -> None:
        """Count one more entry. `address` is None when it may not be shown."""
        self.count += 1
        if address is not None and len(self.examples) < EXAMPLES:
            self.examples.append(address)


@dataclass(frozen=True, slots=True)
class Drift:
    """The entries of both lists, by how they compare."""

    differences: dict[Standing, Difference]

    def count(self, where: Standing) -> int:
        """How many entries compare in this way."""
        return self.differences[where].count


class Compare:
    """Compares the two lists. It keeps the keys of SES's list in memory: some 100 bytes for each entry."""

    def __init__(self, *, database: Database, pull: Pull, push: Push) -> None:
        self._database = database
        self._pull = pull
        self._push = push

    def __call__(self, pages: Iterable[Sequence[Suppressed]], *, origins: Sequence[Origin]) -> Drift:
        """The differences. `pages`: all of SES's list. `origins`: our entries of these origins should be on it."""
        differences = {where: Difference() for where in Standing}
        at_ses: set[str] = set()
        for page in pages:
            names = self._pull.pseudonyms_of(page)
            at_ses |= names.keys()
            with self._database.reading() as connection:
                for one in self._pull.stands(connection, page, names):
                    differences[one.where].add(None if one.where is Standing.FORGOTTEN else one.entry.address)
        self._compare_ours(at_ses, origins, differences)
        return Drift(differences)

    def _compare_ours(
        self, at_ses: set[str], origins: Sequence[Origin], differences: dict[Standing, Difference]
    ) -> None:
        after: UUID | None = None
        while True:
            with self._database.reading() as connection:
                rows = ses_list.ours(connection, after=after, limit=_LOOK_AT)
                apart = [one for one in rows if one.key not in at_ses]
                for one in self._push.for_ses(connection, apart, origins):
                    differences[Standing.ONLY_HERE].add(one.address)
            for one in apart:
                if ses_list.is_because_of_ses(one):
                    differences[Standing.LEFT_SES].add(one.address)
            if not rows:
                return
            after = rows[-1].id
