"""The page behind a link: what mail programs and people do with it, and what scanners and forgers cannot do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, select, text, update

from app.domain.suppression.rules import Origin
from app.queue import Lane
from app.services.suppression.unsubscribe import Unsubscribe
from app.store.engine.database import Database
from app.store.suppression.suppressions import NewSuppression, put
from app.store.tables.core import audit, emails, recipients, suppressions
from app.web.application import create_app
from app.wiring.gateway import build
from tests.support.gateway.emails import ROOT, bounce, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.unsubscribe import BACK, BASE, KIM, ONE_CLICK, everything, live, mailed, page_of, path_of
from tests.support.gateway.web import Web, web_on

BAD_TOKENS = json.loads((Path(__file__).parents[2] / "corpus" / "unsubscribe_tokens.json").read_text(encoding="utf-8"))


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        yield web


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_mail_program_unsubscribes_with_one_post(web: Web, kind: str) -> None:
    """As RFC 8058 says: without a cookie or an origin, in either form, answered 200 and never with a redirect."""
    mailed(web)
    answer = web.client.post(path_of(web), data=ONE_CLICK, content_type=kind)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert live(web) == [("invites/news", Origin.UNSUBSCRIBE)]


def test_unsubscribing_stops_that_stream_and_no_other(web: Web) -> None:
    """Waiting email of the stream ends as suppressed by an unsubscription; other streams and people still get email."""
    who = caller(web.gateway)
    mailed(web)
    waiting = submit(web.gateway, who, KIM, stream="news")
    other, somebody = submit(web.gateway, who, KIM), submit(web.gateway, who, "ann@example.net", stream="news")
    assert web.client.post(path_of(web), data=ONE_CLICK).status_code == 200
    later = submit(web.gateway, who, "Kim <KIM@example.net>", stream="news")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    found = [web.gateway.look_up.email(ROOT, email).recipients[0] for email in (waiting, later, other, somebody)]
    assert [one.state for one in found] == ["suppressed", "suppressed", "sent", "sent"]
    assert found[0].reason == "The address is on the suppression list (unsubscribe)."


def test_unsubscribing_twice_counts_once(web: Web) -> None:
    """Mail programs and people repeat themselves: one entry, one line in the audit, the same answer."""
    mailed(web)
    path = path_of(web)
    answers = [page_of(web.client.post(path, data=ONE_CLICK)) for _ in range(3)]
    assert len(set(answers)) == 1
    with web.gateway.database.reading() as connection:
        rows = connection.execute(select(audit).where(audit.c.action == "suppress")).all()
        assert connection.scalar(select(func.count()).select_from(suppressions)) == 1
        recipient_id = connection.scalar(select(recipients.c.id))
    assert [(row.actor, row.key, row.data["scope"]) for row in rows] == [
        (f"person:{recipient_id}", KIM, "invites/news")
    ]


def test_a_person_can_resubscribe(web: Web) -> None:
    """And unsubscribe again: each is kept with the person as its actor, and sending follows it."""
    who = caller(web.gateway)
    mailed(web)
    path = path_of(web)
    web.client.post(path, data=ONE_CLICK)
    assert web.client.post(path, data=BACK).status_code == 200
    assert live(web) == []
    back = submit(web.gateway, who, KIM, stream="news")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(web.gateway, back) == "sent"
    [over] = web.gateway.suppress.find(ROOT, KIM, over_too=True).history
    assert (over.removed_by or "").startswith("person:")
    web.client.post(path, data=ONE_CLICK)
    assert live(web) == [("invites/news", Origin.UNSUBSCRIBE)]


@pytest.mark.parametrize("origin", [Origin.BOUNCE, Origin.COMPLAINT, Origin.MANUAL])
@pytest.mark.parametrize("scope", ["*", "invites", "invites/news", "invites/receipts", "others/news"])
def test_resubscribing_removes_nothing_else(web: Web, origin: Origin, scope: str) -> None:
    """Not a bounce, not a complaint, not an operator's entry, in any scope; and no other unsubscription."""
    mailed(web)
    with web.gateway.database.transaction() as connection:
        for where, why in ((scope, origin), ("others/list", Origin.UNSUBSCRIBE)):
            put(connection, NewSuppression(key=KIM, scope=where, address=KIM, origin=why, reason="x", actor="test"))
    before = live(web)
    assert web.client.post(path_of(web), data=BACK).status_code == 200
    assert live(web) == before


