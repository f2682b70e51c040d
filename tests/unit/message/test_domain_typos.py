"""A typo in the domain of a large provider is noticed; a correct domain, of a provider or not, is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.message.domain_typos import NEIGHBOURS, PROVIDERS, meant, one_edit_apart

REAL = (
    "aim.com", "aol.com", "aol.de", "arcor.de", "att.net", "cam.ac.uk", "cox.net", "cloud.com", "comcast.com",
    "email.com", "email.de", "example.co", "example.com", "example.net", "example.org", "free.fr", "freenet.net",
    "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "hey.com", "hotmail.be", "hotmail.ca", "hotmail.fi",
    "hotmail.nl", "hotmail.no", "hotmail.se", "inbox.com", "live.co.uk", "live.com", "live.fr", "live.it", "live.nl",
    "mac.com", "mail.com", "mail.de", "mail.ru", "me.com", "msn.com", "naver.com", "orange.be", "orange.ch",
    "orange.es", "outlook.be", "outlook.es", "outlook.it", "outlook.pt", "pm.me", "posteo.de", "proton.me",
    "protonmail.ch", "qq.com", "sky.com", "ukr.net", "virgilio.it", "wed.de", "web.de", "wind.it", "yahoo.ca",
    "yahoo.co.id", "yahoo.co.kr", "yahoo.com.ar", "yahoo.com.au", "yahoo.com.mx", "yahoo.gr", "yahoo.ie", "yahoo.in",
    "yahoo.nl", "yahoo.no", "yahoo.pl", "yahoo.ro", "yahoo.se", "yandex.by", "yandex.com", "yandex.kz", "yandex.ua",
    "ymail.com", "xn--mller-kva.example",
)  # fmt: skip

LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
DOMAINS = st.lists(LABELS, min_size=2, max_size=3).map(".".join)
LETTERS = st.sampled_from("abcdefghijklmnopqrstuvwxyz")


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a provider, and its domain with one typo in the name."""
    provider = draw(st.sampled_from(PROVIDERS))
    place = draw(st.integers(0, len(provider.partition(".")[0]) - 1))
    sealed_email = draw(LETTERS)
    before, after = provider[:place], provider[place:]
    made = draw(st.sampled_from((before + sealed_email + after, before + after[1:], before + sealed_email + after[1:])))
    swapped = before[:-1] + after[:1] + before[-1:] + after[1:]
    return provider, draw(st.sampled_from((made, swapped)))


@pytest.mark.parametrize(
    "typed, right",
    [
        ("gmial.com", "gmail.com"),
        ("gmal.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmial.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.cm", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("outlok.com", "outlook.com"),
        ("yahoo.cm", "yahoo.com"),
        ("yaho.co.uk", "yahoo.co.uk"),
        ("t-onlin.de", "t-online.de"),
        ("the-company.con", "the-company.com"),
        ("gmx.nett", "gmx.net"),
    ],
)
def test_a_slip_is_noticed(typed: str, right: str) -> None:
    """One letter too many, too few, wrong or transposed, or a top-level domain that does not exist."""
    assert meant(typed) == right


@pytest.mark.parametrize("domain", sorted({*REAL, *PROVIDERS, *NEIGHBOURS}))
def test_a_real_domain_gets_no_suggestion(domain: str) -> None:
    """Providers, their national domains, and real domains that resemble another."""
    assert meant(domain) is None


@given(slips())
def test_every_slip_in_a_name_leads_to_a_provider(slip: tuple[str, str]) -> None:
    """To the intended one, or to a larger one at the same distance, unless the typo is another real domain."""
    provider, typed = slip
    found = meant(typed)
    if typed in {*PROVIDERS, *NEIGHBOURS}:
        assert found is None
    elif found != provider:
        assert found is not None
        assert PROVIDERS.index(found) < PROVIDERS.index(provider)
        assert one_edit_apart(typed, found)


@given(DOMAINS)
def test_a_suggestion_is_right_itself(domain: str) -> None:
    """A suggested domain gets no further suggestion, and differs from the original."""
    found = meant(domain)
    assert found != domain
    assert found is None or meant(found) is None


@given(LABELS, LABELS)
def test_one_edit_is_one_edit(one: str, other: str) -> None:
    """Checked against all results of one edit."""
    made = {one[:at] + one[at + 1 :] for at in range(len(one))}
    made |= {one[:at] + two + one[at + 1 :] for at in range(len(one)) for two in other}
    made |= {one[:at] + two + one[at:] for at in range(len(one) + 1) for two in other}
    made |= {one[:at] + one[at + 1 : at + 2] + one[at] + one[at + 2 :] for at in range(len(one))}
    assert one_edit_apart(one, other) == one_edit_apart(other, one) == (other in made - {one})
