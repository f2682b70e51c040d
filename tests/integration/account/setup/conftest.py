"""Fixtures of the tests of a set-up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services.account.setup import SetUp
from simulator import Options, Simulator
from tests.support.aws.setup.account_setup import REGION, setup_at


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator with an empty account."""
    with Simulator(Options(data=tmp_path, region=REGION, event_delay=(0.001, 0.002))) as running:
        yield running


@pytest.fixture
def setup(simulator: Simulator) -> SetUp:
    """The set-up of its account."""
    return setup_at(simulator.url)
