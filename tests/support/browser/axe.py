"""axe-core, which finds what keeps people with disabilities from using a page: https://github.com/dequelabs/axe-core.

It comes from npm under MPL-2.0, and is used by tests alone.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support.browser.browser import Browser
from tests.support.browser.node_packages import install

_PACKAGES = Path(__file__).with_name("axe_core")
_RUN = "const done = arguments[0]; axe.run().then((found) => done(found.violations.map((one) => [one.id, "
_RUN += "one.help, one.nodes.map((node) => node.html)])))"


@dataclass(frozen=True, slots=True)
class Axe:
    """The script of axe-core."""

    script: str

    def violations(self, browser: Browser) -> list[object]:
        """Return the rules that the page in the browser breaks, each with the elements that break it."""
        browser.run(self.script)
        found: list[object] = browser.ask("POST", "/execute/async", {"script": _RUN, "args": []})
        return found


def axe_core(directory: Path) -> Axe:
    """Fetch axe-core into a directory; skip the test where it cannot be fetched."""
    script = install(_PACKAGES, directory) / "node_modules" / "axe-core" / "axe.min.js"
    return Axe(script.read_text(encoding="utf-8"))
