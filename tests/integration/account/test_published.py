"""The DNS records of an identity, asked of a small DNS server: each one that is missing or wrong is named."""

from collections.abc import Mapping

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from app.domain.account.findings import Finding, Status
from app.domain.account.published import Identity, published
from app.net.dns.records import resolved
from tests.support.webhooks.nameserver import nameserver

DOMAIN = Identity(name="example.com", verified=True, dkim_tokens=("Aaa", "bbb", "ccc"), mail_from="bounce.example.com")
WELL = {
    "aaa._domainkey.example.com. CNAME": ["aaa.dkim.amazonses.com."],
    "bbb._domainkey.example.com. CNAME": ["bbb.dkim.eu-west-1.amazonses.com."],
    "ccc._domainkey.example.com. CNAME": ["ccc.dkim.amazonses.com."],
    "bounce.example.com. MX": ["10 feedback-smtp.eu-west-1.amazonses.com."],
    "bounce.example.com. TXT": ['"v=spf1 include:amazon" "ses.com ~all"'],
    "_dmarc.example.com. TXT": ['"v=DMARC1; p=quarantine; rua=mailto:d@example.com"'],
}
NAMES = (
    "DKIM by DNS, example.com",
    "MX by DNS, bounce.example.com",
    "SPF by DNS, bounce.example.com",
    "DMARC by DNS, example.com",
)


def look(records: Mapping[str, list[str]], identity: Identity = DOMAIN) -> dict[str, Finding]:
    """The findings by name, with these records in the DNS."""
    with nameserver(records) as port:
        return {one.name: one for one in published(identity, resolved(("127.0.0.1", port)), region="eu-west-1")}


def test_records_that_are_published_are_well() -> None:
    """Three CNAMEs in the zone of SES or of its region, one MX, an SPF in several strings, and a DMARC policy."""
    found = look(WELL)
    assert tuple(found) == NAMES
    assert {one.status for one in found.values()} == {Status.WELL}
    assert found["DMARC by DNS, example.com"].found == "p=quarantine"


def test_without_records_each_is_said_as_it_has_to_be_published() -> None:
    """DMARC is advice: SES sends without it."""
    found = look({})
    dkim, mx, spf, dmarc = (found[name] for name in NAMES)
    assert (dkim.ok, mx.ok, spf.ok, dmarc.status) == (False, False, False, Status.WARNING)
    assert "bbb._domainkey.example.com CNAME bbb.dkim.amazonses.com" in dkim.fix
    assert "bounce.example.com MX 10 feedback-smtp.eu-west-1.amazonses.com" in mx.fix
    assert 'bounce.example.com TXT "v=spf1 include:amazonses.com ~all"' in spf.fix
    assert '_dmarc.example.com TXT "v=DMARC1; p=none"' in dmarc.fix


@pytest.mark.parametrize(
    "key, values, name, found",
    [
        ("aaa._domainkey.example.com. CNAME", ["aaa.dkim.example.net."], NAMES[0], "1 of 3 are missing"),
        ("aaa._domainkey.example.com. CNAME", ["bbb.dkim.amazonses.com."], NAMES[0], "1 of 3 are missing"),
        ("bounce.example.com. MX", ["10 mx.example.net."], NAMES[1], "mx.example.net"),
        (
            "bounce.example.com. MX",
            ["10 feedback-smtp.eu-west-1.amazonses.com.", "20 mx.example.net."],
            NAMES[1],
            "mx.example.net",
        ),
        ("bounce.example.com. TXT", ['"v=spf1 include:example.net ~all"'], NAMES[2], "does not name SES"),
        ("bounce.example.com. TXT", ['"v=spf1 include:amazonses.com.example.net ~all"'], NAMES[2], "does not name SES"),
        (
            "bounce.example.com. TXT",
            ['"v=spf1 include:amazonses.com ~all"', '"v=spf1 -all"'],
            NAMES[2],
            "2 records, so none counts",
        ),
        ("bounce.example.com. TXT", ['"google-site-verification=x"'], NAMES[2], "missing"),
    ],
)
def test_a_record_that_is_wrong_is_shown_as_it_is(key: str, values: list[str], name: str, found: str) -> None:
    """The other records stay well."""
    shown = look(WELL | {key: values})
    assert (shown[name].ok, found in shown[name].found) == (False, True), shown[name]
    assert shown[name].fix
    assert {one.ok for one in shown.values() if one.name != name} == {True}


def test_the_dmarc_record_of_a_domain_above_counts() -> None:
    """The nearest one; two at one name do not count."""
    below = Identity(name="news.eu.example.com", verified=True)
    name = "DMARC by DNS, news.eu.example.com"
    assert look(WELL, below)[name].found == "p=quarantine"
    own = {"_dmarc.news.eu.example.com. TXT": ['"v=DMARC1;p=reject"']}
    assert look(WELL | own, below)[name].found == "p=reject"
    twice = {"_dmarc.news.eu.example.com. TXT": ['"v=DMARC1;p=reject"', '"v=DMARC1;p=none"']}
    assert look(WELL | twice, below)[name].status is Status.WARNING


def test_an_identity_without_easy_dkim_and_mail_from_has_no_such_records() -> None:
    """An address is asked about by the domain that it is at."""
    found = look(WELL, Identity(name="ann@example.com", verified=True))
    assert list(found) == ["DMARC by DNS, example.com"]


def test_a_dns_that_fails_is_unknown() -> None:
    """Nothing is called missing when it could not be asked for."""
    with nameserver({}, rcode=dns.rcode.SERVFAIL) as port:
        found = list(published(DOMAIN, resolved(("127.0.0.1", port)), region="eu-west-1"))
    assert {one.status for one in found} == {Status.UNKNOWN}
    assert all("--resolver" in one.fix for one in found)
