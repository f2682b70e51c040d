"""The official Resend client for Python, unchanged, against a real server: only its base URL points here."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import resend
from resend.exceptions import InvalidApiKeyError, MissingApiKeyError, RateLimitError, ResendError, ValidationError

from app.domain.apps.callers import Scope
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import bounce, complaint, feed
from tests.support.gateway.web import NO_ID, Web, soon, web_on
from tests.support.servers.served import served

MAIL: Any = {
    "from": "Invites <invites@example.com>",
    "to": ["ann@example.com"],
    "subject": "You are invited",
    "html": "<p>Come and see.</p>",
}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def gateway(web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """The gateway that the client uses, with a key as any application has."""
    with served(web) as url:
        monkeypatch.setattr(resend, "api_url", f"{url}/v1")
        use(monkeypatch, web)
        yield web.gateway


def use(monkeypatch: pytest.MonkeyPatch, web: Web, *scopes: Scope, **more: Any) -> None:
    """Give the client a new key."""
    token = web.key("resenders", *scopes, reason_optional=True, **more)["Authorization"].removeprefix("Bearer ")
    monkeypatch.setattr(resend, "api_key", token)


def test_an_email_is_sent_and_looked_at(web: Web, gateway: Gateway) -> None:
    """Send returns the id, and get returns the email in the client's own names, along with the answer's headers."""
    sent = resend.Emails.send(MAIL | {"cc": "cy@example.com", "reply_to": ["help@example.com"], "text": "Come."})
    assert sent["http_headers"]["X-Request-Id"]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    found: Any = resend.Emails.get(sent["id"])
    assert (found["id"], found["object"], found["from"]) == (sent["id"], "email", "Invites <invites@example.com>")
    assert (found["to"], found["cc"], found["reply_to"]) == (
        ["ann@example.com"],
        ["cy@example.com"],
        ["help@example.com"],
    )
    assert (found["subject"], found["html"], found["text"]) == (MAIL["subject"], MAIL["html"], "Come.")
    assert found["last_event"] == "sent"
    assert {envelope.recipient for envelope in web.mailer.sent} == {"ann@example.com", "cy@example.com"}
    assert len(web.mailer.sent) == 2


def test_files_tags_and_headers_travel(web: Web, gateway: Gateway) -> None:
    """Both ways in which the client passes a file, its tags and its headers."""
    logo: Any = {"filename": "logo.png", "content": list(b"\x89PNG"), "content_id": "logo"}
    text: Any = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode(), "content_type": "text/plain"}
    sent = resend.Emails.send(
        MAIL
        | {
            "html": '<img src="cid:logo">',
            "attachments": [logo, text],
            "tags": [{"name": "campaign", "value": "spring"}],
            "headers": {"X-Entity-Ref-ID": "7"},
        }
    )
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    raw = web.mailer.sent[0].raw
    assert b"X-Entity-Ref-ID: 7" in raw
    assert b"Content-ID: <logo>" in raw
    assert base64.b64encode(b"\x89PNG") in raw
    assert base64.b64encode(b"hello") in raw
    assert resend.Emails.get(sent["id"])["tags"] == [{"name": "campaign", "value": "spring"}]  # type: ignore[typeddict-item]


def test_an_idempotency_key_sends_once(gateway: Gateway) -> None:
    """The same call with the same key is the same email; another call with that key is an error that names the key."""
    options: Any = {"idempotency_key": "invite/7"}
    first = resend.Emails.send(MAIL, options)
    again = resend.Emails.send(MAIL, options)
    assert again["id"] == first["id"]
    assert again["http_headers"]["Idempotency-Replayed"] == "true"
    with pytest.raises(ResendError) as refused:
        resend.Emails.send(MAIL | {"subject": "Other"}, options)
    assert (refused.value.code, refused.value.error_type) == (409, "invalid_idempotent_request")


def test_emails_are_listed_page_by_page(gateway: Gateway) -> None:
    """Newest first, with the client's own cursors."""
    sent = [resend.Emails.send(MAIL)["id"] for _ in range(3)][::-1]
    first = resend.Emails.list({"limit": 2})
    assert (first["object"], [email["id"] for email in first["data"]], first["has_more"]) == ("list", sent[:2], True)
    rest = resend.Emails.list({"limit": 2, "after": sent[1]})
    assert ([email["id"] for email in rest["data"]], rest["has_more"]) == (sent[2:], False)


