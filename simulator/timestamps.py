"""Instants as SES and SNS write them."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)


def iso_millis(moment: datetime) -> str:
    """Return `2026-03-06T20:00:26.893Z`, the form of every timestamp in a notification."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
