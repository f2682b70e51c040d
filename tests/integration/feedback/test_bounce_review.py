"""Stored bounces read again: what other rules make of them, what a person decided, and the replies that none reads."""

import json
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.domain.feedback.bounce_reader import BounceReader
from app.domain.feedback.reply_reader import ReplyReader
from app.domain.feedback.reply_rules import read_rules
from app.queue import Lane
from app.services.feedback.bounce_review import READS_OTHERWISE, BounceReview
from app.store.engine.database import clock
from app.wiring.bounce_rules import packaged_rules
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.database.counts import as_counted, in_all, recounted
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller, gateway_on
from tests.support.gateway.rows import count, recipient_of, rows

KIM = "kim@example.net"
RIDDLE = {"action": "failed", "status": "5.0.0", "diagnosticCode": "smtp; 550 <kim@example.net> Zimbabwe is closed"}
GONE = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
DAY = timedelta(days=1)


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    with gateway_on(migrated_url, redis_url) as made:
        yield made


def review(gateway: Gateway, reply_class: str, words: str) -> BounceReview:
    """The review of a gateway whose operator has written one rule."""
    rule = f'[[rule]]\nid = "own"\nclass = "{reply_class}"\ntier = "phrase"\nphrases = ["{words}"]\n'
    reader = BounceReader(ReplyReader(read_rules(tomllib.loads(rule)), packaged_rules()))
    return BounceReview(
        database=gateway.database, writer=gateway.list_writer, bounces=reader, exempt_mailbox_simulator=True
    )


def settle(gateway: Gateway, *reported: tuple[str, dict[str, Any]]) -> None:
    with gateway.database.reading() as connection:
        now = clock(connection)
    events = [bounced(KIM, message=message, fields=fields, at=now - timedelta(hours=1)) for message, fields in reported]
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def reread(gateway: Gateway, made: BounceReview, *, dry_run: bool = False) -> Any:
    with gateway.database.reading() as connection:
        since = clock(connection) - DAY
    return made.reread(ROOT, since=since, dry_run=dry_run)


def live(gateway: Gateway) -> list[tuple[str, bool]]:
    """The live entries: origin, and whether they end."""
    return [(row["origin"], row["expires_at"] is not None) for row in rows(gateway, "suppressions", removed_at=None)]


def test_a_new_rule_suppresses_what_was_only_paused(gateway: Gateway) -> None:
    """A dry run announces it and changes nothing; the run applies it once, with an audit entry."""
    settle(gateway, ("m1", RIDDLE))
    assert live(gateway) == [("bounce", True)]
    made = review(gateway, "gone", "zimbabwe is closed")

    looked = reread(gateway, made, dry_run=True)
    assert (looked.changed, looked.suppressed) == ({("pause", "suppress"): 1}, 1)
    assert live(gateway) == [("bounce", True)]

    assert reread(gateway, made).suppressed == 1
    assert live(gateway) == [("bounce", False)]
    [event] = rows(gateway, "events")
    assert (event["data"]["cause"], event["data"]["rule"]) == ("mailbox_gone", "own")
    assert reread(gateway, made).changed == {}
    assert count(gateway, "audit", action="bounces_reread") == 2


def test_a_bounce_that_no_longer_suppresses_gives_the_address_back(gateway: Gateway) -> None:
    """With an audit entry in Postern's name; the positives forget it."""
    gateway.upkeep.warm_positives()
    settle(gateway, ("m1", GONE))
    assert live(gateway) == [("bounce", False)]
    assert reread(gateway, review(gateway, "ours", "user unknown")).unsuppressed == 1
    assert live(gateway) == []
    assert gateway.positives.look_up([KIM]) == frozenset()
    [audited] = rows(gateway, "audit", action="unsuppress")
    assert audited["reason"] == READS_OTHERWISE


def test_an_email_shows_the_cause_as_it_reads_now(gateway: Gateway) -> None:
    """So that the list of emails finds it by the new cause, and the counts follow."""
    email = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    settle(gateway, (recipient_of(gateway, email).ses_message_id or "", RIDDLE))
    assert recipient_of(gateway, email).cause == "refused_unclear"
    reread(gateway, review(gateway, "gone", "zimbabwe is closed"), dry_run=True)
    assert recipient_of(gateway, email).cause == "refused_unclear"
    reread(gateway, review(gateway, "gone", "zimbabwe is closed"))
    assert recipient_of(gateway, email).cause == "mailbox_gone"
    reread(gateway, review(gateway, "full", "zimbabwe is closed"))
    assert as_counted(gateway) == recounted(gateway)
    assert "hard_bounced" not in in_all(as_counted(gateway))


def test_another_bounce_that_still_suppresses_keeps_the_entry(gateway: Gateway) -> None:
    """The address has two dead mails; a rule excuses one of them."""
    other = {**GONE, "diagnosticCode": "smtp; 550 5.1.1 no such mailbox"}
    settle(gateway, ("m1", GONE), ("m2", other))
    assert reread(gateway, review(gateway, "ours", "user unknown")).unsuppressed == 0
    assert live(gateway) == [("bounce", False)]


def test_what_a_person_unsuppressed_stays_so(gateway: Gateway) -> None:
    """The bounce is of email that had left before."""
    settle(gateway, ("m1", RIDDLE))
    gateway.unsuppress(ROOT, KIM, reason="The mailbox is there.", wait_for_ses=False)
    assert reread(gateway, review(gateway, "gone", "zimbabwe is closed")).suppressed == 0
    assert live(gateway) == []


def test_what_a_person_put_back_stays(gateway: Gateway) -> None:
    """A person undid the removal: no rule takes the entry away."""
    settle(gateway, ("m1", GONE))
    gateway.unsuppress(ROOT, KIM, reason="A mistake.", wait_for_ses=False)
    gateway.undo(ROOT, KIM, reason="It was none.")
    assert reread(gateway, review(gateway, "ours", "user unknown")).unsuppressed == 0
    assert live(gateway) == [("bounce", False)]


def test_replies_that_no_rule_reads_are_listed_by_frequency(gateway: Gateway) -> None:
    """Without addresses; a reply that a rule reads is not among them."""
    settle(
        gateway, ("m1", RIDDLE), ("m2", RIDDLE), ("m3", {**RIDDLE, "diagnosticCode": "smtp; 550 Njet"}), ("m4", GONE)
    )
    with gateway.database.reading() as connection:
        since = clock(connection) - DAY
    found = gateway.bounce_review.unmatched(ROOT, since=since, limit=10)
    assert [one.count for one in found] == [2, 1]
    assert "Zimbabwe" in found[0].reply
    assert not any("@" in one.reply for one in found)
    assert len(gateway.bounce_review.unmatched(ROOT, since=since, limit=1)) == 1


def test_the_commands_list_export_and_read_again(
    gateway: Gateway,
    migrated_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """One object each with --json; the export holds no address."""
    settle(gateway, ("m1", RIDDLE))
    for name, value in {"DATABASE_URL": migrated_url, "REDIS_URL": redis_url, "SES_LIST_SYNC": "off"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRET_KEYS", gateway.settings.secret_keys[0].get_secret_value())
    file = tmp_path / "replies.txt"
    assert main(["bounces", "unmatched", "--export", str(file), "--json"]) == 0
    assert [one["count"] for one in json.loads(capsys.readouterr().out.splitlines()[-1])["unmatched"]] == [1]
    assert "Zimbabwe" in file.read_text()
    assert "@" not in file.read_text()
    assert main(["bounces", "reread", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["changed"] == []
