"""Which role and name the claims of an OpenID provider give."""

from typing import Any

import pytest

from app.domain.users.openid import RoleClaim, name_of
from app.domain.users.roles import Role

ROLES = {"mail-admins": Role.ADMIN, "helpdesk": Role.SUPPORT, "kim@example.com": Role.OPERATOR}


@pytest.mark.parametrize(
    "value, role",
    [
        ("helpdesk", Role.SUPPORT),
        (["helpdesk"], Role.SUPPORT),
        (["helpdesk", "mail-admins", "else"], Role.ADMIN),
        (["else"], None),
        ([], None),
        (None, None),
        (42, None),
        ("Helpdesk", None),
        ("helpdesk,mail-admins", None),
        ([["mail-admins"], {"mail-admins": 1}, None], None),
        ({"mail-admins": True}, None),
    ],
)
def test_the_highest_role_of_the_values_counts(value: Any, role: Role | None) -> None:
    """Values are compared exactly; what is no text has no role."""
    assert RoleClaim("groups", ROLES).role_of({"groups": value}) is role
    assert RoleClaim("https://example.com/roles", ROLES).role_of({"https://example.com/roles": value}) is role


def test_a_claim_that_is_missing_gives_no_role() -> None:
    """Nor does another one of the same value."""
    assert RoleClaim("groups", ROLES).role_of({"roles": ["mail-admins"]}) is None


@pytest.mark.parametrize("verified, role", [(True, Role.OPERATOR), (False, None), ("true", None), (None, None)])
def test_an_address_gives_a_role_when_it_is_verified(verified: Any, role: Role | None) -> None:
    """Otherwise everybody could type the address of an operator at the provider."""
    claims = {"email": "kim@example.com", "email_verified": verified}
    assert RoleClaim("email", ROLES).role_of(claims) is role


@pytest.mark.parametrize(
    "claims, name",
    [
        ({"preferred_username": "kim", "email": "k@example.com", "email_verified": True}, "kim"),
        ({"email": "k@example.com", "email_verified": True}, "k@example.com"),
        ({"email": "k@example.com"}, None),
        ({"preferred_username": "", "email": "k@example.com", "email_verified": True}, "k@example.com"),
        ({"preferred_username": ["kim"]}, None),
        ({}, None),
    ],
)
def test_a_person_is_called_as_at_the_provider(claims: dict[str, Any], name: str | None) -> None:
    """By the user name, or by an address that is verified."""
    assert name_of(claims) == name
