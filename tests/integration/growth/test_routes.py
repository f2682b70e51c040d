"""With years of history, no route of the API scans a whole table, whatever it filters by.

A new route or filter has to be covered here too: the tests compare what they cover with what exists.
"""

import re

import pytest
from flask import Flask
from sqlalchemy import text

from app.web.http.routing import operation_of
from tests.integration.growth.conftest import History
from tests.support.database.history import HOOKS, ROLE_ADDRESS
from tests.support.database.known_ids import known_ids
from tests.support.database.query_plans import require_cheap, watching
from tests.support.database.walks import QUERIES, single_calls
from tests.support.gateway.web import Headers, Web


@pytest.mark.parametrize("who", ["app-1", "app-5", "admin"])
def test_no_list_scans_a_table_that_grows(web: Web, keys: dict[str, Headers], who: str) -> None:
    """With any filter, whether many, few or no rows pass it; for applications of any size, and for all at once."""
    recipient = some_recipient(web, app=None if who == "admin" else who)
    with watching() as watch:
        for (method, rule), queries in QUERIES.items():
            hook = HOOKS["app-1" if who == "admin" else who]
            path = rule.replace("<path:email>", ROLE_ADDRESS).replace("<uuid:webhook_id>", hook)
            path = path.replace("<app>", "app-1")
            for query in (one.replace("{recipient}", recipient) for one in queries):
                if who != "admin" and ("app=" in query or rule.endswith(("/reviews", "/apps", "/keys"))):
                    continue
                if rule.endswith("/export") and query == "":
                    continue  # a query for the whole list: a page of the other lists is read as cheaply
                with watch.doing(f"{method} {path}?{query} of {who}"):
                    answer = web.client.open(f"{path}?{query}", method=method, headers=keys[who])
                    assert answer.status_code == 200, (query, answer.text)
                    next(answer.iter_encoded(), None)
                    answer.close()
    require_cheap(watch)


@pytest.mark.parametrize("who", ["app-1", "admin"])
@pytest.mark.parametrize("query", ["reference=campaign", "actor=importer", f"to={ROLE_ADDRESS}"])
def test_what_is_rare_is_not_looked_for_among_much(
    history: History, web: Web, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch, who: str, query: str
) -> None:
    """Held email of one who has a million is found by its state, even where the planner would rather join both."""
    monkeypatch.setattr("app.store.submission.bounded_counts._ALWAYS_LOOKED_THROUGH", 1_000)
    history.server.execute(f'ALTER DATABASE "{web.gateway.database.engine.url.database}" SET enable_nestloop TO off')
    web.gateway.database.engine.dispose()
    with watching() as watch:
        found = web.client.get(f"/v1/emails?{query}&state=held", headers=keys[who])
    assert len(found.json["data"]) > 0  # type: ignore[index]
    [plan] = [
        cost.plan for cost in watch.costs if "recipients.state = 'held'" in cost.statement and "ORDER" in cost.statement
    ]
    assert not re.search("ix_emails_app_id|ix_recipients_key|Seq Scan (emails|recipients)", plan), plan


def some_recipient(web: Web, *, app: str | None) -> str:
    """The id of a recipient at which a page may start, of this application or of any."""
    query = (
        "select max(r.id::text) from recipients r join apps a on a.id = r.app_id where a.name = coalesce(:app, a.name)"
    )
    with web.gateway.database.reading() as connection:
        return str(connection.scalar(text(query), {"app": app}))


def test_every_filter_of_every_list_is_walked(application: Flask) -> None:
    """A new list or filter has to be covered here, with history behind it."""
    asked = {
        (method, rule): {pair.partition("=")[0] for query in queries for pair in query.split("&") if pair}
        for (method, rule), queries in QUERIES.items()
    }
    for rule in application.url_map.iter_rules():
        operation = operation_of(application.view_functions[rule.endpoint])
        if operation is None or operation.query is None or "GET" not in (rule.methods or ()):
            continue
        assert set(operation.query.model_fields) - {"live"} <= asked.get(("GET", rule.rule), set()), rule.rule


def test_no_route_scans_a_table_that_grows(web: Web, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every route that exists is covered: a new one that is not fails this test."""
    monkeypatch.setattr("tests.support.gateway.unsubscribe.BASE", "https://mail.example.com")
    calls = single_calls(known_ids(web))
    there_are = {
        (method, rule.rule)
        for rule in web.client.application.url_map.iter_rules()
        if operation_of(web.client.application.view_functions[rule.endpoint])
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert there_are == calls.keys() | QUERIES.keys()
    with watching() as watch:
        for (method, rule), several in calls.items():
            for path, body in several:
                with watch.doing(f"{method} {path}"):
                    kind = "application/x-www-form-urlencoded" if "unsubscribe" in path else "text/csv"
                    given = {"data": body, "content_type": kind} if isinstance(body, str) else {"json": body}
                    answer = web.client.open(path, method=method, headers=keys["admin"], **given)
                    assert answer.status_code < 500 or rule == "/readyz", (path, answer.text)
                    answer.close()
    require_cheap(watch)
