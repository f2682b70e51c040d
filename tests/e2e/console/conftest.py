"""What the browser tests of the console share: a gateway for each module, its browser, and a person who is signed in.

A test that makes changes names their endpoints, with `@pytest.mark.presses("console_keys.revoke_key")`. It fails if the
browser did not make one of them, if one was refused, or if the browser complained.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from redis import Redis

from app.domain.users.roles import Role
from tests.support.browser.browser import Browser
from tests.support.console.site import Site, site_on


@pytest.fixture(scope="module")
def site(sqlite_template: Path, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    file = shutil.copy(sqlite_template, tmp_path_factory.mktemp("site") / "postern.sqlite3")
    with Redis.from_url(valkey_url) as client:
        client.flushall()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    openid = {"oidc_issuer": "https://login.example.com", "oidc_client_id": "postern", "oidc_roles": "a=admin"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.wiring.apps.PasswordHasher", lambda: cheap)
        with site_on(f"sqlite:///{file}", valkey_url, public_url="http://127.0.0.1", **openid) as site:
            yield site


@pytest.fixture(scope="module")
def admin(browser: Browser, site: Site) -> Browser:
    """The browser of an administrator."""
    browser.look(1280)
    browser.open(site.link(Role.ADMIN, "root"))
    return browser


@pytest.fixture(autouse=True)
def presses(request: pytest.FixtureRequest) -> Iterator[None]:
    marker = request.node.get_closest_marker("presses")
    if marker is None:
        yield
        return
    site, browser = request.getfixturevalue("site"), request.getfixturevalue("browser")
    browser.complaints()
    site.made.clear()
    yield
    assert set(marker.args) <= {endpoint for endpoint, status in site.made if status < 400}
    assert browser.complaints() == []
