"""One bad row, notification or item of a sweep holds up no other: it is tried alone, and the rest is done.

Everything that is written together goes through one of these functions: in the savepoints of one transaction (`spoilt`,
`save_isolated`), in a commit for each (`one_by_one`), or as the items of a sweep (`each_apart`, `skipped`). A database
that is away is no fault of an item, and is raised.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.store.operating import incidents
from app.store.sending import recipients
from app.store.sending.recipients import Recipient

log = structlog.get_logger()

POISON_ROW: Final = "poison_row"
SWEEP_SKIPPED: Final = "sweep_skipped"
_MOST_UNAVAILABLE: Final = 3

T = TypeVar("T")
Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")


def each_apart(
    database: Database, sweep: str, items: Iterable[T], do: Callable[[T], int], *, name: Callable[[T], str]
) -> int:
    """The sum of `do` over the items, without those that failed. `name` names an item in a log: no address.

    Raises the last `ServiceUnavailable` of any item after all others were tried, or at once after three: then the
    database is away rather than busy with one item.
    """
    done, unavailable = 0, []
    for item in items:
        try:
            done += do(item)
        except ServiceUnavailable as error:
            unavailable.append(error)
            if len(unavailable) == _MOST_UNAVAILABLE:
                break
        except Exception as error:  # noqa: BLE001 - any error concerns this item alone
            skipped(database, sweep, name(item), error)
    if unavailable:
        raise unavailable[-1]
    return done


def together_or_apart(
    database: Database,
    sweep: str,
    items: Sequence[T],
    do: Callable[[Sequence[T]], int],
    *,
    name: Callable[[T], str],
    on_failure: Callable[[Exception], None] = lambda _: None,
) -> int:
    """As `each_apart`, but with all items in one transaction; if one of them fails, each by itself.

    `on_failure` is called with the error that failed the transaction. Raises `ServiceUnavailable`.
    """
    try:
        return do(items)
    except ServiceUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - any error concerns one of the items
        on_failure(error)
    return each_apart(database, sweep, items, lambda item: do([item]), name=name)


def skipped(database: Database, sweep: str, name: str, error: Exception) -> None:
    """Log that a sweep failed for this item, and note an incident. Raises `ServiceUnavailable`."""
    log.error("sweep_skipped", sweep=sweep, item=name, error=type(error).__name__, exc_info=error)
    detail = f"The sweep `{sweep}` cannot do its work for this one: {type(error).__name__}. All others go on."
    with database.transaction() as connection:
        incidents.note(connection, kind=SWEEP_SKIPPED, subject=f"{sweep}: {name}", detail=detail)


def spoilt(connection: Connection, work: Callable[[], object]) -> Exception | None:
    """Run `work` in a savepoint. None when it succeeded, else its error, with nothing of it left.

    Raises `OperationalError` when the database is away, as if nothing had been tried.
    """
    try:
        with connection.begin_nested():
            work()
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - any error concerns the work
        return error
    return None


def save_isolated(connection: Connection, rows: Sequence[Recipient]) -> Sequence[Recipient]:
    """Write the recipients, together if possible and else each by itself. Those that were written.

    Raises `OperationalError` when the database is away, as if nothing had been tried.
    """
    if rows and spoilt(connection, lambda: recipients.save(connection, rows)):
        return [row for row in rows if _saved(connection, row)]
    return rows


def _saved(connection: Connection, row: Recipient) -> bool:
    error = spoilt(connection, lambda: recipients.save(connection, [row]))
    if error is not None:
        log.error("poison_row", recipient_id=str(row.id), exc_info=error)
        detail = f"The row cannot be written: {type(error).__name__}."
        incidents.note(connection, kind=POISON_ROW, subject=str(row.id), detail=detail)
    return error is None


def one_by_one(
    entries: Sequence[Entry],
    commit: Callable[[Sequence[Entry]], Sequence[Outcome]],
    *,
    failed: Callable[[Exception], Outcome],
) -> list[Outcome]:
    """Commit each entry by itself, after their shared commit failed. The outcome of each, in order.

    `failed` makes the outcome of an entry for which `commit` raised. Once the database is away, it is not tried any
    more: all remaining entries fail in the same way. The caller has made sure that nothing of the shared commit is
    kept.
    """
    outcomes: list[Outcome] = []
    away: ServiceUnavailable | None = None
    for entry in entries:
        if away is not None:
            outcomes.append(failed(ServiceUnavailable(away.detail, retry_after=away.retry_after)))
            continue
        try:
            outcomes += commit([entry])
        except Exception as error:  # noqa: BLE001 - it is raised by the thread that it concerns
            away = error if isinstance(error, ServiceUnavailable) else None
            outcomes.append(failed(error))
    return outcomes
