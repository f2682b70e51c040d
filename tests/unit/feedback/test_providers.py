"""Refusals are grouped by the provider behind a domain, and the subject of an incident names its group."""

from pathlib import Path

import pytest

from app.domain.feedback.providers import DOMAINS, REFUSED, desk_of, domains_of, group_in, group_of, subject_of


@pytest.mark.parametrize(
    "domain, group",
    [("hotmail.fr", "microsoft"), ("outlook.com", "microsoft"), ("aol.com", "yahoo"), ("example.net", "example.net")],
)
def test_a_provider_stands_for_all_of_its_domains(domain: str, group: str) -> None:
    """A domain whose provider is not known is a group of its own."""
    assert group_of(domain) == group
    assert domain in domains_of(group)
    assert domains_of("example.net") == ("example.net",)


@pytest.mark.parametrize("group", ["microsoft", "gmx/web.de", "example.net"])
@pytest.mark.parametrize("rule", ["block-list", None])
def test_the_group_is_found_in_the_subject_of_its_incident(group: str, rule: str | None) -> None:
    """With the rule that read the reply, or without one."""
    assert subject_of(group, rule) == (f"{group}: {rule}" if rule else group)
    assert group_in(subject_of(group, rule)) == group


def test_no_domain_belongs_to_two_providers() -> None:
    """And the page for senders is that of the provider."""
    listed = [domain for domains in DOMAINS.values() for domain in domains]
    assert len(listed) == len(set(listed))
    assert desk_of("gmx/web.de") == "https://postmaster.gmx.net"
    assert desk_of("example.net") is None


def test_the_kind_of_their_incidents_is_documented() -> None:
    """Where an operator looks it up."""
    docs = Path(__file__).parents[3] / "docs" / "operations.md"
    assert f"| `{REFUSED}` |" in docs.read_text(encoding="utf-8")
