"""Sweeps: how long each sweep, and each action of an operator, takes after years of history.

A PostgreSQL is filled by SQL with this many emails, and as many recipients, attempts, notifications and events; the
list has half as many entries. Then everything is run and timed, each sweep twice: once with work to do, and once with
none. Two sweeps that call SES are left out.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Final

from app.domain.sending.state_machine import State
from app.services.apps.authenticate import operator
from app.services.operating.sweeps import Sweep
from app.services.paging import Page
from app.services.submission.look_up import EmailFilter
from app.wiring.gateway import Gateway, build
from bench.measure.goals import Goal, Json, at_most
from bench.modes.history.filled import filled
from bench.options import Amount, add_amounts
from tests.support.database.history import ROLE_ADDRESS
from tests.support.gateway.gateways import settings_for

EMAILS = Amount(name="emails", usual=10_000_000, quick=20_000, what="emails of the history")
ASKS_SES: Final = {Sweep.SES_LIST, Sweep.SES_REMOVALS}
"""These wait for SES, which accepts one call per second. The test of query plans has their SQL."""

_CALLER: Final = operator("bench")


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Fill, run, print the table, and return the goals and the figures."""
    emails = EMAILS.of(given)
    with filled(emails, say) as there:
        gateway = build(settings_for(there.database_url, there.redis_url, flight_dir=there.directory / "flight"))
        try:
            took = {name: _timed(name, work, say) for name, work in _work(gateway).items()}
        finally:
            gateway.close()
    return {"goals": [goal.as_json() for goal in goals(took)], "emails": emails, "seconds": took}


def goals(took: dict[str, float]) -> list[Goal]:
    """Return the goals: with nothing to do, a sweep is fast, however long the history."""
    idle = max(seconds for name, seconds in took.items() if name.endswith("nothing to do"))
    pages = max(seconds for name, seconds in took.items() if name.startswith("list"))
    return [
        at_most("sweeps: the slowest with nothing to do, in seconds", 0.5, [idle]),
        at_most("sweeps: the slowest page of a list, in seconds", 0.5, [pages]),
    ]


def _work(gateway: Gateway) -> dict[str, Callable[[], object]]:
    page = Page(limit=20)

    def listed(**wanted: object) -> Callable[[], object]:
        return lambda: gateway.look_up.emails(_CALLER, EmailFilter(**wanted), page)  # type: ignore[arg-type]

    def entries(origin: str | None = None, q: str | None = None) -> Callable[[], object]:
        return lambda: gateway.suppress.page(_CALLER, origin=origin, q=q, scope=None, page=page)

    work: dict[str, Callable[[], object]] = {}
    for sweep in sorted(set(Sweep) - ASKS_SES):
        for what in ("something to do", "nothing to do"):
            work[f"{sweep}, {what}"] = lambda sweep=sweep: gateway.upkeep.run(sweep)  # type: ignore[misc]
    return work | {
        "recovery begin": lambda: gateway.restore.begin(_CALLER, reason="A benchmark."),
        "recovery status": gateway.restore.progress,
        "recovery end --force": lambda: gateway.restore.end(_CALLER, force=True),
        "list of emails by a state that no email is in": listed(states=(State.DELIVERY_DELAYED,)),
        "list of emails by last_event=queued": listed(last_events=("queued",)),
        "list of emails by a rare tag": listed(tags=(("user", "77"),)),
        "list of emails by a rare stream": listed(stream="rare"),
        "list of emails to a role address": listed(to=ROLE_ADDRESS),
        "list of emails to an unknown address": listed(to="nobody@example.org"),
        "list of entries by a rare origin": entries(origin="unsubscribe"),
        "list of entries by a prefix": entries(q="listed.777"),
        "explain a role address": lambda: gateway.explain(_CALLER, ROLE_ADDRESS),
        "forget one person": lambda: gateway.forget(
            _CALLER, "person.201@mail201.example.net", reason="A benchmark.", ask_ses=False
        ),
        "forget twenty people together": lambda: gateway.forget.several(
            _CALLER,
            [f"person.{number}@mail{number}.example.net" for number in range(301, 321)],
            reason="A benchmark.",
            ask_ses=False,
        ),
    }


def _timed(name: str, work: Callable[[], object], say: Callable[[str], None]) -> float:
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    say(f"{name:48}{took:10.3f} s")
    return round(took, 4)
