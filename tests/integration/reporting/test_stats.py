"""`GET /v1/stats` and `postern stats`: sums and periods, filtered, for an application its own."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.domain.apps.callers import Scope
from app.domain.moments import first_of_day
from app.domain.reporting.counted import Counted
from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import bounce, complaint, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change
from tests.support.gateway.web import Headers, Web, web_on

DAY = timedelta(days=1)


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def gateway(web: Web) -> Gateway:
    return web.gateway


def get(web: Web, headers: Headers, query: str = "", *, status: int = 200) -> Any:
    answer = web.client.get(f"/v1/stats?{query}", headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json


def some(counts: dict[str, int]) -> dict[str, int]:
    """The counts that are not 0."""
    return {what: number for what, number in counts.items() if number}


@pytest.fixture
def of_two_apps(gateway: Gateway) -> None:
    """An application with emails to two providers, in two streams, and another application."""
    invites, shop = caller(gateway), caller(gateway, app="shop")
    gone = submit(gateway, invites, "kim@gmail.com", stream="news")
    angry = submit(gateway, invites, "ann@example.net")
    fine = submit(gateway, shop, "bob@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, gone))
    feed(gateway, complaint(gateway, angry))
    feed(gateway, delivery(gateway, fine))


@pytest.mark.parametrize(
    "query, expected",
    [
        ("", {"accepted": 2, "sent": 2, "bounced": 1, "hard_bounced": 1, "complained": 1}),
        ("by=hour", {"accepted": 2, "sent": 2, "bounced": 1, "hard_bounced": 1, "complained": 1}),
        ("stream=news", {"accepted": 1, "sent": 1, "bounced": 1, "hard_bounced": 1}),
        ("provider=other", {"accepted": 1, "sent": 1, "complained": 1}),
        ("provider=gmail&stream=default", {}),
        ("until=2025-01-31&since=2025-01-01", {}),
        ("until=0001-01-01", {}),
        ("until=9999-12-31", {"accepted": 2, "sent": 2, "bounced": 1, "hard_bounced": 1, "complained": 1}),
    ],
)
@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.usefixtures("of_two_apps")
def test_an_application_sees_its_own_counts(web: Web, query: str, expected: dict[str, int], folded: bool) -> None:
    """By every filter, before and after they are folded."""
    if folded:
        web.gateway.upkeep.run(Sweep.COUNTS)
    found = get(web, web.key("invites", Scope.EMAILS_READ), query)
    assert some(found["total"]) == expected
    assert [some(one["counts"]) for one in found["data"]] == ([expected] if expected else [])
    assert set(found["total"]) == set(Counted)


@pytest.mark.usefixtures("of_two_apps")
def test_an_admin_sees_all_and_may_name_an_application(web: Web) -> None:
    """An application is refused another's name, and so is a name that is unknown."""
    admin, own = web.key("ops", Scope.ADMIN), web.key("invites", Scope.EMAILS_READ)
    assert get(web, admin)["total"]["accepted"] == 3
    assert some(get(web, admin, "app=shop")["total"]) == {"accepted": 1, "sent": 1, "delivered": 1}
    assert get(web, own, "app=invites")["total"]["accepted"] == 2
    get(web, own, "app=shop", status=403)
    assert get(web, admin, "app=none", status=422)["errors"][0]["pointer"] == "/app"


@pytest.mark.parametrize(
    "query, pointer",
    [
        ("by=week", "/by"),
        ("provider=nowhere", "/provider"),
        ("since=2026-02-01&until=2026-01-01", "/since"),
        ("since=2020-01-01&until=2026-01-01", "/since"),
        ("by=hour&since=2026-01-01&until=2026-01-02", "/since"),
        ("since=yesterday", "/since"),
        ("since=9999-12-31", "/since"),
        ("since=0001-01-01", "/since"),
    ],
)
def test_a_question_out_of_bounds_is_refused(web: Web, query: str, pointer: str) -> None:
    """An answer has at most 100 days, and hours are kept for a week."""
    errors = get(web, web.key("invites", Scope.EMAILS_READ), query, status=422)["errors"]
    assert [one["pointer"] for one in errors] == [pointer]


@pytest.mark.usefixtures("of_two_apps")
def test_periods_are_whole_and_come_in_order(web: Web) -> None:
    """A period that was begun is in the answer as a whole, and one without counts is left out."""
    with web.gateway.database.reading() as connection:
        today = first_of_day(clock(connection))
    change(web.gateway, "count_changes", {"hour": today - 3 * DAY}, what="sent")
    change(web.gateway, "count_changes", {"hour": today - 20 * DAY}, what="accepted")
    web.gateway.upkeep.run(Sweep.COUNTS)
    since = f"{today - 20 * DAY + timedelta(hours=7):%Y-%m-%dT%H:%M:%SZ}"
    found = get(web, web.key("invites", Scope.EMAILS_READ), f"since={since}")
    assert [some(one["counts"]) for one in found["data"][:2]] == [{"accepted": 2}, {"sent": 2}]
    at = [f"{today - days * DAY:%Y-%m-%dT00:00:00.000000Z}" for days in (20, 3)]
    assert [one["at"] for one in found["data"][:2]] == at
    assert found["since"] == at[0]
    assert found["until"] == f"{today + DAY:%Y-%m-%dT00:00:00.000000Z}"


@pytest.mark.usefixtures("of_two_apps")
def test_an_operator_reads_the_counts(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each day and the sums; `--json` has all counts."""
    point_at(gateway, tmp_path, monkeypatch)
    age(gateway, "count_changes", "hour", 2 * DAY, what="complained")
    assert main(["stats", "--app", "invites"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert printed[0] == ["day", "accepted", "sent", "delivered", "bounced", "complained", "suppressed", "unknown"]
    assert printed[-1] == ["in", "all", "2", "2", "0", "1", "1", "0", "0"]
    assert main(["stats", "--by", "hour", "--provider", "gmail", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert some(answer["total"]) == {"accepted": 1, "sent": 1, "bounced": 1, "hard_bounced": 1}
    assert main(["stats", "--since", "2026-01-01", "--until", "2026-01-31"]) == 0
    assert "Nothing was counted" in capsys.readouterr().out
