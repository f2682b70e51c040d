"""Pages: how soon each page of the console and each list of the API is there, after years of history.

A PostgreSQL is filled by SQL. Then every page that an admin gets to, with every filter, and every GET route is opened:
a few times to warm up, and then as often as is measured. Files (CSV, exports) are left out: they stream as long as they
have rows. What counts is 95 of a hundred openings, for the slowest query of a page.
"""

import gc
import logging
import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Final
from unittest.mock import patch

import structlog
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.domain.apps.callers import Scope
from bench.measure.goals import Goal, Json, at_most
from bench.modes.history.filled import filled
from bench.options import Amount, add_amounts
from tests.support.console.crawl import crawl
from tests.support.console.people import signed_in
from tests.support.database.history import HOOKS, ROLE_ADDRESS
from tests.support.database.known_ids import known_ids
from tests.support.database.page_walks import PAGES, RECIPIENT
from tests.support.database.walks import QUERIES, single_calls
from tests.support.gateway.web import Web, web_on

EMAILS = Amount(name="emails", usual=10_000_000, quick=20_000, what="emails of the history")
OPENED = Amount(name="opened", usual=20, quick=2, what="times that each page is opened and measured")
WARM_UP: Final = 4
GOAL_MS: Final = 150
BASE: Final = "https://mail.example.com"
ANSWERS: Final = (200, 202, 404, 409, 422, 503)
"""What SQL made cannot be opened (409), too wide a filter is refused (422), and no worker runs (503)."""

_TOKEN: Final = re.compile(r"\{([^}]+)\}")
_FILE: Final = re.compile(r"csv|export|download")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One path with its query, opened several times: the last status, and milliseconds, in order of size."""

    path: str
    status: int
    milliseconds: tuple[float, ...]

    def share(self, share: float) -> float:
        """Return the time within which this share of the openings ended."""
        return self.milliseconds[ceil(share * len(self.milliseconds)) - 1]

    @property
    def page(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, OPENED)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Fill, open everything, print the table, and return the goal and the figures; `failed` are other answers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    emails = EMAILS.of(given)
    with (
        filled(emails, say) as there,
        patch("tests.support.gateway.unsubscribe.BASE", BASE),
        web_on(there.database_url, there.redis_url, public_url=BASE, requests_per_second=100_000) as web,
    ):
        # As in web processes: a look at all that is loaded here would hold up one opening in twenty.
        gc.collect()
        gc.freeze()
        opened = [_opened(path, get, OPENED.of(given)) for path, get in _everything(web)]
    for line in _lines(opened):
        say(line)
    failed = [f"{one.status} {one.path}" for one in opened if one.status not in ANSWERS]
    for line in failed:
        say(f"failed: {line}")
    rows = [{"path": one.path, "p50": one.share(0.5), "p95": one.share(0.95)} for one in opened]
    found = [goal.as_json() for goal in goals(opened)]
    return {"goals": found, "emails": emails, "milliseconds": rows, "failed": failed}


def goals(opened: list[Opened]) -> list[Goal]:
    """Return the goal: the slowest page, by the slowest of its queries."""
    return [at_most("pages: the slowest, p95 in ms", GOAL_MS, [max(one.share(0.95) for one in opened)])]


def _everything(web: Web) -> Iterator[tuple[str, Callable[[], TestResponse]]]:
    """Yield each path that is opened, and how."""
    admin, key = signed_in(web), web.key("ops", *Scope)
    with web.gateway.database.reading() as connection:
        recipient = str(connection.scalar(text("select max(id::text) from recipients")))
    linked = [path for paths in crawl(web, admin, statuses=ANSWERS, of_each=1).values() for path in paths]
    filtered = [f"{path}?{query}".rstrip("?") for path, queries in PAGES.items() for query in queries]
    for path in filter(_is_page, dict.fromkeys((*linked, *filtered))):
        named = _TOKEN.sub(lambda name: web.gateway.address_tokens.write(name[1]), path)
        yield path, lambda named=named: admin.get(named.replace(RECIPIENT, recipient))  # type: ignore[misc]
    for path in filter(_is_page, dict.fromkeys(_routes(web, recipient))):
        yield path, lambda path=path: web.client.get(path, headers=key)  # type: ignore[misc]


def _routes(web: Web, recipient: str) -> Iterator[str]:
    for (method, rule), calls in single_calls(known_ids(web)).items():
        if method == "GET" and not rule.endswith("/explain"):
            yield from (path for path, _ in calls)
    for (_, rule), queries in QUERIES.items():
        path = rule.replace("<path:email>", ROLE_ADDRESS).replace("<uuid:webhook_id>", HOOKS["app-1"])
        for query in queries:
            yield f"{path.replace('<app>', 'app-1')}?{query.replace('{recipient}', recipient)}".rstrip("?")


def _is_page(path: str) -> bool:
    return not _FILE.search(path)


def _opened(path: str, get: Callable[[], TestResponse], times: int) -> Opened:
    took, status = [], 0
    for _ in range(WARM_UP + times):
        began = time.perf_counter()
        status = get().status_code
        took.append(1_000 * (time.perf_counter() - began))
    milliseconds = tuple(round(one, 1) for one in sorted(took[WARM_UP:]))
    return Opened(path=path, status=status, milliseconds=milliseconds)


def _lines(opened: list[Opened]) -> Iterator[str]:
    """Yield a line for each page, by the slowest of its queries, below one that names the columns."""
    yield f"{'p95 ms':>8}{'p50 ms':>8}{'queries':>9}  the slowest query of each page"
    by_page = groupby(sorted(opened, key=lambda one: one.page), key=lambda one: one.page)
    pages = [list(queries) for _, queries in by_page]
    slowest = [(max(queries, key=lambda one: one.share(0.95)), len(queries)) for queries in pages]
    for one, queries in sorted(slowest, key=lambda pair: -pair[0].share(0.95)):
        yield f"{one.share(0.95):8.1f}{one.share(0.5):8.1f}{queries:9}  {one.path}"
