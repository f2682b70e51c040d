"""What the checks of an AWS account need, against a simulator."""

from app.aws.setup.checks.clients import AwsClients, AwsClock
from app.store.engine.clock import host_clock
from simulator import Simulator
from tests.support.aws.simulator import REGION, client


def clients_of(simulator: Simulator) -> AwsClients:
    """Return clients of the simulator that make exactly one wire request per call."""
    return AwsClients(
        region=REGION,
        ses=client("sesv2", simulator),
        sns=client("sns", simulator),
        clock=AwsClock(host_clock),
        sqs=lambda _region: client("sqs", simulator),
        sts=client("sts", simulator),
    )