def test_a_scheduled_email_is_moved_and_canceled(gateway: Gateway) -> None:
    """The client's update repeats the id in the body, and its cancel sends an empty body."""
    sent = resend.Emails.send(MAIL | {"scheduled_at": soon(hours=1)})
    moved = resend.Emails.update({"id": sent["id"], "scheduled_at": soon(hours=2)})
    assert (moved["object"], moved["id"]) == ("email", sent["id"])
    taken = resend.Emails.cancel(sent["id"])
    assert (taken["object"], taken["id"]) == ("email", sent["id"])
    assert resend.Emails.get(sent["id"])["last_event"] == "canceled"


def test_a_strict_batch_is_all_or_nothing(gateway: Gateway) -> None:
    """This is the client's default: ids in order, or an error and nothing sent."""
    batch = resend.Batch.send([MAIL | {"to": f"a{number}@example.com"} for number in range(3)])
    assert [resend.Emails.get(email["id"])["to"] for email in batch["data"]] == [
        [f"a{number}@example.com"] for number in range(3)
    ]
    with pytest.raises(ValidationError):
        resend.Batch.send([MAIL, MAIL | {"to": "nobody"}])
    assert len(resend.Emails.list()["data"]) == 3


def test_a_permissive_batch_names_what_it_left_out(gateway: Gateway) -> None:
    """The good emails are sent; the others are named by their position."""
    batch = resend.Batch.send([MAIL | {"to": "nobody"}, MAIL], {"batch_validation": "permissive"})
    assert len(batch["data"]) == 1
    assert [error["index"] for error in batch["errors"]] == [0]


def test_suppressions_are_kept(gateway: Gateway) -> None:
    """Add, get by address and by id, list, remove: an application marked for these clients needs no reason."""
    added = resend.Suppressions.add({"email": "Ann+tag@example.com"})
    assert added["object"] == "suppression"
    for name in (added["id"], "ann+tag@example.com"):
        found = resend.Suppressions.get(name)
        assert (found["id"], found["email"], found["origin"]) == (added["id"], "Ann+tag@example.com", "manual")
        assert found["source_id"] is None
    listed = resend.Suppressions.list({"origin": "manual", "limit": 5})
    assert ([entry["id"] for entry in listed["data"]], listed["has_more"]) == ([added["id"]], False)
    removed = resend.Suppressions.remove("ann+tag@example.com")
    assert (removed["object"], removed["id"], removed["deleted"]) == ("suppression", added["id"], True)
    with pytest.raises(ResendError) as missing:
        resend.Suppressions.get("ann+tag@example.com")
    assert (missing.value.code, missing.value.error_type) == (404, "not_found")


def test_suppressions_are_kept_in_batches(gateway: Gateway) -> None:
    """By address and by id; an address that is not on the list is left out."""
    added = resend.Suppressions.Batch.add({"emails": ["ann@example.com", "bob@example.com", "ANN@example.com"]})
    assert len(added["data"]) == 2
    removed = resend.Suppressions.Batch.remove({"emails": ["ann@example.com", "nobody@example.com"]})
    assert [entry["id"] for entry in removed["data"]] == [added["data"][0]["id"]]
    removed = resend.Suppressions.Batch.remove({"ids": [added["data"][1]["id"], NO_ID]})
    assert [entry["deleted"] for entry in removed["data"]] == [True]


def test_bounces_and_complaints_are_listed_with_their_email(gateway: Gateway) -> None:
    """In the client's own words: the origin, the email that caused it, the time; newest first, filtered and paged."""
    sent = [resend.Emails.send(MAIL | {"to": f"{name}@example.com"})["id"] for name in ("bo", "cy")]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, UUID(sent[0])))
    feed(gateway, complaint(gateway, UUID(sent[1])))
    resend.Suppressions.add({"email": "ann@example.com"})
    found = resend.Suppressions.get("BO@example.com")
    assert (found["origin"], found["source_id"]) == ("bounce", sent[0])
    assert datetime.fromisoformat(found["created_at"]).tzinfo is not None
    listed = resend.Suppressions.list()
    assert [(entry["email"], entry["origin"], entry["source_id"]) for entry in listed["data"]] == [
        ("ann@example.com", "manual", None),
        ("cy@example.com", "complaint", sent[1]),
        ("bo@example.com", "bounce", sent[0]),
    ]
    assert [one["email"] for one in resend.Suppressions.list({"origin": "complaint"})["data"]] == ["cy@example.com"]
    first = resend.Suppressions.list({"limit": 2})
    assert first["has_more"] is True
    rest = resend.Suppressions.list({"limit": 2, "after": first["data"][1]["id"]})
    assert ([one["email"] for one in rest["data"]], rest["has_more"]) == (["bo@example.com"], False)
    back = resend.Suppressions.list({"limit": 2, "before": rest["data"][0]["id"]})
    assert [one["id"] for one in back["data"]] == [one["id"] for one in first["data"]]


