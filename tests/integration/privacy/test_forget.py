"""Forgetting a person: the address is in no table, file, Redis key or log line, and suppressions stay in force."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy.engine import make_url

from app.domain.errors import ServiceUnavailable, ValidationFailed
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.privacy.forget import MOST_AT_ONCE
from app.store.account import ses_list
from app.store.account.ses_list import Mirrored
from app.store.operating import audit, incidents
from app.store.privacy import free_text
from app.store.submission import idempotency_keys
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import put
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, state_of, submit, take
from tests.support.gateway.forgetting import (
    KEY,
    KIM,
    NAMED,
    NOWHERE,
    AwayList,
    OpaqueMailer,
    forget,
    live,
    suppress,
    with_account,
)
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on
from tests.support.gateway.rows import change, everything_stored, recipient_of, rows
from tests.support.gateway.web import AccountList


@pytest.fixture
def mailer() -> OpaqueMailer:
    return OpaqueMailer()


@pytest.fixture
def account() -> AccountList:
    return AccountList()


def full_life(gateway: Gateway) -> dict[str, Any]:
    """A person with rows in every table; the emails by name."""
    who = caller(gateway)
    gateway.apps.change_team(ROOT, "invites", add=(KIM, "ann@example.net"))
    alone = submit(gateway, who, NAMED, tags=(("user", "kim.gone"),), idempotency=f"invite-{KIM}")
    shared = submit(gateway, who, "Ann <ann@example.net>", NAMED)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    reported = bounce(gateway, alone)
    reported["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = f"smtp; 550 5.1.1 <{KIM}> is unknown here"
    feed(gateway, reported)
    about_ann = delivery(gateway, shared)
    about_ann["mail"]["headers"] = [{"name": "To", "value": f"Ann <ann@example.net>, {NAMED}"}]
    feed(gateway, about_ann)
    # SES repeats the headers in the events of every recipient of the email.
    suppress(gateway, KEY, "invites/news", "unsubscribe")
    suppress(gateway, KEY, "invites/old", "manual")
    gateway.unsuppress(ROOT, KIM, scope="invites/old", reason=f"{KIM} asked for it.")
    with gateway.database.transaction() as connection:
        ses_list.mirror(
            connection, [Mirrored(address=KIM, key=KEY, reason="BOUNCE", updated_at=gateway_clock(gateway))]
        )
        incidents.note(connection, kind="refused_for_policy", subject="example.net", detail=f"550 5.7.1 {KIM} refused")
        audit.write(connection, actor="test", action="look", key=None, reason=f"for {KIM}", data={"to": [KIM]})
        answered = idempotency_keys.Remembered(bytes(32), {"suppressed": [{"email": KIM}]})
        claim = idempotency_keys.Claim(app_id=who.app_id, key="other", wanted=answered)
        idempotency_keys.take(connection, [claim], lasts=timedelta(hours=1))
    put(gateway, "not JSON, but it names " + KIM)
    return {"alone": alone, "shared": shared, "who": who}


def gateway_clock(gateway: Gateway) -> Any:
    return rows(gateway, "apps")[0]["created_at"]


def files_of(gateway: Gateway) -> bytes:
    """The bytes of a SQLite database with its log; nothing for PostgreSQL, which removes old rows by its own vacuum."""
    url = make_url(gateway.settings.database_url)
    if url.get_backend_name() != "sqlite" or url.database is None:
        return b""
    return b"".join(file.read_bytes() for file in Path(url.database).parent.glob(f"{Path(url.database).name}*"))


def all_of_redis(url: str) -> str:
    with Redis.from_url(url) as client:
        return repr([(name, client.dump(name)) for name in client.scan_iter()])


def test_the_address_of_a_forgotten_person_is_nowhere(
    gateway: Gateway, redis_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not one text of one table, not one byte of the file, no key of Redis, no line of a log; in no spelling."""
    full_life(gateway)
    before = everything_stored(gateway).lower()
    assert before.count(KEY) > 20
    with caplog.at_level(logging.DEBUG):
        done = forget(gateway)
    after = everything_stored(gateway).lower()
    for trace in (KEY, "kim.gone", "kim gone"):
        assert trace not in after
        assert trace.encode() not in files_of(gateway).lower()
        assert trace not in all_of_redis(redis_url).lower()
        assert trace not in caplog.text.lower() + capsys.readouterr().err.lower()
    assert done.compacted in {True, None}
    assert (done.erased.emails, done.erased.bodies) == (2, 1)
    assert done.mentions >= 4
    assert gateway.apps.find(ROOT, "invites").team == ("ann@example.net",)


