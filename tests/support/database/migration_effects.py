"""What each migration does on PostgreSQL: its statements, the locks that it takes, and the indexes that it builds.

Migrations run on a real server, which is watched. `python -m tests.support.database.migration_effects` writes the locks
and the indexes to `migrations/effects.json`, for `./postern upgrade --check`.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from alembic import command
from sqlalchemy import Engine, event

from app.wiring.migrations import EFFECTS, alembic_config
from tests.support.servers.servers import running_postgres, service_directory

STRONGEST: Final = "AccessExclusiveLock"
_TABLES: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_LOCKS: Final = f"""
SELECT relname, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND relname IN ({_TABLES})
AND mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', '{STRONGEST}')
ORDER BY mode = '{STRONGEST}'
"""
_DONE: Final = re.compile(r"(?:INSERT INTO|UPDATE) alembic_version [^']*'(\w+)'")
_BUILDS: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (\w+) ON (\w+)")
_ALTERS: Final = re.compile(r"ALTER TABLE (\w+)(?! SET \()")
_CHANGES: Final = ("CREATE", "ALTER", "DROP", "DO", "SET")


@dataclass(slots=True)
class Effects:
    """Of one migration: its statements; locks by table, of tables that were there before; tables by index."""

    statements: list[str] = field(default_factory=list)
    locks: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)


class _Watcher:
    """Watches one connection that migrates from an empty database."""

    def __init__(self) -> None:
        self.found: dict[str, Effects] = {}
        self._present: set[str] = set()
        self._now = Effects()

    def look(self, _connection: Any, cursor: Any, statement: str, *_: object) -> None:
        """Note a statement that was executed, and the locks that its transaction has since."""
        if not cursor.connection.autocommit:
            self._lock(cursor.connection.execute(_LOCKS).fetchall())
        else:
            self._lock([(table, STRONGEST) for table in _ALTERS.findall(statement)])
        self._now.indexes.update(_BUILDS.findall(statement))
        if statement.lstrip().startswith(_CHANGES):
            self._now.statements.append(statement.strip())
        if done := _DONE.match(statement):
            self.found[done[1]], self._now = self._now, Effects()
            self._present = {name for [name] in cursor.connection.execute(_TABLES).fetchall()}

    def _lock(self, locks: list[tuple[str, str]]) -> None:
        self._now.locks.update({table: mode for table, mode in locks if table in self._present})


def effects(empty_postgres_url: str) -> dict[str, Effects]:
    """What each migration does, by revision; migrates the database."""
    watcher = _Watcher()
    event.listen(Engine, "after_cursor_execute", watcher.look)
    try:
        command.upgrade(alembic_config(empty_postgres_url), "head")
    finally:
        event.remove(Engine, "after_cursor_execute", watcher.look)
    return watcher.found


def as_json(found: dict[str, Effects]) -> str:
    """The locks and the indexes, as the file has them."""
    rows = {revision: {"locks": one.locks, "indexes": one.indexes} for revision, one in found.items()}
    return json.dumps(rows, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the file anew."""
    with service_directory() as services, running_postgres(services) as server, server.connected():
        EFFECTS.write_text(as_json(effects(server.url(server.create_database()))), encoding="utf-8")


if __name__ == "__main__":
    main()
