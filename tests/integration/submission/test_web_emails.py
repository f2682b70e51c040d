"""`/v1/emails` on both databases: submit, look up, reschedule, cancel, and keep applications apart."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.apps.callers import Scope
from app.queue import Lane
from tests.support.gateway.web import MAIL, NO_ID, Headers, Web, body_of, pointers, problem_of, soon, web_on

WHOLE: dict[str, Any] = {
    **MAIL,
    "to": ["Ann <ann@example.com>", "bob@example.com"],
    "cc": "cy@example.com",
    "bcc": ["dee@example.com"],
    "reply_to": ["help@example.com"],
    "html": "<p>Come and see.</p>",
    "headers": {"X-Entity-Ref-ID": "1"},
    "attachments": [{"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}],
    "tags": [{"name": "campaign", "value": "spring"}],
    "stream": "invitations",
    "lane": "bulk",
}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, max_batch=20) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def ids(answer: Any) -> list[str]:
    return [item["id"] for item in body_of(answer)["data"]]


def test_an_email_is_shown_as_it_was_submitted(web: Web, key: Headers) -> None:
    """Every field of a submission can be read back, under Resend's names, with the state of each recipient."""
    answer = web.client.post("/v1/emails", json=WHOLE, headers=key)
    assert body_of(answer).keys() == {"id"}
    shown = web.email(key, body_of(answer)["id"])
    assert shown["object"] == "email"
    assert shown["from"] == "Invites <invites@example.com>"
    assert shown["to"] == ["Ann <ann@example.com>", "bob@example.com"]
    assert (shown["cc"], shown["bcc"], shown["reply_to"]) == (
        ["cy@example.com"],
        ["dee@example.com"],
        ["help@example.com"],
    )
    assert (shown["subject"], shown["text"], shown["html"]) == (WHOLE["subject"], WHOLE["text"], WHOLE["html"])
    assert shown["headers"] == {"X-Entity-Ref-ID": "1"}
    assert shown["tags"] == [{"name": "campaign", "value": "spring"}]
    assert (shown["stream"], shown["lane"], shown["app"]) == ("invitations", "bulk", "invites")
    assert shown["created_at"].endswith("Z")
    assert shown["scheduled_at"] is None
    assert shown["last_event"] == "queued"
    assert [(one["email"], one["kind"], one["state"]) for one in shown["recipients"]] == [
        ("ann@example.com", "to", "queued"),
        ("bob@example.com", "to", "queued"),
        ("cy@example.com", "cc", "queued"),
        ("dee@example.com", "bcc", "queued"),
    ]


def test_an_email_that_is_accepted_is_sent(web: Web, key: Headers) -> None:
    """The email goes out, and its state and its timeline show it."""
    email_id = web.submit(key)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [envelope.recipient for envelope in web.mailer.sent] == ["ann@example.com"]
    shown = web.email(key, email_id)
    assert shown["last_event"] == "sent"
    assert shown["recipients"][0]["ses_message_id"]
    story = body_of(web.client.get(f"/v1/emails/{email_id}/events", headers=key))
    assert (story["object"], story["has_more"]) == ("list", False)
    assert [entry["type"] for entry in story["data"]][:2] == ["accepted", "attempt"]
    assert {entry["recipient"] for entry in story["data"]} == {"ann@example.com"}
    assert [entry["at"] for entry in story["data"]] == sorted(entry["at"] for entry in story["data"])


