"""Fixtures of several tests of the simulator; a test that needs other options has its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Options, Simulator
from tests.support.aws.simulator import Endpoint, client, listening, publish_events, subscribe


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator whose events follow within milliseconds."""
    with Simulator(Options(data=tmp_path, event_delay=(0.001, 0.002), seed=7)) as running:
        yield running


@pytest.fixture
def endpoint(simulator: Simulator) -> Iterator[Endpoint]:
    """A subscriber that verifies signatures and confirms."""
    with listening(simulator) as running:
        yield running


@pytest.fixture
def ses(simulator: Simulator, endpoint: Endpoint) -> Any:
    """A boto3 client; everything sent with the configuration set `postern` is reported to the endpoint."""
    publish_events(simulator, subscribe(simulator, endpoint))
    return client("sesv2", simulator)


@pytest.fixture
def sns(simulator: Simulator) -> Any:
    """A boto3 client of the simulator's SNS."""
    return client("sns", simulator)
