"""Times in words: what is a duration for every reader is one, and nothing else is."""

from datetime import timedelta

import pytest

from app.domain.message.delays import read_delay


@pytest.mark.parametrize(
    "text, minutes",
    [
        ("in 1 min", 1),
        ("in 1 minute", 1),
        ("in 5 minutes", 5),
        ("in 5 mins", 5),
        ("in 5 min", 5),
        ("in 5min", 5),
        ("In 10 Minutes", 10),
        ("in  10   minutes", 10),
        (" in 10 minutes ", 10),
        ("in 1 hour", 60),
        ("in 2 hours", 120),
        ("in 2 hrs", 120),
        ("in 1 hr", 60),
        ("in 2h", 120),
        ("in an hour", 60),
        ("in a minute", 1),
        ("in one hour", 60),
        ("in two days", 2880),
        ("in 1 day", 1440),
        ("in 30 days", 43200),
        ("in a week", 10080),
        ("in 2 weeks", 20160),
        ("in 90 seconds", 1.5),
        ("in 60 secs", 1),
        ("in half an hour", 30),
        ("in twelve hours", 720),
        ("in 0 minutes", 0),
    ],
)
def test_a_delay_in_words_is_its_duration(text: str, minutes: float) -> None:
    """Numbers in digits and in words, units long and short, as Resend's clients write them."""
    assert read_delay(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        *("", "in", "in minutes", "1 hour", "in 1", "in -1 hour", "in 1.5 hours", "in 1 month", "in a year", "in 1 m"),
        *(
            "tomorrow",
            "tomorrow at 9am",
            "Friday at 3pm ET",
            "next monday",
            "now",
            "in 1 hour ago",
            "in 1 hour and 5 min",
        ),
        *("in \uff11 hour", "in 99999999 days", "in 9999999 weeks", "in 1\nhour\nBcc", "within 1 hour"),
    ],
    ids=ascii,
)
def test_other_words_are_no_delay(text: str) -> None:
    """What needs a time zone, a calendar or a guess is refused."""
    assert read_delay(text) is None
