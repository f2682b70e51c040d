"""Whether an authentic event is about our own email: its account and its configuration set are compared with ours."""

from datetime import UTC, datetime

import pytest

from app.domain.feedback.events import EventType, SesEvent
from app.domain.feedback.provenance import Difference, Known, difference

OURS, OTHER = "123456789012", "666666666666"
KNOWN = Known(accounts=frozenset({OURS}), configuration_sets=frozenset({"postern"}))


def event(*, account: str | None = OURS, configuration_set: str | None = "postern") -> SesEvent:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    return SesEvent(
        kind=EventType.DELIVERY,
        ses_message_id="m",
        recipient="kim@example.net",
        occurred_at=noon,
        mail_sent_at=noon,
        sending_account_id=account,
        configuration_set=configuration_set,
    )


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize(
    "account, configuration_set", [(OURS, "postern"), (None, "postern"), (OURS, None), (None, None)]
)
def test_what_is_known_or_not_named_is_no_difference(
    account: str | None, configuration_set: str | None, is_ours: bool
) -> None:
    """A notification of the older kind names no configuration set."""
    assert difference(event(account=account, configuration_set=configuration_set), KNOWN, is_ours=is_ours) is None


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("configuration_set", ["postern", "other", None])
def test_an_event_of_another_account_is_set_aside(configuration_set: str | None, is_ours: bool) -> None:
    """Even about an email of ours, and whatever its configuration set is."""
    found = difference(event(account=OTHER, configuration_set=configuration_set), KNOWN, is_ours=is_ours)
    assert found == Difference("foreign_account", OTHER, sets_aside=True)


@pytest.mark.parametrize("account", [OURS, None])
@pytest.mark.parametrize("is_ours", [True, False])
def test_an_event_of_another_set_counts_if_its_email_is_ours(account: str | None, is_ours: bool) -> None:
    """The setting may have changed after the email had left."""
    found = difference(event(account=account, configuration_set="other"), KNOWN, is_ours=is_ours)
    assert found == Difference("foreign_configuration_set", "other", sets_aside=not is_ours)


@pytest.mark.parametrize("is_ours", [True, False])
def test_where_no_set_is_given_sets_are_not_compared(is_ours: bool) -> None:
    """Accounts are."""
    known = Known(accounts=frozenset({OURS}))
    assert difference(event(configuration_set="other"), known, is_ours=is_ours) is None
    assert difference(event(account=OTHER), known, is_ours=is_ours) is not None


def test_the_account_of_the_topic_is_known_beside_the_others() -> None:
    """With the same configuration sets, and for that notification only."""
    assert KNOWN.and_account(OTHER) == Known(
        accounts=frozenset({OURS, OTHER}), configuration_sets=frozenset({"postern"})
    )
    assert KNOWN.accounts == {OURS}
    assert Known().and_account(OURS) == Known(accounts=frozenset({OURS}))
