"""`postern feedback refused`: messages of SQS queues that were refused and kept aside."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from uuid import UUID

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.privacy.redaction import without_addresses
from app.services.operating.triage import RefusedMessage

MOST = 100
COLUMNS = ("message", "queue", "refused", "sent", "characters", "reason", "why")


def run(given: Namespace, terminal: Terminal) -> bool:
    """List the messages, show one, or have them judged again."""
    if given.raw and (given.message is None or given.retry):
        raise UsageMistake("--raw shows one message: name its ID, and leave out --retry")
    if given.retry:
        return _retry(given, terminal)
    return _show_all(given, terminal) if given.message is None else _show(given, terminal)


def _show_all(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.triage.refused(caller, limit=MOST + 1)
    terminal.table(COLUMNS, map(_row, found[:MOST]), empty="No message of a queue was refused.")
    if len(found) > MOST:
        terminal.say(f"There are more than {MOST}.")
    terminal.answer({"refused": [asdict(one) for one in found[:MOST]], "has_more": len(found) > MOST})
    return True


def _show(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        found, raw = gateway.triage.refused_message(caller, given.message)
    text = raw if given.raw else without_addresses(raw)
    terminal.table(COLUMNS, [_row(found)])
    terminal.say(escape(text))
    terminal.answer({"message": asdict(found) | {"raw": text}})
    return True


def _retry(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        counts = gateway.retry_refused(caller, given.message)
    judged = {name: counts[name] for name in ("stored", "duplicate", "refused")}
    terminal.say(f"{judged['stored']} stored, {judged['duplicate']} stored before, {judged['refused']} refused again.")
    terminal.answer(judged)
    return not judged["refused"]


def _row(one: RefusedMessage) -> tuple[object, ...]:
    return (one.id, one.queue, one.refused_at, one.sent_at, one.length, one.reason, one.detail)


def arguments(parser: ArgumentParser) -> None:
    """The message, and what to do with it."""
    parser.add_argument("message", type=UUID, nargs="?", metavar="ID", help="show this message, without its addresses")
    parser.add_argument("--retry", action="store_true", help="judge this message again, or all: a setting was wrong")
    parser.add_argument("--raw", action="store_true", help="show the message with its addresses")
    add_data_option(parser)


COMMAND = Command(
    words=("feedback", "refused"),
    summary="list messages of SQS queues that were refused and kept aside, show one, retry them",
    detail=(
        "Such a message is not from AWS for one of our topics, or makes Postern fail. It was deleted from its queue,\n"
        "and nothing followed from it. The newest 1,000 are kept, of each the first 65,536 characters. A retry stores\n"
        "what is authentic by now, of any age; the exit code is 1 when messages are refused again."
    ),
    example="./postern feedback refused",
    arguments=arguments,
    run=run,
)