def test_outcomes_and_counts_stay_under_one_pseudonym(gateway: Gateway) -> None:
    """Emails keep their outcome and message id, events their kind; other people's emails keep their recipient."""
    made = full_life(gateway)
    name = gateway.pseudonyms(KEY)
    bounced_before = len(rows(gateway, "events", type="bounce"))
    done = forget(gateway)
    assert done.pseudonym == name
    alone = recipient_of(gateway, made["alone"])
    assert (alone.key, alone.address, alone.name, alone.state) == (name, name, None, State.BOUNCED)
    assert gateway.look_up.email(ROOT, made["alone"]).erased_at is not None
    assert alone.ses_message_id
    assert [row["address"] for row in rows(gateway, "events", type="bounce")] == [name] * bounced_before
    assert [row.address for row in (recipient_of(gateway, made["shared"], place) for place in (0, 1))] == [
        "ann@example.net",
        name,
    ]
    view = gateway.look_up.email(ROOT, made["shared"])
    assert (view.subject, view.text) == ("You are invited", "Come and see.")
    view = gateway.look_up.email(ROOT, made["alone"])
    assert (view.subject, view.text, view.tags) == (None, None, ())


def test_suppressions_stay_in_the_same_scopes(gateway: Gateway) -> None:
    """A live entry stays with its origin, a tombstone stays one, and the result lists the entries in force."""
    full_life(gateway)
    name = gateway.pseudonyms(KEY)
    done = forget(gateway)
    assert live(gateway) == {(name, "*", "bounce"), (name, "invites/news", "unsubscribe")}
    assert {(kept.scope, kept.origin) for kept in done.suppressed} == {
        ("*", "bounce"),
        ("invites/news", "unsubscribe"),
    }
    over = [row for row in rows(gateway, "suppressions") if row["removed_at"]]
    assert [(row["key"], row["scope"]) for row in over] == [(name, "invites/old")]


@pytest.mark.parametrize("redis", ["warm", "cold", "away"])
def test_new_email_to_a_forgotten_person_is_refused(migrated_url: str, redis_url: str, redis: str) -> None:
    """At accept, and in the claim for an email that passed accept; whatever Redis holds."""
    mailer = ScriptedMailer()
    with gateway_on(migrated_url, NOWHERE if redis == "away" else redis_url, mailer=mailer) as built:
        gateway = with_account(built, AccountList())
        who = caller(gateway)
        suppress(gateway, KEY, "*", "complaint")
        if redis == "warm":
            gateway.upkeep.warm_positives()
        forget(gateway)
        refused = submit(gateway, who, KIM)
        assert state_of(gateway, refused) is State.SUPPRESSED
        # As if it had been accepted a moment before the entry was there.
        change(gateway, "recipients", {"state": State.QUEUED}, email_id=refused)
        assert len(take(gateway).suppressed) == 1
        assert "complaint" in str(recipient_of(gateway, refused).reason)
        sent = submit(gateway, who, "ann@example.net")
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert state_of(gateway, sent) is State.SENT
        assert [envelope.recipient for envelope in mailer.sent] == ["ann@example.net"]


def test_a_forgotten_person_without_suppressions_may_get_email(gateway: Gateway) -> None:
    """Forgetting is no suppression, unless that is asked for: new email is sent, and stored under the address again."""
    who = caller(gateway)
    submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert forget(gateway).suppressed == ()
    again = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, again))
    assert state_of(gateway, again) is State.BOUNCED
    assert live(gateway) == {(KEY, "*", "bounce")}


def test_a_forgotten_person_may_be_suppressed_for_good(gateway: Gateway) -> None:
    """With an entry of its own origin, which is found by the address and unsuppressed only by force."""
    name = gateway.pseudonyms(KEY)
    done = forget(gateway, suppress=True)
    assert [(kept.scope, kept.origin) for kept in done.suppressed] == [("*", "erasure")]
    assert state_of(gateway, submit(gateway, caller(gateway), KIM)) is State.SUPPRESSED
    with pytest.raises(ValidationFailed):
        gateway.unsuppress(ROOT, KIM, reason="Kim wants mail again.")
    assert live(gateway) == {(name, "*", "erasure")}
    gateway.unsuppress(ROOT, KIM, reason="Kim wants mail again.", force=True)
    assert live(gateway) == set()
    assert state_of(gateway, submit(gateway, caller(gateway), KIM)) is State.QUEUED


def test_the_address_leaves_ses_list_in_every_spelling(gateway: Gateway, account: AccountList) -> None:
    """SES's list compares exactly, so each known spelling is removed; otherwise a sync would bring the address back."""
    made = full_life(gateway)
    account.addresses = {KIM, KEY, "ann@example.net"}
    assert forget(gateway).ses_account == "removed"
    assert account.addresses == {"ann@example.net"}
    assert forget(gateway).ses_account == "absent"
    assert made


