"""What an answer about the suppression list holds: Resend's names, and ours beside them.

Why an address is listed is told to whoever may read the list; who took it off, and when, only to an administrator.
"""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from app.services.entries import Entry, Status
from app.services.suppress import Added, Found, InFlight, Removed
from app.store.suppression_events import SuppressionEvent
from app.web.answers import Moment, Told


class SuppressionEntry(Told):
    """Who is not sent to (an address, or `@example.org`), in `scope`: every mail, one application, or one stream.

    While `status` is `review`, a person has yet to say whether the entry stays.
    """

    object: Literal["suppression"]
    id: UUID
    email: str
    origin: str
    source_id: str | None
    scope: str
    status: Status
    reason: str
    created_at: Moment
    expires_at: Moment | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Written from an entry of the list."""
        return cls(**_members(entry))


class PastEntry(SuppressionEntry):
    """An entry as an administrator sees it: with its evidence, and how it ended."""

    source: dict[str, Any]
    removed_at: Moment | None
    removed_by: str | None
    removal_reason: str | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Written from an entry of the list, live or not."""
        return cls(
            **_members(entry),
            source=dict(entry.source),
            removed_at=entry.removed_at,
            removed_by=entry.removed_by,
            removal_reason=entry.removal_reason,
        )


class ToldChange(Told):
    """What became of an entry: when, by whom and why."""

    suppression_id: UUID
    type: str
    scope: str
    origin: str
    actor: str
    reason: str
    at: Moment

    @classmethod
    def of(cls, change: SuppressionEvent) -> Self:
        """Written from a change that was noted."""
        return cls(**{name: getattr(change, name) for name in cls.model_fields})


class FoundSuppression(SuppressionEntry):
    """The widest entry that catches an address; an administrator gets all, those of the past, and every change."""

    entries: list[PastEntry] = Field(default_factory=list)
    history: list[PastEntry] = Field(default_factory=list)
    changes: list[ToldChange] = Field(default_factory=list)

    @classmethod
    def of_found(cls, found: Found, *, whole: bool) -> Self:
        """Written from what was found; `whole` with all entries and the history."""
        members = _members(found.entries[0])
        if not whole:
            return cls(**members)
        return cls(
            **members,
            entries=[PastEntry.of(entry) for entry in found.entries],
            history=[PastEntry.of(entry) for entry in found.history],
            changes=[ToldChange.of(change) for change in found.changes],
        )


class ToldInFlight(Told):
    """A mail to the address that may be on its way already."""

    email_id: UUID
    recipient_id: UUID
    state: str

    @classmethod
    def of(cls, mail: InFlight) -> Self:
        """Written from a mail that the suppression came too late for."""
        return cls(email_id=mail.email_id, recipient_id=mail.recipient_id, state=mail.state)


class AddedSuppression(SuppressionEntry):
    """The entry, new or there before, and the mails that it may have come too late for."""

    created: bool
    in_flight: list[ToldInFlight]

    @classmethod
    def of_added(cls, added: Added) -> Self:
        """Written from what adding came to."""
        return cls(
            **_members(added.entry),
            created=added.created,
            in_flight=[ToldInFlight.of(mail) for mail in added.in_flight],
        )


class RemovedSuppression(Told):
    """The entry that was taken off the list; `ses_account` says whether SES's own list has let the address go too.

    `uncovered` is the recipient's own unsubscription, where the entry covered one: it stands in its place.
    """

    object: Literal["suppression"]
    id: UUID
    deleted: Literal[True]
    ses_account: str
    uncovered: UUID | None

    @classmethod
    def each_of(cls, removed: Removed) -> list[Self]:
        """Written from what removing came to, one per entry."""
        uncovered = {(one.email, one.scope): one.id for one in removed.uncovered}
        return [
            cls(
                object="suppression",
                id=entry.id,
                deleted=True,
                ses_account=removed.ses_account,
                uncovered=uncovered.get((entry.email, entry.scope)),
            )
            for entry in removed.entries
        ]


class AddedSuppressions(Told):
    """The entries of a batch, each address once."""

    data: list[AddedSuppression]


class RestoredSuppressions(Told):
    """The entries that stand again after a removal was undone."""

    data: list[SuppressionEntry]


class RemovedSuppressions(Told):
    """The entries that were taken off the list; what was not on it is not here."""

    data: list[RemovedSuppression]


def _members(entry: Entry) -> dict[str, Any]:
    return {
        "object": "suppression",
        "id": entry.id,
        "email": entry.email,
        "origin": entry.origin,
        "source_id": _source_id(entry),
        "scope": entry.scope,
        "status": entry.status,
        "reason": entry.reason,
        "created_at": entry.created_at,
        "expires_at": entry.expires_at,
    }


def _source_id(entry: Entry) -> str | None:
    """The mail whose feedback put the address on the list, as Resend tells it; None when a person did."""
    mail = entry.source.get("email_id")
    return mail if isinstance(mail, str) else None
