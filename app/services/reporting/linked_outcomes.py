"""What a link to a page of outcomes shows, to whoever has it: never more than the link is for.

A link reads as a caller of its application that may do nothing else, and asks only for its own actor, reference, stream
or tag. It ends when it expires or is revoked, and when the person who is its actor was forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from app.domain.apps.callers import Caller, Scope
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.reporting.outcome_links import LinkKind
from app.domain.reporting.outcomes import OutcomeKind
from app.services.paging import Page, Paged
from app.services.reporting.outcome_file import with_masks, without_address
from app.services.reporting.outcome_links import OutcomeLinks
from app.services.reporting.outcomes import OutcomeCounts, OutcomeFilter, Outcomes, OutcomeView
from app.store.reporting.outcome_links import OutcomeLink


class NoPage(Enum):
    """Why a link shows no page: it is not one of ours, or it has ended."""

    UNKNOWN = "unknown"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class LinkedPage:
    """What one working link shows."""

    link: OutcomeLink
    outcomes: Outcomes

    @property
    def caller(self) -> Caller:
        """The link as a caller: it may read the outcomes of its application."""
        return Caller(
            actor=f"link:{self.link.id}",
            app_id=self.link.app_id,
            app=self.link.app,
            scopes=frozenset({Scope.EMAILS_READ}),
            senders=(),
            default_lane="",
        )

    @property
    def value(self) -> str:
        """The actor, reference, stream or tag, as it may be shown."""
        return without_address(self.link.value) if self.link.masked else self.link.value

    def rows(self, kinds: tuple[OutcomeKind, ...], page: Page) -> Paged[OutcomeView]:
        """One page of outcomes. Raises `ValidationFailed` for a start that is no recipient of the application."""
        found = self.outcomes.page(self.caller, self._filter(kinds), page)
        return Paged(tuple(map(self._shown, found.data)), found.has_more)

    def pieces(self, kinds: tuple[OutcomeKind, ...]) -> Iterator[tuple[OutcomeView, ...]]:
        """All outcomes, for a file. Raises `ServiceUnavailable` at once, and also later."""
        found = self.outcomes.pieces(self.caller, self._filter(kinds))
        return (tuple(map(self._shown, piece)) for piece in found)

    def counts(self) -> OutcomeCounts:
        """How many recipients have each outcome."""
        return self.outcomes.counts(self.caller, self._filter(()))

    def _filter(self, kinds: tuple[OutcomeKind, ...]) -> OutcomeFilter:
        value = self.link.value
        match self.link.kind:
            case LinkKind.ACTOR:
                return OutcomeFilter(kinds=kinds, actor=value)
            case LinkKind.REFERENCE:
                return OutcomeFilter(kinds=kinds, reference=value)
            case LinkKind.STREAM:
                return OutcomeFilter(kinds=kinds, stream=value)
            case LinkKind.TAG:
                name, _, word = value.partition(":")
                return OutcomeFilter(kinds=kinds, tag=(name, word))

    def _shown(self, view: OutcomeView) -> OutcomeView:
        return with_masks(view) if self.link.masked else view


class LinkedOutcomes:
    """Opens links."""

    def __init__(self, *, links: OutcomeLinks, outcomes: Outcomes) -> None:
        self._links = links
        self._outcomes = outcomes

    def __call__(self, token: str) -> LinkedPage | NoPage:
        """What the link of this token shows. Raises `ServiceUnavailable`."""
        link = self._links.behind(token)
        if link is None:
            return NoPage.UNKNOWN
        if not link.works or is_pseudonym(link.value):
            return NoPage.ENDED
        return LinkedPage(link, self._outcomes)
