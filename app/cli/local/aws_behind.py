"""What stands behind a local gateway: the simulator, or an AWS account that `ses apply` has set up.

It decides the variables by which the processes find it, and how events come back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from app.cli.local.children import processes
from app.cli.local.children.supervisor import Supervisor
from app.cli.shell import operated_gateway
from app.cli.shell.command import CommandFailed
from app.cli.shell.data_dir import DataDir
from app.domain.account.setup.choices import DEFAULT_NAME, Choices
from app.domain.account.setup.trouble import SetupStopped
from app.services.account.setup import Planned, SetUp
from app.wiring.account import account_setup
from config import Settings

DOMAIN: Final = "example.com"
CONFIRMED_WITHIN_S: Final = 30.0
_SENDER: Final = "invitations@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands behind a gateway.

    `variables` are those of web, workers and beat; `sender` is a From address that may be used; `connect` lets events
    come back once the web answers, and raises `CommandFailed`. `simulator_url` is empty for AWS itself, whose `account`
    is named in words.
    """

    variables: dict[str, str]
    sender: str
    connect: Callable[[], None]
    simulator_url: str = ""
    account: str = ""


Open = Callable[[Supervisor, Settings, Callable[[str], None]], Behind]
"""Starts what stands behind the gateway, or looks it up; the last argument is called with the name of each part."""


class Intake(StrEnum):
    """How events come to the gateway."""

    HTTPS = "https"
    SQS = "sqs"
    BOTH = "both"


def simulator_behind(data: DataDir, *, port: int, url: str, intake: Intake) -> Open:
    """The simulator, whose account is set up as `ses apply` sets up one at AWS. `url` is that of the gateway."""
    return partial(_open_simulator, data=data, port=port, url=url, intake=intake)


def account_behind(deployment: str) -> Open:
    """The AWS account of the environment, by the queue of a deployment that is there. Nothing is made there."""
    return partial(_open_account, deployment=deployment)


@contextmanager
def simulator_calls() -> Iterator[None]:
    """Raise `CommandFailed` for what goes wrong with the simulator."""
    try:
        yield
    except SetupStopped as error:
        raise CommandFailed(f"the simulator could not be set up: {error}") from error


def await_confirmation(setup: SetUp, planned: Planned, *, tend: Callable[[], None], log: object) -> None:
    """Wait until the gateway has confirmed its subscription by itself. Raises `CommandFailed`."""
    with simulator_calls():
        planned = setup.confirm(planned, within_s=CONFIRMED_WITHIN_S, show=lambda _: tend())
    if planned.plan.work:
        raise CommandFailed(f"the gateway did not confirm its subscription: see {log}")


def _open_simulator(
    supervisor: Supervisor,
    settings: Settings,
    show: Callable[[str], None],
    *,
    data: DataDir,
    port: int,
    url: str,
    intake: Intake,
) -> Behind:
    simulator_url = f"http://127.0.0.1:{port}"
    variables = operated_gateway.of_aws(simulator_url, region=settings.aws_region)
    operated_gateway.assume(variables)
    show("the simulator of SES and SNS")
    supervisor.start(processes.simulator(data.simulator, port=port, region=settings.aws_region))
    setup = account_setup(settings)
    choices = Choices(domains=(DOMAIN,), url="" if intake is Intake.SQS else url, sqs=intake is not Intake.HTTPS)
    with simulator_calls():
        wanted = setup.plan(choices).wanted
    if wanted.sqs:
        variables["SQS_QUEUE_URLS"] = f"{simulator_url}/{wanted.place.account}/{wanted.queue}"
    return Behind(
        variables=variables | operated_gateway.of_the_simulator(data, topic_arn=wanted.topic_arn),
        sender=_SENDER + DOMAIN,
        connect=partial(_set_up, setup, choices, supervisor),
        simulator_url=simulator_url,
    )


def _set_up(setup: SetUp, choices: Choices, supervisor: Supervisor) -> None:
    with simulator_calls():
        planned = setup.apply(setup.plan(choices), show=lambda _: supervisor.tend())
    await_confirmation(setup, planned, tend=supervisor.tend, log=supervisor.log_of("web"))


def _open_account(
    _supervisor: Supervisor, settings: Settings, show: Callable[[str], None], *, deployment: str
) -> Behind:
    show("the deployment at AWS")
    try:
        setup = account_setup(settings)
        planned = setup.plan(Choices(name=deployment, sqs=True))
        steps = setup.next_steps(planned.wanted)
    except SetupStopped as error:
        raise CommandFailed(str(error)) from error
    if planned.plan.work or planned.plan.refused or not planned.wanted.domains:
        named = "" if deployment == DEFAULT_NAME else f" --deployment {deployment}"
        raise CommandFailed(
            f"the account has no complete deployment {deployment} with a queue: `./postern ses apply{named} --sqs "
            f"--domain YOUR.DOMAIN` makes it, and `./postern ses plan{named} --sqs` says what is missing"
        )
    place, certificate = planned.wanted.place, settings.sns_pinned_certificate
    pinned = {"SNS_PINNED_CERTIFICATE": str(certificate.resolve())} if certificate else {}
    return Behind(
        variables={name: text for name, text in steps.env.items() if name != "PUBLIC_URL"} | pinned,
        sender=_SENDER + planned.wanted.domains[0],
        connect=lambda: None,
        account=f"account {place.account}, region {place.region}",
    )
