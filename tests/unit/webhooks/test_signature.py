"""The signature of a webhook, verified by the libraries that receivers use, unchanged."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from resend import Webhooks

from app.domain.webhooks.signature import new_secret, secret_bytes, signed_headers

BODY = json.dumps({"type": "email.bounced", "data": {"subject": "Grüße, 你好"}}, ensure_ascii=False).encode()

Verify = Callable[[str, Mapping[str, str], bytes], object]


def by_standard_webhooks(secret: str, headers: Mapping[str, str], body: bytes) -> object:
    ours = {name: value for name, value in headers.items() if name.startswith("webhook-")}
    return standardwebhooks.Webhook(secret).verify(body, ours)


def by_svix(secret: str, headers: Mapping[str, str], body: bytes) -> object:
    theirs = {name: value for name, value in headers.items() if name.startswith("svix-")}
    svix.webhooks.Webhook(secret).verify(body, theirs)
    return json.loads(body)


def by_resend(secret: str, headers: Mapping[str, str], body: bytes) -> object:
    named: Any = {name.removeprefix("svix-"): value for name, value in headers.items() if name.startswith("svix-")}
    verified: object = Webhooks.verify({"payload": body.decode(), "headers": named, "webhook_secret": secret})
    return verified


LIBRARIES = [by_standard_webhooks, by_svix, by_resend]


def signed(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    octets = [secret_bytes(secret) for secret in secrets]
    return signed_headers(secrets=octets, message_id="msg_1", timestamp=int(time.time()), body=body)


@pytest.mark.parametrize("verify", LIBRARIES)
def test_the_usual_libraries_verify_what_is_signed(verify: Verify) -> None:
    """standardwebhooks, svix and Resend's client accept it by their own headers and give the content back."""
    secret = new_secret()
    assert verify(secret, signed(secret), BODY) == json.loads(BODY)


@pytest.mark.parametrize("verify", LIBRARIES)
def test_while_a_secret_is_replaced_either_verifies(verify: Verify) -> None:
    """One post carries a signature by each, so that a receiver may change its secret at any moment."""
    old, new = new_secret(), new_secret()
    headers = signed(new, old)
    assert verify(old, headers, BODY) == verify(new, headers, BODY) == json.loads(BODY)


@pytest.mark.parametrize("verify", LIBRARIES)
@pytest.mark.parametrize("altered", ["the secret", "the body", "the id", "the time"])
def test_nothing_can_be_altered(verify: Verify, altered: str) -> None:
    """Another secret, body, id or time, and the signature is not one."""
    secret = new_secret()
    headers, body = signed(secret), BODY
    match altered:
        case "the secret":
            secret = new_secret()
        case "the body":
            body = BODY.replace(b"bounced", b"clicked")
        case "the id":
            headers = {name: value.replace("msg_1", "msg_2") for name, value in headers.items()}
        case "the time":
            for name in ("webhook-timestamp", "svix-timestamp"):
                headers[name] = str(int(headers[name]) + 1)
    with pytest.raises((ValueError, standardwebhooks.WebhookVerificationError)):
        verify(secret, headers, body)


def test_both_families_of_headers_say_the_same() -> None:
    """A receiver may read `webhook-*` or `svix-*`."""
    headers = signed(new_secret())
    assert len(headers) == 6
    for name in ("id", "timestamp", "signature"):
        assert headers[f"webhook-{name}"] == headers[f"svix-{name}"]


def test_the_signature_is_that_of_the_specification() -> None:
    """The test vector in the libraries of Standard Webhooks."""
    headers = signed_headers(
        secrets=[secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_without_a_secret_is_not_signed() -> None:
    """An unsigned post would look like one that anybody may send."""
    with pytest.raises(ValueError, match="at least one secret"):
        signed()


def test_an_id_cannot_run_into_the_time() -> None:
    """`a.1` at 2 and `a` at `1.2` would be signed alike."""
    with pytest.raises(ValueError, match="no full stop"):
        signed_headers(secrets=[bytes(32)], message_id="a.1", timestamp=2, body=BODY)


def test_a_secret_is_random_and_long_enough() -> None:
    """256 bits, in the spelling of the specification."""
    one, other = new_secret(), new_secret()
    assert one != other
    assert len(secret_bytes(one)) == 32
    assert one.startswith("whsec_")


@pytest.mark.parametrize("octets", [24, 32, 64])
def test_a_secret_of_another_gateway_is_taken(octets: int) -> None:
    """Of 24 to 64 octets, as the specification has it."""
    assert secret_bytes(f"whsec_{base64.b64encode(bytes(octets)).decode()}") == bytes(octets)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_äöü",
        "whsec_not base64!",
        f"whsec_!{base64.b64encode(bytes(32)).decode()}",
        f"whsec_{base64.b64encode(bytes(23)).decode()}",
        f"whsec_{base64.b64encode(bytes(65)).decode()}",
        base64.b64encode(bytes(32)).decode(),
    ],
)
def test_a_text_that_is_no_secret_is_refused(text: str) -> None:
    """The error does not repeat it."""
    with pytest.raises(ValueError, match=r"^a signing secret is whsec_ and the base64 of 24 to 64 octets$"):
        secret_bytes(text)
