"""Keys that replace keys: both are valid for the overlap, and then only the new one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.apps.callers import Scope
from app.domain.errors import Conflict, InvalidApiKey, NotFound, PosternError, ValidationFailed
from app.services.apps.authenticate import Authenticate
from app.services.apps.issue_keys import LONGEST_OVERLAP, OVERLAP, ApiKey, Issued
from app.services.apps.trusted_keys import TrustedKeys
from app.services.paging import Page
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.database.interleaving import locked, others
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import issue
from tests.support.gateway.rows import age, change, rows

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def key_of(gateway: Gateway, issued: Issued) -> ApiKey:
    """Return the key as it is stored now."""
    return next(key for key in gateway.issue_keys.all() if key.id == issued.key.id)


def opens(gateway: Gateway, issued: Issued) -> bool:
    """Return whether a process that has cached nothing accepts the token."""
    try:
        Authenticate(TrustedKeys(database=gateway.database))(f"Bearer {issued.token}")
    except InvalidApiKey:
        return False
    return True


def issue_for(gateway: Gateway, lifetime: timedelta) -> Issued:
    """Issue a key that expires."""
    with gateway.database.reading() as connection:
        return issue(gateway, expires_at=clock(connection) + lifetime)


def test_a_rotated_key_is_followed_by_one_that_may_do_the_same(gateway: Gateway) -> None:
    """It has the name, the scopes and the application of the old key, another secret, and no end of its own."""
    old = issue(gateway, scopes=frozenset({Scope.EMAILS_SEND, Scope.METRICS_READ}))
    new = gateway.issue_keys.rotate(ROOT, old.key.public_id)
    assert (new.key.name, new.key.scopes, new.key.app) == (old.key.name, old.key.scopes, old.key.app)
    assert new.key.expires_at is None
    assert new.token != old.token
    assert opens(gateway, new)


def test_the_old_key_is_valid_for_the_overlap_and_no_longer(gateway: Gateway) -> None:
    """By the database's clock; the new key stays."""
    old = issue(gateway)
    new = gateway.issue_keys.rotate(ROOT, old.token, overlap=OVERLAP)
    assert opens(gateway, old)
    ends_at = key_of(gateway, old).expires_at
    assert ends_at is not None
    with gateway.database.reading() as connection:
        assert timedelta() < clock(connection) + OVERLAP - ends_at < timedelta(minutes=1)
    age(gateway, "api_keys", "expires_at", SECOND, id=old.key.id)
    assert not opens(gateway, old)
    assert opens(gateway, new)


def test_an_overlap_makes_no_key_last_longer(gateway: Gateway) -> None:
    """A key that expires before the overlap is over keeps its end."""
    old = issue_for(gateway, timedelta(hours=1))
    gateway.issue_keys.rotate(ROOT, old.token, overlap=DAY)
    assert key_of(gateway, old).expires_at == old.key.expires_at


def test_a_key_that_expires_is_followed_by_one_of_the_same_lifetime(gateway: Gateway) -> None:
    """Unless the rotation says when the new one expires."""
    old = issue_for(gateway, 90 * DAY)
    new = gateway.issue_keys.rotate(ROOT, old.token).key
    assert new.expires_at is not None
    assert abs(new.expires_at - new.created_at - 90 * DAY) < SECOND
    until = new.created_at + 7 * DAY
    assert gateway.issue_keys.rotate(ROOT, new.public_id, expires_at=until).key.expires_at == until


def test_a_rotation_is_in_the_audit(gateway: Gateway) -> None:
    """With both keys, and never a secret; the old key names its successor."""
    old = issue(gateway)
    new = gateway.issue_keys.rotate(ROOT, old.token)
    [noted] = rows(gateway, "audit", action="key_rotate")
    assert noted["actor"] == ROOT.actor
    assert noted["data"].items() >= {"key": old.key.public_id, "replaced_by": new.key.public_id}.items()
    assert key_of(gateway, old).replaced_by == new.key.public_id
    assert old.token not in str(noted["data"])


