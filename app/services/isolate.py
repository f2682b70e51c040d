"""Let one poison row hold up no other: what cannot be written is put before an operator, and the rest is."""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.store import incidents, recipients
from app.store.recipients import Recipient

log = structlog.get_logger()

POISON_ROW: Final = "poison_row"


def save_isolated(connection: Connection, rows: Sequence[Recipient]) -> int:
    """Write the recipients, together if that goes and else each by itself; how many were written.

    Raises `OperationalError` when the database is away, as if nothing had been tried.
    """
    if not rows:
        return 0
    try:
        with connection.begin_nested():
            recipients.save(connection, rows)
    except OperationalError:
        raise
    except SQLAlchemyError:
        return sum(_saved(connection, row) for row in rows)
    return len(rows)


def _saved(connection: Connection, row: Recipient) -> bool:
    try:
        with connection.begin_nested():
            recipients.save(connection, [row])
    except OperationalError:
        raise
    except SQLAlchemyError as error:
        log.exception("poison_row", recipient_id=str(row.id))
        detail = f"The row cannot be written: {type(error).__name__}."
        incidents.note(connection, kind=POISON_ROW, subject=str(row.id), detail=detail)
        return False
    return True