def test_resubscribing_stops_where_another_reason_came_first(web: Web) -> None:
    """An entry that an operator takes over meanwhile is not removed: 503, and it stays."""
    mailed(web)
    path = path_of(web)
    web.client.post(path, data=ONE_CLICK)
    taken_over: list[str] = []

    @event.listens_for(web.gateway.database.engine, "before_cursor_execute")
    def take_over(*call: Any) -> None:
        if "UPDATE suppressions" in call[2] and not taken_over:
            taken_over.append(call[2])
            call[0].exec_driver_sql("UPDATE suppressions SET origin = 'manual'")

    assert web.client.post(path, data=BACK).status_code == 503
    assert taken_over
    assert len(live(web)) == 1


def test_an_unsubscribe_link_outlives_its_email(web: Web) -> None:
    """The link works when the email's body and its stream's title are gone and its key is no longer the first."""
    email = mailed(web)
    path = path_of(web)
    with web.gateway.database.transaction() as connection:
        connection.execute(update(emails).values(sealed_body=None, sealed_key=None, subject=None))
        connection.execute(text("DELETE FROM streams"))
    settings = web.gateway.settings
    newer = settings_for(
        settings.database_url,
        settings.redis_url,
        public_url=BASE,
        secret_keys=f"{'n' * 43},{settings.secret_keys[0].get_secret_value()}",
    )
    rotated = build(newer, mailer=ScriptedMailer())
    assert create_app(gateway=rotated).test_client().post(path, data=ONE_CLICK).status_code == 200
    rotated.close()
    assert live(web) == [("invites/news", Origin.UNSUBSCRIBE)]
    assert web.gateway.suppress.find(ROOT, KIM).entries[0].source["email_id"] == str(email)


def test_a_recipient_who_bounced_can_still_unsubscribe(web: Web) -> None:
    """An entry for every email does not swallow the wish: once the bounce is unsuppressed, the stream stays stopped."""
    email = mailed(web)
    feed(web.gateway, bounce(web.gateway, email))
    web.client.post(path_of(web), data=ONE_CLICK)
    assert set(live(web)) == {("*", Origin.BOUNCE), ("invites/news", Origin.UNSUBSCRIBE)}


def test_following_links_changes_nothing(web: Web) -> None:
    """GET, HEAD, OPTIONS and every other method: a scanner that tries them all unsubscribes no one, nor does an app."""
    mailed(web)
    path = path_of(web)
    before = everything(web.gateway)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        answer = web.client.open(path, method=method, query_string=ONE_CLICK, data=ONE_CLICK)
        assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)
    assert web.client.get(f"{path}?List-Unsubscribe=One-Click&resubscribe=yes").status_code == 200
    assert everything(web.gateway) == before


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b'{"List-Unsubscribe": "One-Click"}', "application/json"),
        (b"list-unsubscribe=one-click", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click&resubscribe=yes", "application/x-www-form-urlencoded"),
        (b"\xff\xfe%zz&&&=", "application/x-www-form-urlencoded"),
        (b"&" * 10_000, "application/x-www-form-urlencoded"),
        (b"--x\r\nno form", "multipart/form-data; boundary=x"),
        (b"no boundary", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"; filename="a"\r\n\r\nOne-Click\r\n--x--',
         "multipart/form-data; boundary=x"),
    ],
)  # fmt: skip
def test_a_post_without_a_clear_wish_changes_nothing(web: Web, body: bytes, kind: str) -> None:
    """Nothing is guessed: 400, and a page with the button."""
    mailed(web)
    before = everything(web.gateway)
    answer = web.client.post(path_of(web), data=body, content_type=kind)
    assert answer.status_code == 400
    assert "Nothing has been changed" in page_of(answer)
    assert 'value="One-Click"' in answer.text
    assert everything(web.gateway) == before


def test_a_long_body_is_not_read(web: Web) -> None:
    """Whatever it asks for: 413 and a page."""
    mailed(web)
    before = everything(web.gateway)
    answer = web.client.post(path_of(web), data={**ONE_CLICK, "more": "x" * 16_384})
    assert answer.status_code == 413
    assert "Nothing has been changed" in page_of(answer)
    assert everything(web.gateway) == before


