"""The JSON objects of the suppression list in responses: Resend's field names, and our own beside them.

Every caller that may read the list sees why an address is listed. Only an administrator sees who unsuppressed it, and
when.
"""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from app.services.suppression.entries import Entry, Status
from app.services.suppression.suppress import Added, Found, InFlight, SuppressionEvent
from app.services.suppression.unsuppress import Removed
from app.web.http.responses import Moment, View


class SuppressionEntry(View):
    """A suppressed address, or domain (`@example.org`). `scope` is every email, one application, or one stream.

    While `status` is `review`, an administrator has yet to decide whether the entry stays.
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
        """Make it from an entry of the list."""
        return cls(**_members(entry))


class PastEntry(SuppressionEntry):
    """An entry as an administrator sees it: with its evidence, and how it ended."""

    source: dict[str, Any]
    removed_at: Moment | None
    removed_by: str | None
    removal_reason: str | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Make it from an entry of the list, live or not."""
        return cls(
            **_members(entry),
            source=dict(entry.source),
            removed_at=entry.removed_at,
            removed_by=entry.removed_by,
            removal_reason=entry.removal_reason,
        )


class ChangeView(View):
    """One change of an entry: its time, its actor and its reason."""

    suppression_id: UUID
    type: str
    scope: str
    origin: str
    actor: str
    reason: str
    at: Moment

    @classmethod
    def of(cls, change: SuppressionEvent) -> Self:
        """Make it from a recorded change."""
        return cls(**{name: getattr(change, name) for name in cls.model_fields})


class FoundSuppression(SuppressionEntry):
    """The widest entry that suppresses an address. An administrator also gets all live and past entries and changes."""

    entries: list[PastEntry] = Field(default_factory=list)
    history: list[PastEntry] = Field(default_factory=list)
    changes: list[ChangeView] = Field(default_factory=list)

    @classmethod
    def of_found(cls, found: Found, *, whole: bool) -> Self:
        """Make it from the result of a lookup. With `whole` it has all entries, the past ones and the changes."""
        members = _members(found.entries[0])
        if not whole:
            return cls(**members)
        return cls(
            **members,
            entries=[PastEntry.of(entry) for entry in found.entries],
            history=[PastEntry.of(entry) for entry in found.history],
            changes=[ChangeView.of(change) for change in found.changes],
        )


class InFlightView(View):
    """An email to the address that may be on its way already."""

    email_id: UUID
    recipient_id: UUID
    state: str

    @classmethod
    def of(cls, email: InFlight) -> Self:
        """Make it from an email that the suppression came too late for."""
        return cls(email_id=email.email_id, recipient_id=email.recipient_id, state=email.state)


class AddedSuppression(SuppressionEntry):
    """The entry, whether new or not, and the emails that it may have come too late for."""

    created: bool
    in_flight: list[InFlightView]

    @classmethod
    def of_added(cls, added: Added) -> Self:
        """Make it from the result of adding."""
        return cls(
            **_members(added.entry),
            created=added.created,
            in_flight=[InFlightView.of(email) for email in added.in_flight],
        )


class RemovedSuppression(View):
    """An entry that was removed. `ses_account` says whether the address was removed from SES's own list too.

    `uncovered` is the id of the recipient's own unsubscription, where the entry covered one: it is live from now on.
    """

    object: Literal["suppression"]
    id: UUID
    deleted: Literal[True]
    ses_account: str
    uncovered: UUID | None

    @classmethod
    def each_of(cls, removed: Removed) -> list[Self]:
        """Make one object per entry from the result of a removal."""
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


class AddedSuppressions(View):
    """The entries of a batch, each address once."""

    data: list[AddedSuppression]


class RestoredSuppressions(View):
    """The entries that are live again after a removal was undone."""

    data: list[SuppressionEntry]


class RemovedSuppressions(View):
    """The entries that were removed. Addresses that were not suppressed are left out."""

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
    """The id of the email whose event suppressed the address, as in Resend's API; None when a person did."""
    email = entry.source.get("email_id")
    return email if isinstance(email, str) else None
