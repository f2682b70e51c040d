"""`postern secret`: make a key for SECRET_KEYS, and rotate the keys."""

from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from rich.markup import escape

from app.cli.shell.command import Command, Ended, add_data_option, on_gateway
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.services.operating.key_rotation import KeyUse, Resealed, RotationStage, Standing, new_key

COLUMNS: Final = (
    "key",
    "in SECRET_KEYS",
    "peppers",
    "emails",
    "API keys",
    "webhook secrets",
    "users",
    "emails that wait",
    "may go",
)
_ENDS: Final = {
    RotationStage.FINISHED: Ended.DONE,
    RotationStage.UNFINISHED: Ended.UNFINISHED,
    RotationStage.CANNOT_BE_OPENED: Ended.TROUBLE,
}
_LINKS: Final = (
    "Streams carry unsubscribe links. A key that signed them has to stay for 60 days after it stopped being the first, "
    "or the links stop working."
)


def new(_given: Namespace, terminal: Terminal) -> bool:
    """Print a new key and nothing else, so that the output can be piped."""
    key = new_key()
    if not terminal.as_json:
        terminal.say(key)
    terminal.answer({"secret_key": key})
    return True


def check(given: Namespace, terminal: Terminal) -> Ended:
    """Show how many rows are sealed under each key, and what to do next."""
    with operated_gateway(given.data) as (gateway, caller), terminal.progress("Looking", total=None) as show:
        standing = gateway.rotation.standing(caller, show=lambda rows: show(rows, rows))
    terminal.table(COLUMNS, [_row(use) for use in standing.keys])
    for line in _advice(standing, given.data):
        terminal.say(escape(line))
    terminal.answer(
        {
            "verdict": standing.verdict,
            "keys": [_as_json(use) for use in standing.keys],
            "altered": dict(standing.altered),
            "unsubscribe_links": standing.links,
        }
    )
    return _ENDS[standing.verdict]


def reseal(given: Namespace, terminal: Terminal) -> bool:
    """Seal every row under the first key."""
    done = Resealed()
    with operated_gateway(given.data) as (gateway, caller), terminal.progress("Sealing", total=None) as show:
        for done in gateway.rotation.reseal(caller):
            show(done.looked_at, done.sealed.total())
    terminal.say(f"{done.sealed.total():,} of {done.looked_at:,} rows were sealed anew under the first key.")
    if done.left.total():
        check = on_gateway("./postern secret check", given.data)
        terminal.say(escape(f"{done.left.total():,} rows were not changed: run this again, then run `{check}`."))
    terminal.answer({"looked_at": done.looked_at, "sealed": dict(done.sealed), "left": dict(done.left)})
    return not done.left.total()


def _row(use: KeyUse) -> tuple[object, ...]:
    return (use.key_id, _place(use), *(f"{rows:,}" for rows in use.rows.values()), f"{use.waiting:,}", use.may_go)


def _place(use: KeyUse) -> str:
    if use.place is None:
        return "missing"
    return f"{use.place + 1}, seals" if use.place == 0 else f"{use.place + 1}, opens"


def _as_json(use: KeyUse) -> dict[str, Any]:
    place = None if use.place is None else use.place + 1
    return {"key": use.key_id, "place": place, "rows": dict(use.rows), "waiting": use.waiting, "may_go": use.may_go}


def _advice(standing: Standing, data: Path | None) -> list[str]:
    """What the operator has to do next."""
    if standing.altered:
        return ["A row of the table peppers cannot be opened although its key is here: restore it from a backup."]
    if standing.missing:
        named = ", ".join(use.key_id for use in standing.missing)
        return [f"SECRET_KEYS lacks {named}: first add what is missing at the end of SECRET_KEYS, and restart."]
    if standing.older:
        reseal_them = on_gateway("./postern secret reseal", data)
        return [f"{standing.older:,} rows are sealed under older keys: `{reseal_them}` seals them anew."]
    going = [use for use in standing.keys if use.may_go]
    if not going:
        return ["Every row is sealed under the only key."]
    lines = [f"Every row is sealed under the first key: {', '.join(use.key_id for use in going)} may be removed."]
    return [*lines, _LINKS] if standing.links else lines


COMMANDS = (
    Command(
        words=("secret", "new"),
        summary="make a key for SECRET_KEYS",
        detail=(
            "Prints the key and changes nothing. Put it into SECRET_KEYS, which is in the environment or in .env.\n"
            "Where there is a key already, keep it: SECRET_KEYS=OLD,NEW comes first, then SECRET_KEYS=NEW,OLD\n"
            "(docs/operations.md). Without OLD, what is sealed under it cannot be read any more.\n"
            "`./postern secret` alone does the same."
        ),
        example="./postern secret new",
        run=new,
        default=True,
    ),
    Command(
        words=("secret", "check"),
        summary="show how many rows use each key, and which keys may be removed",
        detail=(
            "A key is shown by its id, which is not secret. Exits with 0 when every row is sealed under the first\n"
            "key, with 1 when `secret reseal` has work to do, and with 2 when a row cannot be opened."
        ),
        example="./postern secret check",
        arguments=add_data_option,
        run=check,
    ),
    Command(
        words=("secret", "reseal"),
        summary="seal every row anew under the first key of SECRET_KEYS",
        detail="Works in batches while emails are sent. It may be interrupted and repeated.",
        example="./postern secret reseal",
        arguments=add_data_option,
        run=reseal,
    ),
)
