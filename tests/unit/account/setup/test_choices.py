"""What follows from what a person asks for, and from what is there: the rules alone."""

import pytest

from app.domain.account.setup.choices import (
    Choices,
    chosen,
    deployment_name,
    gateway_url,
    is_reachable_by_aws,
    sending_domain,
)
from app.domain.account.setup.trouble import SetupStopped
from tests.support.aws.setup.deployments import URL, deployment

EMPTY = deployment(domains=(), url="")


def test_what_nothing_was_said_about_stays_as_it_is() -> None:
    """A plan without options wants what is there, so that it finds nothing to do."""
    existing = deployment(domains=("a.example", "b.example"), sqs=True, archive=True)
    assert chosen(Choices(default_url="https://other.example"), existing) == existing


def test_a_new_deployment_gets_its_events_by_https_unless_it_has_a_queue() -> None:
    """The default URL is for a deployment that has no other way back."""
    choices = Choices(default_url=URL)
    assert chosen(choices, EMPTY).url == URL
    assert not chosen(Choices(default_url=URL, sqs=True), EMPTY).url
    assert not chosen(choices, deployment(domains=(), url="", sqs=True)).url
    assert chosen(Choices(default_url=URL, sqs=True, url=URL), EMPTY).sqs


def test_what_is_said_replaces_what_is_there() -> None:
    """Each option counts more than what AWS has, an empty one too."""
    existing = deployment(sqs=True, archive=True)
    wanted = chosen(Choices(domains=("b.example",), url="", sqs=False, archive=False), existing)
    assert (wanted.url, wanted.sqs, wanted.archive) == ("", False, False)


def test_domains_are_added_and_only_their_name_drops_one() -> None:
    """No other option removes an identity, since nothing of its domain would be sent any more."""
    existing = deployment(domains=("a.example", "b.example"))
    assert chosen(Choices(domains=("c.example", "a.example")), existing).domains == (
        "a.example",
        "b.example",
        "c.example",
    )
    assert chosen(Choices(dropped=frozenset({"a.example"})), existing).domains == ("b.example",)


@pytest.mark.parametrize(
    "text, domain",
    [
        ("example.com", "example.com"),
        (" Example.COM. ", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a-b.c1.example", "a-b.c1.example"),
    ],
)
def test_a_domain_is_understood_in_every_legal_form(text: str, domain: str) -> None:
    """Case, white space, a trailing dot and letters beyond ASCII are other ways to say the same."""
    assert sending_domain(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example",
        "https://example.com",
        "ann@example.com",
        "a..example",
        "-a.example",
        "a b.example",
        "x" * 64 + ".com",
        "*.example.com",
    ],
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    """The error says what a domain looks like."""
    with pytest.raises(ValueError, match=r"looks like example\.com"):
        sending_domain(text)


@pytest.mark.parametrize(
    "text, url",
    [
        ("https://mail.example.com", "https://mail.example.com"),
        ("https://mail.example.com/", "https://mail.example.com"),
        ("https://mail.example.com/feedback/sns", "https://mail.example.com"),
        ("https://mail.example.com:8443/postern/", "https://mail.example.com:8443/postern"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025"),
    ],
)
def test_a_url_is_that_of_the_gateway_with_or_without_the_path(text: str, url: str) -> None:
    """The path of notifications is added by us, so it may be given or not."""
    assert gateway_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail.example.com",
        "ftp://example.com",
        "https://",
        "https://a.example/?x=1",
        "https://a.example/#x",
        "https://u:p@a.example",
        "https://a.example:99999",
    ],
)
def test_what_is_no_url_of_a_gateway_is_refused(text: str) -> None:
    """The error says what such a URL looks like."""
    with pytest.raises(ValueError, match=r"looks like https://mail\.example\.com"):
        gateway_url(text)


@pytest.mark.parametrize("text", ["", "a b", "-a", "a" * 41, "a/b", "ä"])
def test_a_deployment_has_a_name_that_every_service_takes(text: str) -> None:
    """SES, SNS and SQS all take letters, digits, - and _."""
    with pytest.raises(ValueError, match="1 to 40"):
        deployment_name(text)


def test_domains_that_do_not_fit_into_a_tag_are_refused() -> None:
    """A tag's value has 256 characters, and it has to remember all domains."""
    fits = ("a" * 120 + ".example", "b" * 110 + ".example")
    assert chosen(Choices(domains=fits, sqs=True), EMPTY).domains == fits
    with pytest.raises(SetupStopped, match="256 characters"):
        chosen(Choices(domains=("c" * 20 + ".example",), sqs=True), deployment(domains=fits))


def test_an_address_of_this_machine_is_out_of_reach_for_aws() -> None:
    """SNS cannot post to loopback, by whatever name."""
    for url in ("http://127.0.0.1:8025", "http://127.1.2.3", "http://localhost", "http://[::1]:80", "http://0.0.0.0"):
        assert not is_reachable_by_aws(url)
    assert is_reachable_by_aws(URL)
