"""The cases of `tests/corpus/sns` as they are signed and posted, and the certificates that they name."""

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.domain import errors
from tests.support.aws import sns_signing

CORPUS = Path(__file__).parents[2] / "corpus"
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted((CORPUS / "sns").glob("*.json"))
    for case in json.loads(file.read_text())
]
PUBLISHED_AT = dt.datetime(2026, 3, 6, 20, 0, 26, 893000, tzinfo=dt.UTC)
BOUNCE = json.dumps(json.loads((CORPUS / "ses" / "identity-bounce.json").read_text())) + "\n"


def envelopes(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the envelope as it was signed and as it is posted."""
    signed: dict[str, Any] = base_envelope(case) | unfolded(case.get("signed", {}))
    if "topic_signed" in case:
        signed["TopicArn"] = case["topic_signed"]
    signed = SIGNERS[case.get("signer", "aws")]().sign(signed)
    posted = signed | unfolded(case.get("posted", {}))
    if "signature" in case:
        posted["Signature"] = SIGNATURES[case["signature"]](signed["Signature"])
    for field in case.get("removed", ()):
        del posted[field]
    return signed, posted


def base_envelope(case: dict[str, Any]) -> sns_signing.Envelope:
    aws = sns_signing.signer()
    common: dict[str, Any] = {
        "topic_arn": case.get("topic", sns_signing.TOPIC_ARN),
        "version": case.get("version", 2),
        "at": PUBLISHED_AT,
    }
    match case.get("base", "notification"):
        case "notification":
            return aws.notification(BOUNCE, **common)
        case "notification_with_subject":
            return aws.notification(BOUNCE, subject="Amazon SES Email Event Notification", **common)
        case "subscription_confirmation":
            return aws.subscription_confirmation(**common)
        case "unsubscribe_confirmation":
            return aws.unsubscribe_confirmation(**common)
        case unknown:
            raise AssertionError(unknown)


def body(case: dict[str, Any], posted: dict[str, Any]) -> bytes:
    """Return the exact bytes that are posted."""
    if "body_hex" in case:
        return bytes.fromhex(case["body_hex"])
    if "body" in case:
        return str(unfold(case["body"])).encode()
    if case.get("reversed_keys"):
        posted = dict(reversed(posted.items()))
    text = json.dumps(posted) if case.get("compact") else sns_signing.body(posted).decode()
    for before, after in case.get("text", ()):
        assert before in text
        text = text.replace(before, after, 1)
    padding: int = case.get("padding", 0)
    return text.encode() + b" " * padding


def request_headers(case: dict[str, Any], posted: dict[str, Any]) -> dict[str, str]:
    """Return headers that match the posted body, then the case's own headers."""
    fields = {name: value for name, value in posted.items() if isinstance(value, str)}
    headers = {
        name: value
        for name, value in sns_signing.headers({"Type": "", "MessageId": "", "TopicArn": ""} | fields).items()
        if value
    }
    for name in case.get("drop_headers", ()):
        del headers[name]
    headers |= case.get("headers", {})
    if case.get("headers_in_upper_case"):
        headers = {name.upper(): value for name, value in headers.items()}
    return headers


def fixed_clock(case: dict[str, Any]) -> Callable[[], dt.datetime]:
    now = dt.datetime.fromisoformat(case["now"]) if "now" in case else PUBLISHED_AT
    return lambda: now


def naive_string_to_sign(posted: dict[str, Any]) -> bytes:
    """Return the string to sign as a verifier without checks builds it."""
    names = sns_signing.SIGNED_FIELDS["Notification"]
    return "".join(f"{name}\n{posted[name]}\n" for name in names if name in posted).encode()


def unfold(value: object) -> object:
    if isinstance(value, dict) and value.keys() == {"repeat", "times"}:
        return value["repeat"] * value["times"]
    return value


def unfolded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: unfold(value) for name, value in values.items()}


