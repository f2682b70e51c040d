"""A person is forgotten: the address is in no table, no file, no Redis and no log, and who was suppressed stays so."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy.engine import make_url

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable, ValidationFailed
from app.queue import Lane
from app.store import audit, incidents, keys, ses_list
from app.store.ses_list import Mirrored
from app.wiring import Gateway
from tests.feedback import put
from tests.forgetting import KEY, KIM, NAMED, NOWHERE, AwayList, OpaqueMailer, forget, live, suppress, with_account
from tests.gateways import ScriptedMailer, caller, gateway_on
from tests.mails import ROOT, bounce, delivery, feed, state_of, submit, take
from tests.rows import change, everything_stored, recipient_of, rows
from tests.web import AccountList


@pytest.fixture
def mailer() -> OpaqueMailer:
    return OpaqueMailer()


@pytest.fixture
def account() -> AccountList:
    return AccountList()


@pytest.fixture
def gateway(gateway: Gateway, account: AccountList) -> Gateway:
    return with_account(gateway, account)


def full_life(gateway: Gateway) -> dict[str, Any]:
    """A person of whom every table knows something; the mails by name."""
    who = caller(gateway)
    alone = submit(gateway, who, NAMED, tags=(("user", "kim.gone"),), idempotency=f"invite-{KIM}")
    shared = submit(gateway, who, "Ann <ann@example.net>", NAMED)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    news = bounce(gateway, alone)
    news["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = f"smtp; 550 5.1.1 <{KIM}> is unknown here"
    feed(gateway, news)
    about_ann = delivery(gateway, shared)
    about_ann["mail"]["headers"] = [{"name": "To", "value": f"Ann <ann@example.net>, {NAMED}"}]
    feed(gateway, about_ann)
    # SES repeats the headers in the news of everybody who got the mail.
    suppress(gateway, KEY, "invites/news", "unsubscribe")
    suppress(gateway, KEY, "invites/old", "manual")
    gateway.suppress.remove(ROOT, KIM, scope="invites/old", reason=f"{KIM} asked for it.")
    with gateway.database.transaction() as connection:
        ses_list.mirror(
            connection, [Mirrored(address=KIM, key=KEY, reason="BOUNCE", updated_at=gateway_clock(gateway))]
        )
        incidents.note(connection, kind="refused_for_policy", subject="example.net", detail=f"550 5.7.1 {KIM} refused")
        audit.write(connection, actor="test", action="look", key=None, reason=f"for {KIM}", data={"to": [KIM]})
        answered = keys.Remembered(bytes(32), {"suppressed": [{"email": KIM}]})
        claim = keys.Claim(app_id=who.app_id, key="other", wanted=answered)
        keys.take(connection, [claim], lasts=timedelta(hours=1))
    put(gateway, "not JSON, but it names " + KIM)
    return {"alone": alone, "shared": shared, "who": who}


def gateway_clock(gateway: Gateway) -> Any:
    return rows(gateway, "apps")[0]["created_at"]


def files_of(gateway: Gateway) -> bytes:
    """The bytes of a SQLite database with its log; nothing of PostgreSQL, whose vacuum is its own affair."""
    url = make_url(gateway.settings.database_url)
    if url.get_backend_name() != "sqlite" or url.database is None:
        return b""
    return b"".join(file.read_bytes() for file in Path(url.database).parent.glob(f"{Path(url.database).name}*"))


def all_of_redis(url: str) -> str:
    with Redis.from_url(url) as client:
        return repr([(name, client.dump(name)) for name in client.scan_iter()])


def test_nothing_names_a_person_who_was_forgotten(
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
    assert (done.erased.mails, done.erased.bodies) == (2, 1)
    assert done.mentions >= 4


def test_what_counts_stays_under_one_pseudonym(gateway: Gateway) -> None:
    """Mails keep their fate and their message id, events their kind, and the mail of somebody else its recipient."""
    made = full_life(gateway)
    name = gateway.pseudonyms(KEY)
    bounced_before = len(rows(gateway, "events", type="bounce"))
    done = forget(gateway)
    assert done.pseudonym == name
    alone = recipient_of(gateway, made["alone"])
    assert (alone.key, alone.address, alone.name, alone.state) == (name, name, None, State.BOUNCED)
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


def test_who_was_suppressed_stays_so_in_the_same_scopes(gateway: Gateway) -> None:
    """A live entry lives on with its origin, a tombstone stays one, and the result says what still holds."""
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
def test_new_mail_to_somebody_forgotten_is_refused(migrated_url: str, redis_url: str, redis: str) -> None:
    """At accept, and in the claim for mail that passed accept; whatever Redis knows."""
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
        assert take(gateway).suppressed == 1
        assert "complaint" in str(recipient_of(gateway, refused).reason)
        sent = submit(gateway, who, "ann@example.net")
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert state_of(gateway, sent) is State.SENT
        assert [envelope.recipient for envelope in mailer.sent] == ["ann@example.net"]


def test_who_was_not_suppressed_may_come_back(gateway: Gateway) -> None:
    """To forget is not to forbid: unless it is asked for, new mail is sent, and it is the person's own again."""
    who = caller(gateway)
    submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert forget(gateway).suppressed == ()
    again = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, again))
    assert state_of(gateway, again) is State.BOUNCED
    assert live(gateway) == {(KEY, "*", "bounce")}


