"""An unsubscription from end to end: real gunicorn, a real worker, the simulator's inbox and a real browser."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from tests.support.browser.browser import ENTER, TAB, Browser
from tests.support.servers.cli import Up, last_object, postern, until, up

TITLE = "Invitations of ACME"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINKS = re.compile(r"""(?:href|src|action|formaction|content)\s*=\s*["']?([^"'\s>]+)""")

# Foreground and background of each text, as the browser computed them.
COLOURS = """
const solid = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (colour !== 'rgba(0, 0, 0, 0)') return colour;
  }
};
return [...document.querySelectorAll('h1, p, button')].map((each) => [getComputedStyle(each).color, solid(each)]);
"""


@dataclass(frozen=True, slots=True)
class Town:
    """A running gateway with a stream `news` whose emails have unsubscribe links."""

    gateway: Up

    def submit(self, to: str, stream: str) -> str:
        """Submit an email, wait until it has ended or arrived, and return its id."""
        email = {"from": self.gateway.ready["from"], "to": [to], "subject": "News", "text": "News.", "stream": stream}
        email_id = str(self.gateway.call("POST", "/v1/emails", email)["id"])
        until(lambda: self.recipient(email_id)["state"] in {"delivered", "suppressed"})
        return email_id

    def recipient(self, email_id: str) -> dict[str, Any]:
        """Return the API's JSON of the email's only recipient."""
        found: dict[str, Any] = self.gateway.call("GET", f"/v1/emails/{email_id}")["recipients"][0]
        return found

    def source(self, email_id: str) -> str:
        """Return the email as the simulator received it."""
        ses_message_id = self.recipient(email_id)["ses_message_id"]
        page = self.fetch("GET", f"{self.gateway.ready['simulator_url']}/_simulator/inbox/{ses_message_id}")
        return html.unescape(page.data.decode().partition("<summary>Source</summary>")[2]).replace("\r\n", "\n")

    def link(self, email_id: str) -> str:
        """Return the link in its header."""
        found = re.findall(r"^List-Unsubscribe: <(.+)>$", self.source(email_id), re.MULTILINE)
        assert len(found) == 1
        return str(found[0])

    def fetch(self, method: str, url: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """Make a request without credentials, without following redirects."""
        return self.gateway.pool.request(method, url, redirect=False, **more)

    def entries(self, address: str) -> list[tuple[str, str]]:
        """Return the scope and origin of each entry of an address."""
        listed = self.gateway.call("GET", f"/v1/suppressions?q={address}")["data"]
        return [(one["scope"], one["origin"]) for one in listed]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    home = tmp_path_factory.mktemp("home")
    with up(home) as gateway:
        words = ("stream", "set", "demo", "news", "--title", TITLE, "--unsubscribe", "on", "--json")
        marked = postern(*words, cwd=home)
        assert marked.returncode == 0, marked.stderr
        assert last_object(postern("stream", "list", "--json", cwd=home).stdout)["streams"][0]["title"] == TITLE
        assert postern("stream", "set", "demo", "news", cwd=home).returncode == 2
        yield Town(gateway)


def test_from_the_header_of_an_email_to_the_next_email_that_is_not_sent(town: Town) -> None:
    """As Gmail does: POST the fields of the header to its URL. Only this stream stops, and the person can come back."""
    first = town.submit("kim@example.net", "news")
    assert "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n" in town.source(first)
    link = town.link(first)
    answer = town.fetch("POST", link, body=b"List-Unsubscribe=One-Click", headers=FORM)
    assert (answer.status, answer.headers.get("Location")) == (200, None)
    stopped, other = town.submit("kim@example.net", "news"), town.submit("kim@example.net", "receipts")
    assert town.recipient(stopped)["state"] == "suppressed"
    assert town.recipient(stopped)["reason"] == "The address is on the suppression list (unsubscribe)."
    assert town.recipient(other)["state"] == "delivered"
    assert "List-Unsubscribe" not in town.source(other)
    assert town.entries("kim@example.net") == [("demo/news", "unsubscribe")]
    assert town.fetch("POST", link, body=b"resubscribe=yes", headers=FORM).status == 200
    again = town.submit("kim@example.net", "news")
    assert town.recipient(again)["state"] == "delivered"
    assert town.link(again) != link


def test_a_scanner_that_follows_every_link_does_not_unsubscribe_a_person(town: Town) -> None:
    """It sends HEAD and GET, and follows every link on the page; the person stays subscribed."""
    link = town.link(town.submit("ann@example.net", "news"))
    seen, waiting = set[str](), [link]
    while waiting:
        url = waiting.pop()
        seen.add(url)
        assert town.fetch("HEAD", url).status == 200
        page = town.fetch("GET", url)
        assert page.status == 200
        found = {html.unescape(one) for one in LINKS.findall(page.data.decode()) if "/" in one}
        waiting += [one for one in found if one not in seen]
    assert town.entries("ann@example.net") == []
    assert town.recipient(town.submit("ann@example.net", "news"))["state"] == "delivered"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_unsubscribes_and_subscribes_again_in_a_browser(
    town: Town, browser: Browser, width: int, scheme: str
) -> None:
    """With the keyboard only, on small and large screens, light and dark: readable, announced, nothing blocked."""
    address = f"ben.{width}.{scheme}@example.net"
    browser.look(width, scheme=scheme)
    browser.open(town.link(town.submit(address, "news")))
    until(lambda: browser.shows("Unsubscribe?"))
    assert [one.text for one in browser.find("bdi")] == [TITLE, "b•••@example.net"]
    check_that_it_can_be_read(browser)

    browser.press(TAB)
    assert (browser.focused().role, browser.focused().label) == ("button", "Unsubscribe")
    assert town.entries(address) == []
    browser.press(ENTER)
    until(lambda: browser.shows("You are unsubscribed"))
    assert [(one.role, one.text) for one in browser.find("[role]")] == [
        ("status", "Done: you will get no more emails of this kind.")
    ]
    check_that_it_can_be_read(browser)
    assert town.entries(address) == [("demo/news", "unsubscribe")]

    browser.press(TAB)
    assert browser.focused().label == "Subscribe again"
    browser.press(ENTER)
    until(lambda: browser.shows("You are subscribed again"))
    assert town.entries(address) == []
    assert browser.complaints() == []


def check_that_it_can_be_read(browser: Browser) -> None:
    """Check that nothing overflows, texts have enough contrast (WCAG 2.2, 1.4.3), and the button is large enough."""
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    pairs = browser.run(COLOURS)
    assert len(pairs) >= 4
    assert [pair for pair in pairs if contrast(*map(numbers, pair)) < 4.5] == []
    assert browser.run("return document.querySelector('button').getBoundingClientRect().height") >= 44


def numbers(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of `rgb(1, 2, 3)`, each up to 1."""
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour))
    return red, green, blue


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """By https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[float, float, float]) -> float:
    """By https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
