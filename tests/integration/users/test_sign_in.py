"""Signing in to the console."""

from collections.abc import Iterator

import pytest

from app.domain.users.roles import Role
from app.services.apps.authenticate import operator
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import gateway_on

ROOT = operator("root")


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    with gateway_on(migrated_url, redis_url) as made:
        yield made


def test_a_new_user_signs_in_by_link_and_then_by_password(gateway: Gateway) -> None:
    """The link works once."""
    _, link = gateway.users.users.create(ROOT, "Kim@Example.com ", Role.SUPPORT)
    token = gateway.users.sign_in.with_link(link, user_agent="Firefox")
    assert token
    session = gateway.users.sessions.behind(token)
    assert session
    gateway.users.users.set_password(session.user, None, "correct horse battery", except_token=token)
    assert gateway.users.sign_in.with_link(link, user_agent="Firefox") is None
    by_password = gateway.users.sign_in.with_password("KIM@example.com", "correct horse battery", None, user_agent="")
    assert {one.user.name for one in gateway.users.sessions.of_user(session.user.id)} == {"kim@example.com"}
    assert gateway.users.sessions.behind(by_password)