def test_a_person_may_ask_never_to_be_written_to_again(gateway: Gateway) -> None:
    """With an entry of its own origin, which is found by the address and lifted only by force."""
    name = gateway.pseudonyms(KEY)
    done = forget(gateway, suppress=True)
    assert [(kept.scope, kept.origin) for kept in done.suppressed] == [("*", "erasure")]
    assert state_of(gateway, submit(gateway, caller(gateway), KIM)) is State.SUPPRESSED
    with pytest.raises(ValidationFailed):
        gateway.suppress.remove(ROOT, KIM, reason="Kim wants mail again.")
    assert live(gateway) == {(name, "*", "erasure")}
    gateway.suppress.remove(ROOT, KIM, reason="Kim wants mail again.", force=True)
    assert live(gateway) == set()
    assert state_of(gateway, submit(gateway, caller(gateway), KIM)) is State.QUEUED


def test_ses_lets_the_address_go_in_every_spelling(gateway: Gateway, account: AccountList) -> None:
    """Its list compares exactly, so each that is known is asked for; else a sync would bring the address back."""
    made = full_life(gateway)
    account.addresses = {KIM, KEY, "ann@example.net"}
    assert forget(gateway).ses_account == "removed"
    assert account.addresses == {"ann@example.net"}
    assert forget(gateway).ses_account == "absent"
    assert made


def test_without_ses_nothing_is_erased_unless_its_list_may_keep_the_address(gateway: Gateway) -> None:
    """The failure says both ways on; with the second all but SES's own list is erased."""
    full_life(gateway)
    away = with_account(gateway, AwayList())
    with pytest.raises(ServiceUnavailable, match="Nothing was erased"):
        forget(away)
    assert KIM in everything_stored(gateway)
    assert forget(away, ask_ses=False).ses_account == "kept"
    assert KEY not in everything_stored(gateway).lower()


def test_who_came_back_can_be_forgotten_again(gateway: Gateway) -> None:
    """Of two entries for one scope the one that has to stand stays: the stronger, and the longer."""
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


def test_the_audit_keeps_who_forgot_whom_and_why(gateway: Gateway) -> None:
    """Under the pseudonym, and without the address should the reason name it; a reason is needed."""
    with pytest.raises(ValidationFailed):
        gateway.forget(ROOT, KIM, reason=" ")
    gateway.forget(ROOT, KIM, reason=f"Request of {KIM}.")
    [act] = rows(gateway, "audit", action="forget")
    name = gateway.pseudonyms(KEY)
    assert (act["actor"], act["key"], act["reason"]) == (ROOT.actor, name, f"Request of {name}.")


def test_nobody_else_is_touched(gateway: Gateway) -> None:
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


def test_a_wrong_address_is_refused_before_anything(gateway: Gateway) -> None:
    """A whole domain is nobody, and neither is a typing error."""
    for wrong in ("@example.net", "kim", ""):
        with pytest.raises(ValidationFailed):
            forget(gateway, wrong)
    assert rows(gateway, "audit", action="forget") == []
