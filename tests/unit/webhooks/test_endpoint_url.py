"""The URLs that applications give for their endpoints: one spelling for each, and none that two parsers read apart."""

import string
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.webhooks.endpoint_url import InvalidEndpointUrl, parse_endpoint_url

TAKEN = {
    "https://hooks.example.com/postern": "https://hooks.example.com/postern",
    "HTTPS://Hooks.Example.COM": "https://hooks.example.com/",
    "https://hooks.example.com:443/a": "https://hooks.example.com/a",
    "https://hooks.example.com:8443/a?b=c&d=%2f": "https://hooks.example.com:8443/a?b=c&d=%2f",
    "https://hooks.example.com?token=1": "https://hooks.example.com/?token=1",
    "https://hooks.example.com/@me/(x)!": "https://hooks.example.com/@me/(x)!",
    "https://bücher.example/ping": "https://xn--bcher-kva.example/ping",
    "https://BÜCHER.example/ping": "https://xn--bcher-kva.example/ping",
    "https://xn--bcher-kva.example/": "https://xn--bcher-kva.example/",
    "https://93.184.216.34/": "https://93.184.216.34/",
    "https://[2606:4700:0:0::6810:84E5]/": "https://[2606:4700::6810:84e5]/",
    "https://hooks.example.com:1024/": "https://hooks.example.com:1024/",
    "https://hooks.example.com:65535/": "https://hooks.example.com:65535/",
    f"https://hooks.example.com/{'a' * 2022}": f"https://hooks.example.com/{'a' * 2022}",
    f"https://{'a.' * 125}com/": f"https://{'a.' * 125}com/",
    "https://1password.example.3com/": "https://1password.example.3com/",
}
LOCAL = {
    "http://localhost:3000/hook": "http://localhost:3000/hook",
    "http://LOCALHOST": "http://localhost/",
    "http://127.0.0.1:80/hook": "http://127.0.0.1/hook",
    "http://127.9.8.7:8026/": "http://127.9.8.7:8026/",
    "http://[0:0:0:0:0:0:0:1]:8026/": "http://[::1]:8026/",
    "https://localhost:8443/": "https://localhost:8443/",
}
SCHEME, FULL_NAME = "begin with https://", "a full name"
SPACES, AUTHORITY, USER = (
    "no space, no control character and no backslash",
    "at most a port of digits",
    "no user and password",
)
REFUSED = {
    "": SCHEME,
    "hooks.example.com": SCHEME,
    "//hooks.example.com/": SCHEME,
    "https:/hooks.example.com/": SCHEME,
    "http://hooks.example.com/": SCHEME,
    "http://10.0.0.1/": SCHEME,
    "ftp://hooks.example.com/": SCHEME,
    "file:///etc/passwd": SCHEME,
    "gopher://127.0.0.1:6379/_FLUSHALL": SCHEME,
    "javascript://hooks.example.com/": SCHEME,
    "https://": "must not be empty",
    "https:///path": "must not be empty",
    "https://hooks.example.com.": "end with a dot",
    "https://127.0.0.1./": "end with a dot",
    "https://hooks.example.com/#here": "no fragment",
    "https://hooks.example.com#@127.0.0.1/": "no fragment",
    "https://kim@hooks.example.com/": USER,
    "https://kim:secret@hooks.example.com/": USER,
    "https://hooks.example.com@127.0.0.1/": USER,
    "https://hooks.example.com%40127.0.0.1/": "four decimal numbers",
    "https://hooks.example.com\\@127.0.0.1/": SPACES,
    "https://127.0.0.1\\.example.com/": SPACES,
    " https://hooks.example.com/": SPACES,
    "https://hooks.example.com/a b": SPACES,
    "https://hooks.example.com/\r\nHost: 127.0.0.1": SPACES,
    "https://hooks.example.com/\t": SPACES,
    "https://hooks.example.com/\x00": SPACES,
    "https://hooks\u200b.example.com/": SPACES,
    "https://hooks.example.com:/": AUTHORITY,
    "https://hooks.example.com:x/": AUTHORITY,
    "https://hooks.example.com:443:80/": AUTHORITY,
    "https://[::1]@hooks.example.com/": USER,
    "https://[::1]hooks.example.com/": AUTHORITY,
    "https://::1/": AUTHORITY,
    "https://hooks.example.com:0/": "The port",
    "https://hooks.example.com:22/": "The port",
    "https://hooks.example.com:1023/": "The port",
    "https://hooks.example.com:0443/": "The port",
    "https://hooks.example.com:65536/": "The port",
    "https://hooks.example.com:99999/": "The port",
    "https://localhost:8443/": FULL_NAME,
    "https://metadata/": FULL_NAME,
    "https://intranet:8443/": FULL_NAME,
    "https://2130706433/": "four decimal numbers",
    "https://0x7f000001/": "four decimal numbers",
    "https://017700000001/": "four decimal numbers",
    "https://127.1/": "four decimal numbers",
    "https://0x7f.1/": "four decimal numbers",
    "https://0x7f.0x0.0x0.0x1/": "four decimal numbers",
    "https://0177.0.0.1/": "four decimal numbers",
    "https://127.0.0.01/": "four decimal numbers",
    "https://127.0.0.1.1/": "four decimal numbers",
    "https://127.0.0.256/": "four decimal numbers",
    "https://hooks.example.0x7f/": "four decimal numbers",
    "https://127\u30020\u30020\u30021/": "international",
    "https://127\uff0e0\uff0e0\uff0e1/": "international",
    "https://\uff11\uff12\uff17.0.0.1/": "international",
    "https://\u2460\u2461\u2466.0.0.1/": "international",
    "https://hooks.example.com\uff0f@127.0.0.1/": USER,
    "https://xn--a.example/": "international",
    "https://\u00ad.example/": SPACES,
    "https://[fe80::1%25eth0]/": "no zone",
    "https://[fe80::1%eth0]/": "no zone",
    "https://[127.0.0.1]/": "an IPv6 address",
    "https://[v1.fe80]/": "an IPv6 address",
    "https://[::1/": AUTHORITY,
    "https://-hooks.example.com/": "letters, digits and hyphens",
    "https://hooks_.example.com/": "letters, digits and hyphens",
    "https://hooks..example.com/": "letters, digits and hyphens",
    "https://.example.com/": "letters, digits and hyphens",
    "https://127%2e0%2e0%2e1/": "letters, digits and hyphens",
    "https://*.example.com/": "letters, digits and hyphens",
    f"https://{'a' * 64}.example.com/": "letters, digits and hyphens",
    f"https://{'a.' * 124}aa.com/": "at most 253",
    f"https://hooks.example.com/{'a' * 2023}": "2048 characters",
    "https://hooks.example.com/\u00fc": "percent-encode",
    "https://hooks.example.com/%zz": "percent-encode",
    "https://hooks.example.com/<script>": "percent-encode",
}  # fmt: skip


