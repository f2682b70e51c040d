"""A real browser for tests of pages: Debian's Chromium, controlled with W3C WebDriver over plain HTTP.

Where Chromium is not installed, a test that needs it is skipped and says so; `.ci/run` installs it.
"""

import base64
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import urllib3

from app.cli.local.children.port_checks import free_port
from tests.support.servers.servers import running

PATIENCE_S: Final = 60.0
ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # https://www.w3.org/TR/webdriver2/#elements
TAB, ENTER = "\ue004", "\ue007"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium cannot use its sandbox as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_HURRY: Final = """
for (const name of ["setTimeout", "setInterval"]) {
  const real = window[name];
  window[name] = (what, milliseconds, ...more) => real(what, milliseconds / 20, ...more);
}
"""


class CannotDo(Exception):
    """The browser could not carry out a command."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a page, with the role and name that a screen reader gets."""

    text: str
    role: str
    label: str


@dataclass(frozen=True, slots=True)
class Browser:
    """One window of a fresh browser."""

    session: str
    pool: urllib3.PoolManager

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Run one WebDriver command, which must succeed, and return its value."""
        answer = self.pool.request(method, f"{self.session}{path}", json=body)
        answered = answer.json()["value"]
        if answer.status != 200:
            raise CannotDo(f"{answered['error']}: {answered['message']}")
        return answered

    def open(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.ask("POST", "/url", {"url": url})

    def look(self, width: int, height: int = 640, *, scheme: str = "light") -> None:
        """Set the size of the window, and a `light` or a `dark` color scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Run one command of Chromium's own protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    @contextmanager
    def in_a_hurry(self) -> Iterator[None]:
        """Have the timers of pages that are opened in this block run twenty times as fast, so that no test waits."""
        made = self.devtools("Page.addScriptToEvaluateOnNewDocument", source=_HURRY)
        try:
            yield
        finally:
            self.devtools("Page.removeScriptToEvaluateOnNewDocument", **made)

    @contextmanager
    def without_script(self) -> Iterator[None]:
        """Run no script of the pages that are opened in this block."""
        self.devtools("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self.devtools("Emulation.setScriptExecutionDisabled", value=False)

    def run(self, script: str) -> Any:
        """Run a script, to which the policy of the page does not apply, and return its result."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other, where the focus is. It waits for no page that this loads."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def find(self, selector: str) -> list[Element]:
        """Return the elements that match a CSS selector, in the order of the page."""
        return [self._read(element) for element in self._matching(selector)]

    def roles(self, selector: str) -> set[str]:
        """Return the roles that a screen reader gets of the elements that match a CSS selector."""
        return {self.ask("GET", f"{element}/computedrole") for element in self._matching(selector)}

    def shows(self, text: str) -> bool:
        """Return whether the page is complete and its heading contains `text`."""
        try:
            heading = self.run("return document.readyState === 'complete' && document.querySelector('h1').innerText")
        except CannotDo:
            return False  # one page is being replaced by the next
        return bool(heading == text)

    def focused(self) -> Element:
        """Return the element that has the focus."""
        return self._read(f"/element/{self.ask('GET', '/element/active')[ELEMENT]}")

    def complaints(self) -> list[str]:
        """Return the messages of the browser since the last call: blocked loads, failed scripts."""
        return [str(entry["message"]) for entry in self.ask("POST", "/se/log", {"type": "browser"})]

    def picture(self) -> bytes:
        """Return a screenshot as PNG."""
        return base64.b64decode(self.ask("GET", "/screenshot"))

    def _matching(self, selector: str) -> list[str]:
        found = self.ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [f"/element/{each[ELEMENT]}" for each in found]

    def _read(self, element: str) -> Element:
        text, role, label = (self.ask("GET", element + part) for part in ("/text", "/computedrole", "/computedlabel"))
        return Element(text, role, label)


@contextmanager
def browsing(directory: Path) -> Iterator[Browser]:
    """Run a browser that writes only below `directory`, and end it with the block."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("CHROMIUM IS MISSING, so no page was tested: apt-get install chromium chromium-driver")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with urllib3.PoolManager(retries=False, timeout=PATIENCE_S) as pool:
        command = (driver, f"--port={port}", "--log-level=WARNING")
        with running(command, log=directory / "chromedriver.log", is_up=lambda: _is_up(pool, url), stop=signal.SIGTERM):
            options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={directory / 'profile'}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            made = pool.request("POST", f"{url}/session", json={"capabilities": {"alwaysMatch": wanted}}).json()[
                "value"
            ]
            assert "sessionId" in made, made
            browser = Browser(f"{url}/session/{made['sessionId']}", pool)
            try:
                yield browser
            finally:
                browser.ask("DELETE", "")


def _is_up(pool: urllib3.PoolManager, url: str) -> bool:
    try:
        return bool(pool.request("GET", f"{url}/status").json()["value"]["ready"])
    except urllib3.exceptions.HTTPError:
        return False
