"""`postern up`: run a whole gateway on loopback, until Ctrl-C."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.markup import escape

from app.cli.local.aws_behind import Intake, Open, account_behind, simulator_behind
from app.cli.local.bootstrap import GONE, Ports, Ready, start
from app.cli.local.children.embedded_valkey import sole_user_of
from app.cli.local.children.port_checks import free_port
from app.cli.local.children.supervisor import Supervisor
from app.cli.local.simulator_client import Simulated
from app.cli.shell.command import Command, UsageMistake, on_gateway, parsed_by
from app.cli.shell.data_dir import DataDir, write_private_json
from app.cli.shell.operated_gateway import DEFAULT_DATA, add_environment_option, isolate
from app.cli.shell.terminal import Terminal
from app.domain.account.setup.choices import DEFAULT_NAME, deployment_name
from app.domain.apps.doors import SmtpAccess

PORT, SIMULATOR_PORT, SMTP_PORT = 8025, 8026, 8587
AWS_DATA = DEFAULT_DATA / "aws"
"""What was sent through a real account is not mixed with what the simulator saw."""


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--port", type=port, default=PORT, help="port of the gateway, 0 for a free one (%(default)s)")
    parser.add_argument(
        "--simulator-port",
        type=port,
        default=SIMULATOR_PORT,
        help="port of the simulator, 0 for a free one (%(default)s)",
    )
    parser.add_argument(
        "--smtp-port", type=port, default=SMTP_PORT, help="port of the SMTP door, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"keep all files here, for the next run too ({DEFAULT_DATA}, with --aws {AWS_DATA})",
    )
    parser.add_argument(
        "--intake",
        choices=[str(one) for one in Intake],
        help="how events come from the simulator: posted by SNS (https), through a queue (sqs), or both (https)",
    )
    parser.add_argument(
        "--aws",
        action="store_true",
        help="send through SES in the AWS account of the environment; events come through the queue of a deployment "
        "that `ses apply --sqs` has made",
    )
    parser.add_argument(
        "--deployment",
        type=parsed_by(deployment_name),
        default=DEFAULT_NAME,
        metavar="NAME",
        help="the deployment that --aws uses (%(default)s)",
    )
    add_environment_option(parser)


def port(text: str) -> int:
    """Parse a port number from 0 to 65535, as an argparse type."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError(text)
    return number


def run(given: Namespace, terminal: Terminal) -> bool:
    """Start the gateway, show how to use it, watch it, and stop it."""
    if given.aws and (given.intake or given.use_environment):
        raise UsageMistake("--aws reads the queue of its deployment and keeps SQLite: leave the other option out")
    ignored = isolate(use_environment=given.use_environment, keep_aws=given.aws)
    directory = given.data or (AWS_DATA if given.aws else DEFAULT_DATA)
    data = DataDir(directory)
    ports = Ports(
        gateway=given.port or free_port(),
        simulator=given.simulator_port or free_port(),
        smtp=given.smtp_port or free_port(),
    )
    ports.require_free()
    data.make()
    with sole_user_of(data.path):
        data.ready.unlink(missing_ok=True)
        try:
            with Supervisor(data.logs, announce=lambda line: terminal.say(escape(line))) as supervisor:
                with terminal.waiting("Starting") as status:
                    ready = start(
                        supervisor,
                        data,
                        ports,
                        aws=_behind(given, data, ports),
                        show=lambda part: status.update(f"Starting {part}"),
                        canary=not given.aws,
                    )
                if ready.simulator_url:
                    Simulated(ready.simulator_url).show({GONE: "bounce"})
                write_private_json(data.ready, ready.as_json())
                welcome(terminal, ready, data, as_default=directory == DEFAULT_DATA and not ignored)
                if ignored:
                    say_what_is_ignored(terminal, ignored, data, used=given.use_environment)
                supervisor.run_until_signal()
        finally:
            data.ready.unlink(missing_ok=True)
    terminal.say("Stopped; nothing is left running.")
    return True


def _behind(given: Namespace, data: DataDir, ports: Ports) -> Open:
    if given.aws:
        return account_behind(given.deployment)
    intake = Intake(given.intake or Intake.HTTPS)
    return simulator_behind(data, port=ports.simulator, url=ports.url, intake=intake)


