"""The last emails to one address, but for test email, for an explanation. It only reads."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Select, select

from app.domain.sending.state_machine import CLAIMABLE, State
from app.domain.sending.trying import TEST_LANE
from app.store.sending.circuits import Circuit
from app.store.tables.core import apps, emails, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEmail:
    """One email to the address, and what became of it there."""

    email_id: UUID
    app: str
    stream: str
    lane: str
    scope: str
    sender_domain: str
    state: State
    reason: str | None
    created_at: datetime

    def waits_for(self, circuit: Circuit) -> bool:
        """Whether it is not sent yet because of this circuit."""
        return self.state in CLAIMABLE and circuit.concerns(
            lane=self.lane, sender_domain=self.sender_domain, stream=self.scope
        )


def to_address(connection: Connection, key: str, *, app_id: UUID | None, limit: int) -> tuple[LastEmail, ...]:
    """The newest emails to the address, newest first: of one application, or of all."""
    # Only within one application does the index have them in order.
    owners = [app_id] if app_id is not None else connection.scalars(select(apps.c.id)).all()
    ids = [one for owner in owners for one in connection.scalars(_newest(key, owner, limit))]
    query = (
        select(
            recipients.c.email_id,
            apps.c.name.label("app"),
            emails.c.stream,
            recipients.c.lane,
            recipients.c.scope,
            recipients.c.sender_domain,
            recipients.c.state,
            recipients.c.reason,
            recipients.c.created_at,
        )
        .join(emails, emails.c.id == recipients.c.email_id)
        .join(apps, apps.c.id == recipients.c.app_id)
        .where(recipients.c.id.in_(ids))
        .order_by(recipients.c.email_id.desc())
        .limit(limit)
    )
    found = connection.execute(query).mappings()
    return tuple(LastEmail(**{**row, "state": State(row["state"])}) for row in found)


def _newest(key: str, app_id: UUID, limit: int) -> Select[tuple[UUID]]:
    return (
        select(recipients.c.id)
        .where(recipients.c.key == key, recipients.c.app_id == app_id, recipients.c.lane != TEST_LANE)
        .order_by(recipients.c.email_id.desc())
        .limit(limit)
    )
