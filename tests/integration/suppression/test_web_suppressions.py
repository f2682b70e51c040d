"""`/v1/suppressions` on both databases: look up, add, remove with a reason, one by one and in batches."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.apps.callers import Scope
from tests.support.aws.notifications import bounced, complained, put
from tests.support.gateway.web import NO_ID, Headers, Web, body_of, pointers, problem_of, soon, web_on

PATH = "/v1/suppressions"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def add(web: Web, key: Headers, email: str, **more: Any) -> dict[str, Any]:
    return body_of(web.client.post(PATH, json={"email": email, **more}, headers=key))


def listed(web: Web, key: Headers, query: str = "") -> list[str]:
    return [entry["email"] for entry in body_of(web.client.get(f"{PATH}?{query}", headers=key))["data"]]


def test_an_address_is_suppressed_and_found(web: Web, key: Headers) -> None:
    """By its id and by its address in any case, with Resend's members and ours."""
    added = add(web, key, "Ann@Example.com", reason="Asked on the phone")
    assert (added["object"], added["created"], added["in_flight"]) == ("suppression", True, [])
    for name in (added["id"], "ann@example.com", "ANN@EXAMPLE.COM"):
        found = body_of(web.client.get(f"{PATH}/{name}", headers=key))
        assert found == {
            "object": "suppression",
            "id": added["id"],
            "email": "Ann@Example.com",
            "origin": "manual",
            "source_id": None,
            "scope": "*",
            "status": "live",
            "reason": "Asked on the phone",
            "created_at": added["created_at"],
            "expires_at": None,
        }


def test_an_entry_that_is_there_already_stays_as_it_is(web: Web, key: Headers) -> None:
    """The answer is the existing entry, not an error, and its reason stays."""
    first = add(web, key, "ann@example.com", reason="First")
    second = add(web, key, "ANN@example.com", reason="Second")
    assert (second["id"], second["created"], second["reason"]) == (first["id"], False, "First")


def test_a_suppression_may_expire(web: Web, key: Headers) -> None:
    """With a time in the future; one in the past is refused."""
    until = soon(hours=1)
    assert add(web, key, "ann@example.com", expires_at=until)["expires_at"] == until
    answer = web.client.post(PATH, json={"email": "b@example.com", "expires_at": "2001-01-01T00:00:00Z"}, headers=key)
    assert pointers(problem_of(answer, 422, "validation_error")) == ["/expires_at"]


def test_an_email_on_its_way_is_named(web: Web, key: Headers) -> None:
    """The answer names the emails to the address that can no longer be held back, and only those."""
    web.submit(key, to="ann@example.com")
    assert add(web, key, "ann@example.com")["in_flight"] == []


@pytest.mark.parametrize("name", ["nobody@example.com", NO_ID, "a%2Fb@example.com", "x/y@example.com"])
def test_an_address_without_an_entry_is_not_found(web: Web, key: Headers, name: str) -> None:
    """As in Resend's API, for reading and for removing."""
    problem_of(web.client.get(f"{PATH}/{name}", headers=key), 404, "not_found")
    problem_of(web.client.delete(f"{PATH}/{name}?reason=asked", headers=key), 404, "not_found")


def test_an_address_with_a_slash_is_found(web: Web, key: Headers) -> None:
    """A slash is allowed in the local part, and the route accepts it."""
    add(web, key, "a/b@example.com")
    assert body_of(web.client.get(f"{PATH}/a%2Fb@example.com", headers=key))["email"] == "a/b@example.com"


def test_a_name_that_is_no_address_is_refused(web: Web, key: Headers) -> None:
    """Neither an id nor an address: the answer gives the rule, not the text."""
    problem = problem_of(web.client.get(f"{PATH}/no-address", headers=key), 422, "validation_error")
    assert "no-address" not in str(problem)


@pytest.mark.parametrize("way", ["query", "body"])
def test_removing_an_address_needs_a_reason(web: Web, key: Headers, way: str) -> None:
    """Without one nothing changes; with one, in the query string or the body, the address is gone from the list."""
    added = add(web, key, "ann@example.com")
    web.account.addresses.add("ann@example.com")
    problem = problem_of(web.client.delete(f"{PATH}/ann@example.com", headers=key), 422, "validation_error")
    assert pointers(problem) == ["/reason"]
    if way == "query":
        answer = web.client.delete(f"{PATH}/ann@example.com?reason=She+asked", headers=key)
    else:
        answer = web.client.delete(f"{PATH}/ann@example.com", json={"reason": "She asked"}, headers=key)
    assert body_of(answer) == {
        "object": "suppression",
        "id": added["id"],
        "deleted": True,
        "ses_account": "pending",
        "uncovered": None,
    }
    assert listed(web, key) == []
    assert web.account.addresses == {"ann@example.com"}
    assert web.gateway.upkeep.remove_at_ses() == 1
    assert web.account.addresses == set()


