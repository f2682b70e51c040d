"""What a caller may do, and as whom it may send."""

from uuid import UUID

import pytest

from app.domain.callers import Caller, Scope
from app.domain.errors import RestrictedApiKey
from app.services.authenticate import operator


def caller(*scopes: Scope, senders: tuple[str, ...] = ()) -> Caller:
    return Caller(
        actor="key:test",
        app_id=UUID(int=1),
        app="invites",
        scopes=frozenset(scopes),
        senders=senders,
        default_lane="transactional",
    )


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_allows_itself_and_nothing_else(scope: Scope) -> None:
    """A key with one scope may do that one thing."""
    who = caller(scope)
    who.require(scope)
    for other in set(Scope) - {scope}:
        if scope is not Scope.ADMIN:
            with pytest.raises(RestrictedApiKey, match=other):
                who.require(other)


@pytest.mark.parametrize("scope", Scope)
def test_admin_and_the_operator_may_do_everything(scope: Scope) -> None:
    """The scope `admin` includes all others; the operator at the command line has it."""
    caller(Scope.ADMIN).require(scope)
    operator("root").require(scope)
    assert operator("root").is_admin
    assert not caller(Scope.EMAILS_SEND).is_admin


@pytest.mark.parametrize(
    "senders, address, allowed",
    [
        (("ann@example.com",), "ann@example.com", True),
        (("ann@example.com",), "bob@example.com", False),
        (("@example.com",), "bob@example.com", True),
        (("@example.com",), "bob@sub.example.com", False),
        (("@example.com",), "bob@notexample.com", False),
        (("@example.com",), "bob@example.com.evil.example", False),
        (("*",), "anybody@anywhere.example", True),
        ((), "ann@example.com", False),
        (("@example.org", "@example.com"), "ann@example.com", True),
    ],
)
def test_an_application_sends_as_its_own_senders_only(senders: tuple[str, ...], address: str, allowed: bool) -> None:
    """An address allows itself, `@domain` exactly that domain, `*` everybody, and nothing allows nobody."""
    assert caller(Scope.EMAILS_SEND, senders=senders).may_send_as(address) is allowed
