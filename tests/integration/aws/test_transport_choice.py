"""Which transport carries email to SES: the fast one, and boto3 where the environment asks for what only it does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.credentials import SSOProvider
from botocore.httpsession import get_cert_path

from app.aws.clients import sesv2_client
from app.aws.ses.fast_client import fast_client, reason_for_boto3
from app.aws.ses.mailer import SesMailer
from app.domain.sending.call_outcome import Accepted, Envelope
from app.wiring.gateway import build
from config import SettingsError, load
from tests.support.aws.aws_stub import surround
from tests.support.gateway.gateways import SECRET_KEY

AWS: Final = "https://email.us-east-1.amazonaws.com"
PROXY: Final = "http://127.0.0.1:9"
ENVELOPE: Final = Envelope(sender="news@example.com", recipient="a@example.org", raw=b"Subject: Hi\r\n\r\nHi", tags=())


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine's owner, and no proxy."""
    surround(monkeypatch)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_SESV2", raising=False)


@pytest.mark.parametrize(
    "environment, endpoint, word",
    [
        ({}, AWS, None),
        ({}, "http://ses.example:8080/prefix", None),
        ({}, "HTTPS://[::1]:8443", None),
        ({"HTTPS_PROXY": PROXY}, AWS, "proxy"),
        ({"https_proxy": PROXY}, AWS, "proxy"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".amazonaws.com"}, AWS, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "ses.example"}, AWS, "proxy"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, AWS, None),
        ({"HTTP_PROXY": PROXY}, AWS, None),
        ({"http_proxy": PROXY}, "http://ses.example", "proxy"),
        ({"HTTPS_PROXY": PROXY}, "http://ses.example", None),
        ({"ALL_PROXY": PROXY}, AWS, None),
        ({}, "unix://ses.example", "endpoint"),
        ({}, "https://user:password@ses.example", "endpoint"),
        ({}, "https://ses.example?stage=test", "endpoint"),
        ({}, "https://ses.example#test", "endpoint"),
    ],
    ids=str,
)
def test_only_boto3_goes_through_proxies_and_to_unusual_endpoints(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], endpoint: str, word: str | None
) -> None:
    """A proxy counts where boto3 would use it. The reason repeats no value."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", endpoint)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with closing(sesv2_client("eu-west-1", pool=1)) as boto:
        session = boto._endpoint.http_session  # type: ignore[attr-defined] # noqa: SLF001 - botocore has no public name
        used = session._proxy_config.proxy_url_for(endpoint)  # noqa: SLF001 - likewise
    assert (used is not None) == (word == "proxy")
    reason = reason_for_boto3(endpoint)
    assert (reason is None) if word is None else (reason and word in reason)
    assert not reason or "password" not in reason


CHOICES: Final = {
    "by default": ({}, "fast, since nothing here asks for boto3."),
    "a proxy": ({"HTTPS_PROXY": PROXY}, "boto3, since the environment names a proxy for SES."),
    "no such bundle": (
        {"AWS_CA_BUNDLE": "/nonexistent"},
        "boto3, since the file of trusted certificates cannot be read.",
    ),
    "no such other bundle": (
        {"REQUESTS_CA_BUNDLE": "/nonexistent"},
        "boto3, since the file of trusted certificates cannot be read.",
    ),
    "a bundle": ({"AWS_CA_BUNDLE": str(get_cert_path(verify=True))}, "fast, since nothing here asks for boto3."),
    "boto3 is set": ({"SES_TRANSPORT": "boto3"}, "boto3, since SES_TRANSPORT says so."),
    "fast is set": ({"SES_TRANSPORT": "fast"}, "fast, since SES_TRANSPORT says so."),
}


@pytest.mark.parametrize("environment, said", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_readiness_says_which_transport_and_why(
    monkeypatch: pytest.MonkeyPatch, migrated_url: str, environment: dict[str, str], said: str
) -> None:
    """Whoever set a transport keeps it; else the environment chooses."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with closing(build(load(secret_keys=SECRET_KEY, database_url=migrated_url))) as gateway:
        [check] = [one for one in gateway.health.ready() if one.name == "transport"]
        assert gateway.transport is not None
    assert (check.ok, check.required, check.detail) == (True, False, said)
    assert said == f"{gateway.transport.name}, since {gateway.transport.why}."


def test_fast_by_hand_stops_where_only_boto3_can_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It would bypass the proxy. The sentence names the setting and the reason."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    settings = load(secret_keys=SECRET_KEY, database_url=f"sqlite:///{tmp_path}/postern.db", ses_transport="fast")
    with pytest.raises(SettingsError, match=r"SES_TRANSPORT: .* a proxy for SES"):
        build(settings)


