"""What a person does on the page that a browser shows: find things by the words that are seen, type, press, wait.

Clicks and keys are real ones: what is hidden, covered or switched off cannot be used.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.browser.browser import ELEMENT, Browser, CannotDo
from tests.support.servers.cli import until

_FIND: Final = """
const [kinds, label, within] = %s;
const said = (text) => (text || '').replace(/\\s+/g, ' ').trim();
const seen = (one) => one.checkVisibility({visibilityProperty: true});
const name = (one) => said(one.getAttribute('aria-label') || (one.labels?.length ? one.labels[0] : one).innerText);
const parts = [...document.querySelectorAll('article, tr, li, section, form, fieldset')];
const holding = parts.filter((one) => seen(one) && said(one.innerText).includes(within));
const inmost = holding.filter((one) => !holding.some((other) => other !== one && one.contains(other)));
const all = (within ? inmost : [document]).flatMap((place) => [...place.querySelectorAll(kinds)]).filter(seen);
const exact = all.filter((one) => name(one) === label);
// The label of a field goes on with a hint, that of a form in a row with the name of the row.
const goesOn = (one) => (one.labels?.length || one.matches('summary')) && name(one).startsWith(label + ' ');
return exact.length ? exact : all.filter(goesOn);
"""
BUTTON: Final = "button, a, [role=button]:not(summary)"
FIELD: Final = "input, select, textarea"


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a browser shows. `within` names a part of it, such as a row, by a text that only it has."""

    browser: Browser

    def text(self) -> str:
        """What the page shows, without the menu."""
        return str(self.browser.run("return document.querySelector('main').innerText"))

    def heading(self) -> str:
        """The heading of the page."""
        return str(self.browser.run("return document.querySelector('h1').innerText"))

    def done(self) -> str:
        """The sentence about what the change before this page has done."""
        return str(self.browser.run("return document.querySelector('.done')?.innerText || ''"))

    def write(self, field: str, text: str, *, within: str = "") -> None:
        """Type into the field with this label, in place of what it holds."""
        element = self._one(FIELD, field, within)
        kind = self.browser.ask("GET", f"/element/{element}/property/type")
        if kind == "date":  # what is typed there depends on the language of the browser
            self._run_on(element, "arguments[0].value = arguments[1]", text)
            return
        if kind != "file":
            self.browser.ask("POST", f"/element/{element}/clear", {})
        self.browser.ask("POST", f"/element/{element}/value", {"text": text})

    def attach(self, field: str, file: Path) -> None:
        """Choose a file."""
        self.write(field, str(file))

    def tick(self, field: str, *, within: str = "") -> None:
        """Click a checkbox or a radio button."""
        self._click(FIELD, field, within)

    def choose(self, field: str, option: str, *, within: str = "") -> None:
        """Choose an option of a list."""
        script = "return [...arguments[0].options].find((one) => one.innerText === arguments[1])"
        found = self._run_on(self._one(FIELD, field, within), script, option)
        assert found is not None, option
        self.browser.ask("POST", f"/element/{found[ELEMENT]}/click", {})

    def unfold(self, label: str, *, within: str = "") -> None:
        """Open the form that a button hides."""
        self._click("summary", label, within)

    def press(self, label: str, *, within: str = "") -> None:
        """Press a button, or follow a link."""
        self._click(BUTTON, label, within)

    def send(self, label: str, *, within: str = "") -> None:
        """Press a button, or follow a link, and wait for the page that it leads to."""
        self.browser.run("document.documentElement.dataset.left = 'not yet'")
        self.press(label, within=within)
        until(self._is_next)

    def change(self, action: str, submit: str = "", *, within: str = "", reason: str = "A test.", **fields: str) -> str:
        """Open the form of an action, give the reason and send it. Returns what the next page says was done.

        `fields` are texts by the labels of their fields.
        """
        self.unfold(action, within=within)
        for label, text in fields.items():
            self.write(label, text, within=within)
        self.write("Reason", reason, within=within)
        self.send(submit or action, within=within)
        return self.done()

    def _is_next(self) -> bool:
        script = "return document.readyState === 'complete' && !document.documentElement.dataset.left"
        try:
            return bool(self.browser.run(script))
        except CannotDo:
            return False  # one page is being replaced by the next

    def _click(self, kinds: str, label: str, within: str) -> None:
        self.browser.ask("POST", f"/element/{self._one(kinds, label, within)}/click", {})

    def _run_on(self, element: str, script: str, text: str) -> Any:
        return self.browser.ask("POST", "/execute/sync", {"script": script, "args": [{ELEMENT: element}, text]})

    def _one(self, kinds: str, label: str, within: str) -> str:
        """The one element of these kinds that people see under this label."""
        found = self.browser.run(_FIND % json.dumps([kinds, label, within]))
        assert len(found) == 1, (f"{len(found)} are called {label!r}", within, self.text())
        return str(found[0][ELEMENT])
