"""Authentic notifications that a person has to see: unreadable ones, and those about another account's emails.

This module decides which notifications are set aside, why, and what the incident says. Nothing is lost: a notification
that is set aside is kept until a person retries it, and the readable events of a partly readable one are settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.feedback.events import Reading, SesEvent
from app.domain.feedback.provenance import FOREIGN_ACCOUNT, Difference, Known, difference
from app.store.operating.incidents import Noted

UNREADABLE: Final = "unreadable_notification"
_SEE: Final = "see `./postern feedback`"


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong with one notification: the text for the incident, and the note for its row if it is set aside.

    `believed`: its events are applied all the same.
    """

    kind: str
    subject: str
    detail: str
    note: str
    sets_aside: bool
    believed: bool

    @property
    def incident(self) -> Noted:
        """The incident that an operator sees."""
        return Noted(kind=self.kind, subject=self.subject, detail=self.detail)


class Doubts:
    """Checks notifications. `known` is what the settings say about where our emails are sent from."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def about(self, topic_arn: str, reading: Reading, matched: Sequence[tuple[SesEvent, bool]]) -> Doubt | None:
        """What a person has to see; None when all is well. `matched` has each event and whether its email is known.

        All events of a notification are about one email at SES, so the first difference applies to all of them.
        """
        known = self._known.and_account("".join(topic_arn.split(":")[4:5]))
        for event, is_ours in matched:
            if (differs := difference(event, known, is_ours=is_ours)) is not None:
                return _foreign(differs)
        return _unreadable(topic_arn, reading.note or "") if reading.unread else None


def _foreign(differs: Difference) -> Doubt:
    whose = "AWS account" if differs.kind == FOREIGN_ACCOUNT else "configuration set"
    setting = "FEEDBACK_ACCOUNTS" if differs.kind == FOREIGN_ACCOUNT else "FEEDBACK_CONFIGURATION_SETS"
    what = f"An event names an unknown {whose}, not one that sends our emails"
    if not differs.sets_aside:
        detail = f"{what}, about an email of ours, so it counts. Check SES_CONFIGURATION_SET and {setting}."
        return Doubt(differs.kind, differs.subject, detail, "", sets_aside=False, believed=True)
    detail = (
        f"{what}. Such notifications are set aside and suppress nothing: {_SEE}. Check who may publish to the topic, "
        f"or add the {whose} to {setting} and retry them."
    )
    return Doubt(differs.kind, differs.subject, detail, f"of another {whose}", sets_aside=True, believed=False)


def _unreadable(topic_arn: str, note: str) -> Doubt:
    detail = f"Authentic notifications of this topic cannot be read, wholly or in part, and are set aside: {_SEE}."
    return Doubt(UNREADABLE, topic_arn, detail, f"cannot be read: {note}", sets_aside=True, believed=True)
