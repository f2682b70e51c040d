"""`/console/audit`: every change is found by actor, action, address and day, and downloaded."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from app.domain.moments import first_of_day
from app.domain.users.roles import Role
from app.store.engine.ids import first_id_of
from app.store.operating import audit
from app.wiring.gateway import Gateway
from tests.support.console.people import Person, signed_in
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import Web, web_on

ATTACK = "<script>alert(1)</script>"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def operator(web: Web) -> Person:
    return signed_in(web, Role.OPERATOR, name="olga")


def note(gateway: Gateway, action: str, *, actor: str = "cli:root", key: str | None = None, **more: Any) -> None:
    """Append one entry."""
    with gateway.database.transaction() as connection:
        audit.write(
            connection, actor=actor, action=action, key=key, reason=more.pop("reason", "Asked."), data=more or {}
        )


def actions(page: str) -> list[str]:
    """The actions that a page lists, but for the sign-ins of these tests."""
    found = [cells[2] for cells in cells_of(page)]
    return [one for one in found if not one.startswith("user.")]


def cells_of(page: str) -> list[list[str]]:
    """The text of each cell of each row."""
    body = page.partition("<tbody")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in rows
    ]


def test_each_change_has_actor_action_subject_reason_and_details(web: Web, operator: Person) -> None:
    """The newest is first."""
    note(web.gateway, "pause", lane="bulk", reason="Wrong picture.")
    note(web.gateway, "unsuppress", actor="user:kim", key="ann@example.net", app=None, origins=["bounce", "manual"])
    first, second = cells_of(operator.page("/console/audit"))[:2]
    assert first[1:] == ["user:kim", "unsuppress", "ann@example.net", "Asked.", "app: none; origins: bounce, manual"]
    assert second[1:] == ["cli:root", "pause", "", "Wrong picture.", "lane: bulk"]


@pytest.mark.parametrize(
    "query, expected",
    [
        ("actor=user:kim", ["unsuppress"]),
        ("action=pause", ["pause"]),
        ("actor=user:kim&action=pause", []),
        ("since=2020-01-01", ["unsuppress", "pause"]),
        ("since=2999-01-01", []),
        ("until=2020-01-01", []),
    ],
)
def test_a_filter_shows_what_matches(web: Web, operator: Person, query: str, expected: list[str]) -> None:
    """And what the person chose stays in the form; with no match the page says so."""
    note(web.gateway, "pause", lane="bulk")
    note(web.gateway, "unsuppress", actor="user:kim", key="ann@example.net")
    page = operator.change("/console/audit", **dict(pair.split("=") for pair in query.split("&"))).text
    assert actions(page) == expected
    assert f'value="{query.partition("&")[0].partition("=")[2]}"' in page
    assert ("No change matches" in page) == (not expected)


def test_a_day_is_included_to_its_end(web: Web, operator: Person) -> None:
    """What happened on the day that the filter ends with is listed, and not on the day after."""
    note(web.gateway, "pause", lane="bulk")
    [entry] = rows(web.gateway, "audit", action="pause")
    day, before = entry["at"].date(), entry["at"].date() - timedelta(days=1)
    assert actions(operator.page(f"/console/audit?since={day}&until={day}")) == ["pause"]
    assert actions(operator.page(f"/console/audit?until={before}")) == []


def test_a_day_ends_at_midnight_by_the_clock_of_the_database(web: Web, operator: Person) -> None:
    """Though the id of an entry, which narrows the search, contains a time of another clock."""
    note(web.gateway, "pause")
    note(web.gateway, "resume")
    midnight, minute = first_of_day(rows(web.gateway, "audit", action="pause")[0]["at"]), timedelta(minutes=1)
    change(web.gateway, "audit", {"at": midnight, "id": first_id_of(midnight - minute)}, action="pause")
    change(web.gateway, "audit", {"at": midnight - minute, "id": first_id_of(midnight + minute)}, action="resume")
    day, before = midnight.date(), midnight.date() - timedelta(days=1)
    assert actions(operator.page(f"/console/audit?since={day}&until={day}")) == ["pause"]
    assert actions(operator.page(f"/console/audit?since={before}&until={before}")) == ["resume"]


def test_changes_about_an_address_are_found_without_it_in_a_url(web: Web, operator: Person) -> None:
    """In whatever case it was typed; another token is refused, and so is what is no address."""
    note(web.gateway, "suppress", key="ann@example.net")
    note(web.gateway, "suppress", key="@example.org")
    note(web.gateway, "pause")
    answer = operator.post("/console/audit", about=" Ann@Example.NET ")
    assert answer.status_code == 303
    assert "ann" not in answer.headers["Location"].lower()
    page = operator.page(answer.headers["Location"])
    assert [cells[3] for cells in cells_of(page)] == ["ann@example.net"]
    of_domain = operator.change("/console/audit", about="@example.org").text
    assert [cells[3] for cells in cells_of(of_domain)] == ["@example.org"]
    assert operator.get("/console/audit?subject=AAAA").status_code == 404
    assert operator.post("/console/audit", about="nothing").status_code == 422


def test_the_name_of_a_user_is_in_no_url(web: Web, operator: Person) -> None:
    """It may be an address: neither the form nor the link of an actor writes it there."""
    note(web.gateway, "pause", actor="user:kim@example.net")
    answer = operator.post("/console/audit", actor="user:kim@example.net")
    page = operator.page(answer.headers["Location"])
    assert actions(page) == ["pause"]
    assert not any("kim" in url for url in (answer.headers["Location"], *re.findall(r'href="([^"]+)"', page)))


def test_pages_lead_to_all_changes(web: Web, operator: Person) -> None:
    """Back and forth, with the filter that was chosen."""
    for number in range(120):
        note(web.gateway, "pause" if number % 2 else "resume", reason=str(number))
    seen, url = [], "/console/audit?action=pause"
    while url:
        page = operator.page(url)
        seen += [cells[4] for cells in cells_of(page)]
        older = re.search(r'<a rel="next" href="([^"]+)"', page)
        url = unescape(older[1]) if older else ""
    assert seen == [str(number) for number in range(119, 0, -2)]
    newer = re.search(r'<a rel="prev" href="([^"]+)"', page)
    assert newer is not None
    assert [cells[4] for cells in cells_of(operator.page(unescape(newer[1])))] == seen[:50]


def test_the_download_has_every_change_that_was_sought(web: Web, operator: Person) -> None:
    """More than a page of them, and no cell that a spreadsheet takes for a formula."""
    for number in range(60):
        note(web.gateway, "pause", reason=f"=HYPERLINK({number})")
    note(web.gateway, "resume")
    answer = operator.get("/console/audit.csv?action=pause")
    assert "audit.csv" in answer.headers["Content-Disposition"]
    header, *lines = csv.reader(io.StringIO(answer.text))
    assert header == ["at", "actor", "action", "about", "reason", "details"]
    assert [line[4] for line in lines] == [f"'=HYPERLINK({number})" for number in range(59, -1, -1)]


def test_what_was_written_by_others_does_nothing_on_the_page(web: Web, operator: Person) -> None:
    """An actor, a reason or a detail with HTML in it is shown as text."""
    note(web.gateway, "pause", actor=ATTACK, reason=ATTACK, subject=ATTACK, names=[ATTACK])
    page = operator.page("/console/audit")
    assert ATTACK not in page
    assert cells_of(page)[0][1] == ATTACK
    assert ATTACK not in operator.change("/console/audit", actor=ATTACK).text


def test_what_a_user_did_is_listed(web: Web, operator: Person) -> None:
    """With `user:` and the name: the sign-in of this very session."""
    assert ["user:olga", "user.signed_in"] in [cells[1:3] for cells in cells_of(operator.page("/console/audit"))]
