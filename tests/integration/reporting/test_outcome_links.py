"""Links to pages of outcomes: made by an application, for one thing, until they end."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.apps.callers import Scope
from app.domain.errors import RestrictedApiKey, ValidationFailed
from app.domain.reporting.outcome_links import LONGEST, PURPOSE, LinkKind
from app.domain.signed_links import write_token
from app.services.operating.sweeps import Sweep
from app.services.reporting.linked_outcomes import LinkedPage, NoPage
from app.services.reporting.outcome_links import LinkWish
from app.wiring.foundation import make_key_ring
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import SECRET_KEY, caller
from tests.support.gateway.rows import age, change, rows
from tests.support.gateway.web import NO_ID, Headers, Web, body_of, pointers, problem_of, web_on

BASE = "https://mail.example.com"
OTHER_KEY = "tests-only-another-key-0123456789abcdefghij"
LINKS = "/v1/outcome-links"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as made:
        yield made


@pytest.fixture
def headers(web: Web) -> Headers:
    return web.key()


def made(web: Web, headers: Headers, **body: Any) -> dict[str, Any]:
    """Make a link and return its JSON."""
    return body_of(web.client.post(LINKS, json=body or {"actor": "user-7"}, headers=headers))


def opened(web: Web, url: str) -> Any:
    """Return the page of a link."""
    return web.client.get(url.removeprefix(BASE))


def test_a_link_is_made_for_one_thing(web: Web, headers: Headers) -> None:
    """The answer has the URL, which names nothing of what it shows, and the time at which it ends: in thirty days."""
    link = made(web, headers, actor="kim@example.com", mask_addresses=True, title="Invitations")
    assert link["url"].startswith(f"{BASE}/outcomes/")
    assert "kim" not in link["url"]
    assert (link["actor"], link["reference"], link["stream"], link["tag"]) == ("kim@example.com", None, None, None)
    assert (link["mask_addresses"], link["title"], link["revoked_at"]) == (True, "Invitations", None)
    lasts = datetime.fromisoformat(link["expires_at"]) - datetime.fromisoformat(link["created_at"])
    assert lasts == timedelta(days=30)
    assert body_of(web.client.get(f"{LINKS}/{link['id']}", headers=headers)) == link
    listed = body_of(web.client.get(LINKS, headers=headers))
    assert listed == {"object": "list", "data": [link], "has_more": False}


@pytest.mark.parametrize(
    "given, lasts",
    [
        ({"expires_in": "2 weeks"}, timedelta(weeks=2)),
        ({"expires_in": "in an hour"}, timedelta(hours=1)),
        ({"expires_in": "365 days"}, LONGEST),
    ],
)
def test_a_link_lasts_as_long_as_it_is_asked_to(
    web: Web, headers: Headers, given: dict[str, str], lasts: timedelta
) -> None:
    """A duration, or a time."""
    link = made(web, headers, stream="news", **given)
    ends, begins = (datetime.fromisoformat(link[name]) for name in ("expires_at", "created_at"))
    assert ends - begins == lasts


@pytest.mark.parametrize(
    "body, pointer",
    [
        ({}, ""),
        ({"actor": "a", "stream": "b"}, ""),
        ({"actor": ""}, "/actor"),
        ({"tag": "spring"}, "/tag"),
        ({"actor": "a", "expires_in": "soon"}, "/expires_in"),
        ({"actor": "a", "expires_in": "366 days"}, "/expires_in"),
        ({"actor": "a", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"actor": "a", "expires_at": "2199-01-01T00:00:00Z"}, "/expires_at"),
        ({"actor": "a", "expires_at": "2199-01-01T00:00:00Z", "expires_in": "1 day"}, ""),
        ({"actor": "a", "mask_addresses": "yes"}, "/mask_addresses"),
        ({"actor": "a\nb"}, "/actor"),
        ({"reference": "  "}, "/reference"),
        ({"actor": "a", "title": "two\nlines"}, "/title"),
        ({"actor": "a", "title": "t" * 201}, "/title"),
    ],
)
def test_what_is_wrong_is_named(web: Web, headers: Headers, body: dict[str, Any], pointer: str) -> None:
    """No link is made; the answer names the field."""
    problem = problem_of(web.client.post(LINKS, json=body, headers=headers), 422, "validation_error")
    assert pointers(problem) == [pointer]
    assert rows(web.gateway, "outcome_links") == []


def test_an_expired_link_is_deleted_with_its_retention(web: Web, headers: Headers) -> None:
    """Its value may be the address of a person. One that expired later stays a while."""
    old, young = (body_of(web.client.post(LINKS, json={"actor": one}, headers=headers))["id"] for one in ("a", "b"))
    age(web.gateway, "outcome_links", "expires_at", timedelta(days=91), id=UUID(old))
    age(web.gateway, "outcome_links", "expires_at", timedelta(days=89), id=UUID(young))
    web.gateway.upkeep.run(Sweep.RETENTION)
    assert [str(row["id"]) for row in rows(web.gateway, "outcome_links")] == [young]


def test_a_link_is_for_what_an_email_has(web: Web, headers: Headers) -> None:
    """Spaces around a word do not matter, as in an email."""
    made = body_of(web.client.post(LINKS, json={"actor": " user-10 "}, headers=headers))
    assert rows(web.gateway, "outcome_links", id=UUID(made["id"]))[0]["value"] == "user-10"


def test_a_link_needs_a_public_url(migrated_url: str, redis_url: str) -> None:
    """Without one that is fit for links, the answer says what is missing."""
    for settings in ({}, {"public_url": "http://mail.example.com"}):
        with web_on(migrated_url, redis_url, **settings) as web:
            problem = problem_of(
                web.client.post(LINKS, json={"actor": "a"}, headers=web.key()), 422, "validation_error"
            )
            assert "PUBLIC_URL" in problem["detail"]


def test_a_link_belongs_to_its_application(web: Web, headers: Headers) -> None:
    """Another application does not see it and cannot revoke it; an administrator can."""
    link = made(web, headers)
    other, admin = web.key("other"), web.key("ops", Scope.ADMIN)
    one = f"{LINKS}/{link['id']}"
    assert body_of(web.client.get(LINKS, headers=other))["data"] == []
    problem_of(web.client.get(one, headers=other), 404, "not_found")
    problem_of(web.client.delete(one, headers=other), 404, "not_found")
    assert opened(web, link["url"]).status_code == 200
    assert body_of(web.client.get(LINKS, headers=admin))["data"] == [link]
    assert body_of(web.client.delete(one, headers=admin))["revoked_at"] is not None
    problem_of(web.client.get(f"{LINKS}/{NO_ID}", headers=headers), 404, "not_found")


def test_a_revoked_link_has_ended_for_good(web: Web, headers: Headers) -> None:
    """The page is gone at once; to revoke it again changes nothing. The audit has both acts and nothing of the page."""
    link = made(web, headers, actor="kim@example.com")
    ended = body_of(web.client.delete(f"{LINKS}/{link['id']}", headers=headers))
    assert ended == {**link, "revoked_at": ended["revoked_at"]}
    assert body_of(web.client.delete(f"{LINKS}/{link['id']}", headers=headers)) == ended
    assert opened(web, link["url"]).status_code == 410
    noted = [row for row in rows(web.gateway, "audit") if row["action"].startswith("outcome_link")]
    assert [row["action"] for row in noted] == ["outcome_link_create", "outcome_link_revoke"]
    assert "kim" not in repr(noted)


def test_a_link_expires_by_the_clock_of_the_database(web: Web, headers: Headers) -> None:
    """A second before its end it works, and from its end on it does not."""
    link = made(web, headers)
    change(web.gateway, "outcome_links", {"expires_at": datetime.now(UTC) + timedelta(minutes=1)})
    assert opened(web, link["url"]).status_code == 200
    age(web.gateway, "outcome_links", "expires_at", timedelta(seconds=1))
    assert opened(web, link["url"]).status_code == 410


def test_links_are_listed_page_by_page(web: Web, headers: Headers) -> None:
    """The newest first, in both directions."""
    links = [made(web, headers, reference=f"r-{number}") for number in range(3)][::-1]
    first = body_of(web.client.get(f"{LINKS}?limit=2", headers=headers))
    assert (first["data"], first["has_more"]) == (links[:2], True)
    second = body_of(web.client.get(f"{LINKS}?limit=2&after={links[1]['id']}", headers=headers))
    assert (second["data"], second["has_more"]) == (links[2:], False)
    back = body_of(web.client.get(f"{LINKS}?limit=1&before={links[2]['id']}", headers=headers))
    assert (back["data"], back["has_more"]) == ([links[1]], True)


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_token_that_is_not_ours_opens_nothing(web: Web, headers: Headers) -> None:
    """Neither a forged one, nor one of another purpose or key, nor the id itself; and a genuine one without its row."""
    link = made(web, headers)
    token, link_id = token_of(link["url"]), UUID(link["id"])
    keys = make_key_ring(web.gateway.settings)
    ours, others = keys.derive_each("outcomes"), keys.derive_each("unsubscribe")
    assert token == write_token(PURPOSE, link_id, ours)
    forged = [
        write_token(b"postern unsubscribe 1", link_id, ours),
        write_token(PURPOSE, link_id, others),
        write_token(PURPOSE, link_id, {next(iter(ours)): bytes(32)}),
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token + "A",
        token.lower(),
        link["id"],
        write_token(PURPOSE, UUID(NO_ID), ours),
    ]
    open_link = web.gateway.reporting.linked_outcomes
    assert [open_link(one) for one in forged] == [NoPage.UNKNOWN] * len(forged)
    assert isinstance(open_link(token), LinkedPage)


def test_links_outlive_a_rotation_of_the_keys(migrated_url: str, redis_url: str) -> None:
    """A link works while its key is in SECRET_KEYS, on processes that sign with another one by then, and not after."""
    both, other_first = f"{SECRET_KEY},{OTHER_KEY}", f"{OTHER_KEY},{SECRET_KEY}"
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        link = made(web, web.key())
    for keys, status in ((both, 200), (other_first, 200), (OTHER_KEY, 404)):
        with web_on(migrated_url, redis_url, public_url=BASE, secret_keys=keys) as web:
            assert opened(web, link["url"]).status_code == status
            again = body_of(web.client.get(f"{LINKS}/{link['id']}", headers=web.key()))
            assert (again["url"] == link["url"]) == (keys == both)
            assert opened(web, again["url"]).status_code == 200


@pytest.mark.parametrize("value", ["kim@example.com", "Kim@Example.com"])
def test_a_forgotten_person_is_in_no_actor_and_their_link_ends(web: Web, headers: Headers, value: str) -> None:
    """In any spelling: emails on their behalf name a pseudonym, and the link that showed them shows nothing."""
    who = caller(web.gateway)
    submit(web.gateway, who, "ann@example.net", actor=value, reference=f"from:{value}")
    link = made(web, headers, actor=value)
    other = made(web, headers, reference=f"from:{value}")
    web.gateway.forget(
        caller(web.gateway, app="ops", scopes=frozenset({Scope.ADMIN})), "kim@example.com", reason="Asked."
    )
    kept = repr(rows(web.gateway, "emails")) + repr(rows(web.gateway, "outcome_links"))
    assert "kim@example.com" not in kept.lower()
    assert opened(web, link["url"]).status_code == 410
    page = opened(web, other["url"])
    assert page.status_code == 200
    assert "ann@example.net" in page.text
    assert value.lower() not in page.text.lower()


def test_an_administrator_makes_links_for_any_application(web: Web, headers: Headers) -> None:
    """The audit keeps the reasons. A name of no application is refused, and so is an application that names another."""
    service = web.gateway.reporting.outcome_links
    wish = LinkWish(kind=LinkKind.STREAM, value="news", app="invites")
    link = service.create(ROOT, wish, reason="Marketing asked.").link
    service.revoke(ROOT, link.id, reason="They have seen it.")
    assert link.app == "invites"
    noted = [
        (row["actor"], row["action"], row["reason"]) for row in rows(web.gateway, "audit") if "link" in row["data"]
    ]
    assert noted == [
        (ROOT.actor, "outcome_link_create", "Marketing asked."),
        (ROOT.actor, "outcome_link_revoke", "They have seen it."),
    ]
    with pytest.raises(ValidationFailed, match="no application of this name"):
        service.create(ROOT, replace(wish, app="no-such-app"))
    with pytest.raises(RestrictedApiKey):
        service.create(caller(web.gateway, app="other"), wish)
