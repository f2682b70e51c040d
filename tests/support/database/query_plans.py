"""The cost of statements while the real services run them: the tables that they scan, and the pages that they read.

Before each statement, `EXPLAIN ANALYZE` runs it and the effect is rolled back: with its own parameters, in its own
transaction, including triggers of foreign keys. So the figures are measured, not the planner's estimates.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from tests.support.database.history import TABLES

_ASKED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
LONGEST: Final = 1_200
SHOWN: Final = 12
MOST_PAGES: Final = 4_000
"""A scan of a table of the history reads more: see `tests/integration/growth`."""

_READ_THROUGH: Final = "select relname, seq_scan from pg_stat_xact_user_tables where relname = any(%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one statement: the tables that it scanned, and the pages of 8 kB that it read.

    Only pages read to find the rows count, not those to lock, write and index them, which depend on the rows alone.
    """

    said_by: str
    statement: str
    read_through: frozenset[str]
    pages: int
    plan: str


@dataclass
class Watch:
    """The costs of all statements so far. `said_by` is the current activity."""

    said_by: str = ""
    costs: list[Cost] = field(default_factory=list)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Attribute the statements of the block to `what`."""
        before, self.said_by = self.said_by, what
        yield
        self.said_by = before

    def reads_through(self) -> list[str]:
        """Describe the statements that scan a growing table: one of each kind."""
        return _described(
            (cost, f"reads through {', '.join(sorted(cost.read_through))}") for cost in self.costs if cost.read_through
        )

    def reads_more_than(self, pages: int) -> list[str]:
        """Describe the statements that read more than `pages` pages: they scan, perhaps along an index."""
        return _described((cost, f"reads {cost.pages} pages") for cost in self.costs if cost.pages > pages)

    def did(self) -> set[str]:
        """Return the activities that had statements."""
        return {cost.said_by for cost in self.costs}

    def explain(
        self, connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        """Record the cost of a statement before it runs."""
        if not statement.lstrip().upper().startswith(_ASKED):
            return
        given: Any = parameters[0] if many else parameters
        driver: Any = connection.connection.dbapi_connection
        alone = driver.autocommit and not driver.info.transaction_status.value
        with driver.cursor() as cursor:
            cursor.execute("BEGIN" if alone else "SAVEPOINT explaining")
            before = dict(cursor.execute(_READ_THROUGH, [list(TABLES)]).fetchall())
            analyze = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
            [[[explained]]] = cursor.execute(analyze + statement, given).fetchall()
            after = dict(cursor.execute(_READ_THROUGH, [list(TABLES)]).fetchall())
            cursor.execute("ROLLBACK" if alone else "ROLLBACK TO SAVEPOINT explaining")
        plan = explained["Plan"]
        self.costs.append(
            Cost(
                said_by=self.said_by,
                statement=_short(statement),
                read_through=frozenset(name for name, count in after.items() if count > before.get(name, 0)),
                pages=_pages(plan),
                plan="\n".join(_lines(plan)),
            )
        )


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch the statements of every engine of this process."""
    watch = Watch()
    event.listen(Engine, "before_cursor_execute", watch.explain)
    try:
        yield watch
    finally:
        event.remove(Engine, "before_cursor_execute", watch.explain)


def _described(dear: Iterable[tuple[Cost, str]]) -> list[str]:
    kinds = {(cost.said_by, cost.statement): (cost, why) for cost, why in dear}
    return [f"{cost.said_by}: {why}\n{cost.statement}\n{cost.plan}" for cost, why in kinds.values()]


def _pages(plan: dict[str, Any]) -> int:
    if plan["Node Type"] in {"ModifyTable", "LockRows"} or ("Plans" in plan and plan["Node Type"] == "Limit"):
        return sum(map(_pages, plan.get("Plans", ())))
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _lines(plan: dict[str, Any], depth: int = 0) -> Sequence[str]:
    words = [plan["Node Type"], plan.get("Index Name") or plan.get("Relation Name") or plan.get("CTE Name") or ""]
    words += [
        f"{name}: {_short(str(plan[name]))}"
        for name in ("Index Cond", "Recheck Cond", "Filter", "Rows Removed by Filter")
        if name in plan
    ]
    words.append(f"({plan['Actual Rows']:.0f} rows, {plan['Shared Hit Blocks'] + plan['Shared Read Blocks']} pages)")
    below = [line for one in plan.get("Plans", ()) for line in _lines(one, depth + 1)]
    return ["  " * depth + " ".join(words), *below]


def _short(text: str) -> str:
    """Return the beginning and the end of a text, since it may list thousands of ids."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def require_cheap(watch: Watch) -> None:
    """Fail if a statement scanned a table or read too many rows."""
    dear = watch.reads_through() + watch.reads_more_than(MOST_PAGES)
    some = "\n\n".join(dear[:SHOWN])
    assert not dear, f"{len(dear)} kinds of statements, of {len(watch.costs)} in all\n\n{some}"
