"""What the tests of the console share: passwords that cost little to verify."""

import pytest
from argon2 import PasswordHasher


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("app.wiring.apps.PasswordHasher", lambda: cheap)