@pytest.mark.parametrize("text", TAKEN)
def test_a_public_url_is_taken_in_one_spelling(text: str) -> None:
    """Its normal form is its own normal form."""
    url = parse_endpoint_url(text, allow_http_loopback=False)
    assert url == TAKEN[text] == parse_endpoint_url(url, allow_http_loopback=False)


@pytest.mark.parametrize("text", LOCAL)
def test_this_machine_is_taken_only_where_it_may_be(text: str) -> None:
    """With `up`, a newcomer's receiver listens on loopback without TLS."""
    assert parse_endpoint_url(text, allow_http_loopback=True) == LOCAL[text]
    with pytest.raises(InvalidEndpointUrl):
        parse_endpoint_url(text, allow_http_loopback=False)


@pytest.mark.parametrize(
    "text, local", [(text, local) for text in REFUSED for local in (False, True) if not (local and text in LOCAL)]
)
def test_every_other_url_is_refused_by_a_rule(text: str, local: bool) -> None:
    """The error names the rule in one sentence, and repeats nothing of the URL."""
    with pytest.raises(InvalidEndpointUrl) as refusal:
        parse_endpoint_url(text, allow_http_loopback=local)
    assert REFUSED[text] in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


ODD = st.text(alphabet=string.ascii_lowercase + string.digits + "@:/\\#?[].%-_ \u3002\uff0e\u00fc", max_size=40)


@given(ODD)
@example("https://hooks.example.com:8443/?a#b")
def test_what_is_taken_has_one_reading(text: str) -> None:
    """Whatever the text: the standard parser finds the same host in it, and nothing beside host and port."""
    try:
        url = parse_endpoint_url(f"https://{text}", allow_http_loopback=False)
    except InvalidEndpointUrl:
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    assert parts.netloc in {host, f"[{host}]", f"{host}:{parts.port}", f"[{host}]:{parts.port}"}
    assert parts.fragment == ""
    assert url.isascii()
    if host.replace(".", "").isdigit():
        assert str(ip_address(host)) == host
