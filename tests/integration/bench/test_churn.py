"""How the benchmark of the disk finds what emails leave behind."""

from app.store.engine.database import Database
from bench.modes.history.churn import after_use, lines_of


def test_the_benchmark_of_the_disk_shows_each_update_of_an_email(migrated_postgres_url: str, redis_url: str) -> None:
    """As docs/growth.md has them: none is HOT, since indexes name what it changes. The bodies are erased."""
    found = after_use(migrated_postgres_url, redis_url, emails=100, fillfactor=100)
    updates = {one.table: one.updates for one in found}
    assert updates == {"emails": 1, "recipients": 3, "attempts": 1, "notifications": 2, "events": 0}
    assert {one.hot for one in found} == {0}
    assert all(one.rewritten.rows > 100 and one.rewritten.indexes > 100 for one in found)
    assert [line.split()[:3] for line in lines_of(found)[1:3]] == [
        ["emails", "1.00", "0%"],
        ["recipients", "3.00", "0%"],
    ]
    database = Database(migrated_postgres_url)
    try:
        with database.reading() as connection:
            assert connection.exec_driver_sql("select count(sealed_key) from emails").scalar_one() == 0
    finally:
        database.close()
