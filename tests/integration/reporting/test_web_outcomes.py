"""`/v1/outcomes`: the words of the API, filters, pages, and the file."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from app.queue import Lane
from tests.support.gateway.emails import bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.web import NO_ID, Headers, Web, body_of, pointers, problem_of, web_on

KIM, ANN = "kim@example.net", "ann@example.net"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def headers(web: Web) -> Headers:
    """The headers of an application that has sent two emails, one of which met a full mailbox."""
    who = caller(web.gateway)
    full = submit(web.gateway, who, KIM, actor="user-7", reference="i-1", stream="news", tags=(("list", "a"),))
    submit(web.gateway, who, ANN, actor="user-8")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, full, kind="Transient", subtype="MailboxFull"))
    return web.key()


def listed(web: Web, headers: Headers, query: str) -> list[dict[str, Any]]:
    """Return the rows of a list."""
    body = body_of(web.client.get(f"/v1/outcomes?{query}", headers=headers))
    assert (body["object"], body["has_more"]) == ("list", False)
    rows: list[dict[str, Any]] = body["data"]
    return rows


def test_a_row_has_the_words_that_others_rely_on(web: Web, headers: Headers) -> None:
    """The outcome in words, whose email it was, and where to look further."""
    [row] = listed(web, headers, "actor=user-7")
    assert {name: row[name] for name in ("email", "outcome", "cause", "sentence", "next_step", "who_can_act")} == {
        "email": KIM,
        "outcome": "not_delivered",
        "cause": "mailbox_full",
        "sentence": "The mailbox is full.",
        "next_step": "Try again next week.",
        "who_can_act": "inviter",
    }
    assert (row["actor"], row["reference"], row["stream"], row["app"]) == ("user-7", "i-1", "news", "invites")
    email = web.email(headers, row["email_id"])
    assert (row["recipient_id"], row["updated_at"]) == (
        email["recipients"][0]["id"],
        email["recipients"][0]["updated_at"],
    )


@pytest.mark.parametrize(
    "query",
    [
        "actor=user-7",
        "reference=i-1",
        "stream=news",
        "tag=list:a",
        "outcome=not_delivered",
        "outcome=not_delivered,unknown",
        "outcome=unknown&outcome=not_delivered",
        "cause=mailbox_full",
        "email=KIM@example.net",
        "actor=user-7&reference=i-1&stream=news&tag=list:a&outcome=not_delivered&cause=mailbox_full&since=2020-01-01",
    ],
)
def test_a_list_is_filtered(web: Web, headers: Headers, query: str) -> None:
    """By each filter alone and by all together; the counts of the same filter count the same emails."""
    assert [row["email"] for row in listed(web, headers, query)] == [KIM]
    if "outcome" not in query and "cause" not in query:
        counted = body_of(web.client.get(f"/v1/outcomes/counts?{query}", headers=headers))
        assert counted == {
            "object": "outcome_counts",
            "counts": {"on_its_way": 0, "delivered": 0, "not_delivered": 1, "not_sent": 0, "unknown": 0},
            "emails": 1,
            "complete": True,
        }


@pytest.mark.parametrize("way", ["format", "accept"])
def test_a_list_is_a_file_where_it_is_asked_for(web: Web, headers: Headers, way: str) -> None:
    """With `format=csv`, or by the media type; a browser, which accepts everything, gets JSON."""
    query, accept = ("?format=csv", "*/*") if way == "format" else ("", "text/csv")
    answer = web.client.get(f"/v1/outcomes{query}", headers={**headers, "Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="outcomes.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["email"], row["outcome"], row["sentence"]) for row in rows] == [
        (ANN, "on_its_way", "The email has left; an answer is still to come."),
        (KIM, "not_delivered", "The mailbox is full."),
    ]
    assert web.client.get("/v1/outcomes", headers={**headers, "Accept": "*/*"}).mimetype == "application/json"
    asked = web.client.get("/v1/outcomes?format=json", headers={**headers, "Accept": "text/csv"})
    assert asked.mimetype == "application/json"


def test_pages_go_by_the_id_of_a_recipient(web: Web, headers: Headers) -> None:
    """As in every other list: `limit`, `after` and `before`, and whether there is more."""
    first = body_of(web.client.get("/v1/outcomes?limit=1", headers=headers))
    assert (first["has_more"], [row["email"] for row in first["data"]]) == (True, [ANN])
    second = body_of(web.client.get(f"/v1/outcomes?after={first['data'][0]['recipient_id']}", headers=headers))
    assert (second["has_more"], [row["email"] for row in second["data"]]) == (False, [KIM])
    back = body_of(web.client.get(f"/v1/outcomes?before={second['data'][0]['recipient_id']}", headers=headers))
    assert back["data"] == first["data"]


@pytest.mark.parametrize(
    "query, pointer",
    [
        ("outcome=lost", "/outcome"),
        ("cause=bad_luck", "/cause"),
        ("tag=a", "/tag"),
        ("email=kim", "/email"),
        ("actor=" + "a" * 321, "/actor"),
        ("format=xml", "/format"),
        (f"after={NO_ID}", "/after"),
        (f"before={NO_ID}", "/before"),
        ("limit=101", "/limit"),
    ],
)
def test_what_is_wrong_is_named(web: Web, headers: Headers, query: str, pointer: str) -> None:
    """The answer names the parameter and never repeats its value."""
    problem = problem_of(web.client.get(f"/v1/outcomes?{query}", headers=headers), 422, "validation_error")
    assert pointers(problem) == [pointer]
