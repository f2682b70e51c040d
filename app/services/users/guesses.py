"""Count guesses of passwords and codes by the name that was given, and lock the name after too many.

A guess is counted before it is checked, in a transaction of its own, and forgotten after a success. So attempts at the
same time get no more guesses than attempts in turn.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import Connection

from app.domain.errors import SignInLocked
from app.domain.users.lock_out import locked_for
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.users import sign_in_failures
from app.store.users.sign_in_failures import Failures


class Guesses:
    """Counts guesses. A name is one as `normalised` returns it, known or not."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def begin(self, name: str) -> timedelta:
        """Count a guess as a failure. How long the name is locked if it is one. Raises `SignInLocked`."""
        with self._database.transaction() as connection:
            now = clock(connection)
            before = sign_in_failures.hold(connection, _key(name))
            if before.locked_until is not None and before.locked_until > now:
                wait = before.locked_until - now
                raise SignInLocked(
                    "Too many attempts failed. Try again later.", retry_after=int(wait.total_seconds()) + 1
                )
            lock = locked_for(before.number + 1)
            sign_in_failures.save(connection, _key(name), Failures(before.number + 1, now + lock if lock else None))
        return lock


def forget(connection: Connection, name: str) -> None:
    """Forget the failures of a name, after a success."""
    sign_in_failures.forget(connection, _key(name))


def note_lock(connection: Connection, lock: timedelta, *, user: str | None) -> None:
    """Write a lock into the audit. A name that is not a user's may be a password, and is left out."""
    data = {"seconds": int(lock.total_seconds()), **({"user": user} if user else {})}
    audit.write(connection, actor="postern", action="user.locked", key=None, reason=None, data=data)


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
