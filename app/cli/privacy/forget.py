"""`postern forget`: erase people from all that is kept. A suppressed address stays suppressed, under a pseudonym."""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.confirmation import confirm
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.services.privacy.forget import MOST_AT_ONCE
from app.services.privacy.forget_counts import Forgotten, ForgottenTogether

DETAIL = """\
Waiting emails to the address are canceled. Every row, text and notification that names the address is rewritten: what
is needed for counting stays under a pseudonym. This cannot be undone. The address is also removed from SES's own list.
If it was suppressed here, it stays suppressed, and `unsuppress` still finds it. Backups are not changed.

Every text that is kept is searched, which takes minutes with millions of emails. For several people, one search is
enough: put their addresses in a file, one a line."""

_AT_SES = {
    "removed": "it was removed from SES's list",
    "absent": "it was not on SES's list",
    "kept": "SES was not asked",
}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Forget one person, or the people in a file, after the operator has confirmed it."""
    if (given.address is None) == (given.file is None):
        raise UsageMistake("name one address, or a file of addresses with --from")
    if given.file is not None:
        return _run_file(given, terminal)
    if not given.yes:
        confirm(f"Everything about {given.address} will be erased for good.", word="forget")
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Forgetting…") as status:
        done = gateway.forget(
            caller,
            given.address,
            reason=given.reason,
            suppress=given.suppress,
            ask_ses=not given.keep_at_ses,
            progress=lambda step: status.update(f"{step.capitalize()}…"),
        )
    _show(done, terminal)
    terminal.answer(asdict(done))
    return True


def _run_file(given: Namespace, terminal: Terminal) -> bool:
    addresses = _addresses(given.file)
    if not given.yes:
        confirm(f"Everything about {len(addresses)} people will be erased for good.", word="forget")
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Forgetting…") as status:
        done = gateway.forget.several(
            caller,
            addresses,
            reason=given.reason,
            suppress=given.suppress,
            ask_ses=not given.keep_at_ses,
            progress=lambda step: status.update(f"{step.capitalize()}…"),
        )
    _show_all(done, terminal)
    terminal.answer(asdict(done))
    return not done.refused


def _addresses(file: Path) -> list[str]:
    lines = sys.stdin if str(file) == "-" else file.read_text(encoding="utf-8").splitlines()
    addresses = [line.strip() for line in lines if line.strip()]
    if not 0 < len(addresses) <= MOST_AT_ONCE:
        raise UsageMistake(f"the file has {len(addresses)} addresses: give 1 to {MOST_AT_ONCE}, one a line")
    return addresses


def _show_all(done: ForgottenTogether, terminal: Terminal) -> None:
    columns = ("kept under", "emails", "bodies", "events", "notifications", "SES's list", "still suppressed")
    rows = [
        (
            one.pseudonym,
            one.erased.emails,
            one.erased.bodies,
            one.erased.events,
            one.erased.notifications,
            one.ses_account,
            ", ".join(entry.scope for entry in one.suppressed),
        )
        for one in done.done
    ]
    terminal.table(columns, rows, empty="No address was forgotten.")
    terminal.say(f"Forgotten: {len(done.done)}; {done.mentions} mentions elsewhere were erased.")
    if done.refused:
        terminal.table(("not forgotten", "why"), [(one.email, one.why) for one in done.refused])
    _show_the_file(done, terminal)


def _show(done: Forgotten, terminal: Terminal) -> None:
    erased = done.erased
    terminal.say(f"Forgotten. What stays is kept under {done.pseudonym}; {_AT_SES[done.ses_account]}.")
    terminal.say(
        f"{done.canceled} waiting emails canceled; erased: {erased.emails} emails, {erased.bodies} bodies, "
        f"{erased.events} events, {erased.notifications} notifications, {erased.audit} audit entries, "
        f"{done.mentions} mentions elsewhere."
    )
    if done.suppressed:
        scopes = ", ".join(f"{entry.scope} ({entry.origin})" for entry in done.suppressed)
        terminal.say(f"Still suppressed: {scopes}.")
    else:
        terminal.say("It is not suppressed: a new email would be sent and kept. Pass --suppress to prevent that.")
    _show_the_file(done, terminal)


def _show_the_file(done: Forgotten | ForgottenTogether, terminal: Terminal) -> None:
    if done.compacted is False:
        terminal.say("The database file was in use and may still hold old text: repeat the command at a quiet time.")


def arguments(parser: ArgumentParser) -> None:
    """The address or the file of addresses, the reason, and what else to do."""
    parser.add_argument("address", metavar="ADDR", nargs="?", help="the address of the person")
    from_file = f"instead of ADDR: a file of up to {MOST_AT_ONCE} addresses, one a line; - reads standard input"
    parser.add_argument("--from", dest="file", type=Path, metavar="FILE", help=from_file)
    parser.add_argument("--reason", required=True, help="kept in the audit; do not name the person in it")
    parser.add_argument("--suppress", action="store_true", help="also suppress the address for good (origin erasure)")
    parser.add_argument(
        "--keep-at-ses", action="store_true", help="do not change SES's own list, such as when SES cannot be reached"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_data_option(parser)


COMMAND = Command(
    words=("forget",),
    summary="erase everything that is kept about a person",
    example="./postern forget kim@example.net --reason 'Request 4711 of 26 November' --suppress",
    detail=DETAIL,
    arguments=arguments,
    run=run,
)