@dataclass
class Authority:
    """The services that give credentials, and SES, on one port: each provider gives out a key with its own name."""

    keys: list[str] = field(default_factory=list)

    def answer(self, path: str, body: str, authorization: str) -> tuple[str, str]:
        """The content type and the body for a request."""
        if path.startswith("/v2/email"):
            self.keys.append(authorization.partition("Credential=")[2].partition("/")[0])
            return "application/json", '{"MessageId": "0100-1"}'
        if "AssumeRoleWithWebIdentity" in body:
            fields = "".join(f"<{name}>{value}</{name}>" for name, value in _given("AKIDWEB", "AccessKeyId").items())
            name = "AssumeRoleWithWebIdentity"
            inner = f"<{name}Result><Credentials>{fields}</Credentials></{name}Result>"
            return "text/xml", f"<{name}Response>{inner}</{name}Response>"
        return "application/json", self._of_metadata(path)

    def _of_metadata(self, path: str) -> str:
        match path.partition("?")[0].rstrip("/").rpartition("/")[2]:
            case "token":
                return "a-token"
            case "security-credentials":
                return "a-role"
            case "a-role":
                given = _given("AKIDINSTANCE", "AccessKeyId")
                return json.dumps({**given, "Token": given["SessionToken"], "Code": "Success", "LastUpdated": "now"})
            case "container":
                given = _given("AKIDCONTAINER", "AccessKeyId")
                return json.dumps({**given, "Token": given["SessionToken"]})
            case _:
                key = {"accessKeyId": "AKIDSSO", "secretAccessKey": "s", "sessionToken": "t"}
                return json.dumps({"roleCredentials": {**key, "expiration": 4_000_000_000_000}})


def _given(key: str, named: str) -> dict[str, str]:
    return {named: key, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2096-01-01T00:00:00Z"}


@pytest.fixture
def authority() -> Iterator[tuple[Authority, str]]:
    """The services, and the URL of all of them."""
    there = Authority()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            kind, text = there.answer(self.path, body, self.headers.get("Authorization", ""))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - `http.server` names them

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield there, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _process(home: Path, url: str) -> dict[str, str]:
    (home / "given").write_text(json.dumps({"Version": 1, **_given("AKIDPROCESS", "AccessKeyId")}))
    (home / "config").write_text(f"[default]\ncredential_process = cat {home}/given\n")
    return {"AWS_CONFIG_FILE": str(home / "config")}


def _sso(home: Path, url: str) -> dict[str, str]:
    token = {"startUrl": url, "region": "eu-west-1", "accessToken": "t", "expiresAt": "2096-01-01T00:00:00Z"}
    (home / f"{sha1(url.encode(), usedforsecurity=False).hexdigest()}.json").write_text(json.dumps(token))
    lines = (f"sso_start_url = {url}", "sso_region = eu-west-1", "sso_account_id = 123456789012", "sso_role_name = a")
    (home / "config").write_text("\n".join(("[default]", *lines)))
    return {"AWS_CONFIG_FILE": str(home / "config")}


def _web_identity(home: Path, url: str) -> dict[str, str]:
    (home / "token").write_text("a-token")
    return {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/a", "AWS_WEB_IDENTITY_TOKEN_FILE": str(home / "token")}


PROVIDERS: Final[dict[str, Callable[[Path, str], dict[str, str]]]] = {
    "AKIDPROCESS": _process,
    "AKIDSSO": _sso,
    "AKIDWEB": _web_identity,
    "AKIDCONTAINER": lambda _, url: {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container"},
    "AKIDINSTANCE": lambda _, url: {
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{url}/",
    },
}


@pytest.mark.parametrize("key", PROVIDERS)
def test_both_transports_take_credentials_of_every_provider(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: tuple[Authority, str], key: str
) -> None:
    """A process, SSO, a web identity, a container and an instance: so none of them is a reason for boto3."""
    there, url = authority
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    for name, value in PROVIDERS[key](tmp_path, url).items():
        monkeypatch.setenv(name, value)
    boto, fast = sesv2_client("eu-west-1", pool=1), fast_client("eu-west-1", clock=lambda: datetime.now(UTC))
    with closing(boto), closing(fast):
        for client in (boto, fast):
            assert SesMailer(client, configuration_set=None).send(ENVELOPE) == Accepted("0100-1")
    assert there.keys == [key, key]
