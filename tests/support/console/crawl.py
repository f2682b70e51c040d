"""Follow the links of the console, as a person does who opens its first page."""

import re
from collections.abc import Collection
from html import unescape
from typing import Final

from werkzeug.routing import RequestRedirect

from app.web.console.frame.operations import page_operation_of
from tests.support.console.people import Person
from tests.support.gateway.web import Web

START: Final = "/console"
_LINK: Final = re.compile(r'(?:href|src|hx-get)="(/console[^"#]*)"')


def crawl(web: Web, person: Person, *, statuses: Collection[int] = (200,), of_each: int = 5) -> dict[str, list[str]]:
    """Return the paths that links lead to, at most `of_each` of a kind, by endpoint; each has one of the statuses."""
    adapter = web.client.application.url_map.bind("localhost")
    found: dict[str, list[str]] = {}
    waiting = [START]
    while waiting:
        path = waiting.pop(0)
        try:
            endpoint, _ = adapter.match(path.partition("?")[0], method="GET")
        except RequestRedirect as error:
            raise AssertionError(f"{path} is redirected") from error
        seen = found.setdefault(endpoint, [])
        is_page = page_operation_of(web.client.application.view_functions[endpoint]) is not None
        if path in seen or len(seen) == of_each or not is_page or endpoint == "console_assets.get_asset":
            continue
        seen.append(path)
        answer = person.get(path)
        assert answer.status_code in statuses, (path, answer.status_code)
        if answer.mimetype == "text/html":
            waiting += map(unescape, _LINK.findall(answer.text))
    return found
