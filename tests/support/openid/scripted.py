"""An OpenID provider whose answers a test decides, and the gateway as it asks it."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from app.net.openid.provider import Client, OpenIdProvider
from app.store.engine.clock import host_clock

CALLBACK = "https://mail.example.com/console/sign-in/openid/callback"
SIGN_IN = "https://mail.example.com/console/sign-in"
CODE, NONCE, VERIFIER = "the-code", "n" * 43, "v" * 43
ID, SECRET = "postern", "p a+s"
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass
class Scripted:
    """A provider whose answers a test decides."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    document: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=lambda: {"sub": "42", "groups": ["helpdesk"]})
    raw: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def answer(self, path: str) -> dict[str, Any]:
        """Return what is at a path."""
        here = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "42", "aud": ID, "exp": now + 60, "iat": now, "nonce": NONCE}
        token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims | self.claims, self.key)
        document = {"issuer": self.issuer, **here, "userinfo_endpoint": f"{self.issuer}/me", **self.document}
        answers: dict[str, dict[str, Any]] = {
            WELL_KNOWN: {name: value for name, value in document.items() if value is not None},
            "/jwks_uri": cast("dict[str, Any]", KeySet([self.key]).as_dict(private=False)),
            "/token_endpoint": {"access_token": "access", "id_token": token},
            "/me": self.info,
        }
        return answers[path]

    def provider(self, **more: Any) -> OpenIdProvider:
        """Return a provider as the gateway asks it."""
        client = Client(id=ID, secret=SECRET, redirect_uri=CALLBACK, signed_out_uri=SIGN_IN)
        return OpenIdProvider(self.issuer, client=client, clock=host_clock, **more)

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(asked == path for asked, _, _ in self.asked)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Run a scripted provider on loopback, over TLS if there is a context."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            script.asked.append((self.path, dict(self.headers.items()), body))
            if self.path in script.raw:
                script.raw[self.path](self)
            else:
                send(self, json.dumps(script.answer(self.path)).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a handshake that the client ends
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    script.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Send an answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    """Send what is not HTTP."""
    handler.wfile.write(b"nonsense\r\n\r\n")


def claims_of(provider: OpenIdProvider) -> Any:
    """Exchange the code."""
    return provider.claims(code=CODE, nonce=NONCE, verifier=VERIFIER)
