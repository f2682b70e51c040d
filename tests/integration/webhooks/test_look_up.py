"""The addresses of a host, asked of a small DNS server: all of them, since each has to be fit to be posted to."""

import dns.rcode
import pytest

from app.domain.account.published import DnsSilent
from app.net.dns.records import resolved
from tests.support.webhooks.nameserver import nameserver

HOST = "hooks.example.com"


def look_up(records: dict[str, list[str]], *, rcode: dns.rcode.Rcode | None = None) -> list[str]:
    with nameserver(records, rcode=rcode) as port:
        return [str(address) for address in resolved(("127.0.0.1", port)).addresses(HOST)]


def test_all_addresses_are_found() -> None:
    """Of IPv4 and of IPv6: a private one among public ones must not be missed."""
    records = {f"{HOST}. A": ["93.184.216.34", "10.0.0.1"], f"{HOST}. AAAA": ["2606:4700::1", "::1"]}
    found = look_up(records)
    assert set(found) == {"93.184.216.34", "10.0.0.1", "2606:4700::1", "::1"}
    assert ":" not in "".join(found[:2])


@pytest.mark.parametrize("records", [{}, {f"{HOST}. TXT": ['"no address"']}, {f"elsewhere.{HOST}. A": ["1.1.1.1"]}])
def test_a_host_that_the_dns_does_not_know_has_no_address(records: dict[str, list[str]]) -> None:
    """No search list of this host makes another name of it."""
    assert look_up(records) == []


def test_a_dns_that_fails_is_silent() -> None:
    """It may answer later, so that is told apart from a host that does not exist."""
    with pytest.raises(DnsSilent):
        look_up({}, rcode=dns.rcode.Rcode.SERVFAIL)


def test_a_server_that_is_silent_about_ipv6_hides_no_host() -> None:
    """Some answer questions for IPv4 alone."""
    with nameserver({f"{HOST}. A": ["93.184.216.34"]}, failing="AAAA") as port:
        assert [str(one) for one in resolved(("127.0.0.1", port)).addresses(HOST)] == ["93.184.216.34"]
    with nameserver({f"{HOST}. AAAA": ["2606:4700::1"]}, failing="A") as port:
        assert [str(one) for one in resolved(("127.0.0.1", port)).addresses(HOST)] == ["2606:4700::1"]
