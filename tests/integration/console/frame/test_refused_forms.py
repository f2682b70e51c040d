"""A form that is refused is shown again: with what was typed, what is wrong beside each field, and without secrets."""

from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest
from lxml import html
from pydantic.fields import FieldInfo

from app.domain.users.roles import Role
from app.web.console.frame.operations import PageOperation, page_operation_of
from app.web.console.frame.refusals.refill import refill
from app.web.console.suppression.files import ImportForm
from app.web.console.users.own_account import CodeAlone, Confirmation, NewPassword
from app.web.http.auth import PUBLIC
from tests.support.console.crawl import crawl
from tests.support.console.people import Person, signed_in
from tests.support.console.stories import ATTACK, fill
from tests.support.gateway.web import Web, web_on

TYPED: Final = f"Typed & sent {ATTACK}"
FREE: Final = "self::textarea or self::input[@name and (not(@type) or @type='text' or @type='search' or @type='url')]"
SECRET: Final = "//input[@type='password' or @autocomplete='one-time-code']"
ASKED_OF_ALL: Final = {"form_secret", "form_page"}
SHOWN_BY_THEMSELVES: Final = {CodeAlone, Confirmation, ImportForm, NewPassword}
"""Codes and passwords, which are never shown again, and an import, whose file has to be chosen again."""


@pytest.fixture
def web(migrated_sqlite_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_sqlite_url, redis_url) as made:
        yield made


def forms(web: Web, person: Person) -> Iterator[tuple[str, Any]]:
    """Yield each form of the pages that links lead to, with its endpoint."""
    routes = web.client.application.url_map.bind("localhost")
    for paths in crawl(web, person, of_each=2).values():
        for answer in map(person.get, paths):
            if answer.mimetype == "text/html":
                for form in html.document_fromstring(answer.text).forms:
                    if form.method == "POST":
                        yield routes.match(form.action, method="POST")[0], form


def filled(form: Any) -> dict[str, Any]:
    """What a browser sends of a form in which all that can be typed was typed, and the last option was chosen."""
    fields: dict[str, Any] = {}
    for one in form.xpath(".//input[@name] | .//textarea | .//select"):
        kind = one.get("type", "text")
        if one.tag == "select":
            fields[one.get("name")] = one.value_options[-1]
        elif kind == "checkbox":
            fields[one.get("name")] = [*fields.get(one.get("name"), ()), one.get("value")]
        elif kind in {"radio", "hidden"}:
            fields[one.get("name")] = one.get("value")
        else:
            fields[one.get("name")] = TYPED
    return fields


def operation_of(web: Web, endpoint: str) -> PageOperation:
    """Return what a change reads."""
    found = page_operation_of(web.client.application.view_functions[endpoint])
    assert found is not None
    return found


def is_free_text(field: FieldInfo) -> bool:
    """Whether a person may type into the field what they like."""
    return str in (field.annotation, *get_args(field.annotation))


def shown(page: str, action: str, sent: dict[str, Any]) -> Any:
    """Return the form of a page that was sent."""
    for form in html.document_fromstring(page).forms:
        hidden = {one.get("name"): one.get("value") for one in form.xpath(".//input[@type='hidden']")}
        if form.action == action and all(sent[name] == hidden[name] for name in hidden.keys() - ASKED_OF_ALL):
            return form
    raise AssertionError(f"no form for {action}")


def test_every_form_keeps_what_was_typed(web: Web) -> None:
    """Each text, choice and box of each form of the console; no password and no code."""
    fill(web)
    admin, walked = signed_in(web), set()
    for endpoint, form in forms(web, admin):
        sent = filled(form)
        if endpoint in walked or not form.xpath(f".//*[{FREE}]"):
            continue
        walked.add(endpoint)
        answer = admin.client.post(form.action, data={**sent, "nothing_of_ours": "1"})
        assert answer.status_code == 422, (endpoint, answer.text)
        assert ATTACK not in answer.text
        again = filled(shown(answer.text, form.action, sent))
        same = shown(answer.text, form.action, sent)
        for one in same.xpath(f".//*[{FREE}]"):
            is_secret = one in same.xpath(f".{SECRET}")
            assert (one.value or "").removeprefix("\n") == ("" if is_secret else TYPED), (endpoint, one.get("name"))
        assert all(one.checked for one in same.xpath(".//input[@type='checkbox' and @name]")), endpoint
        chosen = {one.get("name"): one.value for one in same.xpath(".//select")}
        assert all(sent[name] == value for name, value in chosen.items()), (endpoint, chosen)
        assert again.keys() == sent.keys()
        assert TYPED not in [one.value for one in same.xpath(SECRET)]
    operations = [page_operation_of(view) for view in web.client.application.view_functions.values()]
    forms_of_console = {one.form for one in operations if one and one.form and one.role is not PUBLIC}
    typed_into = {one for one in forms_of_console if any(map(is_free_text, one.model_fields.values()))}
    assert typed_into - {operation_of(web, name).form for name in walked} == SHOWN_BY_THEMSELVES


