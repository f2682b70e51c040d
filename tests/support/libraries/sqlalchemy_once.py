"""What SQLAlchemy compiles anew for every engine, compiled once for all tests: each test has engines of its own.

A statement that was compiled for one engine fits another of the same kind of database: the servers of the tests have
one version, and the engines of a kind differ in nothing that the compiler asks for.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

MOST = 5_000


class Compiled:
    """The compiled statements of all engines of one kind, as the cache of one of them."""

    def __init__(self, kind: tuple[str, ...], everything: LRUCache[Any, Any]) -> None:
        self._kind, self._everything = kind, everything

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Return what was compiled; a key begins with the dialect, which every engine has anew."""
        return self._everything.get((self._kind, *key[1:]), default)

    def __iter__(self) -> Iterator[Any]:
        """The keys of all that was compiled."""
        return iter(tuple(self._everything))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._everything[self._kind, *key[1:]] = compiled


def compile_statements_once(patch: pytest.MonkeyPatch) -> None:
    """A statement is compiled once for SQLite and once for PostgreSQL."""
    make = Engine.__init__
    everything: LRUCache[Any, Any] = LRUCache(MOST)

    def make_sharing(engine: Engine, *given: Any, **more: Any) -> None:
        make(engine, *given, **more)
        kind = (engine.dialect.name, engine.dialect.driver, engine.dialect.paramstyle)
        vars(engine)["_compiled_cache"] = Compiled(kind, everything)

    patch.setattr(Engine, "__init__", make_sharing)
