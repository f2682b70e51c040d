"""The roles of users."""

from itertools import product

import pytest

from app.domain.users.roles import Role

ORDER = [Role.VIEWER, Role.SUPPORT, Role.OPERATOR, Role.ADMIN]


@pytest.mark.parametrize("one, other", list(product(Role, Role)))
def test_a_role_includes_itself_and_those_before_it(one: Role, other: Role) -> None:
    """From viewer to admin, each may do all that those before it may."""
    assert one.includes(other) is (ORDER.index(one) >= ORDER.index(other))
