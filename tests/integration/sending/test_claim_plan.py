"""How the database finds due mail, and what the list says of it: by indexes, however much there is of either."""

from typing import Any

from sqlalchemy import event

from app.services.authenticate import caller_of
from app.wiring import Gateway
from tests.gateways import issue
from tests.lists import put
from tests.mails import submit, take

EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


def plans_of_a_claim(gateway: Gateway) -> list[str]:
    """How the database runs each statement of a claim that reads due mail."""
    submit(gateway, caller_of(issue(gateway, app="acme").key), "kim@example.net")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(gateway.database.engine, "before_cursor_execute", note)
    assert take(gateway).size == 1
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


def test_due_mail_is_found_by_its_index(gateway: Gateway) -> None:
    """On neither database does a claim read through all mail that there ever was."""
    for plan in plans_of_a_claim(gateway):
        assert "ix_recipients_due" in plan, plan
        assert "SCAN recipients" not in plan, plan


def test_the_list_is_searched_and_never_read_through(gateway: Gateway) -> None:
    """PostgreSQL looks for the address by its hash, and for its other names where there are no addresses."""
    put(gateway, *({"key": f"person.{number}@example.org"} for number in range(1_000)), {"key": "@example.com"})
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("ANALYZE suppressions")
    [plan] = [plan for plan in plans_of_a_claim(gateway) if "suppressions" in plan]
    assert "SCAN suppressions" not in plan, plan
    if gateway.database.engine.dialect.name == "postgresql":
        assert "Index Scan using ix_suppressions_no_domain on" in plan, plan
        assert "Index Scan using ix_suppressions_no_address on" in plan, plan