def welcome(terminal: Terminal, ready: Ready, data: DataDir, *, as_default: bool) -> None:
    """Show how to use the gateway; `as_default`: a command without `--data` works on it."""
    where = (
        "Its emails go to the simulator and never leave this machine."
        if ready.simulator_url
        else f"Its emails go out through SES: {ready.account}."
    )
    terminal.say(escape(f"\nPostern is up. {where}\n").replace("Postern is up.", "[bold]Postern is up.[/]"))
    rows = {
        "gateway": f"{ready.url}/",
        "console": f"{ready.console_url}   (works once)",
        "API": f"{ready.url}/docs   (for programs: {ready.url}/openapi.json)",
        "SES": f"{ready.ses.endpoint_url}   region: {ready.ses.region}   access key id: {ready.ses.access_key_id}",
        **({"SMTP": f"{ready.smtp.host}:{ready.smtp.port}   user: {ready.smtp.username}"} if ready.smtp else {}),
        "health": f"{ready.url}/readyz   figures: {ready.url}/metrics",
        **(_simulated_pages(ready.simulator_url) if ready.simulator_url else {}),
        "API key": ready.api_key,
        "admin key": ready.admin_key,
        "files": f"{data.path}   ({data.ready.name} for scripts, {data.logs.name}/ when something is wrong)",
    }
    for name, value in rows.items():
        terminal.say(f"  [bold]{name:<10}[/] {escape(value)}")
    as_given = None if as_default else data.path
    if ready.simulator_url:
        _suggest_simulated(terminal, ready, as_given)
    else:
        _suggest_real(terminal, ready, as_given)
    terminal.answer(ready.as_json())


def _simulated_pages(url: str) -> dict[str, str]:
    return {
        "inbox": f"{url}/   sent emails and their events",
        "webhooks": f"{url}/_simulator/webhooks   posts to {url}/_webhooks/NAME",
    }


def _suggest_simulated(terminal: Terminal, ready: Ready, data: Path | None) -> None:
    terminal.say("\nSend an email, then look at the inbox:\n")
    terminal.say(escape(curl(ready, to="ann@example.net")))
    if ready.smtp:
        terminal.say("\nOr send it by SMTP:\n")
        terminal.say(escape(swaks(ready, ready.smtp, to="ann@example.net")))
    terminal.say(escape(f"\nThis one bounces, and {GONE} is suppressed from then on:\n"))
    terminal.say(escape(curl(ready, to=GONE)))
    terminal.say(escape("\nThen: " + on_gateway(f"./postern suppressions explain {GONE}", data)))
    terminal.say("Or: ./postern send --help. Ctrl-C drains and stops.")


def _suggest_real(terminal: Terminal, ready: Ready, data: Path | None) -> None:
    terminal.say("\nThis one bounces at SES's own mailbox simulator, which costs no reputation:\n")
    terminal.say(escape(curl(ready, to="bounce@simulator.amazonses.com")))
    terminal.say(escape("\nThen: " + on_gateway("./postern emails", data)))
    terminal.say(escape("Or: " + on_gateway("./postern doctor --live", data) + ". Ctrl-C drains and stops."))


def say_what_is_ignored(terminal: Terminal, ignored: tuple[str, ...], data: DataDir, *, used: bool) -> None:
    """Show which settings are ignored, and how to run other commands on this gateway instead of the configured one."""
    more = "it has its own" if used else "--use-environment uses them"
    terminal.say(f"\nOf the environment and .env it ignores {', '.join(ignored)}: {more}.")
    terminal.say(escape(f"To run other commands on this gateway, pass --data {data.path}"))


def curl(ready: Ready, *, to: str) -> str:
    """A curl command that sends an email, to paste into a shell."""
    email = f'{{"from": "{ready.sender}", "to": "{to}", "subject": "You are invited", "text": "Do come."}}'
    return (
        f"  curl {ready.url}/v1/emails \\\n"
        f"    -H 'Authorization: Bearer {ready.api_key}' \\\n"
        f"    -H 'Content-Type: application/json' \\\n"
        f"    -d '{email}'"
    )


def swaks(ready: Ready, smtp: SmtpAccess, *, to: str) -> str:
    """A swaks command that sends an email by SMTP, to paste into a shell."""
    return (
        f"  swaks --server {smtp.host}:{smtp.port} --auth PLAIN --auth-user {smtp.username} \\\n"
        f"    --auth-password {ready.api_key} \\\n"  # the secret alone may begin with a hyphen
        f"    --from {ready.sender} --to {to} --header 'Subject: You are invited' --body 'Do come.'"
    )


COMMAND = Command(
    words=("up",),
    summary="run the whole gateway on this machine, for development",
    detail=(
        "Starts the web server, the SMTP door, the workers, beat and a simulator of SES and SNS on loopback,\n"
        "prints how to use them, and writes DIR/ready.json when emails can be sent. Without --aws no email\n"
        "leaves the machine.\n"
        "In production, run each process separately (docs/operations.md).\n\n"
        "With --aws the same gateway sends through SES: a laptop without a public address runs the whole loop.\n"
        "It makes nothing at AWS. First: `./postern ses apply --sqs --domain YOUR.DOMAIN`.\n\n"
        "Uses SQLite and an embedded Valkey, whatever the environment and .env say. To use PostgreSQL and Redis:\n"
        "  DATABASE_URL=postgresql:///postern_dev REDIS_URL=redis://127.0.0.1/9 ./postern up --use-environment\n"
        "A database that is neither empty nor made by an earlier `up` or `demo` is refused."
    ),
    example="./postern up --port 8080 --data /tmp/postern",
    arguments=arguments,
    run=run,
)
