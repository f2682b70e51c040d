"""`postern up`: a whole gateway on loopback, until Ctrl-C."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.markup import escape

from app.cli.command import Command
from app.cli.data_dir import DataDir, write_private_json
from app.cli.embedded import sole_user_of
from app.cli.environment import DEFAULT_DATA
from app.cli.probes import free_port
from app.cli.start import Ports, Ready, start
from app.cli.supervise import Supervisor
from app.cli.terminal import Terminal

PORT, SIMULATOR_PORT = 8025, 8026


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--port", type=port, default=PORT, help="of the gateway, 0 for a free one (%(default)s)")
    parser.add_argument(
        "--simulator-port", type=port, default=SIMULATOR_PORT, help="of the simulator, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help="where everything is kept, for the next time too (%(default)s)",
    )


def port(text: str) -> int:
    """A number of a port, 0 included."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError(text)
    return number


def run(given: Namespace, terminal: Terminal) -> bool:
    """Start, say how to use it, watch over it, stop."""
    data = DataDir(given.data)
    ports = Ports(gateway=given.port or free_port(), simulator=given.simulator_port or free_port())
    ports.require_free()
    data.make()
    with sole_user_of(data.path):
        data.ready.unlink(missing_ok=True)
        try:
            with Supervisor(data.logs, announce=lambda line: terminal.say(escape(line))) as supervisor:
                with terminal.waiting("Starting") as status:
                    ready = start(supervisor, data, ports, tell=lambda part: status.update(f"Starting {part}"))
                write_private_json(data.ready, ready.as_json())
                welcome(terminal, ready, data)
                supervisor.run_until_signal()
        finally:
            data.ready.unlink(missing_ok=True)
    terminal.say("Stopped; nothing is left running.")
    return True


def welcome(terminal: Terminal, ready: Ready, data: DataDir) -> None:
    """How to use the gateway."""
    terminal.say("\n[bold]Postern is up.[/] Its mail goes to the simulator and never leaves this machine.\n")
    rows = {
        "gateway": f"{ready.url}   (its API: {ready.url}/docs)",
        "inbox": f"{ready.simulator_url}/   what was sent, and what became of it",
        "API key": ready.api_key,
        "admin key": ready.admin_key,
        "files": f"{data.path}   ({data.ready.name} for scripts, {data.logs.name}/ when something is wrong)",
    }
    for name, value in rows.items():
        terminal.say(f"  [bold]{name:<10}[/] {escape(value)}")
    terminal.say("\nSend a mail, then look at the inbox:\n")
    terminal.say(escape(curl(ready)))
    terminal.say("\nOr: ./postern send --help. Ctrl-C drains and stops.")
    terminal.answer(ready.as_json())


def curl(ready: Ready) -> str:
    """A command to paste that sends a mail."""
    mail = f'{{"from": "{ready.sender}", "to": "ann@example.net", "subject": "You are invited", "text": "Do come."}}'
    return (
        f"  curl {ready.url}/v1/emails \\\n"
        f"    -H 'Authorization: Bearer {ready.api_key}' \\\n"
        f"    -H 'Content-Type: application/json' \\\n"
        f"    -d '{mail}'"
    )


COMMAND = Command(
    words=("up",),
    summary="run the whole gateway on this machine, for development",
    detail=(
        "Starts the web, the workers, beat and a simulator of SES and SNS on loopback, prints how to use\n"
        "them and writes DIR/ready.json when mail can be sent. It always uses the simulator, never AWS,\n"
        "whatever the environment says; in production run the parts themselves (docs/operations.md).\n"
        "On SQLite and an embedded Valkey; set DATABASE_URL and REDIS_URL for PostgreSQL and Redis, and\n"
        "never to those of a gateway in production: its queued mail would go to the simulator."
    ),
    example="./postern up --port 8080 --data /tmp/postern",
    arguments=arguments,
    run=run,
)
