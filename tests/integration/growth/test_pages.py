"""With years of history, no page of the console scans a whole table, whatever it filters by.

Pages without a query are found by their links; those with one are in `tests/support/database/page_walks.py`.
"""

import re
from itertools import islice
from typing import Any, Final

from flask import Flask
from sqlalchemy import text
from werkzeug.routing import MapAdapter
from werkzeug.test import TestResponse

from app.web.console.frame.operations import page_operation_of
from tests.support.console.crawl import crawl
from tests.support.console.people import Person, signed_in
from tests.support.database.history import HOOKS
from tests.support.database.page_walks import PAGES, RECIPIENT
from tests.support.database.query_plans import require_cheap, watching
from tests.support.gateway.web import Web

TOKEN: Final = re.compile(r"\{([^}]+)\}")
OPENED: Final = (200, 409)
"""The content of emails that SQL made cannot be opened: a 409."""

ASKS_SES: Final = {"live"}
NOT_SIGNED_IN: Final = "/console/sign-in"
PIECES: Final = 3
"""Of a download: its head, its first rows and the rows after those. All further rows are read as these last ones."""


class Brief(Person):
    """A person who breaks downloads off."""

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page, and read its first pieces."""
        answer = self.client.get(path, **more)
        begun = b"".join(islice(answer.iter_encoded(), PIECES))
        answer.close()
        answer.set_data(begun)
        return answer


def test_no_page_scans_a_table_that_grows(web: Web) -> None:
    """Each page that an admin gets to, with each filter, whether many, few or no rows pass it."""
    admin = Brief(**vars(signed_in(web)))
    linked = [path for paths in crawl(web, admin, statuses=OPENED, of_each=2).values() for path in paths]
    filtered = [f"{path}?{query}".rstrip("?") for path, queries in PAGES.items() for query in queries]
    with web.gateway.database.reading() as connection:
        recipient = str(connection.scalar(text("select max(id::text) from recipients")))
    with watching() as watch:
        for path in (*linked, *filtered):
            with watch.doing(path):
                named = TOKEN.sub(lambda name: web.gateway.address_tokens.write(name[1]), path)
                answer = admin.get(named.replace(RECIPIENT, recipient))
                assert answer.status_code in OPENED, (path, answer.text)
    require_cheap(watch)


def test_no_replay_of_what_failed_scans_a_table_that_grows(web: Web) -> None:
    """All that failed at one endpoint, in years."""
    admin = signed_in(web)
    path = f"/console/failed-deliveries/{HOOKS['app-2']}/replay"
    with watching() as watch, watch.doing("replay"):
        admin.change(path, since="2019-01-01", until="2099-01-01", reason="It is back.")
    require_cheap(watch)


def test_every_filter_of_every_page_is_walked(application: Flask) -> None:
    """A new page with a query, or a new filter, has to be covered here, with history behind it."""
    routes = application.url_map.bind("localhost")
    asked: dict[str, set[str]] = {}
    for path, queries in PAGES.items():
        asked.setdefault(rule_of(routes, path), set()).update(
            pair.partition("=")[0] for query in queries for pair in query.split("&") if pair
        )
    for rule in application.url_map.iter_rules():
        operation = page_operation_of(application.view_functions[rule.endpoint])
        if operation and operation.query and not rule.rule.startswith(NOT_SIGNED_IN):
            assert set(operation.query.model_fields) - ASKS_SES <= asked.get(rule.rule, set()), rule.rule


def rule_of(routes: MapAdapter, path: str) -> str:
    rule, _ = routes.match(TOKEN.sub("token", path), method="GET", return_rule=True)
    return rule.rule
