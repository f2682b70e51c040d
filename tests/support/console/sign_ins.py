"""Ways to sign in to the console for tests: passwords, and codes of an authenticator."""

import re
import time
from base64 import b32decode
from typing import Any, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from app.services.users.codes import code_at
from tests.support.console.people import Person, signed_in
from tests.support.gateway.web import Web

OWN_ACCOUNT: Final = "/console/own-account"
PASSWORD: Final = "correct horse battery"


def with_password(web: Web, name: str = "kim", role: Role = Role.VIEWER, password: str = PASSWORD) -> Person:
    """Return a person who has chosen a password."""
    person = signed_in(web, role, name=name)
    person.change(f"{OWN_ACCOUNT}/password", new=password, again=password)
    return person


def with_codes(web: Web, name: str = "kim") -> tuple[Person, str]:
    """Return a person who has set up an authenticator, and its secret."""
    person = with_password(web, name)
    secret = secret_of(person.post(f"{OWN_ACCOUNT}/authenticator"))
    person.change(f"{OWN_ACCOUNT}/authenticator/confirm", secret=secret, code=code_of(secret))
    return person, secret


def secret_of(answer: TestResponse) -> str:
    """Return the secret that a page shows."""
    assert answer.status_code in {200, 422}, answer.text
    found = re.search(r'<code id="secret">([A-Z2-7]{32})</code>', answer.text)
    assert found is not None, answer.text
    return found[1]


def code_of(secret: str, *, ahead: int = 0) -> str:
    """Return the code of a secret, so many steps of time ahead."""
    return code_at(b32decode(secret), int(time.time()) // 30 + ahead).decode()


def another_browser(web: Web, name: str = "kim", *, agent: str = "", **more: Any) -> tuple[FlaskClient, TestResponse]:
    """Sign in by password in a browser of its own. Returns the answer too."""
    client = web.client.application.test_client()
    form = {"name": name, "password": PASSWORD, **more}
    return client, client.post("/console/sign-in", data=form, headers={"User-Agent": agent})
