"""`/console`: whether email flows, whether anything is wrong and what to do, and what hurts our reputation."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import cast

import pytest

from app.aws.ses.account import Quota, SesAccount
from app.domain.errors import ServiceUnavailable
from app.domain.operating.check_fixes import FIXES
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.account.quota import LastQuota
from app.services.operating.sweeps import Sweep
from app.services.sending.account_rate import AccountRate
from app.store.feedback.notifications import InboxState
from app.store.operating import heartbeats, incidents
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import put
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change
from tests.support.gateway.web import Web, web_on

QUOTA = Quota(
    max_send_rate=14.0, max_24h=50_000, sent_24h=1_234, sending_enabled=True, production=True, enforcement="HEALTHY"
)
ATTACK = "<script>alert(1)</script>"


class Account:
    """An account of SES that says its quota, or cannot be reached."""

    def __init__(self, answer: Quota) -> None:
        self.answer: Quota | None = answer
        self.now = 0.0

    def clock(self) -> float:
        """The time in seconds."""
        return self.now

    def quota(self) -> Quota:
        """What `SesAccount.quota` answers."""
        if self.answer is None:
            raise ServiceUnavailable("SES cannot be reached.")
        return self.answer


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def viewer(web: Web) -> Person:
    return signed_in(web, Role.VIEWER)


def words(page: str) -> str:
    """The text of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def make_well(gateway: Gateway) -> None:
    """Have all parts work, as far as the database says it."""
    with gateway.database.transaction() as connection:
        heartbeats.beat(connection, "worker-1", kind=heartbeats.WORKER)
        heartbeats.beat(connection, "canary:worker-1", kind=heartbeats.CANARY)
        for sweep in Sweep:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)


def of_two_apps(gateway: Gateway) -> None:
    """An application whose email is complained about, another one with a bounce and with one that was delivered."""
    invites, shop = caller(gateway), caller(gateway, app="shop")
    angry = submit(gateway, invites, "ann@outlook.com")
    gone, fine = submit(gateway, shop, "kim@gmail.com"), submit(gateway, shop, "bob@gmail.com")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, gone))
    feed(gateway, complaint(gateway, angry))
    feed(gateway, delivery(gateway, fine))


def test_when_all_is_well_one_line_says_so(web: Web, viewer: Person) -> None:
    """With workers, sweeps and a broker, and nothing that waits."""
    make_well(web.gateway)
    page = words(viewer.page("/console"))
    assert "All is well" in page
    assert "Look at this" not in page


def test_what_is_wrong_is_named_with_what_to_do(web: Web, viewer: Person) -> None:
    """What stops email comes first: no worker, a paused lane; then what waits for a person."""
    with web.gateway.database.transaction() as connection:
        incidents.note(connection, kind="refused_for_policy", subject="example.net", detail="No.")
    web.gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="Wrong picture.")
    page = viewer.page("/console")
    shown = words(page)
    for text in (
        "Worker: No worker was seen in the last minute: email is accepted, but waits. Start a worker",
        "The lane bulk is paused. Wrong picture. Resume the lane once the reason for the pause is over.",
        "Open incidents: 1 (refused_for_policy). Each says what to do about it.",
    ):
        assert text in shown
    assert "All is well" not in shown
    assert shown.index("The lane bulk is paused") < shown.index("Open incidents: 1")


def test_every_check_of_the_gateway_says_what_to_do(migrated_url: str, redis_url: str) -> None:
    """With a queue, canaries and the SMTP door too; what a circuit needs is said by the circuit."""
    queue = "https://sqs.us-east-1.amazonaws.com/123456789012/events"
    with web_on(
        migrated_url,
        redis_url,
        canary_minutes=15,
        canary_from="canary@example.com",
        sqs_queue_urls=(queue,),
        smtp_port=587,
        smtp_clear_auth_on_loopback=True,
    ) as web:
        assert {check.name for check in web.gateway.health.ready()} == {*FIXES, "circuits"}