class ServedCertificate:
    """A source that serves one named certificate for every URL, and records the requested URLs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        """Return the certificate, or fail like an unreachable host."""
        self.fetched.append(url)
        if self._name == "away":
            raise errors.ServiceUnavailable("away")
        return CERTIFICATES[self._name]()


def of_aws(**options: Any) -> bytes:
    options = {"common_name": "sns.amazonaws.com"} | options
    return sns_signing.certificate(sns_signing.rsa_key("aws").public_key(), **options)


def strong_or_weak(label: str, bits: int) -> sns_signing.SnsSigner:
    key = sns_signing.rsa_key(label, bits)
    return sns_signing.SnsSigner(key, sns_signing.certificate(key.public_key(), common_name="sns.amazonaws.com"))


def with_private_key() -> bytes:
    private = sns_signing.rsa_key("aws").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return sns_signing.signer().certificate_pem + private


SIGNERS: dict[str, Callable[[], sns_signing.SnsSigner]] = {
    "aws": sns_signing.signer,
    "forger": sns_signing.forger,
    "aws_4096": lambda: strong_or_weak("aws_4096", 4096),
    "aws_1024": lambda: strong_or_weak("aws_1024", 1024),
}

DAY = dt.timedelta(days=1)

CERTIFICATES: dict[str, Callable[[], bytes]] = {
    "aws": lambda: sns_signing.signer().certificate_pem,
    "forger": lambda: sns_signing.forger().certificate_pem,
    "common_name_only": of_aws,
    "expired": lambda: of_aws(valid_to=PUBLISHED_AT - DAY),
    "not_yet_valid": lambda: of_aws(valid_from=PUBLISHED_AT + DAY),
    "other_name": lambda: of_aws(common_name="sqs.amazonaws.com"),
    "lookalike_name": lambda: of_aws(common_name="not-sns.amazonaws.com"),
    "wildcard": lambda: of_aws(common_name="*.amazonaws.com", alternative_names=("*.amazonaws.com",)),
    "ap_east_1": lambda: of_aws(common_name="sns-signing.ap-east-1.amazonaws.com"),
    "cn_north_1": lambda: of_aws(common_name="sns-cn-north-1.amazonaws.com.cn"),
    "gov_cloud": lambda: of_aws(common_name="sns-us-gov-west-1.amazonaws.com"),
    "aws_4096": lambda: SIGNERS["aws_4096"]().certificate_pem,
    "aws_1024": lambda: SIGNERS["aws_1024"]().certificate_pem,
    "elliptic": lambda: sns_signing.certificate(
        ec.generate_private_key(ec.SECP256R1()).public_key(), common_name="sns.amazonaws.com"
    ),
    "two_blocks": lambda: sns_signing.signer().certificate_pem * 2,
    "with_private_key": with_private_key,
    "html": lambda: b"<!doctype html><title>Not here</title>",
    "empty": lambda: b"",
    "cut": lambda: sns_signing.signer().certificate_pem[:400],
}


def on_bytes(change: Callable[[bytes], bytes]) -> Callable[[str], str]:
    return lambda text: base64.b64encode(change(base64.b64decode(text))).decode()


SIGNATURES: dict[str, Callable[[str], str]] = {
    "zeros": on_bytes(lambda raw: bytes(len(raw))),
    "of_another_message": lambda _: sns_signing.signer().notification("another", at=PUBLISHED_AT)["Signature"],
    "first_bit_flipped": on_bytes(lambda raw: bytes([raw[0] ^ 0x80]) + raw[1:]),
    "last_bit_flipped": on_bytes(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
    "reversed_bytes": on_bytes(lambda raw: raw[::-1]),
    "one_byte_short": on_bytes(lambda raw: raw[:-1]),
    "one_byte_long": on_bytes(lambda raw: raw + b"\0"),
    "leading_zero_byte": on_bytes(lambda raw: b"\0" + raw),
    "half": on_bytes(lambda raw: raw[:128]),
    "doubled": on_bytes(lambda raw: raw * 2),
    "trailing_line_feed": lambda text: text + "\n",
    "leading_space": lambda text: " " + text,
    "space_inside": lambda text: text[:80] + " " + text[80:],
    "padding_stripped": lambda text: text.rstrip("="),
    "padding_doubled": lambda text: text + "==",
    "url_safe": lambda text: "-_" + text[2:],
    "unused_bits_set": lambda text: text[:-3] + chr(ord(text[-3]) + 1) + "==",
    "junk_inside": lambda text: text[:80] + "!" + text[80:],
    "hexadecimal": lambda text: base64.b64decode(text).hex() + "z",
}
