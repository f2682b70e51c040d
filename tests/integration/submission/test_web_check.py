"""`/v1/emails/check`: whether an email would be sent, asked beforehand, on both databases and whatever Redis holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import event

from app.domain.apps.callers import Scope
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import everything_stored
from tests.support.gateway.web import Headers, Web, body_of, pointers, problem_of, soon, web_on

PATH = "/v1/emails/check"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def ask(web: Web, key: Headers, *to: str, **more: Any) -> list[dict[str, Any]]:
    answer = body_of(web.client.post(PATH, json={"to": list(to), **more}, headers=key))
    assert (answer["object"], answer["has_more"]) == ("list", False)
    data: list[dict[str, Any]] = answer["data"]
    return data


def put(gateway: Gateway, key: str, scope: str = "*", origin: str = "manual", **more: Any) -> None:
    """Commit an entry of a kind that cannot be added by hand."""
    with gateway.database.transaction() as connection:
        suppressions.put(
            connection,
            NewSuppression(
                key=key, scope=scope, address=key, origin=origin, reason="For the test.", actor="test", **more
            ),
        )


def test_an_address_without_a_suppression_would_be_sent_to(web: Web, key: Headers) -> None:
    """The answer has the address as given and as the list stores it; a display name is allowed, as in a send."""
    (checked,) = ask(web, key, "Ann Lee <Ann.Lee@Example.NET>")
    assert checked == {
        "to": "Ann Lee <Ann.Lee@Example.NET>",
        "email": "ann.lee@example.net",
        "would_send": True,
        "reason": None,
        "did_you_mean": None,
        "no_mx": None,
    }


def test_each_address_gets_its_own_answer_in_order(web: Web, key: Headers) -> None:
    """Suppressed, invalid, mistyped and repeated addresses: all in one request, none affects another."""
    until = soon(hours=1)
    web.client.post("/v1/suppressions", json={"email": "kim@example.net", "expires_at": until}, headers=key)
    checked = ask(web, key, "KIM@example.net", "no address", "lee@gmial.com", "kim@example.net")
    assert [one["would_send"] for one in checked] == [False, False, True, False]
    assert [one["email"] for one in checked] == ["kim@example.net", None, "lee@gmial.com", "kim@example.net"]
    kim, invalid = checked[0]["reason"], checked[1]["reason"]
    assert (kim["code"], kim["origin"], kim["scope"], kim["until"]) == ("suppressed", "manual", "*", until)
    assert kim["since"] is not None
    assert (invalid["code"], invalid["rule"]) == ("invalid", "whitespace")
    assert checked[2]["did_you_mean"] == "lee@gmail.com"
    assert checked[3]["reason"] == kim


def test_a_suppressed_domain_has_a_reason_of_its_own(web: Web, key: Headers) -> None:
    """The answer says that it is the domain; another domain with the same ending does not count."""
    put(web.gateway, "@example.org")
    checked = ask(web, key, "ann@example.org", "ann@sub.example.org")
    assert [one["would_send"] for one in checked] == [False, True]
    assert checked[0]["reason"]["code"] == "domain_suppressed"
    assert "example.org" in checked[0]["reason"]["detail"]


def test_a_stream_is_asked_for_by_name(web: Web, key: Headers) -> None:
    """An entry for one stream holds for no other; an entry for the application holds for all of its streams."""
    put(web.gateway, "ann@example.net", scope="invites/news", origin="unsubscribe")
    put(web.gateway, "ben@example.net", scope="invites")
    assert [one["would_send"] for one in ask(web, key, "ann@example.net", "ben@example.net")] == [True, False]
    checked = ask(web, key, "ann@example.net", "ben@example.net", stream="news")
    assert [one["reason"]["scope"] for one in checked] == ["invites/news", "invites"]


def test_a_check_reveals_nothing_of_another_application(web: Web, key: Headers) -> None:
    """An entry of another application's stream does not count, even for a stream of the same name."""
    put(web.gateway, "ann@example.net", scope="shop/news", origin="unsubscribe")
    assert ask(web, key, "ann@example.net", stream="news")[0]["would_send"]
    shop = web.key("shop")
    assert not ask(web, shop, "ann@example.net", stream="news")[0]["would_send"]


def test_an_address_that_was_forgotten_is_found_under_its_pseudonym(web: Web, key: Headers) -> None:
    """As in a send: the list has the person under the pseudonym only."""
    with web.gateway.database.reading() as connection:
        assert suppressions.live(connection, "kim@example.net") == ()
    put(web.gateway, web.gateway.pseudonyms("kim@example.net"), origin="erasure")
    (checked,) = ask(web, key, "kim@example.net")
    assert (checked["would_send"], checked["reason"]["origin"]) == (False, "erasure")


@contextmanager
def counted(gateway: Gateway) -> Iterator[list[str]]:
    """The statements that go to the database meanwhile, except BEGIN, which the driver may send by itself."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(gateway.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(gateway.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("redis", ["cold", "warm", "wiped", "away"])
def test_a_thousand_addresses_cost_one_statement(migrated_url: str, redis_url: str, redis: str) -> None:
    """This holds whether or not Redis has them; and the check stores nothing."""
    with web_on(migrated_url, "redis://127.0.0.1:1/0" if redis == "away" else redis_url) as web:
        put(web.gateway, "a7@example.net")
        if redis in {"warm", "wiped"}:
            web.gateway.upkeep.warm_positives()
        if redis == "wiped":
            with Redis.from_url(redis_url) as client:
                [client.delete(name) for name in client.scan_iter("postern:positives:????")]
        # The first request with a key looks up its owner, and makes the key of the pseudonyms.
        web.gateway.check(ROOT, ["x@example.net"])
        before = everything_stored(web.gateway)
        with counted(web.gateway) as statements:
            checked = web.gateway.check(ROOT, [f"a{number}@example.net" for number in range(1000)])
        assert [one.given for one in checked if not one.would_send] == ["a7@example.net"]
        assert len(statements) == 1
        assert everything_stored(web.gateway) == before
    assert web.mailer.sent == []


def test_a_check_has_bounds(web: Web, key: Headers) -> None:
    """One to a thousand addresses of a bounded length, a known body, and JSON."""
    for body, pointer in [
        ({"to": []}, "/to"),
        ({"to": ["a@example.net"] * 1001}, "/to"),
        ({"to": ["a" * 600]}, "/to/0"),
        ({"to": ["a@example.net", 7]}, "/to/1"),
        ({"to": ["a@example.net"], "app": "shop"}, "/app"),
        ({}, "/to"),
    ]:
        answer = web.client.post(PATH, json=body, headers=key)
        assert pointers(problem_of(answer, 422, "validation_error")) == [pointer]
    assert len(ask(web, key, *["a@example.net"] * 1000)) == 1000


def test_a_check_needs_a_key_that_may_read_the_list(web: Web) -> None:
    """A key that may only send sees the state of the addresses it sends to, one email at a time, and of no others."""
    answer = web.client.post(PATH, json={"to": ["a@example.net"]}, headers=web.key("invites", Scope.EMAILS_SEND))
    problem_of(answer, 403, "restricted_api_key")
