"""The database finds due email and suppressions by indexes, however much there is of either."""

from typing import Any

import pytest
from sqlalchemy import event

from app.services.apps.authenticate import caller_of
from app.store.sending import circuits
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit, take
from tests.support.gateway.gateways import issue
from tests.support.suppression.list_files import put

EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


def plans_of_a_claim(gateway: Gateway, *, apps: int = 1) -> list[str]:
    """How the database runs each statement of a claim that reads due email, of so many applications."""
    for number in range(apps):
        submit(gateway, caller_of(issue(gateway, app=f"acme-{number}").key), "kim@example.net")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(gateway.database.engine, "before_cursor_execute", note)
    assert take(gateway).size == apps
    event.remove(gateway.database.engine, "before_cursor_execute", note)
    kind = gateway.database.engine.dialect.name
    plans = []
    with gateway.database.reading() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in asked:
            if "due_at" in statement and "recipients" in statement:
                rows = connection.exec_driver_sql(EXPLAIN[kind] + statement, parameters)
                plans.append("\n".join(str(row) for row in rows))
    assert plans
    return plans


@pytest.mark.parametrize("apps", [1, 5])
def test_due_email_is_found_by_its_index(gateway: Gateway, apps: int) -> None:
    """On neither database does a claim scan the table of all recipients."""
    for plan in plans_of_a_claim(gateway, apps=apps):
        assert "ix_recipients_due" in plan, plan
        assert "SCAN recipients" not in plan, plan


def test_the_list_is_searched_by_index_and_never_scanned(gateway: Gateway) -> None:
    """PostgreSQL finds the address by its hash, and its other names in an index that has no addresses."""
    put(gateway, *({"key": f"person.{number}@example.org"} for number in range(1_000)), {"key": "@example.com"})
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("ANALYZE suppressions")
    [plan] = [plan for plan in plans_of_a_claim(gateway) if "suppressions" in plan]
    assert "SCAN suppressions" not in plan, plan
    if gateway.database.engine.dialect.name == "postgresql":
        assert "Index Scan using ix_suppressions_no_domain on" in plan, plan
        assert "Index Scan using ix_suppressions_no_address on" in plan, plan


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("scope", ["ses", "account", "recovery", "lane:transactional"])
def test_while_all_email_waits_no_row_of_the_queue_is_read(gateway: Gateway, scope: str) -> None:
    """An outage with a long queue costs one look at the circuits each second, not one at each email that waits."""
    submit(gateway, caller_of(issue(gateway, app="acme").key), "kim@example.net")
    with gateway.database.transaction() as connection:
        circuits.trip(connection, scope, reason="For this test.")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(gateway.database.engine, "before_cursor_execute", note)
    assert take(gateway).size == 0
    event.remove(gateway.database.engine, "before_cursor_execute", note)
    [(statement, parameters)] = [one for one in asked if "recipients" in one[0]]
    with gateway.database.reading() as connection:
        rows = connection.exec_driver_sql("EXPLAIN (ANALYZE, TIMING OFF) " + statement, parameters)
        plan = [row[0] for row in rows]
    read = [line for line in plan if " on recipients" in line]
    assert read, plan
    assert all("never executed" in line for line in read), plan
