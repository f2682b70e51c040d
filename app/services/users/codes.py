"""The codes of an authenticator app: TOTP (RFC 6238) with SHA-1, six digits and steps of 30 seconds.

All authenticator apps know these values, and some ignore any others.
"""

import hmac
import re
import secrets
from base64 import b32decode, b32encode
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection

from app.domain.errors import Conflict
from app.store.engine.database import clock
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable
from app.store.users.users import Credentials

_STEP_S: Final = 30
_EARLY_OR_LATE: Final = 1
"""How many steps the clock of the telephone may be off; RFC 6238 section 5.2 advises one."""

_SECRET_BYTES: Final = 20
_SECRET: Final = re.compile(r"[A-Z2-7]{32}")
_CODE: Final = re.compile(r"[0-9]{6}")
_UNREADABLE: Final = (
    "The secret of your codes cannot be opened: an administrator has to reset them, or to mend SECRET_KEYS."
)


def new_secret() -> str:
    """A new secret, in base32."""
    return b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def read_secret(text: str) -> bytes | None:
    """The secret in this base32, or None when it is none of `new_secret`."""
    return b32decode(text) if _SECRET.fullmatch(text) else None


def uri_of(secret: str, *, name: str) -> str:
    """The `otpauth:` URI from which an authenticator app takes the secret, as a QR code."""
    return _totp(b32decode(secret)).get_provisioning_uri(name, "Postern")


def step_of_user(connection: Connection, key_ring: KeyRing, held: Credentials, code: str | None) -> int | None:
    """The step of time whose code this is, of a user who needs codes and is locked; None as `step_of` says.

    Raises `Conflict` if the secret cannot be opened.
    """
    if held.totp is None:
        return None
    try:
        secret = key_ring.open(held.totp, row_id=held.user.id)
    except (UnknownSealingKey, Unsealable) as error:
        raise Conflict(_UNREADABLE) from error
    return step_of(secret, code, now=clock(connection), used=held.totp_step)


def step_of(secret: bytes, code: str | None, *, now: datetime, used: int | None) -> int | None:
    """The step of time whose code this is; None when it is wrong, too old, or not later than the step last used."""
    digits = (code or "").replace(" ", "")
    if not _CODE.fullmatch(digits):
        return None
    this_step = int(now.timestamp()) // _STEP_S
    for step in range(this_step - _EARLY_OR_LATE, this_step + _EARLY_OR_LATE + 1):
        if (used is None or step > used) and hmac.compare_digest(code_at(secret, step), digits.encode()):
            return step
    return None


def code_at(secret: bytes, step: int) -> bytes:
    """The code of a step of time."""
    return _totp(secret).generate(step * _STEP_S)


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, 6, SHA1(), _STEP_S)  # noqa: S303 - HMAC-SHA-1, which the attacks on SHA-1 do not concern
