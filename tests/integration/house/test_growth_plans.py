"""With years of history, nothing that runs often scans a whole table: no sweep, no page, no command, no email.

SQL makes the history once (`tests/support/database/history.py`), and each test has a copy. Every statement of the
services is explained when it runs (`tests/support/database/query_plans.py`). A new sweep, route or command has to be
covered here too: the tests compare what they cover with what exists.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from app.cli.main import COMMANDS, main
from app.domain.apps.callers import Scope
from app.domain.errors import SignInRefused
from app.domain.reporting.outcome_links import LinkKind
from app.domain.suppression.rules import Origin
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.operating.upkeep import Sweep
from app.services.paging import Page
from app.services.reporting.outcome_links import LinkWish
from app.services.suppression.browse import Part, Wanted
from app.store.webhooks import deliveries, endpoints
from app.web.http.routing import operation_of
from simulator import Options, Simulator
from tests.support.console.people import signed_in
from tests.support.database.command_walks import ELSEWHERE, command_lines
from tests.support.database.history import HOOKS, ROLE_ADDRESS, fill
from tests.support.database.query_plans import Watch, watching
from tests.support.database.walks import OLD, PERSON, QUERIES, single_calls
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, submit
from tests.support.gateway.gateways import SECRET_KEY, caller, gateway_on, migrate
from tests.support.gateway.list_sync import two_lists
from tests.support.gateway.unsubscribe import mark, path_of
from tests.support.gateway.web import NO_ID, Headers, Web, web_on
from tests.support.servers.servers import Postgres, running_postgres, service_directory
from tests.support.users.people import person, sign_in
from tests.support.webhooks.endpoints import scripted, subscribe

EMAILS: Final = 250_000
"""There are as many recipients, attempts, notifications and events, and half as many entries of the list.

