"""`/console`: whether email flows, whether anything is wrong and what to do about it, and what hurts our reputation.

Two parts of the page are fetched again by themselves: what is true now, and the counts that the charts draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from flask import Response, url_for

from app.domain.apps.budget import BOUNCE_LINES, COMPLAINT_LINES, IN_WORDS, LEAST, OF_AWS, Line, Spent, percent
from app.domain.reporting.counted import HARD, Counted
from app.domain.sending.state_machine import State
from app.domain.users.roles import Role
from app.services.operating.overview.now import COUNTED_UP_TO, About
from app.services.reporting.stats import Ask, By, Period, Stats
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.forms import Form
from app.web.console.frame.navigation import link_to
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

overview = Pages("overview", __name__)

_MOST: Final = 10
MINUTE: Final = "minute"
_SENT: Final = f"{State.SENT},{State.DELIVERED},{State.DELIVERY_DELAYED},{State.BOUNCED},{State.COMPLAINED}"
"""The states of what has left, as the list of emails takes them."""

_HARD: Final = ",".join(sorted(HARD))
_JUDGED: Final = (
    ("Bounces", "hard_bounced", BOUNCE_LINES, {"state": State.BOUNCED, "cause": _HARD}),
    ("Complaints", "complained", COMPLAINT_LINES, {"state": State.COMPLAINED}),
)
"""What AWS judges: its name, its field, the lines, and the filter of the list of emails."""

_STEP: Final = {MINUTE: timedelta(minutes=1), By.HOUR: timedelta(hours=1), By.DAY: timedelta(days=1)}
_NEXT: Final = {
    About.SERVERS: ("AWS account and servers", "console_account.show_account"),
    About.CIRCUITS: ("What holds email back", "console_incidents.show_incidents"),
    About.QUEUE: ("AWS account", "console_account.show_account"),
    About.INCIDENTS: ("Incidents", "console_incidents.show_incidents"),
    About.HELD: ("Held emails", "console_held.show_held"),
    About.NOTIFICATIONS: ("Notifications", "console_notifications.show_notifications"),
}
"""Where a person looks next: the name and the endpoint of the page."""


class CountsQuery(Form):
    """The length of the periods."""

    by: By | Literal["minute"]


@dataclass(frozen=True, slots=True)
class Row:
    """One period of a chart: from when until when, and its counts."""

    at: datetime
    until: datetime
    counts: Mapping[Counted, int]

    @property
    def spent(self) -> Spent:
        """What it has spent of our reputation."""
        return _spent(self.counts)


@overview.page("/console", role=Role.VIEWER, summary="Show the overview.")
def show_overview(session: Session) -> Response:
    """Answer with the whole page."""
    gateway, caller = current_gateway(), caller_of(session)
    return render(
        "reporting/overview.html",
        **_now(session),
        minutes=_counts(session, MINUTE),
        hours=_counts(session, By.HOUR),
        days=_counts(session, By.DAY),
        reputation=gateway.reporting.read_reputation(caller, most=_MOST),
        bounce_lines=BOUNCE_LINES,
        complaint_lines=COMPLAINT_LINES,
        emails=_emails,
        sent=_SENT,
        hard=_HARD,
        share=_share,
        percent=percent,
    )


@overview.page("/console/now", role=Role.VIEWER, summary="Show what is true now.")
def show_now(session: Session) -> Response:
    """Answer with that part of the page."""
    return render("reporting/now.html", **_now(session))


@overview.page("/console/counts", role=Role.VIEWER, summary="Show the counts of a chart.", query=CountsQuery)
def show_counts(session: Session, query: CountsQuery) -> Response:
    """Answer with the table that the chart draws."""
    return render("reporting/counts.html", counts=_counts(session, query.by), emails=_emails, sent=_SENT, share=_share)


def _now(session: Session) -> dict[str, Any]:
    now = current_gateway().overview(caller_of(session))
    return {
        "now": now,
        "page_of": lambda about: link_to(*_NEXT[about]),
        "up_to": COUNTED_UP_TO,
        "minutes_since": lambda since: int((now.figures.now - since).total_seconds() // 60),
        "gauges": [
            {
                **_gauge(what, IN_WORDS[window], getattr(spent, field), spent.sent, lines),
                "of_these": _emails(since=now.since[window], **these),
                "of_sent": _emails(since=now.since[window], state=_SENT),
            }
            for what, field, lines, these in _JUDGED
            for window, spent in now.spent.items()
        ],
    }


def _gauge(what: str, window: str, number: int, sent: int, lines: tuple[Line, ...]) -> dict[str, Any]:
    """A share beside the lines that it must not reach. Lengths are in thousandths of the widest line."""
    share, widest = _share(number, sent), lines[-1].share
    crossed = [line for line in lines if share >= line.share]
    judged, says = "bad" if len(crossed) > 1 else "warn", crossed[-1].says if crossed else ""
    if crossed and (sent < OF_AWS.minimum or number < LEAST):
        judged, says = "unsure", "too few to judge"
    return {
        "what": what,
        "window": window,
        "share": percent(share),
        "number": number,
        "sent": sent,
        "length": min(1000, round(1000 * share / widest)),
        "marks": [round(1000 * line.share / widest) for line in lines],
        "lines": [(percent(line.share), line.says) for line in lines],
        "judged": judged if crossed else "good",
        "crossed": says,
    }


def _counts(session: Session, by: By | Literal["minute"]) -> dict[str, Any]:
    reporting, caller = current_gateway().reporting, caller_of(session)
    stats = reporting.read_stats(caller, Ask(by=by)) if isinstance(by, By) else reporting.read_last_hour(caller)
    return {"by": by, "rows": _each_period(stats, _STEP[by]), "total": Row(stats.since, stats.until, stats.total)}


def _each_period(stats: Stats, step: timedelta) -> list[Row]:
    """Every period, the empty ones too."""
    found: dict[datetime, Period] = {one.at: one for one in stats.periods}
    rows, at = [], stats.since
    while at < stats.until:
        counts = found[at].counts if at in found else dict.fromkeys(Counted, 0)
        rows.append(Row(at, at + step, counts))
        at += step
    return rows


def _spent(counts: Mapping[Counted, int]) -> Spent:
    return Spent(
        sent=counts[Counted.SENT], hard_bounced=counts[Counted.HARD_BOUNCED], complained=counts[Counted.COMPLAINED]
    )


def _share(number: int, of: int) -> float:
    return number / of if of else 0.0


def _emails(**filters: str | datetime) -> str:
    """The URL of the list of these emails."""
    written: dict[str, Any] = {
        name: f"{value:%Y-%m-%dT%H:%MZ}" if isinstance(value, datetime) else value for name, value in filters.items()
    }
    return url_for("console_emails.show_emails", **written)
