"""Hash and verify passwords with Argon2id, a few at a time, at the same cost for a user that does not exist.

The parameters are those that argon2-cffi recommends, the second choice of RFC 9106: 64 MiB for each verification. So
only two run at a time in a process; this bounds its memory, whatever comes in.
"""

import secrets
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.domain.errors import ServiceUnavailable
from app.domain.users.names import LONGEST_PASSWORD

_AT_A_TIME: Final = 2
_PATIENCE_S: Final = 5.0


class Passwords:
    """Hashes and verifies passwords. Each call takes a tenth of a second or so, and belongs outside of transactions."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._turns = threading.BoundedSemaphore(_AT_A_TIME)
        self._of_no_password = _hash_of_no_password(hasher)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, in which one password may be hashed or verified. Raises `ServiceUnavailable`."""
        if not self._turns.acquire(timeout=_PATIENCE_S):
            raise ServiceUnavailable("Too many people sign in at once; try again.", retry_after=5)
        try:
            yield
        finally:
            self._turns.release()

    def hash(self, password: str) -> str:
        """The hash to store."""
        return self._hasher.hash(_normalised(password))

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the hash is of this password. For None it is not, after the same work."""
        try:
            return self._hasher.verify(password_hash or self._of_no_password, _normalised(password))
        except VerifyMismatchError:
            return False


def _normalised(password: str) -> bytes:
    """As NIST SP 800-63B section 3.1.1.2 advises: keyboards differ in how they compose the same character."""
    bounded = password[: LONGEST_PASSWORD + 1]
    return unicodedata.normalize("NFKC", bounded).encode("utf-8", "surrogatepass")


def _hash_of_no_password(hasher: PasswordHasher) -> str:
    """A hash with the costs of this hasher and a random result, which no password is known to have."""
    salt, result = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${result}"
