"""What the tests of users share: a hasher of passwords that costs little and counts."""

import pytest

from tests.support.users.people import CountingHasher


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    """The hasher of every gateway that the test builds."""
    counting = CountingHasher()
    monkeypatch.setattr("app.wiring.apps.PasswordHasher", lambda: counting)
    return counting
