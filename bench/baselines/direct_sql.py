"""A connection to the database of a benchmark past Postern: without a transaction, for what the driver does best."""

import re
from typing import Any

import psycopg


def direct(database_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """To the database of this SQLAlchemy URL."""
    return psycopg.connect(re.sub(r"^postgresql\+psycopg", "postgresql", database_url), autocommit=True)
