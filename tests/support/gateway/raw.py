"""Raw messages for tests: one line for a message, and the corpus of messages as real programs write them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.message.raw.outgoing import outgoing
from app.domain.message.raw.reader import ReadMessage, read_raw
from app.domain.message.raw.rules import InvalidRaw

RECIPIENT = "01920000-0000-7000-8000-00000000000a"
CORPUS = Path(__file__).parents[2] / "corpus" / "raw"
_LEAST = {"From": "invites@example.com", "To": "ann@example.net"}


def raw(*lines: str, body: str = "Come and see.\r\n", **fields: str | None) -> bytes:
    """Return a message of a From, a To, these fields and these further lines; a field that is None is left out."""
    given = {name: value for name, value in {**_LEAST, **fields}.items() if value is not None}
    header = [*(f"{name.replace('_', '-')}: {value}" for name, value in given.items()), *lines]
    return ("\r\n".join(header) + "\r\n\r\n" + body).encode()


def corpus() -> list[str]:
    """Return the names of the messages of the corpus."""
    return sorted(path.name for path in CORPUS.glob("*.eml"))


def refusals(message: bytes) -> list[tuple[str, str]]:
    """Return the pointers and codes of the rules that the message breaks; none if it is accepted."""
    try:
        read_raw(message)
    except InvalidRaw as error:
        return [(fault.pointer, fault.code) for fault in error.faults]
    return []


def sent(message: bytes | ReadMessage, **more: Any) -> bytes:
    """Return an accepted message as SES gets it."""
    read = read_raw(message) if isinstance(message, bytes) else message
    return outgoing(
        read.message.raw,
        recipient_id=RECIPIENT,
        date=datetime(2026, 3, 7, 12, 30, tzinfo=UTC),
        message_id=f"{RECIPIENT}@example.com",
        **more,
    )


def added(message: bytes, **more: Any) -> list[str]:
    """Return the lines that SES gets before what was accepted."""
    whole, kept = sent(message, **more), read_raw(message).message.raw
    assert whole.endswith(kept)
    return whole[: -len(kept)].decode().split("\r\n")[:-1]
