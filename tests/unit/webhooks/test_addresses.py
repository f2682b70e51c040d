"""Which addresses may be posted to: the internet, and what an operator allows."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.webhooks.addresses import AllowedAddresses

NONE = AllowedAddresses()

PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::6810:84e5", "2a00:1450::1"]

FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::7f00:1", "::10.0.0.1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fdff::1",
    "ff02::1", "ff0e::1", "100::1", "2001::1", "2001:0:5ef5:79fd::1", "2001:2::1", "2001:10::1", "2001:db8::1",
    "2002:7f00:1::1", "2002:5db8:d822::1", "3fff::1", "5f00::1", "64:ff9b:1::1", "2606:4700::1%eth0",
]  # fmt: skip

METADATA = [
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254",
    "fd20:ce::254",
]  # fmt: skip


def wrapped(address: str) -> list[str]:
    """The forms in which IPv6 carries an IPv4 address to a translator or to the system itself."""
    number = int(IPv4Address(address))
    mapped, nat64 = IPv6Address(0xFFFF << 32 | number), IPv6Address(int(IPv6Address("64:ff9b::")) | number)
    return [str(mapped), str(nat64)]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_called(text: str) -> None:
    """Also in the forms that lead to it over IPv6."""
    forms = [text, *(wrapped(text) if ":" not in text else ())]
    assert all(NONE.permit(ip_address(form)) for form in forms)


@pytest.mark.parametrize("text", [*FORBIDDEN, *METADATA])
def test_any_other_address_is_refused(text: str) -> None:
    """Private, loopback, link-local, multicast, reserved and the rest of IANA's special ones, however written."""
    forms = [text, *(wrapped(text) if ":" not in text else ())]
    assert not any(NONE.permit(ip_address(form)) for form in forms)


@given(st.ip_addresses())
def test_what_python_knows_to_be_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    """Python's own table of special addresses agrees, whatever the address."""
    if NONE.permit(address) and not (isinstance(address, IPv6Address) and str(address).startswith("64:ff9b::")):
        assert address.is_global
        assert not address.is_multicast


def test_an_allowed_network_may_be_called() -> None:
    """In every form of its addresses, and nothing beside it."""
    allowed = AllowedAddresses.of(["10.20.0.0/16", "127.0.0.1", "fd00:1::/32"])
    for text in ("10.20.3.4", "::ffff:10.20.3.4", "127.0.0.1", "fd00:1::5"):
        assert allowed.permit(ip_address(text))
    for text in ("10.21.0.1", "127.0.0.2", "fd00:2::5", "::1", "fd00:1::5%eth0"):
        assert not allowed.permit(ip_address(text))


@pytest.mark.parametrize("text", METADATA)
def test_no_wide_network_allows_a_metadata_service(text: str) -> None:
    """It hands out the credentials of the host, so it has to be listed by itself."""
    wide = AllowedAddresses.of(["0.0.0.0/0", "::/0", "169.254.0.0/16", "100.64.0.0/10", "fd00::/8"])
    assert wide.permit(ip_address("10.0.0.1"))
    assert not wide.permit(ip_address(text))
    assert AllowedAddresses.of([text]).permit(ip_address(text))


@pytest.mark.parametrize("text", ["", "intranet", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "0x7f.1"])
def test_a_network_has_to_be_one(text: str) -> None:
    """A mistyped network stops the start instead of allowing another one."""
    with pytest.raises(ValueError, match=r"does not appear to be|has host bits set"):
        AllowedAddresses.of([text])
