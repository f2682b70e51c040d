"""The page of one email: what it shows and to whom, what a person does there, and what an attack in it does."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest

from app.domain.apps.callers import Caller
from app.domain.sending.call_outcome import Refused
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.operating.sweeps import Sweep
from tests.support.console.attacks import IMAGE, SCRIPT, require_harmless
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import bounce, delivery, feed, state_of, submit
from tests.support.gateway.forgetting import forget
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, recipient_of, rows
from tests.support.gateway.unconfirmed import be_quiet, submit_in_silence
from tests.support.gateway.web import MAIL, NO_ID, Web, web_on

ANN = "ann@example.net"
WHY = "Ann has asked for it."


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def who(web: Web) -> Caller:
    return caller(web.gateway)


def path(email: UUID, rest: str = "") -> str:
    return f"/console/emails/{email}{rest}"


def of_first_recipient(web: Web, email: UUID, rest: str) -> str:
    return path(email, f"/recipients/{recipient_of(web.gateway, email).id}/{rest}")


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def audited(web: Web, person: Person, action: str) -> bool:
    """Return whether the audit has this change of the person, with the reason."""
    found = [(row["actor"], row["reason"]) for row in rows(web.gateway, "audit", action=action)]
    return found == [(f"user:{person.name}", WHY)]


def test_the_page_tells_the_whole_story(web: Web, who: Caller) -> None:
    """Each recipient with its outcome, the reply of the server, the next step, and each step with its time."""
    email = submit(web.gateway, who, ANN, tags=(("campaign", "spring"),), reference="Invitation 7")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, email))
    page = signed_in(web).page(path(email))
    text = text_of(page)
    for told in (
        "You are invited",
        "Not delivered There is no mailbox at this address",
        "The person on whose behalf it was sent can do this.",
        "550 5.1.1 user unknown",
        "campaign:spring",
        "Invitation 7",
        "Come and see.",
    ):
        assert told in text, told
    steps = re.findall(r"<li class=\"\w+\"><strong>([^<]+)", page)
    assert steps == ["Accepted", "Given to SES", "Answered by SES", "Bounced"]
    assert web.gateway.address_tokens.write(ANN) in page


def test_the_page_leads_to_emails_like_it(web: Web, who: Caller) -> None:
    """Of the same actor, reference and tag, by URLs that name nobody."""
    submit(web.gateway, who, "bob@example.net")
    eve, tags = "eve@example.org", (("campaign", "spring"),)
    email = submit(web.gateway, who, ANN, actor=eve, reference=f"Re: {eve}", tags=tags)
    person = signed_in(web)
    urls = re.findall(r'href="(/console/emails\?(?:actor|reference|tag)=[^"]+)"', person.page(path(email)))
    assert len(urls) == 3
    for url in urls:
        assert "eve" not in url
        page = person.page(unescape(url))
        assert str(email) in page
        assert "bob@example.net" not in page


def test_a_viewer_sees_neither_address_nor_content(web: Web, who: Caller) -> None:
    """Masks stand for addresses. HTML and source need the role support, notifications the role operator."""
    email = submit(web.gateway, who, f"Ann <{ANN}>", actor="eve@example.org")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, delivery(web.gateway, email))
    viewer, support = signed_in(web, Role.VIEWER), signed_in(web, Role.SUPPORT)
    page = viewer.page(path(email))
    assert "a•••@example.net" in page
    assert not re.search(r"(?:ann|eve)@", page)
    assert "Come and see" not in page
    assert "Come and see" in support.page(path(email))
    raw = (path(email, "/html"), of_first_recipient(web, email, "source"), path(email, "/notifications"))
    assert [viewer.get(one).status_code for one in raw] == [403, 403, 403]
    assert [support.get(one).status_code for one in raw] == [200, 200, 403]
    assert ANN in signed_in(web, Role.OPERATOR).page(raw[2])


def test_of_a_long_email_the_beginning_is_shown(web: Web) -> None:
    """In the page, the frame and the source: an email of many megabytes stops no browser."""
    body = "<p>" + "a" * 2_000_000
    email = UUID(web.submit(web.key(), text=body, html=body))
    person = signed_in(web, Role.SUPPORT)
    assert "It has 2,000,003 characters." in person.page(path(email))
    source = of_first_recipient(web, email, "source")
    assert "This is its beginning." in person.page(source)
    for one, most in ((path(email), 200_000), (path(email, "/html"), 1_100_000), (source, 300_000)):
        assert len(person.page(one)) < most


def test_the_source_is_that_of_the_recipient(web: Web, who: Caller) -> None:
    """The page shows the message as SES gets it."""
    email = submit(web.gateway, who, ANN)
    source = unescape(signed_in(web, Role.SUPPORT).page(of_first_recipient(web, email, "source")))
    assert f"X-Postern-Recipient: {recipient_of(web.gateway, email).id}" in source
    assert "Subject: You are invited" in source


def html_of(web: Web, html: str) -> str:
    email = web.submit(web.key(), html=html)
    answer = signed_in(web, Role.SUPPORT).get(f"/console/emails/{email}/html")
    assert answer.status_code == 200
    return answer.text


def test_the_html_of_an_email_can_do_nothing(web: Web) -> None:
    """It keeps its looks, and loses all that runs, loads, sends or leads away; its policy forbids the same."""
    shown = html_of(
        web,
        '<style>p { color: red }</style><p style="color: blue" onclick="x()">Hello</p>'
        '<img src="https://evil.example/pixel" alt="Logo"><a href="https://evil.example/go">Go</a>'
        f'<iframe src="https://evil.example"></iframe><form action="https://evil.example"><input></form>{SCRIPT}'
        '<link rel=stylesheet href="https://evil.example"><meta http-equiv=refresh content="0;url=//evil.example">'
        '<svg onload=alert(1)><base href="https://evil.example"><object data="https://evil.example"></object>'
        '<img src="//evil.example/pixel"><img src="/console/held"><a href="/console/sign-out" target="_top">Out</a>'
        '<a href="javascript:alert(1)">Run</a><table background="https://evil.example/pixel"></table>',
    )
    assert not re.search(r"evil\.example|alert|/console|target=", shown)
    assert not re.search(r"<(?:script|iframe|form|input|link|meta|svg|base|object)|\son\w+=", shown)
    for kept in ('style="color: blue"', "p { color: red }", 'alt="Logo"', ">Go</a>"):
        assert kept in shown


def test_the_html_has_a_policy_of_its_own(web: Web) -> None:
    """Styles and nothing else, in a sandbox, framed by the console alone; the page that frames it allows no script."""
    email = web.submit(web.key(), html="<p>Hello</p>")
    person = signed_in(web, Role.SUPPORT)
    policy = person.get(f"/console/emails/{email}/html").headers["Content-Security-Policy"]
    directives = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "sandbox": "",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    assert '<iframe sandbox loading="lazy" title="' in person.page(f"/console/emails/{email}")


def test_an_attack_in_any_part_is_shown_as_text(web: Web, who: Caller) -> None:
    """In the subject, a name, a header, the text, a file name, the actor, and the reply of a server."""
    headers = web.key()
    change_of = {
        "subject": SCRIPT,
        "to": [f'"{SCRIPT}" <{ANN}>'],
        "text": f"{SCRIPT}{IMAGE}",
        "headers": {"X-Attack": IMAGE},
        "actor": SCRIPT,
        "reference": IMAGE,
        "attachments": [{"filename": f"{IMAGE.replace('/', '')}.txt", "content": "QQ=="}],
    }
    answer = web.client.post("/v1/emails", json={**MAIL, **change_of}, headers=headers)
    assert answer.status_code == 200, answer.text
    email = UUID(answer.get_json()["id"])
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    event = bounce(web.gateway, email)
    event["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = f"smtp; 550 {SCRIPT}{IMAGE}"
    feed(web.gateway, event)
    person = signed_in(web)
    for page in (path(email), of_first_recipient(web, email, "source"), path(email, "/notifications")):
        require_harmless(person.page(page))


def test_what_was_erased_says_so(web: Web, who: Caller) -> None:
    """The content after its retention, and a person who was forgotten, who has no page any more."""
    email = submit(web.gateway, who, ANN, "bob@example.net")
    web.gateway.revise.cancel(who, email)
    forget(web.gateway, ANN)
    age(web.gateway, "recipients", "updated_at", timedelta(days=2))
    age(web.gateway, "emails", "created_at", timedelta(days=2))
    web.gateway.upkeep.run(Sweep.RETENTION)
    person = signed_in(web)
    text = text_of(person.page(path(email)))
    assert "Subject erased" in text
    [row] = rows(web.gateway, "emails")
    assert f"The content was erased {row['erased_at'].day} " in text
    assert "It is kept for 24 hours once an email has ended" in text
    assert "This person was forgotten." in text
    refused = person.get(of_first_recipient(web, email, "source"))
    assert "The content was erased" in refused.text
    assert person.post(of_first_recipient(web, email, "suppress"), reason=WHY).status_code == 404


def test_a_key_that_is_missing_is_named(web: Web, who: Caller) -> None:
    """The page says what is missing, and what to do."""
    email = submit(web.gateway, who, ANN)
    change(web.gateway, "emails", {"sealed_key": b"x" * 60})
    assert "is not among SECRET_KEYS" in signed_in(web).page(path(email))


def test_a_held_email_is_decided_and_not_canceled(web: Web, who: Caller) -> None:
    """By an operator: it may have left. The page offers support no way around that, and refuses one."""
    email = submit(web.gateway, who, "ann@example.net")
    change(web.gateway, "recipients", {"state": State.HELD}, email_id=email)
    support = signed_in(web, Role.SUPPORT)
    assert "/cancel" not in support.page(path(email))
    assert support.post(path(email, "/cancel"), reason=WHY).status_code == 409
    assert state_of(web.gateway, email) is State.HELD


def test_support_cancels_an_email(web: Web, who: Caller) -> None:
    """With a reason, which the audit and the page have."""
    email = submit(web.gateway, who, ANN)
    support = signed_in(web, Role.SUPPORT)
    assert support.post(path(email, "/cancel")).status_code == 422
    page = support.change(path(email, "/cancel"), reason=WHY).text
    assert state_of(web.gateway, email) is State.CANCELED
    assert "The email is canceled" in page
    assert WHY in page
    assert audited(web, support, "cancel")


def test_support_sends_a_failed_email_again(web: Web, who: Caller) -> None:
    """Once its cause is gone."""
    web.mailer.answers[ANN] = Refused("MessageRejected: not today.")
    email = submit(web.gateway, who, ANN)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    del web.mailer.answers[ANN]
    support = signed_in(web, Role.SUPPORT)
    assert "Send again" in support.page(path(email))
    assert "is sent again" in support.change(path(email, "/send-again"), reason=WHY).text
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(web.gateway, email) is State.SENT
    assert audited(web, support, "resend_failed")


@pytest.mark.parametrize(
    "change_of, action, after",
    [("resend-held", "resend", State.RETRY_WAIT), ("discard-held", "discard", State.CANCELED)],
)
def test_an_operator_decides_about_a_held_email(
    web: Web, who: Caller, change_of: str, action: str, after: State
) -> None:
    """Support sees no button for it. The page says that it may arrive twice."""
    email = submit_in_silence(web.gateway, web.mailer, who, ANN, on_unconfirmed=OnUnconfirmed.HOLD)[0]
    be_quiet(web.gateway)
    web.gateway.reconcile.sweep()
    assert change_of not in signed_in(web, Role.SUPPORT).page(path(email))
    operator = signed_in(web, Role.OPERATOR)
    assert "the recipient gets it twice" in operator.page(path(email))
    operator.change(path(email, f"/{change_of}"), reason=WHY)
    assert state_of(web.gateway, email) is after
    assert audited(web, operator, action)


def test_support_suppresses_a_recipient(web: Web, who: Caller) -> None:
    """For every email, with the reason."""
    email = submit(web.gateway, who, ANN)
    support = signed_in(web, Role.SUPPORT)
    page = support.change(of_first_recipient(web, email, "suppress"), reason=WHY).text
    assert "The address is suppressed." in page
    (entry,) = web.gateway.suppress.find(who, ANN).entries
    assert (entry.scope, entry.reason) == ("*", WHY)
    assert audited(web, support, "suppress")


def test_what_is_not_there_says_so(web: Web, who: Caller) -> None:
    """An unknown email, an unknown recipient, and a change that comes too late."""
    person, email = signed_in(web), submit(web.gateway, who, ANN)
    assert person.get(path(UUID(NO_ID))).status_code == 404
    assert person.post(path(email, f"/recipients/{NO_ID}/suppress"), reason=WHY).status_code == 404
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    late = person.post(path(email, "/cancel"), reason=WHY)
    assert late.status_code == 409
    assert "nothing is left to cancel" in late.text
