"""What docs/growth.md tells an operator to run, runs."""

import re

import psycopg
import pytest

from tests.support.servers.cli import CHECKOUT

_BLOCKS = re.findall(r"^```sql\n(.*?)^```", (CHECKOUT / "docs" / "growth.md").read_text(), re.MULTILINE | re.DOTALL)
QUERIES = [query for block in _BLOCKS for query in block.split(";\n") if query]


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_about_vacuum_run(migrated_postgres_url: str, query: str) -> None:
    """On the tables as they are; none of them changes anything."""
    assert query.startswith("SELECT")
    with psycopg.connect(migrated_postgres_url.replace("+psycopg", "")) as connection:
        connection.execute(query.encode())


def test_the_page_has_queries() -> None:
    """For dead rows, old transactions and the age of each table."""
    assert len(QUERIES) == 5