def test_what_is_wrong_is_said_beside_its_field(web: Web) -> None:
    """The field names the sentence, is marked as wrong, and has the focus; the form around it is open."""
    admin = signed_in(web)
    url = "/console/apps"
    sent = {"form_page": f"{url}?status=active", "name": "Bad Name", "senders": "@example.org", "reason": ""}
    answer = admin.post(url, **sent, default_lane="bulk")
    assert answer.status_code == 422
    page = html.document_fromstring(answer.text)
    [wrong] = page.xpath("//*[@aria-invalid='true']")
    assert (wrong.get("name"), wrong.get("aria-describedby"), "autofocus" in wrong.attrib) == (
        "reason",
        "fault-reason",
        True,
    )
    assert page.xpath("//*[@id='fault-reason']")[0].text == "This field is required."
    assert wrong.xpath("ancestor::details[@open]")
    assert page.xpath("//form//p[@role='alert']")[0].text == "Nothing was changed: see below."
    assert page.xpath("//title")[0].text.startswith("Not done: Applications")
    assert page.xpath("//select[@name='status']")[0].value == "active"
    refused = admin.post(url, **{**sent, "reason": "New."}, default_lane="bulk")
    page = html.document_fromstring(refused.text)
    assert [one.get("name") for one in page.xpath("//*[@aria-invalid='true']")] == ["name"]


def test_what_concerns_no_field_is_said_above_the_form(web: Web) -> None:
    """It has the focus. What the search did not find is said above the page on which it was sought."""
    admin = signed_in(web)
    form = next(form for endpoint, form in forms(web, admin) if endpoint == "console_users.change_role")
    answer = admin.client.post(form.action, data={**filled(form), "role": "viewer", "reason": "The last one."})
    assert answer.status_code == 409
    [said] = html.document_fromstring(answer.text).xpath("//details[@open]//form/p[@role='alert']")
    assert "autofocus" in said.attrib
    sought = admin.post("/console/find", form_page="/console/held", text="nothing at all")
    page = html.document_fromstring(sought.text)
    assert sought.status_code == 404
    assert page.xpath("//main/p[@role='alert']")
    assert page.xpath("//h1")[0].text == "Held emails"
    assert page.xpath("//input[@name='text']")[0].value == "nothing at all"


def test_a_password_is_not_shown_again(web: Web) -> None:
    """What is wrong is said beside the field, which is empty."""
    own = "/console/own-account"
    answer = signed_in(web).post(f"{own}/password", form_page=own, new="a long password", again="another long one")
    [wrong] = html.document_fromstring(answer.text).xpath("//*[@aria-invalid='true']")
    assert (answer.status_code, wrong.get("name"), wrong.value) == (422, "again", None)
    assert "long" not in answer.text


def test_no_other_page_is_shown(web: Web) -> None:
    """What is no page of the console, or is no page at all, is answered by the page of the error."""
    admin = signed_in(web)
    for page in ("", "https://evil.example/", "/console/../metrics", "/console/none", "//evil.example", "/console/now"):
        answer = admin.post("/console/apps", form_page=page, name="new")
        assert answer.status_code == 422, page
        assert "<h1>Validation failed</h1>" in answer.text, page


def test_a_role_sees_no_more_by_a_refusal(web: Web) -> None:
    """A page that a role may not open is not shown to it in the place of the one that it was on."""
    answer = signed_in(web, Role.VIEWER).post("/console/find", form_page="/console/audit", text="nothing")
    assert answer.status_code == 404
    assert "Audit" not in answer.text


def test_the_sentence_of_a_refusal_is_text() -> None:
    """Nothing in it, and nothing that was typed, becomes a part of the page."""
    page = '<title></title><main><form action="/a"><input name="b"><textarea name="c"></textarea></form></main>'
    filled = refill(page, "/a", {"b": ['"><i>'], "c": ["</textarea><i>"]}, {"b": "<i>", "d": "<i>"}, "<i>")
    assert filled is not None
    assert "<i>" not in filled
    assert refill(page, "/other", {}, {}, "") is None