def test_email_that_waits_long_is_a_concern(web: Web, viewer: Person) -> None:
    """With the lane and the age of the oldest."""
    make_well(web.gateway)
    submit(web.gateway, caller(web.gateway), "ann@example.net")
    assert "All is well" in words(viewer.page("/console/now"))
    age(web.gateway, "recipients", "due_at", timedelta(minutes=12))
    shown = words(viewer.page("/console/now"))
    assert "The lane transactional is behind: 1 waiting, the oldest for 12 minutes." in shown
    assert "1 waiting now, lane transactional the oldest for 12 min" in shown


def test_held_emails_and_notifications_that_were_set_aside_are_concerns(web: Web, viewer: Person) -> None:
    """Each with the page on which a person decides."""
    make_well(web.gateway)
    submit(web.gateway, caller(web.gateway), "ann@example.net")
    change(web.gateway, "recipients", {"state": "held"})
    put(web.gateway, "{}")
    change(web.gateway, "notifications", {"state": InboxState.QUARANTINED})
    page = viewer.page("/console")
    assert "Held emails: 1. Decide about each" in words(page)
    assert "Notifications that were set aside: 1." in words(page)
    assert 'href="/console/held"' in page


def test_the_counts_lead_to_the_emails_that_they_count(web: Web, viewer: Person) -> None:
    """Of the last day and of the last month, with empty periods between them."""
    of_two_apps(web.gateway)
    page = viewer.page("/console")
    shown = words(page)
    for text in ("3 accepted", "3 sent", "1 delivered", "1 bounced", "1 complained"):
        assert text in shown
    assert re.search(r'href="/console/emails\?since=[^"]+&amp;state=bounced"', page)
    for by, periods in (("minute", 60), ("hour", 25), ("day", 31)):
        table = viewer.page(f"/console/counts?by={by}")
        assert len(re.findall(r"<tr data-at", table)) == periods
        assert re.search(r'href="/console/emails\?since=[^"]+&amp;until=[^"]+&amp;state=complained"', table)
        assert "33.33 %" in table
    assert viewer.get("/console/counts?by=year").status_code == 422


def test_applications_and_providers_are_listed_by_how_much_they_hurt(web: Web, viewer: Person) -> None:
    """A complaint weighs more than a bounce; each application leads to its emails. The simulator does not count."""
    of_two_apps(web.gateway)
    submit(web.gateway, caller(web.gateway, app="canaries"), "success@simulator.amazonses.com")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    page = viewer.page("/console").partition("What hurts our reputation")[2]
    names = re.findall(r'<th scope="row">(?:<a[^>]+>)?([^<]+)', page)
    assert names == ["invites", "shop", "microsoft", "gmail"]
    assert re.search(r'href="/console/emails\?state=bounced&amp;cause=[^"]+&amp;app=shop&amp;since=', page)
    assert re.search(r'href="/console/emails\?state=bounced&amp;cause=[^"]+&amp;provider=gmail&amp;since=', page)


def test_rates_are_shown_beside_the_lines_of_aws_and_ours(web: Web, viewer: Person) -> None:
    """In words too, for those who see no picture."""
    of_two_apps(web.gateway)
    shown = words(viewer.page("/console/now"))
    assert "Bounces 33.33 % in the last 24 hours: 1 of 3 too few to judge" in shown
    for line in ("4 % Postern pauses an application", "5 % AWS reviews the account", "0.5 % AWS may pause the account"):
        assert line in shown


def test_the_quota_is_what_ses_said_last(migrated_url: str, redis_url: str) -> None:
    """It comes from a worker, which asks now and then: the page never calls SES."""
    with web_on(migrated_url, redis_url, ses_max_send_rate=None) as web:
        viewer = signed_in(web, Role.VIEWER)
        assert "no worker has asked SES" in words(viewer.page("/console/now"))
        LastQuota(database=web.gateway.database).note(QUOTA)
        shown = words(viewer.page("/console/now"))
    assert "48,766 left of today's quota of 50,000" in shown
    assert "of 14 that may go" in shown


