"""How the database finds due mail: by the index of due mail, however much mail has ended."""

from typing import Any

from sqlalchemy import event

from app.services.authenticate import caller_of
from app.wiring import Gateway
from tests.gateways import issue
from tests.mails import submit, take

EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


def test_due_mail_is_found_by_its_index(gateway: Gateway) -> None:
    """On neither database does a claim read through all mail that there ever was."""
    who = caller_of(issue(gateway, app="acme").key)
    submit(gateway, who, "kim@example.net")
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
    for plan in plans:
        assert "ix_recipients_due" in plan, plan
        assert "SCAN recipients" not in plan, plan
