"""Which actions a caller may take, and from which senders it may send."""

from typing import Any
from uuid import UUID

import pytest

from app.domain.apps.callers import Caller, Scope, parse_member, parse_sender
from app.domain.apps.key_kinds import KeyKind
from app.domain.errors import RestrictedApiKey
from app.domain.message.address import InvalidAddress
from app.services.apps.authenticate import operator


def caller(*scopes: Scope, senders: tuple[str, ...] = (), **more: Any) -> Caller:
    return Caller(
        actor="key:test",
        app_id=UUID(int=1),
        app="invites",
        scopes=frozenset(scopes),
        senders=senders,
        default_lane="transactional",
        **more,
    )


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_allows_itself_and_nothing_else(scope: Scope) -> None:
    """A key with one scope may do only what that scope allows."""
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
    """An address allows itself, `@domain` exactly that domain, `*` every sender, and an empty list no sender."""
    assert caller(Scope.EMAILS_SEND, senders=senders).may_send_as(address) is allowed


@pytest.mark.parametrize(
    "team, address, allowed",
    [
        (("ann@example.com",), "ann@example.com", True),
        (("ann@example.com",), "ann+x@example.com", False),
        (("@example.com",), "bob@example.com", True),
        (("@example.com",), "bob@sub.example.com", False),
        (("@example.com",), "bob@example.com.evil.example", False),
        (("*",), "ann@example.com", False),
        ((), "ann@example.com", False),
    ],
)
def test_a_team_key_writes_to_its_team_only(team: tuple[str, ...], address: str, allowed: bool) -> None:
    """An address is itself, `@domain` exactly that domain, and nothing is everybody. A live key writes to all."""
    assert caller(kind=KeyKind.TEAM, team=team).may_write_to(address) is allowed
    assert caller(team=team).may_write_to(address)


@pytest.mark.parametrize("text", ["*", "@", "example.com", "", "@a@b.example"])
def test_a_team_has_addresses_and_domains_only(text: str) -> None:
    """A team of everybody would make its keys live."""
    with pytest.raises(InvalidAddress):
        parse_member(text)


@pytest.mark.parametrize(
    "text, sender",
    [
        ("*", "*"),
        ("@Example.COM", "@example.com"),
        ("News@Example.com", "news@example.com"),
        ("@bücher.example", "@xn--bcher-kva.example"),
    ],
)
def test_a_sender_is_kept_as_it_is_compared(text: str, sender: str) -> None:
    """A sender is kept as `*`, as a domain, or as one address, in the form that is compared."""
    assert parse_sender(text) == sender


@pytest.mark.parametrize("text", ["", "@", "example.com", "**", "*@example.com@", "@a@b.example", "any"])
def test_an_invalid_sender_is_refused(text: str) -> None:
    """A malformed sender never allows every sender by mistake."""
    with pytest.raises(InvalidAddress):
        parse_sender(text)


def test_a_caller_that_does_not_say_otherwise_needs_a_reason() -> None:
    """Neither an API caller nor the operator acts without a reason by default."""
    assert not caller(Scope.EMAILS_SEND).reason_optional
    assert not operator("root").reason_optional


def test_a_caller_sends_in_the_default_stream_and_without_limits() -> None:
    """Unless its application says otherwise."""
    assert (caller().default_stream, caller().limits) == ("default", None)
