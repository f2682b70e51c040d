"""One OpenID provider: what it publishes of itself, where it is asked to sign people in, and what it then says of them.

OpenID Connect Core 1.0 and Discovery 1.0, authorization code flow with PKCE (RFC 7636).
"""

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from app.domain.users.openid import ProviderFault
from app.net.openid.fetch import Fetch
from app.net.openid.id_token import ALGORITHMS, Expected, verified_claims
from app.net.proxy import Proxy

_KEPT_S: Final = 3_600.0
_KEYS_AGAIN_S: Final = 60.0
_SCOPE: Final = "openid profile email"
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_DEFAULTS: Final = {
    "token_endpoint_auth_methods_supported": "client_secret_basic",
    "id_token_signing_alg_values_supported": "RS256",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """This gateway as the provider knows it. A client without a secret is a public one.

    `signed_out_uri` is where the provider leads a person who has signed out there.
    """

    id: str
    secret: str
    redirect_uri: str
    signed_out_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    """What the provider publishes of itself, and when it was read."""

    document: Mapping[str, Any]
    keys: KeySet
    read_at: float

    def url(self, name: str) -> str:
        return str(self.document[name])

    def offered(self, name: str) -> list[Any]:
        """What the provider offers by this name; the default of Discovery 1.0 section 3 where it says nothing."""
        found = self.document.get(name)
        return found if isinstance(found, list) else [_DEFAULTS[name]]

    def algorithms(self) -> list[str]:
        """With which the provider signs, of those that we accept."""
        offered = self.offered("id_token_signing_alg_values_supported")
        return [name for name in ALGORITHMS if name in offered]


class OpenIdProvider:
    """Asks one provider. Its endpoints and keys are read at the first use, and again each hour. Thread-safe.

    The methods raise `ProviderSilent` and `ProviderFault`.
    """

    def __init__(
        self,
        issuer: str,
        *,
        client: Client,
        clock: Callable[[], datetime],
        proxy: Proxy | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self._client = client
        self._clock = clock
        self._monotonic = monotonic
        self._fetch = Fetch(proxy=proxy, monotonic=monotonic)
        self._lock = threading.Lock()
        self._published: _Published | None = None

    def sign_in_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """The URL where the provider signs a person in, to lead back to our redirect URI with the state and a code."""
        uri = prepare_grant_uri(
            self._read().url("authorization_endpoint"),
            client_id=self._client.id,
            response_type="code",
            redirect_uri=self._client.redirect_uri,
            scope=_SCOPE,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return str(uri)

    def sign_out_url(self) -> str | None:
        """The URL where the provider signs a person out, if it has one.

        It asks the person, since we keep no token that would say who they are.
        https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
        """
        found = self._read().document.get("end_session_endpoint")
        if found is None:
            return None
        wanted = [("client_id", self._client.id), ("post_logout_redirect_uri", self._client.signed_out_uri)]
        return str(add_params_to_uri(str(found), wanted))

    def claims(self, *, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """What the provider says of the person for whom it gave the code: the claims of a verified ID token.

        Those of the userinfo endpoint are there too, where the token has none of the same name.
        """
        tokens = self._exchange(code, verifier)
        claims = self._verified(tokens, nonce)
        return {**self._more(tokens, str(claims["sub"])), **claims}

    def _exchange(self, code: str, verifier: str) -> Mapping[str, Any]:
        """The tokens for a code. The client proves itself as the provider prefers it, by RFC 6749 section 2.3.1."""
        published, client = self._read(), self._client
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
        fields["code_verifier"] = verifier
        if client.secret and "client_secret_basic" in published.offered("token_endpoint_auth_methods_supported"):
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
            headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
            return self._fetch.post(published.url("token_endpoint"), fields, headers=headers)
        fields["client_id"] = client.id
        if client.secret:
            fields["client_secret"] = client.secret
        return self._fetch.post(published.url("token_endpoint"), fields, headers={})

    def _verified(self, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        access_token = str(tokens.get("access_token") or "")
        expected = Expected(
            issuer=self.issuer,
            client_id=self._client.id,
            nonce=nonce,
            access_token=access_token,
            now=self._clock(),
        )
        token = str(tokens.get("id_token", ""))
        for older_than_s in (_KEPT_S, _KEYS_AGAIN_S):  # the provider may have changed its keys
            published = self._read(older_than_s=older_than_s)
            try:
                return verified_claims(token, published.keys, published.algorithms(), expected)
            except InvalidKeyIdError:
                continue
            except (JoseError, ValueError) as error:
                raise ProviderFault(f"sent a token that is not valid: {getattr(error, 'error', 'no token')}") from error
        raise ProviderFault("signed a token with a key that it does not publish")

    def _more(self, tokens: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """The claims of the userinfo endpoint, which has to speak of the same subject (Core section 5.3.2)."""
        published = self._read()
        if "userinfo_endpoint" not in published.document or not tokens.get("access_token"):
            return {}
        found = self._fetch.get(published.url("userinfo_endpoint"), bearer=str(tokens["access_token"]))
        if found.get("sub") != subject:
            raise ProviderFault("described another person at its userinfo endpoint")
        return found

    def _read(self, *, older_than_s: float = _KEPT_S) -> _Published:
        """What the provider publishes, read anew if what is here is older."""
        with self._lock:
            kept = self._published
            if kept is None or self._monotonic() - kept.read_at >= older_than_s:
                kept = self._published = self._read_anew()
            return kept

    def _read_anew(self) -> _Published:
        document = self._fetch.get(self.issuer.rstrip("/") + _WELL_KNOWN)
        if document.get("issuer") != self.issuer:
            raise ProviderFault("names another issuer than OIDC_ISSUER")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not self._is_safe(document.get(name)):
                raise ProviderFault(f"has no usable {name}")
        for name in ("userinfo_endpoint", "end_session_endpoint"):
            if not self._is_safe(document.get(name, self.issuer)):
                raise ProviderFault(f"has no usable {name}")
        try:
            keys = KeySet.import_key_set(self._fetch.get(document["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderFault("has no usable keys") from error
        return _Published(document=document, keys=keys, read_at=self._monotonic())

    def _is_safe(self, url: object) -> bool:
        """Whether an endpoint is https, or as the issuer itself is: http on loopback."""
        safe = ("https://", "http://") if self.issuer.startswith("http://") else ("https://",)
        return isinstance(url, str) and url.startswith(safe)