def test_an_administrator_gets_the_history(web: Web, key: Headers) -> None:
    """Actor, time and reason of each change are shown with the admin scope only."""
    add(web, key, "ann@example.com", reason="First")
    web.client.delete(f"{PATH}/ann@example.com?reason=She+asked", headers=key)
    add(web, key, "ann@example.com", reason="Second")
    assert "history" not in body_of(web.client.get(f"{PATH}/ann@example.com", headers=key))
    admin = web.key("operators", Scope.ADMIN)
    found = body_of(web.client.get(f"{PATH}/ann@example.com", headers=admin))
    assert [entry["reason"] for entry in found["entries"]] == ["Second"]
    assert [(entry["reason"], entry["removal_reason"]) for entry in found["history"]] == [("First", "She asked")]
    assert found["history"][0]["removed_by"].startswith("key:")
    assert found["entries"][0]["source"]["actor"].startswith("key:")


def test_an_application_may_be_exempt_from_reasons(web: Web) -> None:
    """Resend's clients send none; an operator can mark an application that uses them."""
    key = web.key("resenders", reason_optional=True)
    add(web, key, "ann@example.com")
    assert body_of(web.client.delete(f"{PATH}/ann@example.com", json={}, headers=key))["deleted"] is True


def test_an_application_suppresses_in_its_own_stream(web: Web, key: Headers) -> None:
    """The entry holds back that stream's email and no other. A stream of another application is refused."""
    add(web, key, "ann@example.com", scope="invites/news")
    answer = body_of(web.client.post("/v1/emails", json=_email("news"), headers=key))
    assert [one["email"] for one in answer["suppressed"]] == ["ann@example.com"]
    assert "suppressed" not in body_of(web.client.post("/v1/emails", json=_email("default"), headers=key))
    foreign = web.client.post(PATH, json={"email": "ann@example.com", "scope": "others/news"}, headers=key)
    assert pointers(problem_of(foreign, 422, "validation_error")) == ["/scope"]
    removed = web.client.delete(f"{PATH}/ann@example.com?scope=invites/news&reason=asked", headers=key)
    assert body_of(removed)["deleted"] is True


def _email(stream: str) -> dict[str, Any]:
    return {"from": "a@example.com", "to": "ann@example.com", "subject": "Hi", "text": "Hi", "stream": stream}


def test_the_list_is_paged_and_filtered(web: Web, key: Headers) -> None:
    """Newest first, by origin, by scope and by the beginning of an address."""
    for name in ("ann", "bob", "cy"):
        add(web, key, f"{name}@example.com")
    add(web, key, "dee@example.com", scope="invites/news")
    assert listed(web, key) == [f"{name}@example.com" for name in ("dee", "cy", "bob", "ann")]
    first = body_of(web.client.get(f"{PATH}?limit=3", headers=key))
    assert (first["object"], first["has_more"], len(first["data"])) == ("list", True, 3)
    assert listed(web, key, f"after={first['data'][-1]['id']}") == ["ann@example.com"]
    assert listed(web, key, f"before={first['data'][1]['id']}") == ["dee@example.com"]
    assert listed(web, key, "q=bo") == ["bob@example.com"]
    assert listed(web, key, "scope=invites/news") == ["dee@example.com"]
    assert (len(listed(web, key, "origin=manual")), listed(web, key, "origin=bounce")) == (4, [])
    answer = web.client.get(f"{PATH}?origin=whim", headers=key)
    assert pointers(problem_of(answer, 422, "validation_error")) == ["/origin"]


def test_a_batch_is_added_whole_or_not_at_all(web: Web, key: Headers) -> None:
    """With one bad address none is suppressed; the same address twice is one entry."""
    emails = ["ann@example.com", "bob@example.com", "ANN@example.com"]
    bad = web.client.post(f"{PATH}/batch/add", json={"emails": [*emails, "nobody"]}, headers=key)
    assert pointers(problem_of(bad, 422, "validation_error")) == ["/emails/3"]
    assert listed(web, key) == []
    added = body_of(web.client.post(f"{PATH}/batch/add", json={"emails": emails}, headers=key))
    assert [entry["email"] for entry in added["data"]] == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize("way", ["emails", "ids"])
def test_a_batch_is_removed(web: Web, key: Headers, way: str) -> None:
    """By address or by id, with one reason for all; addresses that are not on the list are left out of the answer."""
    added = [add(web, key, email) for email in ("ann@example.com", "bob@example.com")]
    names = [entry["id" if way == "ids" else "email"] for entry in added]
    unknown = NO_ID if way == "ids" else "nobody@example.com"
    without = web.client.post(f"{PATH}/batch/remove", json={way: names}, headers=key)
    assert pointers(problem_of(without, 422, "validation_error")) == ["/reason"]
    body = {way: [names[0], unknown, names[1]], "reason": "asked"}
    removed = body_of(web.client.post(f"{PATH}/batch/remove", json=body, headers=key))
    assert [(entry["id"], entry["deleted"]) for entry in removed["data"]] == [(entry["id"], True) for entry in added]
    assert listed(web, key) == []


