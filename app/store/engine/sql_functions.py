"""SQL for parts of values: the domain of an address, the application of a scope, the minute of an instant.

It works alike on PostgreSQL and SQLite.
"""

from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class at_domain(FunctionElement[str]):  # noqa: N801 - named as a SQL function
    """The domain of an address with its at sign, `@example.org`: the key of a suppression of a whole domain."""

    type = String()
    inherit_cache = True


class app_of(FunctionElement[str]):  # noqa: N801 - named as a SQL function
    """The application of a scope `app/stream`."""

    type = String()
    inherit_cache = True


class minute(FunctionElement[int]):  # noqa: N801 - named as a SQL function
    """The minute of an instant, counted since 1970."""

    type = Integer()
    inherit_cache = True


@compiles(at_domain, "postgresql")
def _postgres_at_domain(element: Any, compiler: Any, **_: Any) -> str:
    key = compiler.process(element.clauses)
    return f"substr({key}, strpos({key}, '@'))"


@compiles(at_domain, "sqlite")
def _sqlite_at_domain(element: Any, compiler: Any, **_: Any) -> str:
    key = compiler.process(element.clauses)
    return f"substr({key}, instr({key}, '@'))"


@compiles(app_of, "postgresql")
def _postgres_app_of(element: Any, compiler: Any, **_: Any) -> str:
    return f"split_part({compiler.process(element.clauses)}, '/', 1)"


@compiles(app_of, "sqlite")
def _sqlite_app_of(element: Any, compiler: Any, **_: Any) -> str:
    scope = compiler.process(element.clauses)
    return f"substr({scope}, 1, instr({scope}, '/') - 1)"


@compiles(minute, "postgresql")
def _postgres_minute(element: Any, compiler: Any, **_: Any) -> str:
    return f"floor(extract(epoch from {compiler.process(element.clauses)}) / 60)::bigint"


@compiles(minute, "sqlite")
def _sqlite_minute(element: Any, compiler: Any, **_: Any) -> str:
    return f"cast(strftime('%s', {compiler.process(element.clauses)}) as integer) / 60"
