"""axe-core, which finds what keeps people with disabilities from using a page: https://github.com/dequelabs/axe-core.

It comes from npm under MPL-2.0, and is used by tests alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.browser.browser import Browser
from tests.support.browser.node_packages import install

_PACKAGES = Path(__file__).with_name("axe_core")
_RUN = "const done = arguments[0]; axe.run(%s).then((found) => done(found.violations.map((one) => [one.id, "
_RUN += "one.help, one.nodes.map((node) => node.html)])))"
_COLOURS: Final = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""The rules that look at colours: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md."""

_OPEN_ALL: Final = (
    "document.querySelectorAll('details:not([open])').forEach((one) => {one.open = one.dataset.folded = true})"
)
_FOLD: Final = "document.querySelectorAll('[data-folded]').forEach((one) => {one.open = false})"
_BEYOND_THE_EDGE: Final = """
const isBeyond = (one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth;
return [...document.querySelectorAll('main button, main summary')].filter(isBeyond).map((one) => one.innerText);
"""
"""What can be pressed and is found only by scrolling a table sideways."""

_WIDTHS: Final = (1024, 320)
"""At 1024 pixels the menu is beside the page, which has the least room there. A phone has 320 pixels or more."""


@dataclass(frozen=True, slots=True)
class Axe:
    """The script of axe-core."""

    script: str

    def violations(self, browser: Browser, *, colours_alone: bool = False) -> list[object]:
        """Return the rules that the page in the browser breaks, each with the elements that break it.

        What is in a frame is another page.
        """
        if not browser.run("return Boolean(window.axe)"):
            browser.run(self.script)
        options: dict[str, Any] = {"iframes": False, **(_COLOURS if colours_alone else {})}
        script = _RUN % json.dumps(options)
        found: list[object] = browser.ask("POST", "/execute/async", {"script": script, "args": []})
        return found

    def faults(self, browser: Browser) -> list[object]:
        """Return what keeps people from using this page, on a wide screen or on a phone, light or dark.

        Axe sees it with all forms open. What the browser complained about since the page was opened is among it.
        """
        found: list[object] = [*browser.complaints()]
        if len(browser.find("h1")) != 1:
            found.append("It has not one heading")
        for width in _WIDTHS:
            browser.look(width)
            found += [(width, "is beyond the edge", one) for one in browser.run(_BEYOND_THE_EDGE)]
            browser.run(_OPEN_ALL)
            for scheme in ("light", "dark"):
                browser.look(width, scheme=scheme)
                found += [(width, scheme, one) for one in self.violations(browser, colours_alone=scheme == "dark")]
            if browser.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                found.append(f"It is wider than {width} pixels")
            browser.run(_FOLD)
        browser.look(1280)
        return found + browser.complaints()


def axe_core(directory: Path) -> Axe:
    """Fetch axe-core into a directory; skip the test where it cannot be fetched."""
    script = install(_PACKAGES, directory) / "node_modules" / "axe-core" / "axe.min.js"
    return Axe(script.read_text(encoding="utf-8"))