def test_a_worker_keeps_what_ses_said(web: Web) -> None:
    """When it asks SES for the send rate; an answer that did not come changes nothing."""
    account = Account(QUOTA)
    last = LastQuota(database=web.gateway.database)
    rate = AccountRate(account=cast("SesAccount", account), note=last.note, fixed=None, monotonic=account.clock)
    assert rate() == QUOTA.max_send_rate
    account.answer, account.now = None, 100.0
    assert rate() == QUOTA.max_send_rate
    seen = last.read(ROOT)
    assert seen is not None
    assert seen.quota == QUOTA


def test_calls_of_the_last_seconds_are_the_rate(web: Web, viewer: Person) -> None:
    """Three calls within ten seconds."""
    of_two_apps(web.gateway)
    assert "0.3 sent per second" in words(viewer.page("/console/now"))


def test_what_refreshes_by_itself_says_where_from(web: Web, viewer: Person) -> None:
    """And without a script there is a link."""
    page = viewer.page("/console")
    for part in ("/console/now", "/console/counts?by=hour", "/console/counts?by=day"):
        assert f'hx-get="{part}"' in page
    assert '<noscript><p><a href="/console">Refresh</a></p></noscript>' in page
    assert viewer.page("/console/now").startswith("<div")


def test_what_others_wrote_does_nothing_on_the_page(web: Web, viewer: Person) -> None:
    """The reason of a pause is shown as text."""
    web.gateway.pause_lanes.pause(ROOT, Lane.BULK, reason=ATTACK)
    page = viewer.page("/console")
    assert ATTACK not in page
    assert ATTACK in unescape(page)


FIGURE = re.compile(r'(?:<a href="([^"]+)">\s*)?<span class="figure">([^<]*)</span>')
COUNT = re.compile(r'<td class="number">(?:<a href="([^"]+)">)?([\d,]+)(?:</a>)?</td>|<a href="([^"]+)">([\d,]+)</a>')
SAID_BY_SES = "/console/account"


def listed(page: str) -> int:
    """How many rows a page lists: in the body of its table, or as the articles of incidents."""
    bodies: list[str] = re.findall(r"<tbody[^>]*>(.*?)</tbody>", page, re.DOTALL)
    return sum(body.count("<tr") for body in bodies) + page.count('<article class="incident"')


def test_every_figure_leads_to_what_it_counts(web: Web) -> None:
    """A list with as many rows; what is no count, such as a rate, leads to where it comes from. Nothing is nothing."""
    of_two_apps(web.gateway)
    submit(web.gateway, caller(web.gateway), "kim@gmx.de", lane=Lane.BULK)
    submit(web.gateway, caller(web.gateway), "lee@gmail.com")
    held = submit(web.gateway, caller(web.gateway), "sue@gmail.com")
    change(web.gateway, "recipients", {"state": "held"}, email_id=held)
    put(web.gateway, "{}", "[]")
    with web.gateway.database.transaction() as connection:
        incidents.note(connection, kind="refused_for_policy", subject="example.net", detail="No.")
    person = signed_in(web)
    page = unescape(person.page("/console"))
    figures = [(link, number) for link, number in FIGURE.findall(page) if link != SAID_BY_SES]
    counts = [(one or other, number or more) for one, number, other, more in COUNT.findall(page)]
    assert all(link for link, _ in figures)
    assert all(link or number == "0" for link, number in counts)
    wanted = {link: int(number.replace(",", "")) for link, number in figures + counts if link}
    assert sum(number > 0 for number in wanted.values()) > 20
    for link, number in wanted.items():
        assert listed(person.page(link)) == number, (link, number)


def test_what_a_viewer_may_not_see_is_no_link(web: Web, viewer: Person) -> None:
    """The notifications are for operators: a viewer sees how many they are."""
    put(web.gateway, "{}")
    shown = viewer.page("/console/now")
    assert "1 notifications to read" in words(shown)
    assert "/console/notifications" not in shown