A scan of any of these tables reads some thousands of pages, and no page or batch may read so many. So a statement that
passes here does not scan, and costs as little with millions of rows.
"""

MOST_PAGES: Final = 4_000
LOOKS_THROUGH: Final = "concat_ws("
"""In the statements of `forget` that read all texts on purpose, one page of rows at a time by the primary key."""

SHOWN: Final = 12
WHY: Final = {"reason": "A test."}
OPERATING: Final = (
    *("/console", "/console/now", "/console/counts?by=hour", "/console/counts?by=day", "/console/account"),
    *("/console/incidents", "/console/incidents?which=closed", f"/console/incidents?after={NO_ID}"),
    *(f"/console/notifications?which={which}" for which in ("quarantined", "parked", "refused")),
    f"/console/notifications?which=quarantined&before={NO_ID}",
    *("/console/audit", "/console/audit?actor=operator", "/console/audit?actor=nobody", "/console/audit?action=none"),
    *("/console/audit?subject={subject}", "/console/audit?since=2020-01-01", "/console/audit?until=2020-01-01"),
    f"/console/audit?actor=operator&action=suppress&until={OLD[:10]}",
    f"/console/audit?after={NO_ID}",
)
"""Pages of operators, with common filters and with some that nothing passes."""
POSTGRES: Final = {"shared_buffers": "128MB", "max_wal_size": "2GB", "wal_level": "minimal", "max_wal_senders": "0"}


@dataclass(frozen=True)
class History:
    """A PostgreSQL server with a full database to which nothing is connected."""

    server: Postgres
    template: str


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    """Make the history once for this module, which `tests/support/gateway/orderings.py` gives to one process."""
    with service_directory(durable=True) as directory, running_postgres(directory, more=POSTGRES) as server:
        template = server.create_database()
        migrate(server.url(template))
        fill(server.url(template), emails=EMAILS)
        yield History(server, template)


@pytest.fixture
def url(history: History) -> Iterator[str]:
    name = history.server.create_database(template=history.template)
    yield history.server.url(name)
    history.server.drop_database(name)


def require_cheap(watch: Watch) -> None:
    """Fail if a statement scanned a table or read too many rows."""
    dear = watch.reads_through() + watch.reads_more_than(MOST_PAGES)
    some = "\n\n".join(dear[:SHOWN])
    assert not dear, f"{len(dear)} kinds of statements, of {len(watch.costs)} in all\n\n{some}"


@pytest.mark.parametrize("sweep", Sweep)
def test_no_sweep_scans_a_table_that_grows(url: str, redis_url: str, tmp_path: Path, sweep: Sweep) -> None:
    """However much was erased, sent or removed before: a sweep finds its rows by an index, and in batches."""
    with (
        gateway_on(url, redis_url, email_retention_days=80) as gateway,
        two_lists(gateway, tmp_path) as world,
        watching() as watch,
        watch.doing(sweep),
    ):
        if sweep is Sweep.SES_LIST:
            world.sync.sweep()
        else:
            world.gateway.upkeep.run(sweep)
    assert watch.did() == {sweep}
    require_cheap(watch)


def test_no_step_of_an_email_scans_a_table_that_grows(url: str, redis_url: str) -> None:
    """The email is accepted, sent, reported on, and looked for again after its worker died."""
    with gateway_on(url, redis_url) as gateway, watching() as watch:
        who = caller(gateway)
        with watch.doing("accept"):
            sent = [submit(gateway, who, address, idempotency=address) for address in (PERSON, ROLE_ADDRESS)]
        with watch.doing("deliver"):
            for lane in Lane:
                gateway.deliver.drain(lane)
        with watch.doing("settle"):
            feed(gateway, delivery(gateway, sent[0]))
            feed(gateway, bounce(gateway, sent[1]))
            feed(gateway, bounce(gateway, sent[0], kind="Transient", subtype="MailboxFull"))
        with watch.doing("measure"):
            gateway.health.ready()
        with watch.doing("webhooks"):
            subscribe(gateway, who, "email.sent", "email.bounced", "suppression.added")
            scripted(gateway)
            one = submit(gateway, who, "kim@example.net")
            gateway.deliver.drain(Lane.TRANSACTIONAL)
            feed(gateway, bounce(gateway, one))
            with gateway.database.transaction() as connection:
                for endpoint in endpoints.claim(connection, one, limit=5):
                    assert deliveries.due(connection, endpoint.id, limit=200)
            gateway.webhooks.deliver.drain()
    require_cheap(watch)


def test_no_sign_in_scans_a_table_that_grows(url: str, redis_url: str) -> None:
    """Neither one that fails, nor the pages after one that succeeds, nor the end of it."""
    with gateway_on(url, redis_url) as gateway, watching() as watch:
        with watch.doing("sign in"):
            user = person(gateway)
            with pytest.raises(SignInRefused):
                sign_in(gateway, password="a wrong password")
            token = sign_in(gateway)
            gateway.users.sign_in.with_link(gateway.users.users.link(ROOT, "person-7"), user_agent="")
        with watch.doing("sessions"):
            assert gateway.users.sessions.behind(token)
            assert gateway.users.sessions.of_user(user.id)
            gateway.users.sessions.end_all(user, token)
            gateway.users.sessions.end(token)
    require_cheap(watch)


@pytest.fixture
def web(url: str, redis_url: str) -> Iterator[Web]:
    with web_on(url, redis_url, public_url="https://mail.example.com") as web:
        yield web


@pytest.fixture
def keys(web: Web) -> dict[str, Headers]:
    """The headers of a large application, of a small one, and of an administrator."""
    return {"app-1": web.key("app-1"), "app-5": web.key("app-5"), "admin": web.key("ops", *Scope)}


@pytest.mark.parametrize("who", ["app-1", "app-5", "admin"])
def test_no_list_scans_a_table_that_grows(web: Web, keys: dict[str, Headers], who: str) -> None:
    """With any filter, whether many, few or no rows pass it; for applications of any size, and for all at once."""
    recipient = some_recipient(web, app=None if who == "admin" else who)
    with watching() as watch:
        for (method, rule), queries in QUERIES.items():
            hook = HOOKS["app-1" if who == "admin" else who]
            path = rule.replace("<path:email>", ROLE_ADDRESS).replace("<uuid:webhook_id>", hook)
            for query in (one.replace("{recipient}", recipient) for one in queries):
                if who != "admin" and ("app=" in query or rule.endswith(("/reviews", "/apps"))):
                    continue
                if rule.endswith("/export") and query == "":
                    continue  # a query for the whole list: a page of the other lists is read as cheaply
                with watch.doing(f"{method} {path}?{query} of {who}"):
                    answer = web.client.open(f"{path}?{query}", method=method, headers=keys[who])
                    assert answer.status_code == 200, (query, answer.text)
                    next(answer.iter_encoded(), None)
                    answer.close()
    require_cheap(watch)


def some_recipient(web: Web, *, app: str | None) -> str:
    """The id of a recipient at which a page may start, of this application or of any."""
    query = (
        "select max(r.id::text) from recipients r join apps a on a.id = r.app_id where a.name = coalesce(:app, a.name)"
    )
    with web.gateway.database.reading() as connection:
        return str(connection.scalar(text(query), {"app": app}))


def test_every_filter_of_every_list_is_walked(web: Web) -> None:
    """A new list or filter has to be covered here, with history behind it."""
    asked = {
        (method, rule): {pair.partition("=")[0] for query in queries for pair in query.split("&") if pair}
        for (method, rule), queries in QUERIES.items()
    }
    for rule in web.client.application.url_map.iter_rules():
        operation = operation_of(web.client.application.view_functions[rule.endpoint])
        if operation is None or operation.query is None or "GET" not in (rule.methods or ()):
            continue
        assert set(operation.query.model_fields) - {"live"} <= asked.get(("GET", rule.rule), set()), rule.rule


@pytest.mark.parametrize("part", Part)
def test_no_look_through_the_suppressions_scans_a_table_that_grows(web: Web, part: Part) -> None:
    """The list of the console: live or past, by any filter, whether many, few or no entries pass it."""
    narrowed: tuple[dict[str, Any], ...] = (
        {},
        {"origin": Origin.UNSUBSCRIBE},
        {"origin": Origin.ERASURE},
        {"begins": "listed.12"},
        {"begins": "nothing"},
        {"domain": "mail12.example.net"},
        {"domain": "nowhere.example.net"},
        {"scope": "app-5"},
        {"scope": "*"},
        {"app": "app-5"},
        {"app": "app-4"},
    )
    with watching() as watch:
        for narrow in narrowed:
            with watch.doing(f"{part} {narrow}"):
                wanted = Wanted(part=part, **narrow)
                found = web.gateway.browse.page(ROOT, wanted, Page(50)).data
                for entry in found[-1:]:
                    web.gateway.browse.page(ROOT, wanted, Page(50, after=entry.id))
                    web.gateway.browse.page(ROOT, wanted, Page(50, before=entry.id))
                web.gateway.browse.count(ROOT, wanted)
        with watch.doing("reviews"):
            web.gateway.reviews.waiting(ROOT)
            web.gateway.reviews.replies(ROOT)
    require_cheap(watch)


def known_ids(web: Web) -> dict[str, str]:
    """Some ids of the history, keyed by what they identify, and the token of an unsubscribe link."""
    found = {}
    with web.gateway.database.reading() as connection:
        for state in ("delivered", "scheduled", "queued", "held"):
            query = "select email_id from recipients where state = :state order by id desc limit 2"
            found[state], found[f"also_{state}"] = map(str, connection.scalars(text(query), {"state": state}))
        found["entry"] = str(connection.scalar(text("select id from suppressions where removed_at is null limit 1")))
        of_hook = text("select id from webhook_deliveries where endpoint_id = :hook limit 1")
        found["delivery"] = str(connection.scalar(of_hook, {"hook": HOOKS["app-1"]}))
    ops = caller(web.gateway, app="ops", scopes=frozenset({Scope.ADMIN}))
    found["webhook"] = str(subscribe(web.gateway, ops, "email.sent").endpoint.id)
    mark(web.gateway, app="app-1")
    made = web.gateway.reporting.outcome_links.create(
        caller(web.gateway, app="app-1"), LinkWish(kind=LinkKind.ACTOR, value="team")
    )
    found |= {"link": str(made.link.id), "page": urlsplit(made.url or "").path}
    submit(web.gateway, caller(web.gateway, app="app-1"), "kim@example.net", stream="news")
    for lane in Lane:
        web.gateway.deliver.drain(lane)
    return found | {"token": path_of(web).removeprefix("unsubscribe/")}


def test_no_route_scans_a_table_that_grows(web: Web, keys: dict[str, Headers], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every route that exists is covered: a new one that is not fails this test."""
    monkeypatch.setattr("tests.support.gateway.unsubscribe.BASE", "https://mail.example.com")
    calls = single_calls(known_ids(web))
    there_are = {
        (method, rule.rule)
        for rule in web.client.application.url_map.iter_rules()
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


def test_no_page_of_applications_and_endpoints_scans_a_table_that_grows(web: Web) -> None:
    """All of them, one with its budget, the deliveries of an endpoint, and what failed at any; also their replay."""
    operator = signed_in(web, Role.OPERATOR)
    hook, failed = f"/console/webhooks/{HOOKS['app-1']}", "/console/failed-deliveries"
    middle = "01a00000-0000-7000-8000-000000000000"
    states = ("waiting", "delivered", "failed")
    paths = ["/console/apps", "/console/apps?status=archived", "/console/apps/app-1", hook, f"{hook}?after={middle}"]
    paths += [f"{hook}?state={state}" for state in states] + [f"{hook}?state=failed&before={middle}"]
    paths += [
        failed,
        *(f"{failed}?{more}" for more in ("app=app-5", "app=none", f"after={middle}", f"before={middle}")),
    ]
    with watching() as watch:
        for path in paths:
            with watch.doing(path):
                operator.page(path)
        with watch.doing("replay"):
            operator.change(f"{failed}/{HOOKS['app-2']}/replay", since="2019-01-01", until="2099-01-01", **WHY)


@pytest.mark.parametrize("page", OPERATING)
def test_no_page_about_the_gateway_scans_a_table_that_grows(web: Web, page: str) -> None:
    """The overview, which fetches itself again and again, and the lists of operators, with each filter."""
    person = signed_in(web, Role.OPERATOR)
    subject = web.gateway.address_tokens.write(PERSON)
    with watching() as watch, watch.doing(page):
        answer = person.get(page.replace("{subject}", subject))
        assert answer.status_code == 200, answer.text
    require_cheap(watch)


def test_no_command_scans_a_table_that_grows(
    url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that exists is covered: a new one that is not fails this test."""
    for name, value in {"DATABASE_URL": url, "REDIS_URL": redis_url, "SECRET_KEYS": SECRET_KEY}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "simulator")
    monkeypatch.setenv("SES_LIST_SYNC", "off")
    # `forget` reads all rows page by page. Fewer pages show the same plan, and each statement is explained.
    monkeypatch.setattr("app.store.privacy.free_text.PAGE", 25_000)
    monkeypatch.chdir(tmp_path)
    with web_on(url, redis_url, public_url="https://mail.example.com") as web:
        monkeypatch.setattr("tests.support.gateway.unsubscribe.BASE", "https://mail.example.com")
        lines = command_lines(known_ids(web), tmp_path)
    assert lines.keys() | ELSEWHERE == {command.words for command in COMMANDS}
    with Simulator(Options(data=tmp_path / "ses")) as simulator, watching() as watch:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", simulator.url)
        for words, several in lines.items():
            for more in several:
                with watch.doing(" ".join((*words, *more))):
                    main([*words, *more])
    assert "the database failed" not in capsys.readouterr().err
    assert [cost for cost in watch.costs if LOOKS_THROUGH in cost.statement]
    watch.costs = [cost for cost in watch.costs if LOOKS_THROUGH not in cost.statement]
    require_cheap(watch)
