"""The page of held emails: what waits and why, and the decisions of an operator."""

import re
from collections.abc import Iterator
from html import unescape
from uuid import UUID

import pytest

from app.domain.apps.callers import Caller
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.domain.users.roles import Role
from tests.support.console.attacks import IMAGE, SCRIPT, require_harmless
from tests.support.console.people import signed_in
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, recipient_of, rows
from tests.support.gateway.unconfirmed import be_quiet, submit_in_silence
from tests.support.gateway.web import Web, web_on

HELD, WHY = "/console/held", "The server has no trace of it."
PEOPLE = tuple(f"p{number}@example.net" for number in range(3))


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def who(web: Web) -> Caller:
    return caller(web.gateway)


@pytest.fixture
def held(web: Web, who: Caller) -> list[UUID]:
    """Emails to `PEOPLE` that are held, and others that are not."""
    submit(web.gateway, who, "sent@example.net")
    emails = submit_in_silence(web.gateway, web.mailer, who, *PEOPLE, on_unconfirmed=OnUnconfirmed.HOLD)
    be_quiet(web.gateway)
    web.gateway.reconcile.sweep()
    return emails


def recipients(web: Web, emails: list[UUID]) -> list[str]:
    return [str(recipient_of(web.gateway, email).id) for email in emails]


def test_the_page_lists_what_is_held_and_why(web: Web, held: list[UUID]) -> None:
    """And what a decision means: an email that is sent again may arrive twice."""
    page = signed_in(web, Role.OPERATOR).page(HELD)
    assert re.findall(r'href="/console/emails/([0-9a-f-]{36})"', page) == [str(email) for email in held[::-1]]
    assert all(one in page for one in PEOPLE)
    assert "sent@example.net" not in page
    assert "could not be found out; a person has to decide" in page
    assert "may arrive twice" in page


@pytest.mark.parametrize("decision, after", [("resend", State.RETRY_WAIT), ("discard", State.CANCELED)])
def test_an_operator_decides_about_the_chosen_ones(web: Web, held: list[UUID], decision: str, after: State) -> None:
    """About several at once. The others wait on, and the audit has the reason for each."""
    operator, ids = signed_in(web, Role.OPERATOR), recipients(web, held)
    page = operator.change(HELD, recipient=ids[:2], decision=decision, reason=WHY).text
    assert "It is done" in page
    assert [state_of(web.gateway, email) for email in held] == [after, after, State.HELD]
    found = {
        (row["actor"], row["reason"], row["data"]["recipient_id"])
        for row in rows(web.gateway, "audit", action=decision)
    }
    assert found == {(f"user:{operator.name}", WHY, one) for one in ids[:2]}
    operator.change(HELD, recipient=ids[2], decision=decision, reason=WHY)
    assert state_of(web.gateway, held[2]) is after
    assert "No email is held." in operator.page(HELD)


def test_a_decision_needs_a_choice_and_a_reason(web: Web, held: list[UUID]) -> None:
    """Without one of them nothing changes; what was decided meanwhile is said to be."""
    operator, ids = signed_in(web, Role.OPERATOR), recipients(web, held)
    for fields in ({"decision": "resend", "reason": WHY}, {"recipient": ids, "reason": WHY}):
        assert operator.post(HELD, **fields).status_code in {404, 422}
    assert operator.post(HELD, recipient=ids, decision="resend").status_code == 422
    assert {state_of(web.gateway, email) for email in held} == {State.HELD}
    operator.change(HELD, recipient=ids, decision="discard", reason=WHY)
    late = operator.post(HELD, recipient=ids, decision="resend", reason=WHY)
    assert (late.status_code, "Only a held email" in late.text) == (409, True)


def test_a_viewer_sees_masks_and_no_decision(web: Web, held: list[UUID]) -> None:
    """Neither the page nor the file has an address for them; support has both, and no decision."""
    viewer, support = signed_in(web, Role.VIEWER), signed_in(web, Role.SUPPORT)
    for path in (HELD, f"{HELD}?format=csv"):
        assert "p•••@example.net" in viewer.page(path)
        assert PEOPLE[0] not in viewer.page(path)
        assert PEOPLE[0] in support.page(path)
    assert 'name="decision"' not in support.page(HELD)
    assert support.post(HELD, recipient=recipients(web, held), decision="resend", reason=WHY).status_code == 403


def test_the_list_is_filtered(web: Web, held: list[UUID]) -> None:
    """By recipient and application, without an address in the URL."""
    person = signed_in(web)
    answer = person.post(f"{HELD}/filter", to=PEOPLE[1], app="invites")
    assert "@" not in answer.headers["Location"]
    page = person.page(answer.headers["Location"])
    assert f'value="{PEOPLE[1]}"' in page
    assert re.findall(r'href="/console/emails/([0-9a-f-]{36})"', page) == [str(held[1])]
    assert "No held email passes" in person.page(f"{HELD}?stream=other")


def test_an_attack_in_a_held_email_is_shown_as_text(web: Web, held: list[UUID]) -> None:
    """In its subject and in the reason why it is held."""
    change(web.gateway, "emails", {"subject": SCRIPT})
    change(web.gateway, "recipients", {"reason": f"{SCRIPT}{IMAGE}"})
    page = signed_in(web).page(HELD)
    require_harmless(page)
    assert SCRIPT in unescape(page)
