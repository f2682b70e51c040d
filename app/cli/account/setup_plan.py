"""`postern ses plan`: what an AWS account lacks for this gateway. It only reads."""

from argparse import ArgumentParser, Namespace

from app.cli.account.setup_options import add_choices, add_setup_data_option, read_choices, read_settings
from app.cli.account.setup_output import plan_as_json, show_plan, show_policy
from app.cli.shell.command import Command, PlanEnded
from app.cli.shell.terminal import Terminal
from app.domain.account.setup.choices import drawn
from app.domain.account.setup.permissions import policy_of_processes, policy_of_setup
from app.wiring.account import account_setup

_OFFER = (
    "SES's own suppression list judges bounces too. `--suppressed-reasons complaint` makes Postern the only judge; "
    "docs/ses-setup.md says what follows from it."
)


def run(given: Namespace, terminal: Terminal) -> PlanEnded:
    """Show the plan."""
    settings = read_settings(given.data)
    setup = account_setup(settings)
    choices = read_choices(given, default_url=settings.public_url)
    if given.policy:
        wanted = drawn(choices, setup.place())
        policies = {"setup": policy_of_setup(wanted), "processes": policy_of_processes(wanted)}
        terminal.say("Who runs `ses plan`, `apply`, `destroy` and `doctor` may do:\n")
        show_policy(policies["setup"], terminal)
        terminal.say("\nThe processes of the gateway may do:\n")
        show_policy(policies["processes"], terminal)
        terminal.answer({"policies": policies})
        return PlanEnded.NOTHING_TO_DO
    with terminal.waiting("Asking AWS…"):
        planned = setup.plan(choices)
        ses_judges = setup.ses_judges_bounces()
    show_plan(planned, terminal, stand_in=setup.stand_in)
    if ses_judges and choices.suppressed_reasons is None:
        terminal.say(_OFFER)
    terminal.answer(plan_as_json(planned) | {"ses_judges_bounces": ses_judges})
    if planned.plan.refused:
        return PlanEnded.TROUBLE
    if planned.plan.work:
        terminal.say("`./postern ses apply` with the same options does it.")
        return PlanEnded.TO_DO
    return PlanEnded.NOTHING_TO_DO


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_choices(parser)
    parser.add_argument("--yes", action="store_true", help="changes nothing here; for the same options as `apply`")
    parser.add_argument("--policy", action="store_true", help="print the IAM policies instead")
    add_setup_data_option(parser)


COMMAND = Command(
    words=("ses", "plan"),
    summary="show what the AWS account lacks for this gateway",
    detail=(
        "Reads only. Each line is a resource: + is made, ~ changed, - removed, = used as it is, ! stands in the way. "
        "Resources are found by their names and by the tag `postern`; no file keeps a state. Exits with 0 when there "
        "is nothing to do, 2 when there is, 1 on trouble."
    ),
    example="./postern ses plan --domain example.com --url https://mail.example.com",
    arguments=arguments,
    run=run,
)
