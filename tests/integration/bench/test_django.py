"""The Django baseline of the benchmarks sends each email once. Only where its environment was made."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from bench.django import environment
from bench.django.contestant import Django
from bench.stage.stage import stage


@pytest.fixture
def python() -> Path:
    """The Python that has Django."""
    found = environment.prepared()
    if found is None:
        pytest.skip("no environment with Django: `./postern bench drain --django` makes it")
    return found


def test_django_ses_sends_each_email_once(python: Path) -> None:
    """Through its queue and its workers, to the simulated SES endpoint."""
    with patch.dict(os.environ), stage(latency_ms=1) as there:
        drained = Django(there, python=python, concurrency=2).drain(10)
        reached = sorted(call.recipient for call in there.calls() if "@" in call.recipient)
    assert reached == [f"person{number}@example.net" for number in range(10)]
    assert drained.cpu["worker"] > 0
