"""Test email: it goes the whole way except to SES.

It has a lane of its own, which its rows carry everywhere: so whoever counts, paces or lists email can leave it out, and
a process of a release before, which does not know the lane, never takes it for email to be sent.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

TEST_LANE: Final = "test"
TEST_TOPIC: Final = "postern:test"
"""Stands in place of the topic of a notification that did not come from SNS."""

_MESSAGE_ID: Final = "test-"


class Mode(StrEnum):
    """Whether an email is sent, or only tried."""

    LIVE = "live"
    TEST = "test"

    @classmethod
    def of(cls, lane: str) -> "Mode":
        """The mode of the email in this lane."""
        return cls.TEST if lane == TEST_LANE else cls.LIVE


def message_id_of(attempt_id: UUID) -> str:
    """What stands in place of SES's message id."""
    return f"{_MESSAGE_ID}{attempt_id}"
