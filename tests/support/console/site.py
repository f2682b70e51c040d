"""A gateway behind an HTTP server, for a browser; it notes which changes the browser has made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.domain.users.roles import Role
from tests.support.browser.browser import Browser
from tests.support.browser.page import Page
from tests.support.console.people import Person
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import Web, web_on
from tests.support.servers.served import served


@dataclass(frozen=True, slots=True)
class Site:
    """The gateway, its URL, and the changes that were made in a browser: the endpoint of each, and its status."""

    web: Web
    url: str
    made: list[tuple[str, int]] = field(default_factory=list)

    def link(self, role: Role, name: str) -> str:
        """Return a link that signs a new user in."""
        _, token = self.web.gateway.users.users.create(ROOT, name, role)
        return f"{self.url}/console/sign-in/link/{token}"

    def open(self, browser: Browser, path: str) -> Page:
        """Open a page."""
        browser.open(self.url + path)
        return Page(browser)

    def lend(self, browser: Browser, person: Person) -> None:
        """Have the browser go on in the session of a person."""
        cookie = person.client.get_cookie("postern_session")
        assert cookie is not None
        browser.open(f"{self.url}/console/sign-in")
        given = {"name": cookie.key, "value": cookie.value, "path": "/", "httpOnly": True}
        browser.ask("POST", "/cookie", {"cookie": given})

    def address(self, address: str) -> str:
        """Return the path of the page about an address or a domain."""
        return f"/console/addresses/{self.web.gateway.address_tokens.write(address)}"


@contextmanager
def site_on(database_url: str, redis_url: str, **more: Any) -> Iterator[Site]:
    """Serve a gateway on a migrated database; `more` overrides settings."""
    with web_on(database_url, redis_url, **more) as web, served(web) as url:
        site = Site(web, url)
        application = web.client.application
        application.wsgi_app = _noting(application, application.wsgi_app, site.made)  # type: ignore[method-assign]
        yield site


def _noting(application: Any, answer: Callable[..., Any], made: list[tuple[str, int]]) -> Callable[..., Any]:
    """Answer as before, and note the POSTs of browsers."""
    routes = application.url_map

    def noting(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        def started(status: str, *more: Any) -> Any:
            if environ["REQUEST_METHOD"] == "POST" and "Chrome" in environ.get("HTTP_USER_AGENT", ""):
                endpoint, _ = routes.bind_to_environ(environ).match()
                made.append((endpoint, int(status[:3])))
            return start(status, *more)

        return answer(environ, started)

    return noting
