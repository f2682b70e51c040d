"""`postern ses destroy`: remove what `ses apply` made."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.cli.account.setup_options import add_domain, add_name, add_setup_data_option, read_settings
from app.cli.account.setup_output import plan_as_json, show_change, show_plan
from app.cli.shell.command import Command, CommandFailed
from app.cli.shell.confirmation import confirm
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.services.account.setup import SetUp
from app.wiring.account import account_setup
from config import SettingsError, load

_ALL_OF_IT = "changes nothing here, for the same options as `apply`: all that it made is removed"


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show what is removed, refuse while email depends on it, ask, and remove it."""
    settings = read_settings(given.data)
    setup = account_setup(settings)
    with terminal.waiting("Asking AWS…"):
        planned = setup.plan_removal(given.deployment, tuple(given.domain))
    show_plan(planned, terminal, stand_in=setup.stand_in)
    if planned.plan.work:
        if not given.yes_really:
            _require_no_traffic(given.data, setup, planned.wanted.configuration_set)
        if not (given.yes or given.yes_really):
            confirm("Events of email that is under way get lost.", word="destroy")
        setup.destroy(planned, show=lambda change: show_change(change, terminal))
        terminal.say("Removed.")
    terminal.answer(plan_as_json(planned))
    return True


def _require_no_traffic(data: Path | None, setup: SetUp, deployment: str) -> None:
    """Refuse while email depends on the deployment, as far as the gateway that is configured here can tell."""
    anyway = "Pass --yes-really to remove it all the same: events of that email are lost"
    try:
        uses = load().ses_configuration_set
    except SettingsError:
        sent = setup.sent_in_a_day()
        if sent:
            raise CommandFailed(f"the account wrote to {sent} recipients within the last day. {anyway}") from None
        return
    if uses != deployment:
        return
    with operated_gateway(data) as (gateway, _):
        traffic = gateway.measure.traffic()
    if traffic.waiting:
        raise CommandFailed(f"{traffic.waiting} recipients wait to be written to. {anyway}")
    if traffic.sent_recently:
        raise CommandFailed(f"the gateway sent email within the last day. {anyway}")


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_name(parser)
    add_domain(parser, "also remove the identity of this domain, where it is tagged as this deployment's")
    parser.add_argument("--url", metavar="URL", help=_ALL_OF_IT)
    for option in ("--sqs", "--archive"):
        parser.add_argument(option, action="store_true", help=_ALL_OF_IT)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument(
        "--yes-really", action="store_true", help="do not ask, and remove it even while email waits or was just sent"
    )
    add_setup_data_option(parser)


COMMAND = Command(
    words=("ses", "destroy"),
    summary="remove from the AWS account what `ses apply` made",
    detail=(
        "Removes only what has the tag of the deployment. Refuses while email waits, and for a day after the last one "
        "was sent: their events would be lost."
    ),
    example="./postern ses destroy --deployment trial",
    arguments=arguments,
    run=run,
)
