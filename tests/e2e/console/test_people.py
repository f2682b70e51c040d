"""The pages about people in a real browser: how they sign in, and what an administrator does about them."""

from typing import Final

import pytest

from app.domain.users.roles import Role
from tests.support.browser.axe import Axe
from tests.support.browser.browser import ENTER, TAB, Browser
from tests.support.browser.page import Page
from tests.support.console.people import signed_in
from tests.support.console.sign_ins import PASSWORD, another_browser, code_of, with_codes, with_password
from tests.support.console.site import Site
from tests.support.gateway.emails import ROOT
from tests.support.servers.cli import until

OWN: Final = "/console/own-account"


def send(browser: Browser, heading: str, *texts: str) -> None:
    """Type the texts, one a field, from where the focus is, and send the form; wait for the page that it leads to."""
    for number, text in enumerate(texts):
        browser.press(*([TAB] if number else []), *text)
    browser.run("document.title = 'before'")
    browser.press(ENTER)
    until(lambda: browser.shows(heading) and browser.run("return document.title") != "before")


def focus(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector('{selector}').focus()")


@pytest.mark.presses(
    "own_account.set_password",
    "own_account.begin_authenticator",
    "own_account.confirm_authenticator",
    "sign_in.sign_out",
    "sign_in.sign_in_with_password",
)
def test_a_person_sets_up_their_sign_in_with_the_keyboard(site: Site, browser: Browser, axe: Axe) -> None:
    """From the one-time link to a sign-in with a password and a code."""
    name = "admin.of.a.rather.long.name@example.com"
    browser.look(1280)
    browser.open(site.link(Role.ADMIN, name))
    browser.open(site.url + OWN)
    focus(browser, "[name=new]")
    send(browser, "Your sign-in", PASSWORD, PASSWORD)
    assert Page(browser).done().startswith("Your password is set.")
    focus(browser, "form[action$=authenticator] button")
    send(browser, "Set up an authenticator")
    assert browser.focused().label == "Code"
    assert axe.faults(browser) == []
    secret = browser.find("#secret")[0].text
    send(browser, "Your sign-in", code_of(secret))
    assert Page(browser).done().startswith("Your authenticator is set up.")
    focus(browser, "form[action$=sign-out] button")
    send(browser, "Sign in")
    assert axe.faults(browser) == []
    focus(browser, "[name=name]")
    send(browser, "Overview", name, PASSWORD, code_of(secret, ahead=1))


def test_a_wrong_password_keeps_the_name_that_was_typed(site: Site, browser: Browser) -> None:
    """And says what to do; the page takes the next try at once."""
    with_password(site.web, "una")
    browser.ask("DELETE", "/cookie")
    page = site.open(browser, "/console/sign-in")
    page.write("Name", "una")
    page.write("Password", "something else")
    page.send("Sign in")
    assert "Sign in" in page.heading()
    assert browser.find("[role=alert]")[0].text
    page.write("Password", PASSWORD)
    page.send("Sign in")
    assert page.heading() == "Overview"


@pytest.mark.presses("own_account.end_authenticator")
def test_a_person_ends_the_need_for_codes_by_a_last_code(site: Site, browser: Browser) -> None:
    """So that a browser that was left open is not enough."""
    person, secret = with_codes(site.web)
    site.lend(browser, person)
    page = site.open(browser, OWN)
    page.unfold("Stop asking for codes")
    page.write("Code", code_of(secret, ahead=1))
    page.send("Stop asking for codes")
    assert page.done() == "Your sign-in asks for no code any more."
    assert not site.web.gateway.users.users.find(ROOT, person.name).has_totp


@pytest.mark.presses("own_account.end_session", "own_account.end_other_sessions")
def test_a_person_ends_sessions_that_they_do_not_know(site: Site, browser: Browser) -> None:
    """One of them, and then all but this one."""
    person = with_password(site.web, "sam")
    for system in ("Windows NT 10.0", "X11; Linux x86_64", "Macintosh; Intel Mac OS X 14.0"):
        another_browser(site.web, "sam", agent=f"Mozilla/5.0 ({system}; rv:130.0) Gecko/20100101 Firefox/130.0")
    sam = site.web.gateway.users.users.find(ROOT, "sam").id
    site.lend(browser, person)
    page = site.open(browser, OWN)
    page.send("End", within="Windows")
    assert page.done() == "The session has ended."
    assert "Windows" not in page.text()
    assert len(site.web.gateway.users.sessions.of_user(sam)) == 3
    page.send("End all others")
    assert page.done() == "All your other sessions have ended."
    assert len(site.web.gateway.users.sessions.of_user(sam)) == 1


@pytest.fixture
def root(site: Site, browser: Browser, request: pytest.FixtureRequest) -> Browser:
    """The browser of a new administrator, since the other tests here sign in as others."""
    browser.look(1280)
    site.lend(browser, signed_in(site.web, name=f"root.{request.node.name}"[:60]))
    return browser


@pytest.mark.presses("console_users.create_user")
def test_an_administrator_adds_a_person_with_the_keyboard(site: Site, root: Browser, axe: Axe) -> None:
    """The link is shown with a button that copies it."""
    root.open(f"{site.url}/console/users")
    focus(root, ".actions summary")
    root.press(ENTER, TAB)
    assert root.focused().label.startswith("Name")
    send(root, "One-time link", "pat@example.com", "support", "Pat joins support.")
    assert site.web.gateway.users.users.find(ROOT, "pat@example.com").role is Role.SUPPORT
    assert root.find("#link")[0].text.startswith("http://127.0.0.1")
    assert [one.text for one in root.find("[data-copies]")] == ["Copy"]
    assert axe.faults(root) == []


@pytest.mark.presses(
    "console_users.change_role",
    "console_users.make_link",
    "console_users.disable_user",
    "console_users.enable_user",
)
def test_an_administrator_changes_a_person(site: Site, root: Browser) -> None:
    """The role, a new link, and whether they may sign in at all."""
    users = site.web.gateway.users.users
    users.create(ROOT, "eve", Role.VIEWER)
    page = site.open(root, "/console/users")
    page.send("eve")
    page.unfold("Change the role")
    page.choose("Role", "operator")
    page.write("Reason", "She is on call.")
    page.send("Change the role")
    assert page.done().startswith("The user has this role now")
    assert users.find(ROOT, "eve").role is Role.OPERATOR
    assert page.change("Disable").startswith("The user is disabled:")
    assert users.find(ROOT, "eve").disabled_at is not None
    assert page.change("Enable") == "The user may sign in again."
    assert users.find(ROOT, "eve").disabled_at is None
    page.change("Make a one-time link")
    assert page.heading() == "One-time link"
    root.open(root.find("#link")[0].text.replace("http://127.0.0.1", site.url))
    assert page.heading() == "Overview"


@pytest.mark.presses("console_users.reset_authenticator")
def test_an_administrator_helps_who_has_lost_a_phone(site: Site, root: Browser) -> None:
    """The password alone is enough then."""
    person, _ = with_codes(site.web, "lou")
    page = site.open(root, "/console/users")
    page.send("lou")
    assert page.change("Reset the authenticator").startswith("The user needs no code any more")
    assert not site.web.gateway.users.users.find(ROOT, person.name).has_totp
