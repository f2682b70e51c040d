"""What is remembered of the canary, in one row that all processes share."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.store.operating import job_cursors

Json = dict[str, Any]
_ROW: Final = "canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryState:
    """The last canary, and the last one that came back.

    `email_id` and `accepted_at` are None before the first one. `is_back` and `is_missing` are about the last canary;
    `missed` counts those that are missing since one came back. `back_at` and `seconds` say when the last one that came
    back did, and how long after its acceptance. `has_paused`: the bulk lane was paused for a missing one.
    """

    email_id: UUID | None = None
    accepted_at: datetime | None = None
    is_back: bool = False
    is_missing: bool = False
    missed: int = 0
    back_at: datetime | None = None
    seconds: float | None = None
    has_paused: bool = False

    @property
    def is_on_its_way(self) -> bool:
        """Whether there is one that has not come back."""
        return self.email_id is not None and not self.is_back


def read(connection: Connection) -> CanaryState:
    """The state, as it is now."""
    return _parsed(job_cursors.read(connection, _ROW))


def lock(connection: Connection) -> CanaryState:
    """The state, which nothing else changes until the transaction ends."""
    return _parsed(job_cursors.lock(connection, _ROW))


def write(connection: Connection, state: CanaryState) -> None:
    """Store the state, which is locked."""
    job_cursors.write(connection, _ROW, {name: _stored(value) for name, value in asdict(state).items()})


def _stored(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
    return value


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "email_id": UUID,
    "accepted_at": datetime.fromisoformat,
    "back_at": datetime.fromisoformat,
}


def _parsed(stored: Json) -> CanaryState:
    """A field that another version has written is left out."""
    known = {name: value for name, value in stored.items() if name in CanaryState.__dataclass_fields__}
    fields: Json = {
        name: _READ[name](value) if name in _READ and value is not None else value for name, value in known.items()
    }
    return CanaryState(**fields)
