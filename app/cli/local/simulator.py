"""`postern simulator`: the simulator of SES and SNS alone, for processes that are started as in production."""

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.markup import escape

from app.cli.local.aws_behind import DOMAIN, await_confirmation, simulator_calls
from app.cli.local.children import processes
from app.cli.local.children.embedded_valkey import sole_user_of
from app.cli.local.children.port_checks import answers, free_port, require_free_port
from app.cli.local.children.supervisor import Supervisor
from app.cli.local.up import PORT, SIMULATOR_PORT, port
from app.cli.shell import operated_gateway
from app.cli.shell.command import Command
from app.cli.shell.data_dir import DataDir
from app.cli.shell.terminal import Terminal
from app.domain.account.setup.choices import Choices
from app.wiring.account import account_setup
from config import load

DEFAULT_DATA = Path("data/simulator")
LOOK_EVERY_S = 0.5


def run(given: Namespace, terminal: Terminal) -> bool:
    """Start the simulator, show the environment of the other processes, and subscribe the gateway once it answers."""
    number = given.port or free_port()
    require_free_port("127.0.0.1", number)
    operated_gateway.isolate()
    data = DataDir(given.data)
    data.make()
    url, gateway = f"http://127.0.0.1:{number}", given.gateway.rstrip("/")
    variables = operated_gateway.of_aws(url, region=given.region)
    operated_gateway.assume(variables)
    settings = load(secret_keys=data.secret_key(), sns_topic_arns=(), sns_pinned_certificate=None)
    with (
        sole_user_of(data.path),
        Supervisor(data.logs, announce=lambda line: terminal.say(escape(line))) as supervisor,
    ):
        supervisor.start(processes.simulator(data.simulator, port=number, region=given.region))
        setup, choices = account_setup(settings), Choices(domains=(DOMAIN,), url=gateway)
        with simulator_calls():
            planned = setup.plan(choices)
            planned = planned if given.empty else setup.apply(planned, show=lambda _: supervisor.tend())
        shown = {name: text for name, text in variables.items() if name.startswith("AWS_") and text} | {
            "PUBLIC_URL": gateway,
            "SNS_SIGNATURE_VERSION": "2",
            **operated_gateway.of_the_simulator(data, topic_arn=planned.wanted.topic_arn),
        }
        _welcome(terminal, url, gateway, shown, empty=given.empty)
        while not (given.empty or answers(f"{gateway}/healthz")):
            supervisor.tend()
            time.sleep(LOOK_EVERY_S)
        if not given.empty:
            await_confirmation(setup, planned, tend=supervisor.tend, log="the log of the web")
            terminal.say(escape(f"The gateway at {gateway} answers and is subscribed to the topic."))
        supervisor.run_until_signal()
    terminal.say("Stopped; nothing is left running.")
    return True


def _welcome(terminal: Terminal, url: str, gateway: str, variables: dict[str, str], *, empty: bool) -> None:
    terminal.say(f"The simulator of SES and SNS is at [bold]{url}/[/]. Ctrl-C stops it.\n")
    terminal.say("Set in the environment of the web, the workers and beat, beside SECRET_KEYS and DATABASE_URL:\n")
    for name, text in variables.items():
        terminal.say(escape(f"  export {name}={text}"))
    if empty:
        terminal.say(f"\nIts account is empty. `./postern ses apply --domain {DOMAIN}` sets it up from there.")
    else:
        terminal.say(escape(f"\nIt waits for the gateway at {gateway}, and subscribes it then."))
    terminal.answer({"url": url, "environment": variables})


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--port", type=port, default=SIMULATOR_PORT, help="0 for a free one (%(default)s)")
    parser.add_argument(
        "--gateway",
        default=f"http://127.0.0.1:{PORT}",
        metavar="URL",
        help="where the web will answer, to get the events (%(default)s)",
    )
    parser.add_argument(
        "--empty", action="store_true", help="make nothing in its account, to try `ses apply` on; subscribe nothing"
    )
    parser.add_argument("--region", default="us-east-1", help="the AWS region that it plays (%(default)s)")
    parser.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help="keep its ledger and its key here (%(default)s)"
    )


COMMAND = Command(
    words=("simulator",),
    summary="run the simulator of SES and SNS alone, for processes that are started as in production",
    detail=(
        "Prints what to set in the environment of the web, the workers and beat, waits for the gateway, and\n"
        "subscribes it to the events. Nothing is sent to AWS."
    ),
    example="./postern simulator --port 4579 --gateway http://127.0.0.1:8025",
    arguments=arguments,
    run=run,
)
