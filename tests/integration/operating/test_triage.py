"""An operator handles trouble from the command line: incidents, and notifications that were set aside."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.cli.main import main
from app.domain.apps.callers import Scope
from app.domain.errors import RestrictedApiKey
from app.services.feedback.apply import Conclude
from app.services.operating.triage import Triage
from app.store.feedback.notifications import InboxState
from app.store.operating import incidents
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import Json, Run, point_at, run
from tests.support.aws.notifications import bounced, put
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, rows

__all__ = ["run"]


def notify(gateway: Gateway, subject: str, detail: str = "It refuses us.") -> None:
    time.sleep(0.002)  # SQLite's clock counts milliseconds
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind="refused_for_policy", subject=subject, detail=detail)


def poison(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A notification that made its reader fail five times."""
    put(gateway, json.dumps(bounced("kim@example.net", message="m1")))

    def choke(*_: object, **__: object) -> None:
        raise KeyError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(Conclude, "__call__", choke)
        for _ in range(5):
            change(gateway, "notifications", {"due_at": rows(gateway, "notifications")[0]["received_at"]})
            gateway.settle.drain()
    [row] = rows(gateway, "notifications", state=InboxState.QUARANTINED)
    return UUID(str(row["id"]))


def parked(gateway: Gateway) -> UUID:
    """A notification about an email that is not ours."""
    put(gateway, json.dumps(bounced("kim@example.net", message="unheard-of")))
    gateway.settle.drain()
    [row] = rows(gateway, "notifications", state=InboxState.PARKED)
    return UUID(str(row["id"]))


def test_open_incidents_are_listed_and_closed(gateway: Gateway, run: Run) -> None:
    """The latest first, with their counts; a closed one is gone, with actor and reason in the audit."""
    notify(gateway, "a.example")
    notify(gateway, "b.example")
    notify(gateway, "a.example", "Again.")
    listed = run("incidents")["incidents"]
    assert [(one["subject"], one["count"], one["detail"]) for one in listed] == [
        ("a.example", 2, "Again."),
        ("b.example", 1, "It refuses us."),
    ]
    run("incidents", "close", listed[0]["id"], "--reason", "Off the list.")
    assert [one["subject"] for one in run("incidents", "list")["incidents"]] == ["b.example"]
    [entry] = rows(gateway, "audit", action="incident_close")
    assert entry["reason"] == "Off the list."
    assert entry["data"]["subject"] == "a.example"


def test_an_incident_that_comes_again_is_open_again(gateway: Gateway, run: Run) -> None:
    """Closed is not ignored: it counts from one, from the time when it came back."""
    notify(gateway, "a.example")
    notify(gateway, "a.example")
    [first] = run("incidents")["incidents"]
    run("incidents", "close", first["id"], "--reason", "Done.")
    notify(gateway, "a.example")
    [again] = run("incidents")["incidents"]
    assert (again["id"], again["count"]) == (first["id"], 1)
    assert again["first_at"] > first["last_at"]


def test_a_missing_or_settled_item_is_refused(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed incident, a notification that does not exist, and one that is not waiting."""
    point_at(gateway, tmp_path, monkeypatch)
    assert main(["incidents", "close", str(uuid4()), "--reason", "None."]) == 1
    assert main(["feedback", str(uuid4())]) == 1
    assert main(["feedback", "--raw"]) == 2
    put(gateway, "Successfully validated SNS topic for Amazon SES event publishing.")
    gateway.settle.drain()
    [done] = rows(gateway, "notifications")
    assert main(["feedback", str(done["id"]), "--retry"]) == 1
    assert rows(gateway, "audit") == []


def test_a_poison_notification_is_an_incident(gateway: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of incidents shows the kind of its error, and where to look."""
    poison(gateway, monkeypatch)
    [incident] = run("incidents")["incidents"]
    assert (incident["kind"], incident["subject"], incident["count"]) == ("poison_notification", "KeyError", 1)
    assert "./postern feedback" in incident["detail"]


def test_a_quarantined_notification_is_shown_without_addresses(
    gateway: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shape is enough to see what broke; an option shows the address as well."""
    broken = poison(gateway, monkeypatch)
    [listed] = run("feedback")["notifications"]
    assert (listed["id"], listed["tries"], listed["note"]) == (str(broken), 5, "made its reader fail: KeyError")
    shown = run("feedback", str(broken))["notification"]
    assert "kim@example.net" not in shown["raw"]
    assert json.loads(shown["raw"])["eventType"] == "Bounce"
    assert "kim@example.net" in run("feedback", str(broken), "--raw")["notification"]["raw"]


@pytest.mark.parametrize("all_of_them", [True, False])
def test_a_quarantined_notification_is_settled_after_a_retry(
    gateway: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch, all_of_them: bool
) -> None:
    """With a mended reader it suppresses after all, and the actor of the retry is in the audit."""
    broken = poison(gateway, monkeypatch)
    assert run("feedback", *([] if all_of_them else [str(broken)]), "--retry") == {"retried": 1}
    assert rows(gateway, "notifications")[0]["tries"] == 0
    gateway.settle.drain()
    assert [row["key"] for row in rows(gateway, "suppressions")] == ["kim@example.net"]
    assert run("feedback")["notifications"] == []
    [entry] = rows(gateway, "audit", action="feedback_retry")
    assert entry["data"]["count"] == 1


def test_a_parked_notification_is_retried_at_once(gateway: Gateway, run: Run) -> None:
    """A retry brings its next look forward, and keeps the names that it waits for."""
    waiting = parked(gateway)
    [listed] = run("feedback", "--state", "parked")["notifications"]
    assert (listed["id"], listed["note"]) == (str(waiting), "waits for unheard-of")
    age(gateway, "notifications", "due_at", -timedelta(hours=1))
    gateway.settle.drain()
    tries = rows(gateway, "notifications")[0]["tries"]
    assert run("feedback", "--state", "parked", "--retry") == {"retried": 1}
    gateway.settle.drain()
    [row] = rows(gateway, "notifications")
    assert (row["tries"], row["note"]) == (tries + 1, "waits for unheard-of")


def test_only_administrators_may_look(gateway: Gateway) -> None:
    """The notifications concern all applications."""
    triage, who = Triage(database=gateway.database), caller(gateway, scopes=frozenset(Scope) - {Scope.ADMIN})
    attempts: list[Callable[[], object]] = [
        lambda: triage.incidents(who, limit=1),
        lambda: triage.close(who, uuid4(), reason="None."),
        lambda: triage.notifications(who, InboxState.PARKED, limit=1),
        lambda: triage.notification(who, uuid4()),
        lambda: triage.retry(who, uuid4()),
        lambda: triage.retry_all(who, InboxState.PARKED),
    ]
    for attempt in attempts:
        with pytest.raises(RestrictedApiKey):
            attempt()


def test_the_answer_says_when_there_are_more(gateway: Gateway, run: Run) -> None:
    """At most a hundred are listed."""
    for number in range(101):
        notify(gateway, f"{number}.example")
    answer: Json = run("incidents")
    assert (len(answer["incidents"]), answer["has_more"]) == (100, True)
