"""Standard Webhooks signatures. (A stand-in until the real one is merged.)"""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence

_PREFIX = "whsec_"


def signed_headers(*, secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a signed message."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    marks = [base64.b64encode(hmac.new(one, signed, hashlib.sha256).digest()).decode() for one in secrets]
    values = {"id": message_id, "timestamp": str(timestamp), "signature": " ".join(f"v1,{one}" for one in marks)}
    return {f"{prefix}-{name}": value for prefix in ("webhook", "svix") for name, value in values.items()}


def new_secret() -> str:
    """A new secret."""
    return _PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def secret_bytes(text: str) -> bytes:
    """The key of a secret."""
    return base64.b64decode(text.removeprefix(_PREFIX))
