"""How many connections there may be, and how much slower each wrong key makes the next one."""

import pytest

from app.smtp.admission import Admission, MostConnections, is_loopback, network_of


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def admission(clock: Clock | None = None) -> Admission:
    return Admission(MostConnections(whole=3, per_address=2, per_key=1), monotonic=clock or Clock())


def test_connections_are_counted() -> None:
    """Of one address and of all; who leaves makes room."""
    door = admission()
    assert [door.enter("a"), door.enter("a"), door.enter("a")] == [True, True, False]
    assert [door.enter("b"), door.enter("c")] == [True, False]
    door.leave("a", None)
    assert [door.enter("c"), door.enter("b")] == [True, False]


def test_sessions_of_a_key_are_counted() -> None:
    """A second one is turned away until the first one ends."""
    door = admission()
    assert door.enter("a")
    assert [door.sign_in("key"), door.sign_in("key"), door.sign_in("other")] == [True, False, True]
    door.leave("a", "key")
    assert door.sign_in("key")


def test_each_wrong_key_makes_the_next_one_slower() -> None:
    """Up to twenty seconds, for each address by itself, until ten minutes have passed without one."""
    clock = Clock()
    door = admission(clock)
    assert [door.fail("a") for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert door.fail("b") == 0.5
    clock.now = 601
    assert door.fail("a") == 0.5


@pytest.mark.parametrize(
    "address, network",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1%eth0", "2001:db8::/64"),
        ("", "unknown"),
    ],
)
def test_one_host_is_one_address(address: str, network: str) -> None:
    """Of IPv6 a host has a /64 to itself."""
    assert network_of(address) == network


@pytest.mark.parametrize(
    "address, expected",
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_loopback_is_known(address: str, expected: bool) -> None:
    """Only this host."""
    assert is_loopback(address) is expected
