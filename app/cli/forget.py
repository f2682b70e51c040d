"""`postern forget`: take a person out of all that is kept. Whoever was suppressed stays so, under a pseudonym."""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from app.cli.command import Command, CommandFailed, UsageMistake, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.services.forget import Forgotten

DETAIL = """\
Waiting mail to the address is canceled, and every row, text and notification that names it is rewritten: what has to
stay for counting stays under a pseudonym. That cannot be undone. The address is taken off SES's own list too. Where it
was suppressed it stays suppressed, and `unsuppress` still finds it. Backups keep what they have."""

_AT_SES = {"removed": "SES's list has let it go", "absent": "SES's list did not have it", "kept": "SES was not asked"}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Forget a person, once the operator has said that it is meant."""
    if not given.yes:
        _ask(given.address)
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Forgetting…") as status:
        done = gateway.forget(
            caller,
            given.address,
            reason=given.reason,
            suppress=given.suppress,
            ask_ses=not given.keep_at_ses,
            progress=lambda step: status.update(f"{step.capitalize()}…"),
        )
    _tell(done, terminal)
    terminal.answer(asdict(done))
    return True


def _ask(address: str) -> None:
    if not sys.stdin.isatty():
        raise UsageMistake("nobody is there to be asked whether it is meant: pass --yes")
    sys.stderr.write(f"Everything about {address} will be erased for good. Type `forget` to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "forget":
        raise CommandFailed("nothing was done")


def _tell(done: Forgotten, terminal: Terminal) -> None:
    erased = done.erased
    terminal.say(f"Forgotten. What stays is kept under {done.pseudonym}; {_AT_SES[done.ses_account]}.")
    terminal.say(
        f"{done.canceled} waiting mails canceled; rewritten or erased: {erased.mails} mails, {erased.bodies} bodies, "
        f"{erased.events} events, {erased.notifications} notifications, {erased.audit} audit entries, "
        f"{done.mentions} mentions elsewhere."
    )
    if done.suppressed:
        held = ", ".join(f"{entry.scope} ({entry.origin})" for entry in done.suppressed)
        terminal.say(f"Still suppressed: {held}.")
    else:
        terminal.say("Was not suppressed: new mail would be sent, and kept. Pass --suppress to hold it back.")
    if done.compacted is False:
        terminal.say("The database file was in use and may still hold old text: repeat the command at a quiet time.")


def arguments(parser: ArgumentParser) -> None:
    """Whom, and why."""
    parser.add_argument("address", metavar="ADDR")
    parser.add_argument("--reason", required=True, help="kept in the audit; name no one in it")
    parser.add_argument("--suppress", action="store_true", help="and let nobody write to them again (origin erasure)")
    parser.add_argument("--keep-at-ses", action="store_true", help="leave SES's own list as it is, as when SES is away")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_data_option(parser)


COMMAND = Command(
    words=("forget",),
    summary="erase everything that is known of a person",
    example="./postern forget kim@example.net --reason 'Request 4711 of 26 November' --suppress",
    detail=DETAIL,
    arguments=arguments,
    run=run,
)
