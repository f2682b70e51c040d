"""Keys of a team: they write to the team of their application, and to no other address, by whatever route."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from app.domain.apps.callers import Scope
from app.domain.apps.key_kinds import KeyKind
from app.domain.errors import InvalidApiKey, NotInTeam, ValidationFailed
from app.services.apps.app_options import MOST_OF_TEAM
from app.services.submission.doors.submit_raw import RawSubmission
from app.wiring.gateway import Gateway
from app.wiring.migrations import alembic_config
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller, gateway_on, issue
from tests.support.gateway.rows import everything_stored, rows
from tests.support.gateway.web import MAIL, Headers, Web, body_of, pointers, problem_of, web_on

ANN, BEN = "ann@example.net", "ben@elsewhere.example"
RAW = b"From: invites@example.com\r\nTo: %s\r\nSubject: Hi\r\n\r\nHi.\r\n"


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """One database is enough: who may write to which address is decided in Python."""
    return migrated_sqlite_url


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        issue(made.gateway)
        made.gateway.apps.change_team(ROOT, "invites", add=(ANN, "@example.org"))
        yield made


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key(kind=KeyKind.TEAM)


def refused(web: Web, key: Headers, body: Any, path: str = "/v1/emails") -> list[str]:
    """The pointers of the refusal, which keeps nothing and repeats no address."""
    answer = web.client.post(path, json=body, headers=key)
    problem = problem_of(answer, 403, "restricted_api_key")
    assert {fault["code"] for fault in problem["errors"]} == {"not_in_team"}
    assert BEN not in json.dumps(problem) + everything_stored(web.gateway)
    assert rows(web.gateway, "emails") == []
    return pointers(problem)


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_an_email_to_another_address_is_refused(web: Web, key: Headers, field: str) -> None:
    """As a whole, with the name of the field; the address may be anywhere in it."""
    assert refused(web, key, MAIL | {"to": [ANN], field: [ANN, f"Ben <{BEN}>"]}) == [f"/{field}"]


def test_an_email_to_the_team_is_sent(web: Web, key: Headers) -> None:
    """To addresses of the team and of its domains, in any spelling."""
    sent = web.submit(key, to=["Ann <ANN@example.net>"], cc=["kim@example.org"])
    assert [one["state"] for one in web.email(key, sent)["recipients"]] == ["queued", "queued"]


def test_a_live_key_of_the_application_writes_to_everybody(web: Web) -> None:
    """The team is for its team keys alone."""
    web.submit(web.key(), to=[BEN])


def test_a_batch_is_refused_by_its_email_to_another_address(web: Web, key: Headers) -> None:
    """Whole, or with `permissive` that email alone."""
    batch = [MAIL | {"to": [ANN]}, MAIL | {"to": [BEN]}]
    assert refused(web, key, batch, "/v1/emails/batch") == ["/1/to"]
    permissive = key | {"x-batch-validation": "permissive"}
    answer = body_of(web.client.post("/v1/emails/batch", json=batch, headers=permissive))
    assert (len(answer["data"]), [one["index"] for one in answer["errors"]]) == (1, [1])


@pytest.mark.parametrize("envelope", [None, (ANN, BEN)])
def test_a_raw_message_to_another_address_is_refused(gateway: Gateway, envelope: tuple[str, ...] | None) -> None:
    """Whether the header or the envelope names it."""
    issue(gateway)
    gateway.apps.change_team(ROOT, "invites", add=(ANN,))
    who = caller(gateway, kind=KeyKind.TEAM)
    raw = RAW % (ANN if envelope else BEN).encode()
    with pytest.raises(NotInTeam) as error:
        gateway.submit_raw(who, RawSubmission(raw=raw, recipients=envelope))
    assert [fault.pointer for fault in error.value.faults] == ["/recipients"]
    assert rows(gateway, "emails") == []


def test_a_check_says_that_an_address_is_not_of_the_team(web: Web, key: Headers) -> None:
    """As the refusal would."""
    answer = body_of(web.client.post("/v1/emails/check", json={"to": [ANN, BEN]}, headers=key))
    assert [(one["would_send"], (one["reason"] or {}).get("code")) for one in answer["data"]] == [
        (True, None),
        (False, "not_in_team"),
    ]


def test_a_new_team_counts_within_five_seconds(web: Web) -> None:
    """A process that has cached nothing uses it at once."""
    web.gateway.apps.change_team(ROOT, "invites", add=(BEN,), remove=(ANN,))
    key = web.key(kind=KeyKind.TEAM)
    web.submit(key, to=[BEN])
    problem_of(web.client.post("/v1/emails", json=MAIL | {"to": [ANN]}, headers=key), 403, "restricted_api_key")


def test_a_change_of_the_team_is_in_the_audit(web: Web) -> None:
    """With the whole new team; one that changes nothing is not."""
    web.gateway.apps.change_team(ROOT, "invites", add=(ANN,), remove=(BEN,), reason="Nothing.")
    web.gateway.apps.change_team(ROOT, "invites", remove=(ANN,), reason="Ann has left.")
    noted = rows(web.gateway, "audit", action="app_change")
    assert [(row["reason"], row["data"]["changed"]) for row in noted] == [
        (None, {"team": [ANN, "@example.org"]}),
        ("Ann has left.", {"team": ["@example.org"]}),
    ]


def test_a_team_is_bounded_member_by_member(web: Web) -> None:
    """One too many changes nothing."""
    web.gateway.apps.change_team(ROOT, "invites", add=tuple(f"p{n}@example.com" for n in range(MOST_OF_TEAM - 2)))
    with pytest.raises(ValidationFailed, match="at most 100"):
        web.gateway.apps.change_team(ROOT, "invites", add=("one@example.com",))
    assert len(web.gateway.apps.find(ROOT, "invites").team) == MOST_OF_TEAM


def test_a_key_is_known_under_its_own_kind_only(gateway: Gateway) -> None:
    """A team key without its `team_` is unknown, and so is a live key with one, by the API and by SMTP."""
    doors = frozenset({Scope.EMAILS_SEND, Scope.SMTP})
    for kind, other in ((KeyKind.TEAM, KeyKind.LIVE), (KeyKind.LIVE, KeyKind.TEAM)):
        issued = issue(gateway, kind=kind, scopes=doors)
        wrong = other.access_key_id(issued.key.public_id)
        assert issued.token == f"{issued.access_key_id}_{issued.secret}"
        assert gateway.authenticate(f"Bearer {issued.token}").kind is kind
        for user in (issued.access_key_id, issued.access_key_id.removeprefix("ptn_")):
            for password in (issued.secret, issued.token):
                assert gateway.authenticate.with_secret(user, password).kind is kind
        with pytest.raises(InvalidApiKey):
            gateway.authenticate(f"Bearer {wrong}_{issued.secret}")
        with pytest.raises(InvalidApiKey):
            gateway.authenticate.with_secret(wrong, issued.secret)


def test_a_key_that_replaces_another_one_has_its_kind(gateway: Gateway) -> None:
    """A rotation makes no live key of a team key."""
    new = gateway.issue_keys.rotate(ROOT, issue(gateway, kind=KeyKind.TEAM).token)
    assert (new.key.kind, new.token.startswith("ptn_team_")) == (KeyKind.TEAM, True)
    assert gateway.issue_keys.revoke(ROOT, new.token).kind is KeyKind.TEAM


def test_the_release_before_finds_no_team_key(migrated_url: str, redis_url: str) -> None:
    """It would take one for a live key. Live keys stay."""
    with gateway_on(migrated_url, redis_url) as gateway:
        live = issue(gateway).key.public_id
        issue(gateway, kind=KeyKind.TEAM)
    command.downgrade(alembic_config(migrated_url), "0024")
    engine = create_engine(migrated_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT public_id FROM api_keys")).scalars().all() == [live]
    engine.dispose()


def test_an_administrator_needs_a_live_key(gateway: Gateway) -> None:
    """Another one could issue itself a live key."""
    with pytest.raises(ValidationFailed) as error:
        issue(gateway, kind=KeyKind.TEAM, scopes=frozenset({Scope.ADMIN}))
    assert [(fault.pointer, fault.code) for fault in error.value.faults] == [("/scopes", "not_of_this_kind")]
    assert gateway.issue_keys.all() == ()


def test_the_api_issues_and_shows_kinds(web: Web) -> None:
    """And the team, which a change replaces."""
    root = web.key("ops", Scope.ADMIN)
    made = body_of(web.client.post("/v1/apps/invites/keys", json={"kind": "team"}, headers=root))
    assert (made["kind"], made["token"].startswith(f"ptn_team_{made['id']}_")) == ("team", True)
    listed = body_of(web.client.get("/v1/apps/invites/keys", headers=root))["data"]
    assert [one["kind"] for one in listed] == ["team", "live"]
    changed = body_of(web.client.patch("/v1/apps/invites", json={"team": [f"{BEN.upper()}"]}, headers=root))
    assert changed["team"] == [BEN]
    problem = problem_of(
        web.client.post("/v1/apps/invites/keys", json={"kind": "demo"}, headers=root), 422, "validation_error"
    )
    assert pointers(problem) == ["/kind"]
