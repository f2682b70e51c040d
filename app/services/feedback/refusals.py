"""The incident of a server that refuses us: one for each provider and rule."""

from collections.abc import Iterator

from app.domain.feedback.providers import REFUSED, desk_of, group_of, subject_of
from app.domain.suppression.rules import ListEffect
from app.services.feedback.interpret import Judged
from app.store.operating.incidents import Noted


def noted(judged: Judged) -> Iterator[Noted]:
    """The incident of an event that a server refused for a reason of ours, if it did."""
    if judged.ruling.verdict is not ListEffect.RAISE_INCIDENT or judged.address is None:
        return
    group = group_of(judged.address.domain)
    bounce = judged.received.ses_event.bounce
    reply = (bounce.diagnostic or "") if bounce else ""
    desk = desk_of(group)
    yield Noted(
        kind=REFUSED,
        subject=subject_of(group, judged.rule),
        detail=f"{reply} Turn to {desk}." if desk else reply,
    )