def test_the_streams_of_another_application_are_hidden(web: Web, key: Headers) -> None:
    """An entry in another application's stream is neither found, listed nor unsuppressed, not even by its id."""
    other = web.key("newsletters")
    body = {"email": "kim@example.com", "scope": "newsletters/news", "reason": "She left."}
    entry = web.client.post("/v1/suppressions", json=body, headers=other).get_json()["id"]
    for name in ("kim@example.com", entry):
        assert web.client.get(f"/v1/suppressions/{name}", headers=key).status_code == 404
        assert web.client.delete(f"/v1/suppressions/{name}?reason=mine", headers=key).status_code == 404
    assert web.client.get("/v1/suppressions", headers=key).get_json()["data"] == []
    assert web.client.get(f"/v1/suppressions/{entry}", headers=other).status_code == 200


def complain(web: Web, email: str) -> None:
    """Let the recipient of an email report it as spam."""
    put(web.gateway, json.dumps(complained(email, message=f"m-{email}")))
    web.gateway.settle.drain()


def test_a_complaint_is_removed_only_with_force(web: Web, key: Headers) -> None:
    """One by one, by query or body, and in a batch, of which nothing is removed without it."""
    for email in ("ann@example.com", "bob@example.com"):
        complain(web, email)
    add(web, key, "kim@example.com")
    why = {"reason": "They asked"}
    answer = web.client.delete(f"{PATH}/ann@example.com", json=why, headers=key)
    assert pointers(problem_of(answer, 422, "validation_error")) == ["/force"]
    everybody = {"emails": ["kim@example.com", "ann@example.com"], **why}
    answer = web.client.post(f"{PATH}/batch/remove", json=everybody, headers=key)
    assert pointers(problem_of(answer, 422, "validation_error")) == ["/force"]
    assert len(listed(web, key)) == 3
    assert body_of(web.client.delete(f"{PATH}/bob@example.com?reason=asked&force=true", headers=key))["deleted"]
    answer = web.client.post(f"{PATH}/batch/remove", json={**everybody, "force": True}, headers=key)
    assert len(body_of(answer)["data"]) == 2
    assert listed(web, key) == []


def test_a_removal_is_undone(web: Web, key: Headers) -> None:
    """By id or address, with a reason; an entry that was never removed is not found."""
    added = add(web, key, "ann@example.com", reason="First")
    problem_of(web.client.post(f"{PATH}/ann@example.com/undo", json={"reason": "x"}, headers=key), 404, "not_found")
    for name in (added["id"], "ann@example.com"):
        web.client.delete(f"{PATH}/ann@example.com?reason=She+asked", headers=key)
        answer = web.client.post(f"{PATH}/{name}/undo", headers=key)
        assert pointers(problem_of(answer, 422, "validation_error")) == ["/reason"]
        restored = body_of(web.client.post(f"{PATH}/{name}/undo", json={"reason": "Wrong Ann"}, headers=key))["data"]
        assert [(one["id"], one["reason"], one["status"]) for one in restored] == [(added["id"], "First", "live")]
    assert listed(web, key) == ["ann@example.com"]


def test_a_whole_domain_is_suppressed_by_an_administrator(web: Web, key: Headers) -> None:
    """It shows at every address of the domain, and is listed by its beginning."""
    problem_of(web.client.post(PATH, json={"email": "@example.com"}, headers=key), 403, "restricted_api_key")
    admin = web.key("operators", Scope.ADMIN)
    added = add(web, admin, "@example.com", reason="Closed down")
    assert body_of(web.client.get(f"{PATH}/ann@example.com", headers=key))["id"] == added["id"]
    assert listed(web, key, "q=@EXAMPLE") == ["@example.com"]
    problem = problem_of(web.client.delete(f"{PATH}/ann@example.com?reason=asked", headers=key), 404, "not_found")
    assert "whole domain" in problem["detail"]


def test_a_domain_under_review_is_listed_and_decided(migrated_url: str, redis_url: str) -> None:
    """By an administrator; the entries say that they are under review."""
    with web_on(migrated_url, redis_url, review_bounces=2) as web:
        for name in ("ann", "bob"):
            put(web.gateway, json.dumps(bounced(f"{name}@example.org", message=name)))
        web.gateway.settle.drain()
        web.gateway.reviews.sweep()
        admin = web.key("operators", Scope.ADMIN)
        assert {one["email"] for one in body_of(web.client.get(f"{PATH}?status=review", headers=admin))["data"]} == {
            "ann@example.org",
            "bob@example.org",
        }
        [waiting] = body_of(web.client.get(f"{PATH}/reviews", headers=admin))["data"]
        assert (waiting["domain"], waiting["entries"]) == ("example.org", 2)
        decision = {"decision": "undo", "reason": "Their server erred"}
        decided = body_of(web.client.post(f"{PATH}/reviews/example.org", json=decision, headers=admin))
        assert decided == {"domain": "example.org", "decision": "undo", "entries": 2}
        assert listed(web, admin) == []
