"""The mail server of alerts: which URLs name one is decided when the process starts, and nothing else asks again."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from app.net.smtp.send import MailServer
from config_outgoing import AlertSmtpUrl

RULE = r"must be smtp://\[user:password@\]host\[:port\], or smtps://; percent-encode the password"
USABLE = (
    "smtp://mail.example.com",
    "SMTPS://Mail.example.com:465/",
    "smtp://127.0.0.1:25",
    "smtp://[2001:db8::1]:587",
    "smtps://postern:p%23ss!:w~rd@mail.example.com",
)


def checked(url: str) -> str:
    return TypeAdapter(AlertSmtpUrl).validate_python(SecretStr(url)).get_secret_value()


@pytest.mark.parametrize("url", USABLE)
def test_a_mail_server_is_taken_as_it_is(url: str) -> None:
    """With or without a port, a user and TLS from the first octet."""
    assert checked(url) == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://mail.example.com", "smtp://", "smtp:///", "smtp://host/path", "mail.example.com:25"),
        *("smtp://user:pa#ss@host", "smtp://user:pa/ss@host", "smtp://user:pa?ss@host", "smtp://user:pa@ss@host"),
        *("smtp://user:pa[ss@host", "smtp://user:pa ss@host", "smtp://user:p\u2100@host", "smtp://user@host"),
        *("smtp://host:0", "smtp://host:65536", "smtp://host:smtp", "smtp://host:", "smtp://[:::]", "smtp://host#x"),
    ],
)
def test_another_url_is_refused_with_the_rule(url: str) -> None:
    """And not with what it holds: that may be a part of the password."""
    with pytest.raises(ValidationError, match=RULE):
        checked(url)


@given(st.text(alphabet="smtp:/@[]#%?.1a0 \u2100", max_size=20), st.sampled_from(USABLE), st.integers(0, 30))
def test_what_is_taken_names_a_server(more: str, url: str, place: int) -> None:
    """Whatever is in the URL: it is refused with the rule, or can be connected to."""
    with suppress(ValidationError):
        server = MailServer.at(checked(url[:place] + more + url[place:]))
        assert server.host
        assert 1 <= server.port <= 65535