@pytest.mark.parametrize(
    "email", ["ann+tag@example.com", "a/b@example.com", "50%off@example.com", "o'neil@example.com"]
)
def test_an_address_of_any_spelling_survives_the_path(gateway: Gateway, email: str) -> None:
    """The client quotes it; added twice it is one entry, and it is found and removed by its address."""
    added = resend.Suppressions.add({"email": email})
    assert resend.Suppressions.add({"email": email.upper()})["id"] == added["id"]
    assert resend.Suppressions.get(email)["id"] == added["id"]
    assert resend.Suppressions.remove(email)["id"] == added["id"]
    assert resend.Suppressions.list()["data"] == []


def test_a_complaint_is_not_removed_without_force(gateway: Gateway) -> None:
    """The client has no parameter for force, so the removal is refused, with a message that names what is missing."""
    sent = resend.Emails.send(MAIL)["id"]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, complaint(gateway, UUID(sent)))
    with pytest.raises(ValidationError, match="force"):
        resend.Suppressions.remove("ann@example.com")
    assert resend.Suppressions.get("ann@example.com")["origin"] == "complaint"


def test_a_batch_with_a_fault_changes_nothing(gateway: Gateway, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many addresses, an invalid address, an invalid id, or a key that may only read: all or nothing."""
    many = [f"a{number}@example.com" for number in range(101)]
    for emails in (many, ["ann@example.com", "nobody"], []):
        with pytest.raises(ValidationError):
            resend.Suppressions.Batch.add({"emails": emails})
    assert resend.Suppressions.list()["data"] == []
    assert len(resend.Suppressions.Batch.add({"emails": many[:100]})["data"]) == 100
    with pytest.raises(ValidationError):
        resend.Suppressions.Batch.remove({"emails": [*many[:2], "nobody"]})
    with pytest.raises(ValidationError):
        resend.Suppressions.Batch.remove({"ids": ["no-id"]})
    assert resend.Suppressions.list({"limit": 100})["has_more"] is False
    assert len(resend.Suppressions.list({"limit": 100})["data"]) == 100
    use(monkeypatch, web, Scope.SUPPRESSIONS_READ)
    with pytest.raises(ResendError) as restricted:
        resend.Suppressions.Batch.remove({"emails": many[:2]})
    assert (restricted.value.code, restricted.value.error_type) == (403, "restricted_api_key")


def test_a_suppressed_recipient_is_named_in_the_answer(gateway: Gateway) -> None:
    """It is in the answer beside the id; a client that ignores it is not disturbed."""
    resend.Suppressions.add({"email": "ann@example.com"})
    sent: Any = resend.Emails.send(MAIL)
    assert [one["email"] for one in sent["suppressed"]] == ["ann@example.com"]
    assert resend.Emails.get(sent["id"])["last_event"] == "suppressed"


def test_errors_are_the_clients_own(web: Web, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failure arrives as the type that the client has for it, with a message that names the field."""
    with pytest.raises(ValidationError, match=r"^/to: ") as invalid:
        resend.Emails.send(MAIL | {"to": "nobody"})
    assert invalid.value.code == 422
    with pytest.raises(ValidationError, match="template"):
        resend.Emails.send(MAIL | {"template": {"id": "x"}})
    with pytest.raises(ResendError) as missing:
        resend.Emails.get(NO_ID)
    assert (missing.value.code, missing.value.error_type) == (404, "not_found")
    with pytest.raises(ResendError) as foreign:
        resend.Emails.send(MAIL | {"from": "boss@elsewhere.example"})
    assert (foreign.value.code, foreign.value.error_type) == (403, "restricted_api_key")
    use(monkeypatch, web, Scope.EMAILS_READ)
    with pytest.raises(ResendError) as restricted:
        resend.Emails.send(MAIL)
    assert (restricted.value.code, restricted.value.error_type) == (403, "restricted_api_key")
    monkeypatch.setattr(resend, "api_key", "re_123")
    with pytest.raises(InvalidApiKeyError):
        resend.Emails.send(MAIL)
    monkeypatch.setattr(resend, "api_key", "")
    with pytest.raises((MissingApiKeyError, InvalidApiKeyError)):
        resend.Emails.send(MAIL)


def test_a_client_beyond_its_rate_gets_the_time_to_wait(
    migrated_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate limit arrives as the client's own error, with the time after which to retry."""
    with web_on(migrated_url, redis_url, requests_per_second=1) as web, served(web) as url:
        monkeypatch.setattr(resend, "api_url", f"{url}/v1")
        use(monkeypatch, web)
        with pytest.raises(RateLimitError) as hasty:
            [resend.Emails.list() for _ in range(20)]
    assert hasty.value.headers["Retry-After"] == "1"
