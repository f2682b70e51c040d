"""`/v1/apps`: applications and keys over HTTP, and the answers of an application that is over its limits."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.domain.apps.callers import Scope
from tests.support.gateway.rows import change, count, rows
from tests.support.gateway.web import MAIL, NO_ID, Headers, Web, body_of, pointers, problem_of, soon, web_on

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

SETTINGS: dict[str, Any] = {
    "senders": ["@example.com"],
    "default_lane": "bulk",
    "default_stream": "news",
    "on_unconfirmed": "hold",
    "reason_optional": True,
    "emails_per_second": 5,
    "emails_per_day": 100,
}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, requests_per_second=1_000) as web:
        yield web


@pytest.fixture
def root(web: Web) -> Headers:
    return web.key("ops", Scope.ADMIN)


def post(web: Web, path: str, headers: Headers, body: Any = None) -> TestResponse:
    return web.client.post(path, json=body, headers=headers)


def make(web: Web, root: Headers, **settings: Any) -> Headers:
    """Create the application `events`, and return the headers of its key."""
    body_of(post(web, "/v1/apps", root, {"name": "events", "senders": ["@example.com"], **settings}))
    key = body_of(post(web, "/v1/apps/events/keys", root, {"scopes": ["emails:send"]}))
    return {"Authorization": f"Bearer {key['token']}"}


def limits_in(answer: TestResponse) -> list[int]:
    """Return what the three headers of a limit say: how many, how many left, and seconds until it begins anew."""
    return [int(answer.headers[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")]


def test_an_application_is_created_and_shown(web: Web, root: Headers) -> None:
    """Both by its name and by its id, with every setting."""
    made = body_of(post(web, "/v1/apps", root, {"name": "events", **SETTINGS}))
    assert made.items() >= {"object": "app", "name": "events", "archived_at": None, **SETTINGS}.items()
    for app in ("events", made["id"]):
        assert body_of(web.client.get(f"/v1/apps/{app}", headers=root)) == made
    problem_of(web.client.get(f"/v1/apps/{NO_ID}", headers=root), 404, "not_found")


def test_a_change_names_what_it_changes(web: Web, root: Headers) -> None:
    """What is left out stays, null takes a limit away, and no senders means no address."""
    made = body_of(post(web, "/v1/apps", root, {"name": "events", **SETTINGS}))

    def changed(**settings: Any) -> dict[str, Any]:
        return body_of(web.client.patch("/v1/apps/events", json=settings, headers=root))

    assert changed() == made
    assert changed(emails_per_second=None) == {**made, "emails_per_second": None}
    assert changed(senders=[], default_lane="transactional") == {
        **made,
        "emails_per_second": None,
        "senders": [],
        "default_lane": "transactional",
    }


@pytest.mark.parametrize(
    "settings, pointer",
    [
        ({"name": "Events"}, "/name"),
        ({"name": "ops"}, "/name"),
        ({"senders": ["nobody"]}, "/senders"),
        ({"senders": None}, "/senders"),
        ({"default_lane": "fast"}, "/default_lane"),
        ({"default_stream": "A B"}, "/default_stream"),
        ({"emails_per_day": 0}, "/emails_per_day"),
        ({"emails_per_day": "9"}, "/emails_per_day"),
        ({"emails_per_second": 2**31}, "/emails_per_second"),
        ({"reason_optional": 1}, "/reason_optional"),
        ({"budget": 1}, "/budget"),
    ],
)
def test_a_setting_that_breaks_a_rule_is_named(web: Web, root: Headers, settings: Any, pointer: str) -> None:
    """No application is made."""
    refused = post(web, "/v1/apps", root, {"name": "events", **settings})
    assert pointers(problem_of(refused, 422, "validation_error")) == [pointer]
    assert count(web.gateway, "apps") == 1


def test_applications_are_listed_by_page(web: Web, root: Headers) -> None:
    """Newest first, with the parameters of every list."""
    for name in ("one", "two", "three"):
        body_of(post(web, "/v1/apps", root, {"name": name}))
    page = body_of(web.client.get("/v1/apps?limit=2", headers=root))
    assert ([app["name"] for app in page["data"]], page["has_more"]) == (["three", "two"], True)
    last = page["data"][-1]["id"]
    page = body_of(web.client.get(f"/v1/apps?limit=2&after={last}", headers=root))
    assert ([app["name"] for app in page["data"]], page["has_more"]) == (["one", "ops"], False)


def test_an_archived_application_is_refused_with_the_reason(web: Web, root: Headers) -> None:
    """Until it is unarchived. Its keys get no successor meanwhile."""
    headers = make(web, root)
    assert body_of(post(web, "/v1/apps/events/archive", root))["archived_at"] is not None
    expire_caches(web)
    assert "archived" in problem_of(post(web, "/v1/emails", headers, MAIL), 403, "restricted_api_key")["detail"]
    problem_of(post(web, "/v1/apps/events/keys", root), 409, "conflict")
    assert body_of(post(web, "/v1/apps/events/unarchive", root))["archived_at"] is None
    expire_caches(web)
    body_of(post(web, "/v1/emails", headers, MAIL))


def expire_caches(web: Web) -> None:
    """Let the keys that the process has cached be read again."""
    web.gateway.authenticate._keys._trusted.clear()  # noqa: SLF001 - in place of a wait of five seconds


def test_a_key_of_doors_comes_with_what_their_clients_need(web: Web, root: Headers) -> None:
    """In the answers that issue and rotate it, and only there; of a key without doors both are null."""
    make(web, root)
    plain = body_of(post(web, "/v1/apps/events/keys", root))
    assert (plain["ses"], plain["smtp"]) == (None, None)
    issued = body_of(post(web, "/v1/apps/events/keys", root, {"scopes": ["emails:send", "ses", "smtp"]}))
    rotated = body_of(post(web, f"/v1/apps/events/keys/{issued['id']}/rotate", root))
    for key in (issued, rotated):
        secret = key["token"].removeprefix(f"ptn_{key['id']}_")
        assert key["ses"] == {
            "endpoint_url": "http://127.0.0.1:8025",
            "region": "us-east-1",
            "access_key_id": f"ptn_{key['id']}",
            "secret_access_key": secret,
        }
        assert key["smtp"].items() >= {"host": "127.0.0.1", "username": f"ptn_{key['id']}", "password": secret}.items()
    listed = body_of(web.client.get("/v1/apps/events/keys", headers=root))["data"]
    assert not any({"ses", "smtp", "token"} & key.keys() for key in listed)


def test_keys_are_issued_listed_rotated_and_revoked(web: Web, root: Headers) -> None:
    """A token is shown once; the list has each key without its secret."""
    body_of(post(web, "/v1/apps", root, {"name": "events", "senders": ["@example.com"]}))
    until = soon(days=90)
    asked = {"name": "mailer", "scopes": ["emails:send", "webhooks:write"], "expires_at": until}
    old = body_of(post(web, "/v1/apps/events/keys", root, asked))
    new = body_of(post(web, f"/v1/apps/events/keys/{old['id']}/rotate", root, {"overlap": "2h"}))
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"]) == ("mailer", asked["scopes"])
    listed = body_of(web.client.get("/v1/apps/events/keys", headers=root))["data"]
    assert [(key["id"], key["replaced_by"]) for key in listed] == [(new["id"], None), (old["id"], new["id"])]
    assert not any("token" in key for key in listed)
    problem_of(post(web, f"/v1/apps/events/keys/{old['id']}/rotate", root), 409, "conflict")
    for key in (old, new):
        body_of(post(web, "/v1/emails", {"Authorization": f"Bearer {key['token']}"}, MAIL))
    revoked = body_of(web.client.delete(f"/v1/apps/events/keys/{old['id']}", headers=root))
    assert revoked == {"object": "api_key", "id": old["id"], "deleted": True}
    problem_of(web.client.delete(f"/v1/apps/ops/keys/{new['id']}", headers=root), 404, "not_found")
    problem_of(web.client.delete(f"/v1/apps/events/keys/{old['id']}", headers=root), 404, "not_found")


def test_a_key_is_issued_with_the_scopes_of_sending_unless_it_says(web: Web, root: Headers) -> None:
    """An empty body is enough; no scope at all is refused, and so is one that does not exist."""
    body_of(post(web, "/v1/apps", root, {"name": "events"}))
    key = body_of(web.client.post("/v1/apps/events/keys", headers=root))
    assert (key["scopes"], key["expires_at"]) == (["emails:read", "emails:send"], None)
    for body, pointer in (
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["everything"]}, "/scopes/0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "two\nlines"}, "/name"),
    ):
        refused = problem_of(post(web, "/v1/apps/events/keys", root, body), 422, "validation_error")
        assert pointers(refused) == [pointer]
    problem_of(post(web, "/v1/apps/nobody/keys", root), 404, "not_found")


@pytest.mark.parametrize("overlap", ["soon", "0h", "31d", 24, None])
def test_an_overlap_is_a_duration_of_at_most_thirty_days(web: Web, root: Headers, overlap: Any) -> None:
    """As the command line has it: a number and a unit."""
    body_of(post(web, "/v1/apps", root, {"name": "events"}))
    key = body_of(post(web, "/v1/apps/events/keys", root))
    refused = post(web, f"/v1/apps/events/keys/{key['id']}/rotate", root, {"overlap": overlap})
    assert pointers(problem_of(refused, 422, "validation_error")) == ["/overlap"]


def test_every_change_is_in_the_audit(web: Web, root: Headers) -> None:
    """With the key that made it, and without a secret."""
    make(web, root)
    web.client.patch("/v1/apps/events", json={"emails_per_day": 5}, headers=root)
    [key] = body_of(web.client.get("/v1/apps/events/keys", headers=root))["data"]
    post(web, f"/v1/apps/events/keys/{key['id']}/rotate", root)
    web.client.delete(f"/v1/apps/events/keys/{key['id']}", headers=root)
    post(web, "/v1/apps/events/archive", root)
    post(web, "/v1/apps/events/unarchive", root)
    noted = [row for row in rows(web.gateway, "audit") if row["actor"].startswith("key:")]
    assert [row["action"] for row in noted] == [
        "app_create", "key_create", "app_change", "key_create", "key_rotate", "key_revoke", "app_archive",
        "app_unarchive",
    ]  # fmt: skip
    assert len({row["actor"] for row in noted}) == 1
    assert "ptn_" not in str([row["data"] for row in noted])


def test_over_the_limit_of_a_day_the_answer_says_when_it_begins_anew(web: Web, root: Headers) -> None:
    """429 with the headers of this limit; up to it, they are those of the requests in a second."""
    headers = make(web, root, emails_per_day=3)
    accepted = post(web, "/v1/emails", headers, {**MAIL, "to": ["a@example.net", "b@example.net"]})
    body_of(accepted)
    assert limits_in(accepted)[0] == 1_000
    refused = post(web, "/v1/emails/batch", headers, [MAIL, MAIL])
    problem_of(refused, 429, "rate_limit_exceeded")
    limit, remaining, reset = limits_in(refused)
    assert (limit, remaining) == (3, 1)
    assert 0 < reset <= 86_400
    assert refused.headers["Retry-After"] == str(reset)
    assert count(web.gateway, "emails") == 1
    body_of(post(web, "/v1/emails", headers, MAIL))
    assert limits_in(post(web, "/v1/emails", headers, MAIL))[1] == 0


def test_a_request_that_waits_as_it_was_told_is_accepted(web: Web, root: Headers) -> None:
    """Over the limit of a second."""
    headers = make(web, root, emails_per_second=2)
    answers = (post(web, "/v1/emails", headers, MAIL) for _ in range(1_000))
    refused = next(answer for answer in answers if answer.status_code != 200)
    problem_of(refused, 429, "rate_limit_exceeded")
    assert (limits_in(refused), refused.headers["Retry-After"]) == ([2, 0, 1], "1")
    time.sleep(1)
    body_of(post(web, "/v1/emails", headers, MAIL))


def test_a_request_that_no_wait_helps_is_told_to_be_split(web: Web, root: Headers) -> None:
    """It has more recipients than a whole second allows: there is no Retry-After, and nothing is accepted."""
    headers = make(web, root, emails_per_second=2)
    refused = post(web, "/v1/emails/batch", headers, [MAIL, MAIL, MAIL])
    assert "split it" in problem_of(refused, 429, "rate_limit_exceeded")["detail"]
    assert "Retry-After" not in refused.headers
    assert count(web.gateway, "emails") == 0


def test_a_repetition_is_answered_whatever_the_limit(web: Web, root: Headers) -> None:
    """With the stored answer, which costs nothing."""
    headers = make(web, root, emails_per_day=1) | {"Idempotency-Key": "one"}
    first = body_of(post(web, "/v1/emails", headers, MAIL))
    again = post(web, "/v1/emails", headers, MAIL)
    assert (body_of(again), again.headers["Idempotency-Replayed"]) == (first, "true")
    problem_of(post(web, "/v1/emails", headers | {"Idempotency-Key": "two"}, MAIL), 429, "rate_limit_exceeded")
    change(web.gateway, "app_usage", {"in_day": 0})
    body_of(post(web, "/v1/emails", headers | {"Idempotency-Key": "two"}, MAIL))


def test_a_budget_is_shown_changed_and_refused_over_http(web: Web, root: Headers) -> None:
    """What is left out stays; a line that makes no sense is named."""
    make(web, root)
    path = "/v1/apps/events/budget"
    shown = body_of(web.client.get(path, headers=root))
    assert (shown["pause_bounces"], shown["minimum"], shown["level"], shown["paused"]) == (0.04, 100, "fine", [])
    changed = body_of(web.client.patch(path, json={"pause_bounces": 0.03, "minimum": 500}, headers=root))
    assert (changed["pause_bounces"], changed["minimum"], changed["warn_bounces"]) == (0.03, 500, 0.02)
    refused = web.client.patch(path, json={"warn_bounces": 0.5}, headers=root)
    assert pointers(problem_of(refused, 422, "validation_error")) == ["/warn_bounces"]
    assert body_of(web.client.get(path, headers=root)) == changed
    assert count(web.gateway, "audit", action="app_budget") == 1
    assert body_of(web.client.patch(path, json={}, headers=root)) == changed
    assert count(web.gateway, "audit", action="app_budget") == 1


def test_a_budget_names_its_windows_with_fixed_words(web: Web, root: Headers) -> None:
    """In the answer and in the OpenAPI document, so that a program reads them."""
    make(web, root)
    shown = body_of(web.client.get("/v1/apps/events/budget", headers=root))
    nothing = {"sent": 0, "hard_bounced": 0, "complained": 0}
    assert shown["windows"] == {"day": nothing, "week": nothing}
    schemas = body_of(web.client.get("/openapi.json"))["components"]["schemas"]
    assert schemas["Window"]["enum"] == ["day", "week", "since_resumed"]


def test_a_budget_is_found_by_the_id_of_its_application(web: Web, root: Headers) -> None:
    """The answer and the audit name the application all the same."""
    make(web, root)
    app_id = body_of(web.client.get("/v1/apps/events", headers=root))["id"]
    change(web.gateway, "apps", {"bulk_paused_at": datetime.now(UTC), "paused_reason": "Too much."}, name="events")
    assert body_of(web.client.patch(f"/v1/apps/{app_id}/budget", json={"minimum": 50}, headers=root))["app"] == "events"
    assert body_of(post(web, f"/v1/apps/{app_id}/resume", root, {"reason": "Mended."}))["paused"] == []
    named = [row["data"]["app"] for row in rows(web.gateway, "audit") if row["action"] in {"app_budget", "app_resume"}]
    assert named == ["events", "events"]


def test_an_application_is_resumed_over_http(web: Web, root: Headers) -> None:
    """With a reason; one that is not paused is not found."""
    make(web, root)
    assert post(web, "/v1/apps/events/resume", root, {"reason": "Mended."}).status_code == 404
    change(web.gateway, "apps", {"bulk_paused_at": datetime.now(UTC), "paused_reason": "Too much."}, name="events")
    assert body_of(web.client.get("/v1/apps/events/budget", headers=root))["paused"] == ["bulk"]
    blank = post(web, "/v1/apps/events/resume", root, {"reason": " "})
    assert pointers(problem_of(blank, 422, "validation_error")) == ["/reason"]
    assert body_of(post(web, "/v1/apps/events/resume", root, {"reason": "Mended."}))["paused"] == []