def test_suppressed_recipients_are_named_in_the_answer(web: Web, key: Headers) -> None:
    """The caller sees at once which recipients are suppressed, and why; the others are sent to."""
    web.client.post("/v1/suppressions", json={"email": "Bob@example.com"}, headers=key)
    answer = body_of(web.client.post("/v1/emails", json=WHOLE, headers=key))
    assert [(one["email"], one["origin"]) for one in answer["suppressed"]] == [("bob@example.com", "manual")]
    assert answer["suppressed"][0]["created_at"].endswith("Z")
    states = {one["email"]: one["state"] for one in web.email(key, answer["id"])["recipients"]}
    assert states["bob@example.com"] == "suppressed"
    assert states["ann@example.com"] == "queued"


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"to": [f"a{number}@example.com" for number in range(30)], "cc": ["b@example.com"] * 30}, "/to"),
        ({"to": []}, "/to"),
        ({"subject": "a\r\nBcc: eve@example.com"}, "/subject"),
        ({"text": None}, "/text"),
        ({"headers": {"Bcc": "eve@example.com"}}, "/headers/Bcc"),
        ({"headers": {"X-A": "a\nb"}}, "/headers/X-A"),
        ({"attachments": [{"filename": "run.exe", "content": ""}]}, "/attachments/0/filename"),
        ({"stream": "No Stream"}, "/stream"),
        ({"scheduled_at": "2001-01-01T00:00:00Z"}, "/scheduled_at"),
        ({"scheduled_at": "2101-01-01T00:00:00Z"}, "/scheduled_at"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
def test_a_broken_rule_of_an_email_names_its_field(web: Web, key: Headers, change: Any, pointer: str) -> None:
    """Well-formed JSON that is no valid email is refused with the same pointers; nothing of it is kept."""
    problem = problem_of(web.client.post("/v1/emails", json=MAIL | change, headers=key), 422, "validation_error")
    assert pointers(problem) == [pointer]
    assert ids(web.client.get("/v1/emails", headers=key)) == []


def test_an_application_sends_as_itself(web: Web, key: Headers) -> None:
    """A From that the application may not use is refused under the key's own name for it, in a batch too."""
    forged = MAIL | {"from": "boss@elsewhere.example"}
    problem = problem_of(web.client.post("/v1/emails", json=forged, headers=key), 403, "restricted_api_key")
    assert pointers(problem) == ["/from"]
    batch = [MAIL, forged]
    problem = problem_of(web.client.post("/v1/emails/batch", json=batch, headers=key), 403, "restricted_api_key")
    assert pointers(problem) == ["/1/from"]


def test_filters_are_repeated(web: Web, key: Headers) -> None:
    """In both spellings. Another parameter is refused when it is repeated; the answer names the lists."""
    sent = body_of(web.client.post("/v1/emails", json=MAIL | {"tags": [{"name": "n", "value": "1"}]}, headers=key))[
        "id"
    ]
    for query in ("last_event=queued&last_event=bounced", "state=sent,queued&tag=n:1&since=2026-03-01"):
        assert ids(web.client.get(f"/v1/emails?{query}", headers=key)) == [sent]
    assert ids(web.client.get("/v1/emails?tag=n:1&tag=n:2", headers=key)) == []
    problem = problem_of(web.client.get("/v1/emails?limit=1&limit=2", headers=key), 422, "validation_error")
    assert problem["detail"].endswith("Give each of them once except last_event, state, cause, tag.")


def test_a_batch_is_taken_in_its_order(web: Web, key: Headers) -> None:
    """There is one id per email; all of them are kept."""
    emails = [MAIL | {"to": f"a{number}@example.com"} for number in range(5)]
    answer = body_of(web.client.post("/v1/emails/batch", json=emails, headers=key))
    assert answer.keys() == {"data"}
    shown = [web.email(key, one["id"])["to"] for one in answer["data"]]
    assert shown == [[f"a{number}@example.com"] for number in range(5)]


def test_a_strict_batch_is_all_or_nothing(web: Web, key: Headers) -> None:
    """One bad email refuses all, with pointers into the list; nothing is kept."""
    emails = [MAIL, MAIL | {"to": "nobody"}, MAIL | {"subject": "a\nb"}, 7]
    problem = problem_of(web.client.post("/v1/emails/batch", json=emails, headers=key), 422, "validation_error")
    assert pointers(problem) == ["/1/to", "/2/subject", "/3"]
    assert ids(web.client.get("/v1/emails", headers=key)) == []


def test_a_permissive_batch_takes_what_is_good(web: Web, key: Headers) -> None:
    """The good emails are kept; the answer names the others by their position, in a sentence without values."""
    emails = [MAIL | {"to": "nobody"}, MAIL, MAIL | {"from": "boss@elsewhere.example"}]
    headers = key | {"x-batch-validation": "permissive"}
    answer = body_of(web.client.post("/v1/emails/batch", json=emails, headers=headers))
    assert len(answer["data"]) == 1
    assert [error["index"] for error in answer["errors"]] == [0, 2]
    assert answer["errors"][0]["message"].startswith("/to: ")
    assert "nobody" not in str(answer["errors"])
    assert "elsewhere" not in str(answer["errors"])
    none = body_of(web.client.post("/v1/emails/batch", json=emails[:1], headers=headers))
    assert (none["data"], len(none["errors"])) == ([], 1)


@pytest.mark.parametrize(
    "body, headers",
    [([], {}), ([MAIL] * 21, {}), ({"emails": [MAIL]}, {}), ([MAIL], {"x-batch-validation": "lenient"})],
)
def test_a_batch_is_a_list_within_bounds(web: Web, key: Headers, body: Any, headers: Headers) -> None:
    """No email, too many, no list, or an unknown mode: the batch is refused as a whole."""
    problem_of(web.client.post("/v1/emails/batch", json=body, headers=key | headers), 422, "validation_error")


def test_a_list_goes_page_by_page(web: Web, key: Headers) -> None:
    """Newest first, from the last id on, in both directions, without gap or repetition; the list has no bodies."""
    sent = [web.submit(key, to=f"a{number}@example.com") for number in range(5)][::-1]
    first = web.client.get("/v1/emails?limit=2", headers=key)
    assert (ids(first), body_of(first)["has_more"]) == (sent[:2], True)
    second = web.client.get(f"/v1/emails?limit=2&after={sent[1]}", headers=key)
    assert (ids(second), body_of(second)["has_more"]) == (sent[2:4], True)
    last = web.client.get(f"/v1/emails?limit=2&after={sent[3]}", headers=key)
    assert (ids(last), body_of(last)["has_more"]) == (sent[4:], False)
    back = web.client.get(f"/v1/emails?limit=2&before={sent[4]}", headers=key)
    assert (ids(back), body_of(back)["has_more"]) == (sent[2:4], True)
    assert body_of(first)["object"] == "list"
    assert body_of(first)["data"][0]["text"] is None


def test_a_list_can_be_filtered(web: Web, key: Headers) -> None:
    """By recipient, tag, stream, last event and time."""
    plain = web.submit(key)
    whole = body_of(web.client.post("/v1/emails", json=WHOLE, headers=key))["id"]
    later = web.submit(key, to="eve@example.com", scheduled_at=soon(hours=1))
    for query, expected in (
        ("to=DEE@example.com", [whole]),
        ("to=ann@example.com", [whole, plain]),
        ("tag=campaign:spring", [whole]),
        ("tag=campaign:autumn", []),
        ("stream=invitations", [whole]),
        ("last_event=scheduled", [later]),
        ("last_event=queued", [whole, plain]),
        (f"since={soon(hours=1)}", []),
        (f"until={soon(hours=1)}", [later, whole, plain]),
    ):
        assert ids(web.client.get(f"/v1/emails?{query}", headers=key)) == expected, query


def test_a_scheduled_email_can_be_moved_and_canceled(web: Web, key: Headers) -> None:
    """Until it is due; afterwards the answer is a conflict, and an email that is queued can only be canceled."""
    email_id = web.submit(key, scheduled_at=soon(hours=1))
    assert web.email(key, email_id)["last_event"] == "scheduled"
    moved = web.client.patch(f"/v1/emails/{email_id}", json={"scheduled_at": soon(hours=2)}, headers=key)
    assert body_of(moved) == {"object": "email", "id": email_id}
    taken = web.client.post(f"/v1/emails/{email_id}/cancel", headers=key)
    assert body_of(taken) == {"object": "email", "id": email_id}
    assert web.email(key, email_id)["last_event"] == "canceled"
    problem_of(web.client.post(f"/v1/emails/{email_id}/cancel", json={}, headers=key), 409, "conflict")
    again = web.client.patch(f"/v1/emails/{email_id}", json={"scheduled_at": soon(hours=2)}, headers=key)
    problem_of(again, 409, "conflict")


@pytest.mark.parametrize(
    "body, pointer",
    [
        ({}, "/scheduled_at"),
        ({"scheduled_at": "tomorrow"}, "/scheduled_at"),
        ({"scheduled_at": "2001-01-01T00:00:00Z"}, "/scheduled_at"),
        ({"scheduled_at": "2027-01-01T00:00:00Z", "id": NO_ID}, "/id"),
        ({"scheduled_at": "2027-01-01T00:00:00Z", "subject": "Other"}, "/subject"),
    ],
)
def test_only_the_time_of_an_email_can_be_changed(web: Web, key: Headers, body: Any, pointer: str) -> None:
    """Only to a valid time, and only of the email that the path names."""
    email_id = web.submit(key, scheduled_at=soon(hours=1))
    answer = web.client.patch(f"/v1/emails/{email_id}", json=body, headers=key)
    assert pointers(problem_of(answer, 422, "validation_error")) == [pointer]


def test_applications_see_nothing_of_each_other(web: Web) -> None:
    """For every method another application's email is not found; it is in no list, and nothing of it changes."""
    ours, theirs = web.key("ours"), web.key("theirs")
    email_id = web.submit(ours, scheduled_at=soon(hours=1))
    for method, path, body in (
        ("GET", f"/v1/emails/{email_id}", None),
        ("GET", f"/v1/emails/{email_id}/events", None),
        ("PATCH", f"/v1/emails/{email_id}", {"scheduled_at": soon(hours=2)}),
        ("POST", f"/v1/emails/{email_id}/cancel", {}),
    ):
        missing = path.replace(email_id, NO_ID)
        foreign = problem_of(web.client.open(path, method=method, json=body, headers=theirs), 404, "not_found")
        unknown = problem_of(web.client.open(missing, method=method, json=body, headers=theirs), 404, "not_found")
        assert {**foreign, "request_id": ""} == {**unknown, "request_id": ""}
    assert ids(web.client.get("/v1/emails", headers=theirs)) == []
    assert ids(web.client.get("/v1/emails?to=ann@example.com", headers=theirs)) == []
    assert ids(web.client.get(f"/v1/emails?before={email_id}", headers=theirs)) == []
    assert web.email(ours, email_id)["last_event"] == "scheduled"


def test_an_administrator_sees_every_application(web: Web) -> None:
    """With the admin scope the email of any application is found and listed."""
    email_id = web.submit(web.key("ours"))
    admin = web.key("operators", Scope.ADMIN)
    assert web.email(admin, email_id)["app"] == "ours"
    assert ids(web.client.get("/v1/emails", headers=admin)) == [email_id]