@pytest.mark.parametrize("wish", [ONE_CLICK, BACK])
def test_the_answer_does_not_show_which_links_are_ours(web: Web, wish: dict[str, str]) -> None:
    """A POST is answered byte for byte the same for a valid link, for one without a recipient, and for a forgery."""
    mailed(web)
    path = path_of(web)
    unknown = f"/unsubscribe/{web.gateway.deliver.parts.links(UUID(int=7)).rpartition('/')[2]}"
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")
    genuine, other, forgery = [web.client.post(one, data=wish) for one in (path, unknown, forged)]
    assert page_of(genuine) == page_of(other) == page_of(forgery)
    kept = [
        {name: value for name, value in answer.headers if name != "X-Request-Id"}
        for answer in (genuine, other, forgery)
    ]
    assert kept[0] == kept[1] == kept[2]
    assert page_of(web.client.get(unknown)) == page_of(web.client.get(forged))
    assert KIM not in web.client.get(path).text


def test_a_bad_token_gets_the_neutral_page(web: Web) -> None:
    """All of the corpus, by GET and by POST: no error, no hint, no change."""
    mailed(web)
    before = everything(web.gateway)
    # A line break, or nothing at all, is no path of ours to begin with.
    tokens = [case["token"] for case in BAD_TOKENS if case["token"] and "\n" not in case["token"]]
    assert len(tokens) >= 40
    pages = {page_of(web.client.get(f"/unsubscribe/{quoted(token)}")) for token in tokens}
    done = {page_of(web.client.post(f"/unsubscribe/{quoted(token)}", data=ONE_CLICK)) for token in tokens}
    assert len(pages) == len(done) == 1
    assert everything(web.gateway) == before


def quoted(token: str) -> str:
    return "".join(f"%{octet:02x}" for octet in token.encode())


def test_a_forgotten_person_is_not_named_and_can_unsubscribe(web: Web) -> None:
    """The page names no one; the wish is kept under the pseudonym, so that the next email is not sent."""
    mailed(web)
    path = path_of(web)
    web.gateway.forget(ROOT, KIM, reason="She asked.", ask_ses=False)
    assert page_of(web.client.get(path)) == page_of(web.client.get("/unsubscribe/strange"))
    assert web.client.post(path, data=ONE_CLICK).status_code == 200
    assert live(web) == []
    again, other = (submit(web.gateway, caller(web.gateway), KIM, stream=stream) for stream in ("news", "receipts"))
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [state_of(web.gateway, email) for email in (again, other)] == ["suppressed", "sent"]
    assert page_of(web.client.get(path)) == page_of(web.client.get("/unsubscribe/strange"))
    with web.gateway.database.reading() as connection:
        [entry] = connection.execute(select(suppressions)).all()
    assert entry.key == entry.address
    assert KIM not in entry.key


def test_the_page_shows_its_stream_and_the_current_state(web: Web) -> None:
    """The stream's title and a hint of the address, escaped; and whether email is stopped already."""
    mailed(web, "o'hara@example.net")
    web.gateway.streams.set(ROOT, "invites", "news", title="<b>News</b> & more")
    page = page_of(web.client.get(path_of(web)))
    assert "&lt;b&gt;News&lt;/b&gt; &amp; more" in page
    assert "o•••@example.net" in page
    assert 'lang="en"' in page
    assert 'value="One-Click"' in page
    assert "resubscribe" not in page
    web.client.post(path_of(web), data=ONE_CLICK)
    assert 'name="resubscribe"' in web.client.get(path_of(web)).text


def test_the_page_is_isolated(web: Web) -> None:
    """No script, nothing from elsewhere, no frame, no referrer, no cache, no search engine; a form that stays here."""
    mailed(web)
    for answer in (web.client.get(path_of(web)), web.client.post(path_of(web), data=ONE_CLICK)):
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy.pop("style-src").startswith("'sha256-")
        assert policy == {
            "default-src": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script" not in answer.text
        assert "http" not in answer.text
        assert "href" not in answer.text


def test_trouble_of_our_own_is_a_503_and_loses_nothing(web: Web) -> None:
    """With the database away, mail programs and people are asked to come again; then it works."""
    mailed(web)
    path = path_of(web)
    away = Unsubscribe(
        database=Database("sqlite:////nowhere/postern.db"),
        writer=web.gateway.list_writer,
        links=web.gateway.deliver.parts.links,
    )
    client = create_app(gateway=replace(web.gateway, unsubscribe=away)).test_client()
    for answer in (client.get(path), client.post(path, data=ONE_CLICK), client.post("/unsubscribe/x", data=BACK)):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert "nothing has been changed" in page_of(answer)
    assert web.client.post(path, data=ONE_CLICK).status_code == 200
    assert live(web) == [("invites/news", Origin.UNSUBSCRIBE)]
