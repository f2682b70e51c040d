"""A real browser for tests of pages: Debian's Chromium, told what to do over W3C WebDriver by plain HTTP.

Where Chromium is not installed the test that asks for it is skipped and says so; `.ci/run` installs it.
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

from app.cli.probes import free_port
from tests.services import running

PATIENCE_S: Final = 60.0
ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # https://www.w3.org/TR/webdriver2/#elements
TAB, ENTER = "\ue004", "\ue007"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which Chromium cannot have as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class CannotDo(Exception):
    """The browser did not do what it was told."""


@dataclass(frozen=True, slots=True)
class Element:
    """Something on a page, and what a screen reader is told of it."""

    text: str
    role: str
    label: str


@dataclass(frozen=True, slots=True)
class Browser:
    """One window of one browser that nobody has used before."""

    session: str
    pool: urllib3.PoolManager

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One WebDriver command, which must succeed; its value."""
        answer = self.pool.request(method, f"{self.session}{path}", json=body)
        told = answer.json()["value"]
        if answer.status != 200:
            raise CannotDo(f"{told['error']}: {told['message']}")
        return told

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        self.ask("POST", "/url", {"url": url})

    def look(self, width: int, height: int = 640, *, scheme: str = "light") -> None:
        """Have a window of this size, in a `light` or a `dark` scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """One command of Chromium's own protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script: str) -> Any:
        """What a script returns, which the page's own policy does not concern."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other, wherever the focus is. What that loads has to be waited for."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def find(self, selector: str) -> list[Element]:
        """What a CSS selector finds, in the order of the page."""
        found = self.ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [self._read(f"/element/{each[ELEMENT]}") for each in found]

    def shows(self, text: str) -> bool:
        """Whether the heading of the page says so, and all of the page is there."""
        try:
            heading = self.run("return document.readyState === 'complete' && document.querySelector('h1').innerText")
        except CannotDo:
            return False  # one page gives way to the next
        return bool(heading == text)

    def focused(self) -> Element:
        """Where the focus is."""
        return self._read(f"/element/{self.ask('GET', '/element/active')[ELEMENT]}")

    def complaints(self) -> list[str]:
        """What the browser has complained of since it was last asked: blocked loads, scripts that failed."""
        return [str(entry["message"]) for entry in self.ask("POST", "/se/log", {"type": "browser"})]

    def picture(self) -> bytes:
        """What is to be seen, as a PNG."""
        return base64.b64decode(self.ask("GET", "/screenshot"))

    def _read(self, element: str) -> Element:
        text, role, label = (self.ask("GET", element + part) for part in ("/text", "/computedrole", "/computedlabel"))
        return Element(text, role, label)


@contextmanager
def browsing(directory: Path) -> Iterator[Browser]:
    """A browser that keeps all it writes below `directory` and is gone at the end."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("CHROMIUM IS MISSING, so no page was looked at: apt-get install chromium chromium-driver")
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
