"""An application that bounces too much is warned of, then its bulk lane is paused; all other email goes on."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.cli.main import main
from app.domain.apps.budget import Budget, Spent, Window
from app.domain.errors import ValidationFailed
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.watch_budgets import WatchBudgets
from app.services.operating.sweeps import Sweep
from app.services.suppression.explanation.explain import Ask
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.apps.budgets import APP, FEW, bounce_all, pause, paused, send, watch
from tests.support.database.interleaving import locked, others
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, count, rows
from tests.support.webhooks.endpoints import subscribe


@pytest.fixture(autouse=True)
def budget(gateway: Gateway) -> None:
    caller(gateway, app=APP)
    gateway.budgets.set(ROOT, APP, FEW)


def test_the_first_line_warns_and_the_second_pauses_the_bulk_lane(gateway: Gateway) -> None:
    """Each is one incident; the warning closes by itself when the rate falls."""
    sent = send(gateway, 10)
    bounce_all(gateway, sent[:3])
    assert list(watch(gateway)) == ["app_budget invites"]
    assert list(watch(gateway)) == ["app_budget invites"]
    assert [row["count"] for row in rows(gateway, "incidents", kind="app_budget")] == [1]
    assert paused(gateway) == ()
    sent += send(gateway, 10)
    assert watch(gateway) == {}
    bounce_all(gateway, sent[3:8])
    assert "app_paused invites" in watch(gateway)
    assert paused(gateway) == ("bulk",)
    assert [row["actor"] for row in rows(gateway, "audit", action="app_pause")] == ["budget"]
    assert list(watch(gateway)) == ["app_paused invites"]
    assert count(gateway, "audit", action="app_pause") == 1


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_two_sweeps_at_once_announce_one_warning(gateway: Gateway) -> None:
    """Both find the first line crossed; the second sees under the lock that the first has warned."""
    subscribe(gateway, caller(gateway, app=APP), "app.warned")
    sent = send(gateway, 10)
    bounce_all(gateway, sent[:3])
    watch(gateway)
    sent += send(gateway, 10)
    assert watch(gateway) == {}
    bounce_all(gateway, sent[3:4])
    with others(gateway) as sweeps:
        with locked(gateway, "incidents", kind="app_budget"):
            for _ in range(2):
                sweeps.begin(WatchBudgets(database=gateway.database).sweep)
        assert sorted(sweeps.results()) == [0, 1]
    assert count(gateway, "webhook_messages") == 2
    assert [row["count"] for row in rows(gateway, "incidents", kind="app_budget")] == [1]


def test_a_sweep_asks_for_all_applications_at_once(gateway: Gateway) -> None:
    """Whatever their number, unless something follows for one or it was resumed lately."""

    def statements() -> int:
        asked: list[str] = []
        engine = gateway.database.engine

        def note(*given: Any) -> None:
            asked.append(given[2])

        event.listen(engine, "before_cursor_execute", note)
        WatchBudgets(database=gateway.database).sweep()
        event.remove(engine, "before_cursor_execute", note)
        return len(asked)

    send(gateway, 10)
    of_one = statements()
    for name in ("shop", "news", "events"):
        send(gateway, 1, app=name)
    assert statements() == of_one


def test_the_application_is_told_of_a_warning_a_pause_and_a_resume(gateway: Gateway) -> None:
    """With the reason, at its endpoints."""
    subscribe(gateway, caller(gateway, app=APP), "app.warned", "app.paused", "app.resumed")
    emails = send(gateway, 10)
    bounce_all(gateway, emails[:3])
    watch(gateway)
    bounce_all(gateway, emails[3:6])
    watch(gateway)
    gateway.budgets.resume(ROOT, APP, reason="Mended.")
    messages = rows(gateway, "webhook_messages")
    assert [row["type"] for row in messages] == ["app.warned", "app.paused", "app.resumed"]
    assert messages[1]["facts"]["lanes"] == ["bulk"]
    assert "hard" in messages[0]["facts"]["reason"] or "bounce" in messages[0]["facts"]["reason"]


def test_complaints_pause_too(gateway: Gateway) -> None:
    """From three on."""
    for number, email in enumerate(send(gateway, 10)[:3], start=1):
        feed(gateway, complaint(gateway, email))
        watch(gateway)
        assert bool(paused(gateway)) == (number == 3)


def test_fewer_than_the_minimum_are_not_judged(gateway: Gateway) -> None:
    """However many of them bounce; a recipient that bounces twice counts once."""
    bounce_all(gateway, [email for email in send(gateway, 9) for _ in range(2)])
    assert watch(gateway) == {}
    send(gateway, 1)
    assert "app_paused invites" in watch(gateway)


@pytest.mark.parametrize("what", ["soft", "simulator", "delivered before"])
def test_what_aws_does_not_count_does_not_count(gateway: Gateway, what: str) -> None:
    """A full mailbox is no hard bounce, and the simulator costs no reputation. A late bounce of a delivery counts."""
    sent = send(gateway, 10, domain="simulator.amazonses.com" if what == "simulator" else "example.net")
    for email in sent:
        if what == "delivered before":
            feed(gateway, delivery(gateway, email))
        soft = {"kind": "Transient", "subtype": "MailboxFull"} if what == "soft" else {}
        feed(gateway, bounce(gateway, email, **soft))
    watch(gateway)
    assert paused(gateway) == (("bulk",) if what == "delivered before" else ())


def test_only_the_bulk_lane_of_the_application_waits(gateway: Gateway) -> None:
    """Its transactional lane goes on, and so does all email of others; no bell rings for what waits."""
    pause(gateway)
    other = caller(gateway, app="shop")
    waits = submit(gateway, caller(gateway, app=APP), "a@example.net", lane=Lane.BULK)
    submit(gateway, other, "b@example.net", lane=Lane.BULK)
    submit(gateway, caller(gateway, app=APP), "c@example.net", lane=Lane.TRANSACTIONAL)
    assert [one.recipient.key for one in take(gateway, lane=Lane.BULK).emails] == ["b@example.net"]
    assert [one.recipient.key for one in take(gateway).emails] == ["c@example.net"]
    assert gateway.upkeep.ring_bells() == 0
    view = gateway.look_up.email(ROOT, waits)
    assert view.recipients[0].state == State.QUEUED
    assert (view.recipients[0].reason or "").startswith("Held back: 5 of 10 recipients bounced for good")


def test_an_explanation_names_the_pause_and_the_command(gateway: Gateway) -> None:
    """To the operator and to the application, and not to another one."""
    pause(gateway)
    for who, sees in (
        (ROOT, True),
        (caller(gateway, app=APP), True),
        (caller(gateway, app="shop"), False),
    ):
        [layer] = [one for one in gateway.explain(who, "new@example.net").layers if one.name == "sending"]
        assert ("the lane bulk of invites is paused" in layer.summary) == sees
        assert [finding.remedy.command for finding in layer.findings if finding.remedy] == (
            ["./postern app resume invites --reason WHY"] if sees else []
        )
    assert "app:invites/bulk" in next(one.detail for one in gateway.health.ready() if one.name == "circuits")
    assert gateway.measure().circuits["app"] == 1


@pytest.mark.parametrize("pauses, lanes", [("all", ("bulk", "transactional")), ("nothing", ())])
def test_the_budget_says_which_lanes_it_pauses(gateway: Gateway, pauses: str, lanes: tuple[str, ...]) -> None:
    """With `nothing` there is only the warning."""
    gateway.budgets.set(ROOT, APP, {"pauses": pauses})
    bounce_all(gateway, send(gateway, 10)[:5])
    watch(gateway)
    assert list(watch(gateway)) == ["app_paused invites" if lanes else "app_budget invites"]
    assert paused(gateway) == lanes
    explained = gateway.explain(ROOT, "new@example.net", Ask(app=APP))
    assert explained.would_send == (lanes != ("bulk", "transactional"))


@pytest.mark.parametrize("folded", [True, False])
def test_what_is_spent_is_what_a_recount_of_the_window_says(gateway: Gateway, folded: bool) -> None:
    """A late bounce counts in the window of its email: one of two days ago is in the week alone, an old one in none."""
    emails = {days: send(gateway, 4) for days in (0, 2, 9)}
    for days, sent in emails.items():
        for email in sent:
            age(gateway, "recipients", "created_at", timedelta(days=days), email_id=email)
    change(gateway, "count_changes", {"number": 0})
    for row in rows(gateway, "recipients"):
        change(
            gateway,
            "recipients",
            {"mailbox_provider": "other", "state": State.QUEUED, "ses_message_id": None},
            id=row["id"],
        )
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    for sent in emails.values():
        bounce_all(gateway, sent[:2])
        feed(gateway, complaint(gateway, sent[0]))
    if folded:
        gateway.upkeep.run(Sweep.COUNTS)
    windows = gateway.budgets.show(ROOT, APP).windows
    one_day = Spent(sent=4, hard_bounced=1, complained=1)
    assert windows == {Window.DAY: one_day, Window.WEEK: Spent(sent=8, hard_bounced=2, complained=2)}


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"warn_bounces": 0.5}, "/warn_bounces"),
        ({"pause_bounces": 0.0}, "/pause_bounces"),
        ({"pause_complaints": 1.5}, "/pause_complaints"),
        ({"warn_complaints": 0.0}, "/warn_complaints"),
        ({"minimum": 0}, "/minimum"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(gateway: Gateway, changes: dict[str, Any], pointer: str) -> None:
    """The warning comes before the pause, and a line is a share."""
    with pytest.raises(ValidationFailed) as refused:
        gateway.budgets.set(ROOT, APP, changes)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]
    assert gateway.budgets.show(ROOT, APP).budget == Budget(**FEW)  # type: ignore[arg-type]


def test_the_account_is_watched_against_the_lines_of_aws(gateway: Gateway) -> None:
    """Of all applications together; it is an incident, and closes by itself."""
    gateway.budgets.set(ROOT, APP, {"pauses": "nothing"}, anew=True)
    sent = send(gateway, 60) + send(gateway, 40, app="shop")
    bounce_all(gateway, sent[:4])
    assert "account_reputation shortly before the lines of AWS" in watch(gateway)
    bounce_all(gateway, sent[4:5])
    assert "account_reputation the lines of AWS" in watch(gateway)
    send(gateway, 60)
    assert list(watch(gateway)) == ["app_budget invites"]


def test_an_operator_sets_reads_and_resumes(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`app budget` and `app resume`."""
    point_at(gateway, tmp_path, monkeypatch)
    assert main(["app", "budget", APP, "--warn-bounces", "10%", "--pause-complaints", "0.1 %", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["budget"] == {
        **FEW,
        "warn_bounces": 0.1,
        "warn_complaints": 0.0005,
        "pause_complaints": 0.001,
        "pauses": "bulk",
    }
    nothing = {"sent": 0, "hard_bounced": 0, "complained": 0}
    assert answer["windows"] == {"day": nothing, "week": nothing}
    assert main(["app", "budget", APP, "--warn-complaints", "0.0003%", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["budget"]["warn_complaints"] == 0.000003
    assert main(["app", "resume", APP, "--reason", "Why not."]) == 1
    pause(gateway)
    assert main(["app", "budget", APP]) == 0
    said = capsys.readouterr().out
    assert "Paused: bulk. 5 of 10 recipients bounced for good" in said
    assert "in the last 7 days" in said
    assert main(["app", "resume", APP, "--reason", "Clean."]) == 0
    assert main(["app", "budget", APP, "--default", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["budget"]["minimum"] == 100
    assert main(["app", "budget", APP, "--default", "--minimum", "5"]) == 2
    with pytest.raises(SystemExit):
        main(["app", "budget", APP, "--warn-bounces", "2"])
