"""People who are signed in to the console of a gateway for tests."""

import re
from dataclasses import dataclass
from typing import Any, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import Web

_SECRET: Final = re.compile(r'name="form_secret" value="([^"]+)"')


@dataclass
class Person:
    """A browser of somebody with a role, who is signed in."""

    name: str
    role: Role
    client: FlaskClient

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page, and read it to its end: a download keeps its request open until then."""
        return self.client.get(path, buffered=True, **more)

    def page(self, path: str) -> str:
        """Open a page that exists, and return its HTML."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.text

    def secret(self) -> str:
        """Return what a form of this session carries."""
        found = _SECRET.search(self.page("/console/own-account"))
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form as the pages do, without following where it leads."""
        return self.client.post(path, data={"form_secret": self.secret(), **fields})

    def change(self, path: str, **fields: Any) -> TestResponse:
        """Send a form that has to work, and return the page that it leads to."""
        answer = self.post(path, **fields)
        assert answer.status_code in {200, 303}, (path, answer.status_code, answer.text)
        return answer if answer.status_code == 200 else self.get(answer.headers["Location"])


def signed_in(web: Web, role: Role = Role.ADMIN, *, name: str | None = None) -> Person:
    """Make a user of this role and sign them in, each in a browser of their own."""
    name = name or f"{role}.user"
    _, token = web.gateway.users.users.create(ROOT, name, role)
    client = web.client.application.test_client()
    answer = client.get(f"/console/sign-in/link/{token}")
    assert answer.status_code == 303, answer.text
    return Person(name, role, client)
