"""`postern ses apply`: make what a plan shows, and say what to do next."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.markup import escape

from app.cli.account.resolver_option import add_resolver_option
from app.cli.account.setup_options import (
    add_choices,
    add_setup_data_option,
    read_choices,
    read_settings,
)
from app.cli.account.setup_output import plan_as_json, show_change, show_next_steps, show_plan, steps_as_json
from app.cli.shell.command import Command, CommandFailed, PlanEnded, on_gateway, seconds
from app.cli.shell.confirmation import confirm
from app.cli.shell.data_dir import write_private
from app.cli.shell.terminal import Terminal
from app.domain.account.setup.choices import DEFAULT_NAME
from app.domain.account.setup.env_lines import merged
from app.domain.account.setup.plan import Change
from app.services.account.setup import NextSteps, Planned, SetUp
from app.services.operating.key_rotation import new_key
from app.wiring.account import account_setup

WAIT_S = 120.0


def run(given: Namespace, terminal: Terminal) -> PlanEnded:
    """Show the plan, ask, do it, and wait for the gateway to confirm its subscription."""
    settings = read_settings(given.data)
    setup = account_setup(settings, resolver=given.resolver)
    with terminal.waiting("Asking AWS…"):
        planned = setup.plan(read_choices(given, default_url=settings.public_url))
    show_plan(planned, terminal, stand_in=setup.stand_in)
    if planned.plan.refused:
        terminal.answer(plan_as_json(planned) | {"done": []})
        return PlanEnded.TROUBLE
    if planned.plan.work and not given.yes:
        confirm("This is done at AWS.", word="apply")
    done: list[Change] = []

    def show(change: Change) -> None:
        done.append(change)
        show_change(change, terminal)

    planned = setup.apply(planned, show=show)
    steps = setup.next_steps(planned.wanted)
    show_next_steps(steps, planned.wanted, terminal)
    if given.write_env:
        _write_env(given.write_env, steps, terminal)
    # What a confirmed subscription replaces goes last.
    planned = setup.apply(_await_confirmation(given, setup, planned, terminal), show=show)
    _show_end(given, setup, planned, terminal)
    made = [{"action": str(one.action), "kind": str(one.resource.kind), "name": one.resource.name} for one in done]
    terminal.answer(plan_as_json(planned) | steps_as_json(steps) | {"done": made})
    return PlanEnded.TO_DO if planned.plan.work else PlanEnded.NOTHING_TO_DO


def _await_confirmation(given: Namespace, setup: SetUp, planned: Planned, terminal: Terminal) -> Planned:
    if planned.plan.work and given.wait:
        terminal.say(escape(f"\n{planned.wanted.endpoint} has to confirm the subscription: start the gateway."))
        with terminal.waiting("Waiting for the confirmation…") as status:
            planned = setup.confirm(
                planned,
                within_s=given.wait,
                show=lambda left: status.update(f"Waiting for the confirmation, {left:.0f} s left…"),
            )
    return planned


def _show_end(given: Namespace, setup: SetUp, planned: Planned, terminal: Terminal) -> None:
    if planned.plan.work:
        why = setup.why_unconfirmed(planned.wanted)
        named = "" if given.deployment == DEFAULT_NAME else f" --deployment {given.deployment}"
        again = on_gateway(f"./postern ses apply{named}", given.data)
        terminal.say(escape(f"\nThe subscription waits: {why.found}. {why.fix[0].upper()}{why.fix[1:]}."))
        terminal.say(escape(f"Then run `{again}` again: SNS sends the confirmation once more."))
    else:
        doctor = on_gateway("./postern doctor", given.data)
        terminal.say(escape(f"\nAll is there. `{doctor}` checks the whole way of an email and its events."))


def _write_env(file: Path, steps: NextSteps, terminal: Terminal) -> None:
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        lines = dict(steps.env)
        if not any(line.removeprefix("export ").startswith("SECRET_KEYS=") for line in text.splitlines()):
            lines["SECRET_KEYS"] = new_key()
        write_private(file, merged(text, lines))
    except OSError as error:
        raise CommandFailed(f"cannot write {file} ({error.strerror or error}); all else is done") from error
    terminal.say(escape(f"\nWritten to {file}."))


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_choices(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument(
        "--write-env",
        type=Path,
        metavar="FILE",
        help="write the settings to this file; its other lines stay, and it gets SECRET_KEYS if it has none",
    )
    parser.add_argument(
        "--wait",
        type=seconds(or_none=True),
        default=WAIT_S,
        metavar="SECONDS",
        help="how long to wait until the gateway confirms its subscription, 0 not at all (%(default).0f)",
    )
    add_resolver_option(parser)
    add_setup_data_option(parser)


COMMAND = Command(
    words=("ses", "apply"),
    summary="make in the AWS account what this gateway needs",
    detail=(
        "Shows the same plan as `ses plan`, asks, and does it. It may be stopped at any moment and run again. Then it "
        "prints the DNS records to publish, the settings and the IAM policy, and waits until the gateway has confirmed "
        "its subscription. Exits with 0 when all is there, 2 while the subscription waits, 1 on trouble."
    ),
    example="./postern ses apply --domain example.com --url https://mail.example.com --write-env .env",
    arguments=arguments,
    run=run,
)
