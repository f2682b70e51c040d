"""How an imported row combines with existing entries: it may strengthen the list and never weakens it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from app.domain.suppression.files.rows import Admission, BadRow, ListRow, RowRule, RowVerdict, check, verdict
from app.domain.suppression.rules import STRENGTH, Origin

NOW = datetime(2026, 11, 26, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(days=30), NOW + timedelta(days=30)
ENDS = (None, NOW + timedelta(days=1), LATER)
IMPORTED = sorted(set(Origin) - {Origin.ERASURE})


@dataclass
class Standing:
    origin: str
    expires_at: datetime | None


def row(**more: Any) -> ListRow:
    values: dict[str, Any] = {
        "line": 2,
        "key": "ann@example.net",
        "scope": "*",
        "address": "ann@example.net",
        "origin": Origin.MANUAL,
        "reason": "Asked.",
        "dated": BEFORE,
    }
    return ListRow(**values | more)


def becomes(one: ListRow, standing: Standing | None = None, **more: Any) -> RowVerdict:
    return verdict(one, standing, **{"removed_at": None, "now": NOW, "fresh": False} | more)


@pytest.mark.parametrize("origin, ends, stands, until", list(product(IMPORTED, ENDS, IMPORTED, ENDS)))
def test_a_row_never_weakens_the_list(
    origin: Origin, ends: datetime | None, stands: Origin, until: datetime | None
) -> None:
    """It replaces only an entry that ends sooner, or one that ends at the same time and is weaker."""
    lasts, lasted = ends or datetime.max.replace(tzinfo=UTC), until or datetime.max.replace(tzinfo=UTC)
    better = (lasts, STRENGTH[origin]) > (lasted, STRENGTH[stands])
    decided = becomes(row(origin=origin, expires_at=ends), Standing(stands, until))
    assert decided is (RowVerdict.REPLACED if better else RowVerdict.KEPT)


def test_a_row_without_an_existing_entry_is_added() -> None:
    """Where there is no entry, or one that has ended but is not deleted yet."""
    assert becomes(row()) is RowVerdict.ADDED
    assert becomes(row(), Standing(Origin.COMPLAINT, NOW)) is RowVerdict.ADDED


def test_a_row_that_has_ended_is_not_put() -> None:
    """Not even where there is no entry."""
    assert becomes(row(expires_at=NOW)) is RowVerdict.OVER
    assert becomes(row(expires_at=NOW + timedelta(microseconds=1))) is RowVerdict.ADDED


@pytest.mark.parametrize("standing", [None, Standing(Origin.BOUNCE, LATER)])
@pytest.mark.parametrize("origin", IMPORTED)
def test_a_removal_sticks(standing: Standing | None, origin: Origin) -> None:
    """Promise 6: a row older than the removal does not suppress again, and a row without a date counts as older."""
    for dated in (BEFORE, NOW - timedelta(days=1), None):
        decided = becomes(row(origin=origin, dated=dated), standing, removed_at=NOW - timedelta(days=1))
        assert decided is RowVerdict.REMOVED_SINCE
    newer = becomes(row(origin=origin, dated=NOW), standing, removed_at=NOW - timedelta(days=1))
    assert newer is (RowVerdict.ADDED if standing is None else RowVerdict.REPLACED)


def test_fresh_makes_a_row_without_a_time_as_new_as_today() -> None:
    """A row with a time keeps that time."""
    assert becomes(row(dated=None), removed_at=BEFORE, fresh=True) is RowVerdict.ADDED
    assert becomes(row(dated=BEFORE), removed_at=BEFORE, fresh=True) is RowVerdict.REMOVED_SINCE


@pytest.mark.parametrize(
    "change, app, rule",
    [
        ({"scope": "other"}, "shop", RowRule.NOT_YOURS),
        ({"scope": "other/news"}, "shop", RowRule.NOT_YOURS),
        ({"scope": "shop-2/news"}, "shop", RowRule.NOT_YOURS),
        ({"key": "@example.net"}, "shop", RowRule.WHOLE_DOMAIN),
        ({"origin": Origin.ERASURE}, None, RowRule.ORIGIN),
        ({"origin": Origin.UNSUBSCRIBE, "expires_at": LATER}, None, RowRule.MAY_NOT_END),
        ({"origin": Origin.COMPLAINT, "expires_at": LATER}, None, RowRule.MAY_NOT_END),
        ({"dated": NOW + timedelta(days=2)}, None, RowRule.IN_THE_FUTURE),
        ({"origin": Origin.BOUNCE, "key": "bounce@simulator.amazonses.com"}, None, RowRule.MAILBOX_SIMULATOR),
        ({"origin": Origin.BOUNCE, "key": "@simulator.amazonses.com"}, None, RowRule.MAILBOX_SIMULATOR),
    ],
)
def test_some_rows_may_not_go_on_the_list(change: dict[str, Any], app: str | None, rule: RowRule) -> None:
    """Whatever is on the list."""
    with pytest.raises(BadRow) as caught:
        check(row(**change), Admission(app=app, whole_domains=app is None, exempt_mailbox_simulator=True), now=NOW)
    assert caught.value.rule is rule


@pytest.mark.parametrize(
    "change, app",
    [
        ({"scope": "*"}, "shop"),
        ({"scope": "shop"}, "shop"),
        ({"scope": "shop/news"}, "shop"),
        ({"scope": "other/news"}, None),
        ({"key": "@example.net"}, None),
        ({"origin": Origin.BOUNCE, "expires_at": LATER}, None),
        ({"dated": NOW + timedelta(hours=12)}, None),
        ({"key": "bounce@simulator.amazonses.com"}, None),
    ],
)
def test_the_others_may(change: dict[str, Any], app: str | None) -> None:
    """An application may import its own scope and `*`, an administrator all; a clock may be some hours off."""
    check(row(**change), Admission(app=app, whole_domains=app is None, exempt_mailbox_simulator=True), now=NOW)


def test_the_mailbox_simulator_is_exempt_only_if_the_setting_says_so() -> None:
    """Otherwise an import would bypass the setting."""
    one = row(origin=Origin.BOUNCE, key="bounce@simulator.amazonses.com")
    check(one, Admission(app=None, whole_domains=True, exempt_mailbox_simulator=False), now=NOW)
