"""Outcomes as a CSV file for a spreadsheet, and as they are shown where addresses are masked."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from typing import Final

from app.domain.csv_text import safe, written
from app.domain.message.address import masked
from app.services.reporting.outcomes import OutcomeView

COLUMNS: Final = (
    "email",
    "outcome",
    "cause",
    "sentence",
    "next_step",
    "who_can_act",
    "subject",
    "actor",
    "reference",
    "stream",
    "email_id",
    "recipient_id",
    "updated_at",
)


def header() -> str:
    """The first line of the file."""
    return written([COLUMNS])


def lines(views: Iterable[OutcomeView]) -> str:
    """A line for each outcome."""
    return written(map(_cells, views))


def with_masks(view: OutcomeView) -> OutcomeView:
    """The outcome without an address: masked where there is one, and without the subject, which may hold one."""
    return replace(
        view,
        email=without_address(view.email),
        actor=view.actor and without_address(view.actor),
        reference=view.reference and without_address(view.reference),
        subject=None,
    )


def without_address(text: str) -> str:
    """The text, masked if it may hold an address, also one in a URL, whose `@` is `%40`."""
    plain = text.replace("%40", "@")
    return masked(plain) if "@" in plain else text


def _cells(view: OutcomeView) -> tuple[str, ...]:
    outcome = view.outcome
    texts = (view.subject, view.actor, view.reference, view.stream)
    return (
        safe(view.email),
        outcome.kind,
        outcome.cause or "",
        outcome.sentence,
        outcome.next_step,
        outcome.who_can_act,
        *(safe(text or "") for text in texts),
        str(view.email_id),
        str(view.recipient_id),
        view.updated_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
