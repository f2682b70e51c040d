"""Users of the console for tests, with a password that costs little to verify."""

from base64 import b32decode
from datetime import datetime
from typing import Any, Final, Literal

from argon2 import PasswordHasher

from app.domain.users.roles import Role
from app.services.apps.authenticate import operator
from app.services.users.codes import code_at
from app.services.users.users import User
from app.store.engine.database import clock
from app.wiring.gateway import Gateway

ROOT: Final = operator("root")
PASSWORD: Final = "correct horse battery"
WHY: Final = "A test."


class CountingHasher(PasswordHasher):
    """Hashes at the least cost, and counts verifications."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, *given: Any) -> Literal[True]:
        """Count one verification."""
        self.verified += 1
        return super().verify(*given)


def person(gateway: Gateway, name: str = "kim", role: Role = Role.OPERATOR, *, password: str = PASSWORD) -> User:
    """Return a new user with this password and no session."""
    user, _ = gateway.users.users.create(ROOT, name, role)
    gateway.users.users.set_password(user, None, password)
    return gateway.users.users.find(ROOT, name)


def with_codes(gateway: Gateway, user: User) -> str:
    """Let this user need codes. Returns their secret; the code of this step of time is used up."""
    secret, _ = gateway.users.users.begin_totp(user)
    gateway.users.users.confirm_totp(user, secret, code_of(gateway, secret))
    return secret


def code_of(gateway: Gateway, secret: str, *, ahead: int = 0) -> str:
    """Return the code of a secret, `ahead` steps of time after the one of now."""
    return code_at(b32decode(secret), int(now(gateway).timestamp()) // 30 + ahead).decode()


def now(gateway: Gateway) -> datetime:
    """Return the time by the database's clock."""
    with gateway.database.reading() as connection:
        return clock(connection)


def sign_in(gateway: Gateway, name: str = "kim", password: str = PASSWORD, code: str | None = None) -> str:
    """Return the token of a new session."""
    return gateway.users.sign_in.with_password(name, password, code, user_agent="Firefox")
