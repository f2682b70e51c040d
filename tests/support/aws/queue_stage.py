"""A gateway with the SQS intake, for tests: its queue is the simulator's, and the tests' signer writes the messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.services.feedback.queues import intake as intake_module
from app.services.feedback.queues import redrive
from app.services.feedback.queues.intake import QueueIntake
from app.wiring.gateway import Gateway, build
from simulator import Options, Simulator
from tests.support.aws import sns_signing
from tests.support.aws.notifications import know_the_certificate
from tests.support.aws.queues import MadeQueue, make_queue
from tests.support.aws.simulator import client
from tests.support.aws.sns_signing import Envelope
from tests.support.gateway.gateways import ScriptedMailer, settings_for


@dataclass
class QueueStage:
    """A queue of the simulator and gateways that poll it."""

    simulator: Simulator
    queue: MadeQueue
    database_url: str
    redis_url: str
    gateways: list[Gateway]

    @property
    def gateway(self) -> Gateway:
        """The first gateway."""
        return self.gateways[0]

    @property
    def intake(self) -> QueueIntake:
        """The poller of the first gateway."""
        return self.gateway.queue_intakes[0]

    @property
    def sqs(self) -> Any:
        """A boto3 client of the simulator's SQS."""
        return client("sqs", self.simulator)

    def build(self, **more: Any) -> Gateway:
        """Another gateway on the same database, as that of another worker process."""
        values = {"aws_region": "us-west-2", "sns_topic_arns": sns_signing.TOPIC_ARN, "sqs_queue_urls": self.queue.url}
        database_url = more.pop("database_url", self.database_url)
        built = build(settings_for(database_url, self.redis_url, **values | more), mailer=ScriptedMailer())
        self.gateways.append(built)
        return built

    def put(self, *bodies: str | Envelope) -> None:
        """Put messages into the queue, as SNS or anyone else might."""
        for body in bodies:
            text = body if isinstance(body, str) else sns_signing.body(body).decode()
            self.sqs.send_message(QueueUrl=self.queue.url, MessageBody=text)

    def held(self) -> tuple[int, int]:
        """How many messages the queue holds: visible, and hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def turns(self, number: int = 1) -> list[float]:
        """Let the first poller take this many turns; return the pauses that it asks for."""
        return [self.intake.turn() for _ in range(number)]


@contextmanager
def queue_stage(
    database_url: str, redis_url: str, data: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> Iterator[QueueStage]:
    """Yield a stage with one gateway. Polls of an empty queue return at once."""
    monkeypatch.setattr(intake_module, "POLL_S", 0)
    monkeypatch.setattr(redrive, "WAIT_S", 0)
    with Simulator(Options(data=data, **options)) as running:
        for name, value in _boto3(running).items():
            monkeypatch.setenv(name, value)
        stage = QueueStage(running, make_queue(running, "intake"), database_url, redis_url, [])
        try:
            know_the_certificate(stage.build(), topic_arn=sns_signing.TOPIC_ARN)
            yield stage
        finally:
            for gateway in stage.gateways:
                gateway.close()


def _boto3(simulator: Simulator) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_SQS": simulator.url,
        "AWS_ENDPOINT_URL_SNS": simulator.url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
    }


def notification(text: str = "{}", **more: Any) -> Envelope:
    """A notification as AWS signs it for the tests' topic."""
    return sns_signing.signer().notification(text, **more)
