"""`postern doctor`: what is wrong with this gateway, its AWS account and its DNS records, and how to mend each."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from typing import Any, Final

from app.cli.account.findings_table import show
from app.cli.account.resolver_option import add_resolver_option
from app.cli.shell.command import Command, CommandFailed, Ended, add_data_option, seconds
from app.cli.shell.operated_gateway import take_from, user
from app.cli.shell.terminal import Terminal
from app.domain.account.findings import Finding, Group, overall, unknown, wrong
from app.domain.errors import PosternError, ServiceUnavailable
from app.domain.message.address import InvalidAddress
from app.services.operating.doctor.live import Seen, finding_of, refused
from app.wiring.doctor import Doctor, build_doctor, wanted
from app.wiring.gateway import build
from config import Settings, SettingsError, load, misspelt_names

LOOK_EVERY_S: Final = 0.25
WAIT_S: Final = 90.0
SENDER: Final = "postern-doctor"


def run(given: Namespace, terminal: Terminal) -> Ended:
    """Check everything, and show what was found."""
    try:
        take_from(given.data)
        settings = load()
    except CommandFailed as failure:
        terminal.fail(str(failure))
        return Ended.TROUBLE
    except SettingsError as error:
        return conclude([wrong(Group.HERE, "settings", str(error), "correct the settings")], terminal)
    return conclude(examine(given, settings, terminal), terminal, region=settings.aws_region)


def examine(given: Namespace, settings: Settings, terminal: Terminal) -> list[Finding]:
    """Everything that was found, in the order in which it is shown."""
    gateway = build(settings)
    try:
        doctor = build_doctor(gateway, resolver=given.resolver)
        with terminal.waiting("Looking at this gateway") as status:
            found = list(doctor.look_here(misspelt=misspelt_names()))
            senders = doctor.look_here.senders()
            account = wanted(settings, senders=senders)
            found += doctor.aws(account, show=lambda part: status.update(f"Looking at AWS: {part}"))
        if given.live:
            found += _live(doctor, given, _sender(given.sender, senders or (), found), terminal)
    finally:
        gateway.close()
    return found


def conclude(found: list[Finding], terminal: Terminal, *, region: str | None = None, **more: Any) -> Ended:
    """Show the findings; the exit code that they make."""
    well = overall(found)
    show(found, terminal)
    checks = [
        {"name": one.name, "group": one.group, "ok": one.ok, "status": one.status, "found": one.found, "fix": one.fix}
        for one in found
    ]
    terminal.answer({"ok": well, "region": region, "checks": checks, **more})
    return {True: Ended.DONE, False: Ended.UNFINISHED, None: Ended.TROUBLE}[well]


def _live(doctor: Doctor, given: Namespace, sender: str | None, terminal: Terminal) -> Iterator[Finding]:
    """Send, and wait for the events."""
    if sender is None:
        fix = "name one with --from ADDRESS whose identity SES has verified"
        yield unknown(Group.LIVE, "emails", "no sender of an application is known to be verified", fix)
        return
    try:
        trials = doctor.try_live.send(sender, actor=f"cli:{user()}")
        began = time.monotonic()
        with terminal.waiting(f"Waiting for the events of emails from {sender}") as status:

            def look() -> tuple[Seen, ...]:
                seen = doctor.try_live.look(trials)
                status.update(f"Waiting for {', '.join(f'{one.trial.mailbox}@' for one in seen if not one.is_over)}")
                return seen

            seen = _until_over(look, within_s=given.wait)
        yield from (finding_of(one, waited_s=time.monotonic() - began) for one in seen)
    except InvalidAddress as error:
        yield wrong(Group.LIVE, "emails", f"{sender}: {error}", "name another with --from ADDRESS")
    except ServiceUnavailable as error:
        yield unknown(Group.LIVE, "emails", error.detail, "see the check database")
    except PosternError as error:
        yield refused(error)


def _until_over(look: Callable[[], tuple[Seen, ...]], *, within_s: float) -> tuple[Seen, ...]:
    ends = time.monotonic() + within_s
    while True:
        seen = look()
        if all(one.is_over for one in seen) or time.monotonic() > ends:
            return seen
        time.sleep(LOOK_EVERY_S)


def _sender(named: str | None, senders: tuple[str, ...], found: list[Finding]) -> str | None:
    """The From of the emails: the one named, else one of an application whose identity is verified."""
    if named is not None:
        return named
    verified = {one.name for one in found if one.group is Group.IDENTITY and one.ok}
    for sender in senders:
        domain = sender.rpartition("@")[2]
        covered = verified & {sender, domain, *_above(domain)}
        if covered:
            return f"{SENDER}{sender}" if sender.startswith("@") else sender
    domains = sorted(name for name in verified if "." in name and " " not in name and "@" not in name)
    return f"{SENDER}@{domains[0]}" if "*" in senders and domains else None


def _above(domain: str) -> Iterator[str]:
    while "." in (domain := domain.partition(".")[2]):
        yield domain


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--live",
        action="store_true",
        help="send to success@, bounce@ and complaint@ of SES's mailbox simulator, and wait for their events",
    )
    parser.add_argument(
        "--from",
        dest="sender",
        metavar="ADDRESS",
        help="the From of these emails; default: one that an application may use and SES has verified",
    )
    parser.add_argument(
        "--wait", type=seconds(), default=WAIT_S, metavar="SECONDS", help="wait so long for events (%(default)g)"
    )
    add_resolver_option(parser)
    add_data_option(parser)


COMMAND = Command(
    words=("doctor",),
    summary="check this gateway, its AWS account and its DNS records, and say how to mend what is wrong",
    detail=(
        "Changes nothing; with --live it sends three emails to SES's mailbox simulator, which cost no\n"
        "reputation. Exits with 0 when all is well, 1 when something must be fixed, and 2 when something could\n"
        "not be looked at."
    ),
    example="./postern doctor --live",
    arguments=arguments,
    run=run,
)
