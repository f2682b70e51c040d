"""A real OpenID provider for tests: `oidc-provider`, certified by the OpenID Foundation, from npm (MIT).

It runs on loopback, and asks with forms, which are filled in here as a person would.
"""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, build_opener

import urllib3

from app.cli.local.children.port_checks import free_port
from tests.support.browser.node_packages import install
from tests.support.servers.servers import running

SECRET: Final = "a secret, with signs: +/=%"
CALLBACK: Final = "/console/sign-in/openid/callback"
_PACKAGES: Final = Path(__file__).with_name("oidc_provider")
_ACTION: Final = re.compile(r'<form[^>]+action="([^"]+)"')


@contextmanager
def running_provider(directory: Path, *gateways: str) -> Iterator[str]:
    """Run it for the gateways at these URLs, and yield its issuer; skip the test where it cannot be fetched."""
    installed = install(_PACKAGES, directory / "openid")
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    callbacks = [gateway + CALLBACK for gateway in gateways]
    command = (shutil.which("node") or "node", str(installed / "provider.mjs"), str(port), *callbacks)
    with running(command, log=directory / "openid.log", is_up=lambda: _is_up(issuer), stop=signal.SIGTERM):
        yield issuer


def _is_up(issuer: str) -> bool:
    try:
        return urllib3.request("GET", f"{issuer}/.well-known/openid-configuration", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


class _UpToTheCallback(HTTPRedirectHandler):
    """Follows redirects until one leads back to the gateway."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        return None if CALLBACK in newurl else super().redirect_request(req, fp, code, msg, headers, newurl)


def answer_of_provider(url: str, *, login: str = "kim") -> str:
    """Sign in at the URL of the provider, agree, and return the URL to which it then leads."""
    browser = build_opener(HTTPCookieProcessor(), _UpToTheCallback())
    page = browser.open(url).read().decode()
    for form in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
        action = _ACTION.search(page)
        assert action is not None, page
        try:
            page = browser.open(action[1], urlencode(form).encode()).read().decode()
        except HTTPError as led_back:
            return str(led_back.headers["Location"])
    raise AssertionError(page)
