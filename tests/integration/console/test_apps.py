"""Applications in the console: listed, created, changed, archived, with their budget, keys and streams."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from app.domain.errors import InvalidApiKey
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.apps.app_options import AppOptions
from app.services.apps.authenticate import Authenticate
from app.services.apps.trusted_keys import TrustedKeys
from app.services.operating.sweeps import Sweep
from app.services.paging import Page, PageByName
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows
from tests.support.gateway.web import Web, web_on

APP = "/console/apps/invites"
WHY = {"reason": "As asked in ticket 7."}
LINES = {
    "warn_bounces": "2.5",
    "pause_bounces": "4 %",
    "warn_complaints": "0.05",
    "pause_complaints": "0.08",
    "minimum": "50",
    "pauses": "all",
}
SETTINGS = {
    "senders": "@example.com\nann@example.org, bob@example.org",
    "team": "kim@example.org @example.net",
    "default_lane": "bulk",
    "default_stream": "news",
    "on_unconfirmed": "hold",
    "emails_per_second": "",
    "emails_per_day": "5000",
    "reason_optional": "true",
}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url="https://mail.example.com") as made:
        yield made


@pytest.fixture
def admin(web: Web) -> Person:
    caller(web.gateway, app="invites")
    return signed_in(web)


def audited(web: Web, action: str) -> list[dict[str, Any]]:
    """What a person of the console did, without the rest of the audit."""
    found = [dict(row) for row in rows(web.gateway, "audit", action=action)]
    return [row for row in found if row["actor"].startswith("user:")]


def secret_in(page: str) -> str:
    found = re.search(r'<code id="secret">([^<]+)</code>', page)
    assert found is not None
    return unescape(found[1])


def pause(web: Web) -> None:
    """Have the budget of the application pause it."""
    web.gateway.budgets.set(ROOT, "invites", {"minimum": 3, "warn_bounces": 0.1, "pause_bounces": 0.2})
    who = caller(web.gateway, app="invites")
    sent = [submit(web.gateway, who, f"p{number}@example.net") for number in range(3)]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    for one in sent:
        feed(web.gateway, bounce(web.gateway, one))
    web.gateway.upkeep.run(Sweep.BUDGETS)


def test_every_application_is_listed(web: Web, admin: Person) -> None:
    """With its state; the filter shows those that are archived; without any, the page says how one is made."""
    caller(web.gateway, app="billing")
    web.gateway.apps.archive(ROOT, "billing")
    page = admin.page("/console/apps")
    assert [name for name in ("invites", "billing") if f">{name}</a>" in page] == ["invites", "billing"]
    assert ("active</span>" in page, "archived</span>" in page) == (True, True)
    archived = admin.page("/console/apps?status=archived")
    assert (">billing</a>" in archived, ">invites</a>" in archived) == (True, False)
    assert "No application is archived" not in archived


def test_a_long_list_has_pages(web: Web, admin: Person) -> None:
    """The pages lead on and back, with the filter."""
    for number in range(51):
        caller(web.gateway, app=f"app-{number}")
    first = admin.page("/console/apps?status=active")
    older = unescape(re.findall(r'rel="next" href="([^"]+)"', first)[0])
    assert "status=active" in older
    last = admin.page(older)
    assert ">invites</a>" in last
    assert ">app-50</a>" in admin.page(unescape(re.findall(r'rel="prev" href="([^"]+)"', last)[0]))


def test_an_application_is_created(web: Web, admin: Person) -> None:
    """Its page comes next and says what to do; the audit has the reason."""
    answer = admin.change("/console/apps", name="billing", senders="@example.com *", default_lane="bulk", **WHY)
    assert "Issue a key for it" in answer.text
    made = web.gateway.apps.find(ROOT, "billing")
    assert (made.senders, made.default_lane) == (("@example.com", "*"), "bulk")
    [noted] = audited(web, "app_create")
    assert (noted["actor"], noted["reason"]) == ("user:admin.user", WHY["reason"])


def test_settings_are_changed(web: Web, admin: Person) -> None:
    """An empty limit is none; the audit has what differs from before, and the reason."""
    web.gateway.apps.change(ROOT, "invites", AppOptions(emails_per_second=10))
    admin.change(APP, **SETTINGS, **WHY)
    app = web.gateway.apps.find(ROOT, "invites")
    assert app.senders == ("@example.com", "ann@example.org", "bob@example.org")
    assert app.team == ("kim@example.org", "@example.net")
    assert (app.default_lane, app.default_stream, app.on_unconfirmed) == ("bulk", "news", "hold")
    assert (app.emails_per_second, app.emails_per_day, app.reason_optional) == (None, 5000, True)
    [noted] = audited(web, "app_change")
    assert noted["reason"] == WHY["reason"]
    admin.change(APP, **SETTINGS | {"default_lane": "transactional"}, **WHY)
    assert audited(web, "app_change")[1]["data"]["changed"] == {"default_lane": "transactional"}


def test_a_limit_shows_how_much_of_it_is_used(web: Web, admin: Person) -> None:
    """The recipients of this day, of all processes; nothing of a day before."""
    web.gateway.apps.change(ROOT, "invites", AppOptions(emails_per_day=5000))
    assert "5,000 a day, 0 of them accepted today" in admin.page(APP)
    submit(web.gateway, caller(web.gateway, app="invites"), "kim@example.net", "ann@example.net")
    assert "5,000 a day, 2 of them accepted today" in admin.page(APP)
    age(web.gateway, "app_usage", "day_began", timedelta(days=1))
    assert "5,000 a day, 0 of them accepted today" in admin.page(APP)


@pytest.mark.parametrize("field, value", [("senders", "nobody"), ("emails_per_day", "many"), ("default_stream", "é")])
def test_a_setting_that_breaks_a_rule_is_named(web: Web, admin: Person, field: str, value: str) -> None:
    """Nothing is changed, and the value is not repeated."""
    answer = admin.post(APP, **SETTINGS | {field: value}, **WHY)
    assert answer.status_code == 422
    assert f"<strong>{field.replace('_', ' ')}</strong>" in answer.text
    assert audited(web, "app_change") == []


@pytest.mark.parametrize(
    "path", ["", "/archive", "/unarchive", "/keys", "/budget", "/budget/default", "/resume", "/streams", "/webhooks"]
)
def test_every_change_needs_a_reason(admin: Person, path: str) -> None:
    """A blank one is none."""
    for reason in ({}, {"reason": "  "}):
        answer = admin.post(f"{APP}{path}", **reason)
        assert answer.status_code == 422
        assert "<strong>reason</strong>" in answer.text


def test_an_application_is_archived_and_unarchived(web: Web, admin: Person) -> None:
    """Its page says so, and offers no key while it is archived."""
    page = admin.change(f"{APP}/archive", **WHY).text
    assert ("archived</span>" in page, "Issue a key" in page) == (True, False)
    assert admin.post(f"{APP}/keys", scopes="emails:send", **WHY).status_code == 409
    admin.change(f"{APP}/unarchive", **WHY)
    assert web.gateway.apps.find(ROOT, "invites").archived_at is None
    assert [audited(web, f"app_{word}")[0]["reason"] for word in ("archive", "unarchive")] == [WHY["reason"]] * 2


def test_a_key_is_shown_once(web: Web, admin: Person) -> None:
    """In the answer that issues it, which no cache keeps. It works, with its scopes, to the end of its last day."""
    last_day = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    scopes = ["emails:send", "suppressions:read"]
    answer = admin.post(f"{APP}/keys", name="web", scopes=scopes, expires_at=last_day, **WHY)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    token = secret_in(answer.text)
    assert web.gateway.authenticate(f"Bearer {token}").scopes == set(scopes)
    page = admin.page(APP)
    assert token.split("_")[1] in page
    assert token.split("_", 2)[2] not in page
    [key] = web.gateway.issue_keys.page(ROOT, "invites", Page(1), working=True).data
    assert key.expires_at is not None
    assert f"{key.expires_at - timedelta(seconds=1):%Y-%m-%d}" == last_day
    assert [row["reason"] for row in audited(web, "key_create")] == [WHY["reason"]]


def test_a_key_of_doors_is_shown_with_what_their_clients_need(web: Web, admin: Person) -> None:
    """Once, as environment variables for an AWS SDK and as user name and password for SMTP; a plain key has neither."""
    assert "AWS_ENDPOINT_URL_SESV2" not in admin.post(f"{APP}/keys", scopes="emails:send", **WHY).text
    answer = admin.post(f"{APP}/keys", scopes=["emails:send", "ses", "smtp"], **WHY).text
    prefix, public_id, secret = secret_in(answer).split("_", 2)
    for shown in (
        f"AWS_ENDPOINT_URL_SESV2={web.gateway.doors.url}\n",
        f"AWS_ACCESS_KEY_ID={prefix}_{public_id}\nAWS_SECRET_ACCESS_KEY={secret}\n",
        f'<dt>User name</dt><dd class="mono">{prefix}_{public_id}</dd>',
        f'<dt>Password</dt><dd class="mono">{secret}</dd>',
    ):
        assert shown in answer
    page = admin.page(APP)
    assert "emails:send, ses, smtp" in page
    assert secret not in page
    assert audited(web, "key_create")[-1]["data"]["scopes"] == ["emails:send", "ses", "smtp"]


def test_a_key_is_replaced_and_revoked(web: Web, admin: Person) -> None:
    """Both work for the overlap; a revoked one is listed among those that ended."""
    old = secret_in(admin.post(f"{APP}/keys", scopes="emails:send", **WHY).text)
    public_id = old.split("_")[1]
    new = secret_in(admin.post(f"{APP}/keys/{public_id}/rotate", overlap="7d", **WHY).text)
    assert [web.gateway.authenticate(f"Bearer {one}").app for one in (old, new)] == ["invites", "invites"]
    page = admin.change(f"{APP}/keys/{public_id}/revoke", **WHY).text
    assert "The key was revoked" in page
    assert public_id not in page.partition("<h2>Keys</h2>")[2].replace(f"replaced by {public_id}", "")
    assert public_id in admin.page(f"{APP}/keys?which=ended")
    with pytest.raises(InvalidApiKey):
        Authenticate(TrustedKeys(database=web.gateway.database))(f"Bearer {old}")
    assert [audited(web, f"key_{word}")[-1]["reason"] for word in ("rotate", "revoke")] == [WHY["reason"]] * 2
    assert admin.post(f"/console/apps/billing/keys/{new.split('_')[1]}/revoke", **WHY).status_code == 404


def test_keys_and_streams_are_listed_in_pages(web: Web, admin: Person) -> None:
    """The application shows the first ten of each; the others are on pages of their own."""
    for number in range(52):
        web.gateway.issue_keys.add(ROOT, "invites", name=f"key {number}", scopes=frozenset())
        web.gateway.streams.set(ROOT, "invites", f"stream-{number:02}")
    page = admin.page(APP)
    assert (page.count(">Replace<span"), page.count("stream=stream-")) == (10, 10)
    for path, first, last in (("keys", "key 51", "key 1"), ("streams", "stream-00", "stream-51")):
        page = admin.page(f"{APP}/{path}")
        assert f">{first}<" in page
        assert f">{last}<" not in page
        older = unescape(re.findall(r'rel="next" href="([^"]+)"', page)[0])
        assert f">{last}<" in admin.page(older)
        newer = unescape(re.findall(r'rel="prev" href="([^"]+)"', admin.page(older))[0])
        assert f">{first}<" in admin.page(newer)


def test_the_lines_of_a_budget_are_given_in_percent(web: Web, admin: Person) -> None:
    """With or without the sign; the default lines come back; nonsense is refused by name."""
    admin.change(f"{APP}/budget", **LINES, **WHY)
    budget = web.gateway.budgets.show(ROOT, "invites").budget
    assert (budget.warn_bounces, budget.pause_bounces, budget.minimum, budget.pauses) == (0.025, 0.04, 50, "all")
    assert 'value="2.5"' in admin.page(APP)
    refused = admin.post(f"{APP}/budget", **LINES | {"warn_bounces": "lots"}, **WHY)
    assert "Give a percentage" in refused.text
    refused = admin.post(f"{APP}/budget", **LINES | {"warn_bounces": "5"}, **WHY)
    assert "The warning comes before the pause" in refused.text
    admin.change(f"{APP}/budget/default", **WHY)
    assert web.gateway.budgets.show(ROOT, "invites").budget.minimum == 100
    assert [row["reason"] for row in audited(web, "app_budget")] == [WHY["reason"]] * 2


def test_a_paused_application_says_why_and_goes_on(web: Web, admin: Person) -> None:
    """An operator resumes it with a reason; until then the list and the page show the pause."""
    pause(web)
    assert "paused</span>" in admin.page("/console/apps")
    page = admin.page(APP)
    assert "3 of 3 recipients bounced for good" in page
    assert "over the second line" in page
    operator = signed_in(web, Role.OPERATOR)
    assert "was resumed" in operator.change(f"{APP}/resume", **WHY).text
    assert web.gateway.budgets.paused(ROOT) == ()
    assert [(row["actor"], row["reason"]) for row in audited(web, "app_resume")] == [
        ("user:operator.user", WHY["reason"])
    ]
    assert operator.post(f"{APP}/resume", **WHY).status_code == 404


def test_a_stream_gets_its_title_and_its_links(web: Web, admin: Person) -> None:
    """A box that is not checked takes the links away."""
    page = admin.change(f"{APP}/streams", stream="news", title="Our <b>news</b>", unsubscribe="true", **WHY).text
    assert "Our &lt;b&gt;news&lt;/b&gt;" in page
    assert "<b>news</b>" not in page
    [stream] = web.gateway.streams.page(ROOT, "invites", PageByName(10)).data
    assert (stream.name, stream.title, stream.unsubscribe) == ("news", "Our <b>news</b>", True)
    admin.change(f"{APP}/streams", stream="news", title="News", **WHY)
    [stream] = web.gateway.streams.page(ROOT, "invites", PageByName(10)).data
    assert (stream.title, stream.unsubscribe) == ("News", False)
    assert [row["reason"] for row in audited(web, "stream_set")] == [WHY["reason"]] * 2


def test_a_viewer_sees_no_address_and_no_way_to_change(web: Web, admin: Person) -> None:
    """Neither on the pages nor in the download; an attack in a name is text."""
    attack = "<script>alert(1)</script> kim@example.net"
    web.gateway.issue_keys.add(ROOT, "invites", name=attack, scopes=frozenset())
    web.gateway.streams.set(ROOT, "invites", "news", title=attack)
    admin.change(APP, **SETTINGS, **WHY)
    viewer = signed_in(web, Role.VIEWER)
    for path in ("/console/apps", APP, "/console/apps.csv"):
        page = viewer.page(path)
        assert not re.search(r"(?:ann|bob|kim)@", page), path
        assert "<script>alert" not in page
        assert 'name="reason"' not in page
    assert "kim@example.net" in admin.page(APP)


def test_the_list_is_downloaded(web: Web, admin: Person) -> None:
    """As CSV, of the applications that the filter shows."""
    web.gateway.apps.create(ROOT, "billing", AppOptions(senders=("@example.com",)))
    text = admin.page("/console/apps.csv")
    assert text.splitlines()[0].startswith("name,senders,")
    assert "billing,'@example.com,transactional" in text
    assert admin.page("/console/apps.csv?status=archived").splitlines()[1:] == []
