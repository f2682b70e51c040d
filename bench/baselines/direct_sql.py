"""A connection to the database of a benchmark that bypasses Postern: in autocommit, with the driver's own features."""

import re
from typing import Any

import psycopg


def direct(database_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to the database of this SQLAlchemy URL."""
    return psycopg.connect(re.sub(r"^postgresql\+psycopg", "postgresql", database_url), autocommit=True)
