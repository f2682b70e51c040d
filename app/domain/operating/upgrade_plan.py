"""What an upgrade of the database does, and whether the processes that run now may go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration. `locks` has PostgreSQL's mode by table; `indexes` the table by index, built while email flows.

    `oldest_code`: the revision that code has to contain from then on; None changes nothing.
    """

    revision: str
    title: str
    oldest_code: str | None
    locks: Mapping[str, str]
    indexes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradePlan:
    """The migrations between the revision of the database and that of the code, in order.

    `found` is None for an empty database. `rows` has the estimated rows of the tables that indexes are built for; on
    SQLite it is empty. `is_too_old`: this code may not run with the database, which a later release has migrated.
    """

    found: str | None
    needed: str | None
    steps: tuple[Migration, ...]
    rows: Mapping[str, int]
    old_code_may_run: bool
    is_too_old: bool


def steps_after(found: str | None, migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Those of all migrations, in order, that follow the revision."""
    done = [one.revision for one in migrations].index(found) + 1 if found else 0
    return migrations[done:]


def old_code_may_run(found: str | None, migrations: tuple[Migration, ...]) -> bool:
    """Whether code of the revision `found` may run when the migrations that follow it are done."""
    steps = steps_after(found, migrations)
    later = {one.revision for one in steps}
    return not any(one.oldest_code in later for one in steps)