def test_without_ses_nothing_is_erased_unless_its_list_may_keep_the_address(gateway: Gateway) -> None:
    """The failure gives both ways on; with the second one everything but SES's own list is erased."""
    full_life(gateway)
    away = with_account(gateway, AwayList())
    with pytest.raises(ServiceUnavailable, match="Nothing was erased"):
        forget(away)
    assert KIM in everything_stored(gateway)
    assert forget(away, ask_ses=False).ses_account == "kept"
    assert KEY not in everything_stored(gateway).lower()


def test_a_person_can_be_forgotten_again(gateway: Gateway) -> None:
    """Of two entries for one scope the stronger stays, or the longer."""
    name = gateway.pseudonyms(KEY)
    suppress(gateway, KEY, "*", "manual")
    forget(gateway)
    suppress(gateway, KEY, "*", "complaint")
    suppress(gateway, KEY, "invites", "manual")
    forget(gateway)
    assert live(gateway) == {(name, "*", "complaint"), (name, "invites", "manual")}
    suppress(gateway, KEY, "*", "bounce")
    forget(gateway)
    assert live(gateway) == {(name, "*", "complaint"), (name, "invites", "manual")}
    assert len(rows(gateway, "audit", action="forget", key=name)) == 3


def test_the_audit_keeps_actor_pseudonym_and_reason(gateway: Gateway) -> None:
    """Under the pseudonym, and without the address if the reason contains it; a reason is required."""
    with pytest.raises(ValidationFailed):
        gateway.forget(ROOT, KIM, reason=" ")
    gateway.forget(ROOT, KIM, reason=f"Request of {KIM}.")
    [act] = rows(gateway, "audit", action="forget")
    name = gateway.pseudonyms(KEY)
    assert (act["actor"], act["key"], act["reason"]) == (ROOT.actor, name, f"Request of {name}.")


def test_no_other_person_is_touched(gateway: Gateway) -> None:
    """An address that ends alike, a subdomain, the senders of an application: all as they were."""
    who = caller(gateway)
    others = [f"x{KEY}", f"{KEY}.example", f"{KEY.replace('.net', '.network')}", "gone@example.net"]
    for other in others:
        submit(gateway, who, other, tags=(("of", "x"),))
        suppress(gateway, other)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    before = {name: rows(gateway, name) for name in ("recipients", "emails", "suppressions", "apps", "events")}
    forget(gateway)
    assert {name: rows(gateway, name) for name in before} == before


def test_people_are_forgotten_together(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """All texts are searched once for all of them; a person who cannot be forgotten now delays no other."""
    monkeypatch.setattr(free_text, "PAGE", 2)
    looked: list[str] = []
    made = full_life(gateway)
    flying = submit(gateway, made["who"], "ann@example.net")
    other = submit(gateway, made["who"], "Lee <lee@example.org>", idempotency="for-lee@example.org")
    take(gateway)
    change(gateway, "recipients", {"state": State.CANCELED}, email_id=other)
    together = gateway.forget.several(
        ROOT, [KIM, "lee@example.org", "ann@example.net"], reason=f"Of {KIM}.", progress=looked.append
    )
    stored = everything_stored(gateway).lower()
    assert KEY not in stored
    assert "lee@example.org" not in stored
    assert [one.pseudonym for one in together.done] == [gateway.pseudonyms(KEY), gateway.pseudonyms("lee@example.org")]
    [refused] = together.refused
    assert (refused.email, str(flying) in refused.why) == ("ann@example.net", True)
    assert "ann@example.net" in stored
    assert together.mentions >= 4
    assert "looking through notifications: 2 rows so far" in looked
    assert len(looked) == len(set(looked))


def test_too_many_or_a_wrong_address_are_refused_before_anything(gateway: Gateway) -> None:
    """No part of a list is forgotten on its own."""
    for wrong in ([], [KIM, "kim"], [f"r{number}@example.net" for number in range(MOST_AT_ONCE + 1)]):
        with pytest.raises(ValidationFailed):
            gateway.forget.several(ROOT, wrong, reason="Request 4711.")
    assert rows(gateway, "audit", action="forget") == []


def test_a_wrong_address_is_refused_before_anything(gateway: Gateway) -> None:
    """A whole domain is not a person, and neither is a typing error."""
    for wrong in ("@example.net", "kim", ""):
        with pytest.raises(ValidationFailed):
            forget(gateway, wrong)
    assert rows(gateway, "audit", action="forget") == []