@pytest.mark.parametrize("overlap", [-SECOND, LONGEST_OVERLAP + SECOND])
def test_an_overlap_is_bounded(gateway: Gateway, overlap: timedelta) -> None:
    """Nothing is changed."""
    old = issue(gateway)
    with pytest.raises(ValidationFailed):
        gateway.issue_keys.rotate(ROOT, old.token, overlap=overlap)
    assert len(gateway.issue_keys.all()) == 1


def test_a_key_that_is_over_is_not_rotated(gateway: Gateway) -> None:
    """Neither one that was rotated, nor one that has expired or was revoked; no key is made."""
    rotated, expired, revoked = (issue(gateway) for _ in range(3))
    gateway.issue_keys.rotate(ROOT, rotated.token)
    age(gateway, "api_keys", "expires_at", SECOND, id=expired.key.id)
    gateway.issue_keys.revoke(ROOT, revoked.token)
    for issued, error in ((rotated, Conflict), (expired, Conflict), (revoked, NotFound)):
        with pytest.raises(error):
            gateway.issue_keys.rotate(ROOT, issued.token)
    assert len(gateway.issue_keys.all()) == 4


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_two_rotations_at_once_make_one_key(gateway: Gateway) -> None:
    """Both begin while another transaction holds the key; the second sees what the first did, and is refused."""
    old = issue(gateway)

    def rotate() -> bool:
        try:
            gateway.issue_keys.rotate(ROOT, old.token)
        except Conflict:
            return False
        return True

    with others(gateway) as rotations:
        with locked(gateway, "api_keys", id=old.key.id):
            rotations.begin(rotate)
            rotations.begin(rotate)
        assert sorted(rotations.results()) == [False, True]
    assert len(gateway.issue_keys.all()) == 2


def test_a_key_expires_in_the_future(gateway: Gateway) -> None:
    """One that has expired already is not issued."""
    with pytest.raises(ValidationFailed) as refused:
        issue_for(gateway, -SECOND)
    assert refused.value.faults[0].pointer == "/expires_at"
    assert (rows(gateway, "apps"), rows(gateway, "api_keys")) == ([], [])


def test_the_keys_of_an_application_are_listed_newest_first(gateway: Gateway) -> None:
    """Revoked ones too, and none of another application."""
    issue(gateway, app="other")
    first, second = issue(gateway), issue(gateway)
    gateway.issue_keys.revoke(ROOT, first.token)
    listed = gateway.issue_keys.page(ROOT, "invites", Page(10)).data
    assert [key.id for key in listed] == [second.key.id, first.key.id]
    assert [key.revoked_at is None for key in listed] == [True, False]


def test_keys_are_listed_in_pages_by_whether_they_work(gateway: Gateway) -> None:
    """Forward and back, without a repeat or a gap; one that was revoked, or that has expired, works no more."""
    keys = [issue(gateway).key for _ in range(4)]
    gateway.issue_keys.revoke(ROOT, keys[1].public_id)
    change(gateway, "api_keys", {"expires_at": keys[0].created_at}, id=keys[0].id)
    newest = [key.id for key in reversed(keys)]

    def page(page: Page, *, working: bool | None = None) -> tuple[list[UUID], bool]:
        found = gateway.issue_keys.page(ROOT, "invites", page, working=working)
        return [key.id for key in found.data], found.has_more

    assert page(Page(2)) == (newest[:2], True)
    assert page(Page(2, after=newest[1])) == (newest[2:], False)
    assert page(Page(2, before=newest[3])) == (newest[1:3], True)
    assert page(Page(1), working=True) == (newest[:1], True)
    assert page(Page(9), working=True) == (newest[:2], False)
    assert page(Page(9), working=False) == (newest[2:], False)


def test_a_key_of_another_application_is_not_found_under_this_one(gateway: Gateway) -> None:
    """It stays as it is."""
    issue(gateway, app="other")
    key = issue(gateway)
    attempts: list[Any] = [gateway.issue_keys.rotate, gateway.issue_keys.revoke]
    for attempt in attempts:
        for app in ("other", "nobody"):
            with pytest.raises(PosternError) as refused:
                attempt(ROOT, key.token, app=app)
            assert isinstance(refused.value, NotFound)
    assert opens(gateway, key)
