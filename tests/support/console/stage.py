"""A gateway in which every page of the console shows all that it can show: every state, long names, many rows."""

from typing import Final
from uuid import UUID

from app.domain.account.findings import Finding, Group, Status
from app.domain.account.setup.plan import Action
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.doctor.report import PlannedChange, Report
from app.services.operating.sweeps import Sweep
from app.store.engine.database import clock
from app.store.operating import incidents, job_cursors
from app.store.sending import circuits
from app.wiring.gateway import Gateway
from tests.support.console.sign_ins import with_codes
from tests.support.console.stories import fill
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change
from tests.support.gateway.web import Web

LONG: Final = "a.person.with.a.rather.long.name@a-rather-long-name-of-a-domain.example.net"
_URL: Final = "https://hooks.example.net/a-long-path/of-the-receiver/of-events?of=an-application"
_FINDINGS: Final = tuple(
    Finding(Group.HERE, f"check {status}", status, "Something `here`.", "do it") for status in Status
)
_PLAN: Final = tuple(
    PlannedChange(action, "topic", f"postern-{action.name}", "for events") for action in list(Action)[:3]
)


def fill_every_page(web: Web) -> UUID:
    """Do what `fill` does, and all the rest. Return the email with the longest story."""
    gateway = web.gateway
    fill(web)
    with_codes(web)
    email = _long_story(gateway)
    _fill_app(gateway)
    _fill_operating(gateway)
    return email


def _long_story(gateway: Gateway) -> UUID:
    told = submit(
        gateway,
        caller(gateway),
        f"Ann Ångström <{LONG}>",
        "bob@example.net",
        "cat@example.org",
        actor="kim@example.com",
        reference="Invitation 4711",
        tags=(("campaign", "summer"), ("kind", "invitation")),
    )
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, delivery(gateway, told))
    feed(gateway, bounce(gateway, told))
    for state in (State.DELIVERED, State.COMPLAINED, State.EXPIRED, State.HELD):
        one = submit(gateway, caller(gateway), f"{state}.{LONG}", stream="news")
        change(gateway, "recipients", {"state": state}, email_id=one)
    change(gateway, "emails", {"subject": "Your invitation to the summer party of the rowing club"}, id=told)
    return told


def _fill_app(gateway: Gateway) -> None:
    """A budget of its own, a revoked key, and an endpoint with a long URL."""
    gateway.budgets.set(ROOT, "invites", {"minimum": 3, "warn_bounces": 0.1, "pause_bounces": 0.2})
    revoked = gateway.issue_keys.add(ROOT, "invites", name="old", scopes=frozenset())
    gateway.issue_keys.revoke(ROOT, revoked.key.public_id)
    change(gateway, "webhook_endpoints", {"url": _URL})
    gateway.upkeep.run(Sweep.BUDGETS)


def _fill_operating(gateway: Gateway) -> None:
    """A paused lane, an incident, a circuit, and the report of a look at the account."""
    gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="Wrong picture.")
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind="canary_missing", subject="events", detail="See `./postern doctor`.")
        circuits.trip(connection, "sender:shop.example", reason="It is not verified.")
        report = Report(at=clock(connection), findings=_FINDINGS, plan=_PLAN, no_plan="")
        job_cursors.lock(connection, "doctor")
        job_cursors.write(connection, "doctor", report.to_json())
