"""After a resume the old bounces do not pause an application again, and what follows is judged."""

from datetime import timedelta

import pytest

from app.domain.apps.budget import Spent, Window
from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.queue import Lane
from app.services.apps.spending import Resumed, windows_of
from app.store.apps.app_pauses import budget_of
from app.wiring.gateway import Gateway
from tests.support.apps.budgets import APP, FEW, bounce_all, pause, watch
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows


@pytest.fixture(autouse=True)
def budget(gateway: Gateway) -> None:
    caller(gateway, app=APP)
    gateway.budgets.set(ROOT, APP, FEW)


def test_after_a_resume_only_what_follows_is_judged(gateway: Gateway) -> None:
    """The old bounces do not pause again. The emails that waited are judged, although they are older."""
    pause(gateway)
    waited = [submit(gateway, caller(gateway, app=APP), f"w{one}@example.net", lane=Lane.BULK) for one in range(10)]
    assert gateway.budgets.resume(ROOT, APP, reason="The list is clean.") == ("bulk",)
    assert watch(gateway) == {}
    gateway.deliver.drain(Lane.BULK)
    assert watch(gateway) == {}
    bounce_all(gateway, waited[:4])
    assert "app_paused invites" in watch(gateway)
    entries = rows(gateway, "audit", action="app_resume")
    assert [(row["actor"], row["reason"]) for row in entries] == [("cli:test", "The list is clean.")]


@pytest.mark.parametrize("days", [20, 36])
def test_emails_that_were_scheduled_long_before_a_resume_are_judged(gateway: Gateway, days: int) -> None:
    """An email may be scheduled 30 days ahead, and wait a week more for the resume."""
    pause(gateway)
    waited = [submit(gateway, caller(gateway, app=APP), f"w{one}@example.net", lane=Lane.BULK) for one in range(10)]
    for email in waited:
        age(gateway, "recipients", "created_at", timedelta(days=days), email_id=email)
    gateway.budgets.resume(ROOT, APP, reason="The list is clean.")
    gateway.deliver.drain(Lane.BULK)
    assert watch(gateway) == {}
    bounce_all(gateway, waited[:4])
    assert "app_paused invites" in watch(gateway)


def test_the_week_is_back_when_it_has_no_day_of_before_the_resume(gateway: Gateway) -> None:
    """On the seventh day after a resume, the bounces that led to the pause would still be in it."""
    pause(gateway)
    gateway.budgets.resume(ROOT, APP, reason="The list is clean.")
    app_id = gateway.apps.find(ROOT, APP).id
    with gateway.database.reading() as connection:
        found = budget_of(connection, app_id)
        assert found.budget_from is not None
        resumed_at = Resumed.from_json(found.budget_from).at
        windows = [windows_of(connection, found, resumed_at + timedelta(days=days)) for days in (0, 6, 7, 8)]
    for window in windows[:3]:
        assert set(window) == {Window.DAY, Window.SINCE_RESUMED}
        assert window[Window.SINCE_RESUMED] == Spent()
    assert set(windows[3]) == {Window.DAY, Window.WEEK}


def test_a_resume_needs_a_reason_a_pause_and_an_admin(gateway: Gateway) -> None:
    """So that others know why."""
    with pytest.raises(NotFound):
        gateway.budgets.resume(ROOT, APP, reason="Why not.")
    pause(gateway)
    with pytest.raises(ValidationFailed):
        gateway.budgets.resume(ROOT, APP, reason=" ")
    with pytest.raises(RestrictedApiKey):
        gateway.budgets.resume(caller(gateway), APP, reason="Mine.")
    with pytest.raises(NotFound):
        gateway.budgets.show(ROOT, "none")
