"""Applications as administrators keep them: created, changed, archived, and each change in the audit."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.apps.limits import MOST, Limits
from app.domain.errors import Conflict, NotFound, RestrictedApiKey, ValidationFailed
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.app_options import AppOptions, NoLimit
from app.services.apps.authenticate import Authenticate
from app.services.apps.trusted_keys import TrustedKeys
from app.services.paging import Page
from app.store.apps.apps import App
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, state_of, submission, submit
from tests.support.gateway.gateways import caller, issue
from tests.support.gateway.rows import rows

OPTIONS = AppOptions(
    senders=("News@Example.org", "@EXAMPLE.com"),
    default_lane=Lane.BULK,
    default_stream="news",
    reason_optional=True,
    on_unconfirmed=OnUnconfirmed.HOLD,
    emails_per_second=5,
    emails_per_day=100,
)


def make_app(gateway: Gateway, name: str = "invites", options: AppOptions = OPTIONS) -> App:
    """Create an application with no setting at its default."""
    return gateway.apps.create(ROOT, name, options)


def fault_of(gateway: Gateway, name: str = "invites", **options: Any) -> tuple[str, str]:
    """Try to create an application, and return the pointer and the code of the refusal."""
    with pytest.raises(ValidationFailed) as refused:
        make_app(gateway, name, AppOptions(**options))
    [fault] = refused.value.faults
    return fault.pointer, fault.code


def test_an_application_is_found_by_its_name_and_its_id(gateway: Gateway) -> None:
    """Its senders are normalised; it has no key yet."""
    app = make_app(gateway)
    assert app.senders == ("news@example.org", "@example.com")
    assert gateway.apps.find(ROOT, "invites") == gateway.apps.find(ROOT, str(app.id)) == app
    assert gateway.issue_keys.page(ROOT, "invites", Page(10)).data == ()
    with pytest.raises(NotFound):
        gateway.apps.find(ROOT, "invitse")


def test_what_is_not_given_takes_the_default(gateway: Gateway) -> None:
    """It may send as no address, and has no limit."""
    app = make_app(gateway, options=AppOptions())
    assert (app.senders, app.default_lane, app.default_stream) == ((), "transactional", "default")
    assert (app.reason_optional, app.on_unconfirmed, app.limits) == (False, OnUnconfirmed.RESEND, None)


@pytest.mark.parametrize("name", ["", "-x", "Invites", "a b", "x" * 64])
def test_an_application_has_a_plain_name(gateway: Gateway, name: str) -> None:
    """It is half of the scope of suppressions."""
    assert fault_of(gateway, name) == ("/name", "grammar")
    assert rows(gateway, "apps") == []


def test_a_name_is_given_once(gateway: Gateway) -> None:
    """Also while its application is archived: its history stays under it."""
    make_app(gateway)
    gateway.apps.archive(ROOT, "invites")
    assert fault_of(gateway) == ("/name", "taken")


@pytest.mark.parametrize(
    "options, fault",
    [
        ({"senders": ("@example.com", "not one")}, ("/senders", "grammar")),
        ({"team": ("ann@example.com", "*")}, ("/team", "grammar")),
        ({"team": tuple(f"a{number}@example.com" for number in range(101))}, ("/team", "too_many")),
        ({"default_stream": "No Stream"}, ("/default_stream", "grammar")),
        ({"default_stream": ""}, ("/default_stream", "grammar")),
        ({"emails_per_second": 0}, ("/emails_per_second", "out_of_range")),
        ({"emails_per_day": MOST + 1}, ("/emails_per_day", "out_of_range")),
    ],
)
def test_an_invalid_option_changes_nothing(gateway: Gateway, options: Any, fault: tuple[str, str]) -> None:
    """The same rules hold when an application is made and when it is changed."""
    assert fault_of(gateway, **options) == fault
    app = make_app(gateway)
    with pytest.raises(ValidationFailed) as refused:
        gateway.apps.change(ROOT, "invites", AppOptions(**options))
    assert [(one.pointer, one.code) for one in refused.value.faults] == [fault]
    assert gateway.apps.find(ROOT, "invites") == app


CHANGES: list[tuple[AppOptions, dict[str, Any]]] = [
    (AppOptions(senders=("@example.org",)), {"senders": ("@example.org",)}),
    (AppOptions(senders=()), {"senders": ()}),
    (AppOptions(team=("Ann@Example.org", "@example.net")), {"team": ("ann@example.org", "@example.net")}),
    (AppOptions(default_lane=Lane.TRANSACTIONAL), {"default_lane": "transactional"}),
    (AppOptions(default_stream="invitations"), {"default_stream": "invitations"}),
    (AppOptions(on_unconfirmed=OnUnconfirmed.RESEND), {"on_unconfirmed": OnUnconfirmed.RESEND}),
    (AppOptions(reason_optional=False), {"reason_optional": False}),
    (AppOptions(emails_per_second=6), {"emails_per_second": 6}),
    (AppOptions(emails_per_day=NoLimit.NO_LIMIT), {"emails_per_day": None}),
]


@pytest.mark.parametrize(
    "options, changed", CHANGES, ids=[f"{name} {value}" for _, changed in CHANGES for name, value in changed.items()]
)
def test_only_what_is_named_is_changed(gateway: Gateway, options: AppOptions, changed: dict[str, Any]) -> None:
    """All else stays, the audit has the new value, and the application's keys follow."""
    app = make_app(gateway)
    key = gateway.issue_keys.add(ROOT, "invites", name="", scopes=frozenset())
    expected = replace(app, **changed)
    assert gateway.apps.change(ROOT, "invites", options) == expected == gateway.apps.find(ROOT, str(app.id))
    [noted] = rows(gateway, "audit", action="app_change")
    [(name, value)] = changed.items()
    assert noted["data"] == {"app": "invites", "changed": {name: list(value) if isinstance(value, tuple) else value}}
    who = Authenticate(TrustedKeys(database=gateway.database))(f"Bearer {key.token}")
    assert (who.senders, who.team, who.default_lane, who.default_stream) == (
        expected.senders,
        expected.team,
        expected.default_lane,
        expected.default_stream,
    )
    assert (who.reason_optional, who.on_unconfirmed, who.limits) == (
        expected.reason_optional,
        expected.on_unconfirmed,
        Limits(expected.emails_per_second, expected.emails_per_day),
    )


def test_a_change_makes_no_new_application(gateway: Gateway) -> None:
    """A mistyped name changes nothing."""
    with pytest.raises(NotFound):
        gateway.apps.change(ROOT, "invitse", AppOptions(default_lane=Lane.BULK))
    assert rows(gateway, "apps") == []


def test_a_change_of_nothing_is_no_change(gateway: Gateway) -> None:
    """It gives the application as it is, and the audit has no entry."""
    app = make_app(gateway)
    assert gateway.apps.change(ROOT, "invites", AppOptions()) == app
    assert [row["action"] for row in rows(gateway, "audit")] == ["app_create"]


def test_applications_are_paged_both_ways(gateway: Gateway) -> None:
    """Newest first, archived ones too."""
    one, two, three = (make_app(gateway, name) for name in ("one", "two", "three"))
    gateway.apps.archive(ROOT, "two")

    def names(**page: Any) -> tuple[list[str], bool]:
        found = gateway.apps.page(ROOT, Page(**page))
        return [app.name for app in found.data], found.has_more

    assert names(limit=2) == (["three", "two"], True)
    assert names(limit=2, after=two.id) == (["one"], False)
    assert names(limit=1, before=one.id) == (["two"], True)
    assert names(limit=5, before=two.id) == (["three"], False)
    assert names(limit=5, before=three.id) == ([], False)


def test_an_archived_application_accepts_nothing(gateway: Gateway) -> None:
    """Its keys are refused with the reason, and it gets no new ones, until it is unarchived."""
    issued = issue(gateway)
    gateway.apps.archive(ROOT, "invites")
    with pytest.raises(RestrictedApiKey, match="is archived"):
        gateway.authenticate(f"Bearer {issued.token}")
    with pytest.raises(Conflict):
        gateway.issue_keys.add(ROOT, "invites", name="", scopes=frozenset())
    with pytest.raises(Conflict):
        gateway.issue_keys.rotate(ROOT, issued.token)
    gateway.apps.unarchive(ROOT, "invites")
    assert Authenticate(TrustedKeys(database=gateway.database))(f"Bearer {issued.token}").app == "invites"


def test_whoever_has_no_secret_learns_nothing_of_the_archive(gateway: Gateway) -> None:
    """A wrong secret gets the answer that it always gets."""
    issued = issue(gateway)
    gateway.apps.archive(ROOT, "invites")
    wrong = issued.token[:-1] + ("A" if issued.token[-1] != "A" else "B")
    with pytest.raises(Exception, match="is not known") as refused:
        gateway.authenticate(f"Bearer {wrong}")
    assert not isinstance(refused.value, RestrictedApiKey)


def test_what_an_archived_application_had_submitted_is_sent(gateway: Gateway) -> None:
    """Accepted means kept; an administrator may cancel an email, and reads all of them."""
    who = caller(gateway)
    kept, canceled = (submit(gateway, who, address) for address in ("ann@example.net", "bo@example.net"))
    gateway.apps.archive(ROOT, "invites")
    gateway.revise.cancel(ROOT, canceled)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, kept), state_of(gateway, canceled)) == (State.SENT, State.CANCELED)


def test_an_application_is_archived_once(gateway: Gateway) -> None:
    """To archive it again changes nothing, nor does it to unarchive one that is not archived."""
    make_app(gateway)
    gateway.apps.unarchive(ROOT, "invites")
    first = gateway.apps.archive(ROOT, "invites")
    assert gateway.apps.archive(ROOT, "invites") == first
    assert gateway.apps.unarchive(ROOT, "invites").archived_at is None
    assert [row["action"] for row in rows(gateway, "audit")] == ["app_create", "app_archive", "app_unarchive"]


def test_an_email_without_a_stream_belongs_to_that_of_its_application(gateway: Gateway) -> None:
    """Whoever unsubscribed from that stream does not get it; an email that names a stream keeps it."""
    who = replace(caller(gateway), default_stream="news")
    gateway.suppress.add(ROOT, "kim@example.net", scope="invites/news")
    held, named = submit(gateway, who, "kim@example.net"), submit(gateway, who, "kim@example.net", stream="other")
    assert [row["stream"] for row in rows(gateway, "emails")] == ["news", "other"]
    assert (state_of(gateway, held), state_of(gateway, named)) == (State.SUPPRESSED, State.QUEUED)
    assert [one.would_send for one in gateway.check(who, ["kim@example.net"])] == [False]
    assert gateway.accept.faults(who, submission("kim@example.net", stream=""))[0].pointer == "/stream"


def test_a_check_for_another_application_takes_its_stream(gateway: Gateway) -> None:
    """An administrator sees what that application would see."""
    make_app(gateway)
    gateway.suppress.add(ROOT, "kim@example.net", scope="invites/news")
    assert [one.would_send for one in gateway.check(ROOT, ["kim@example.net"], app="invites")] == [False]
    assert [one.would_send for one in gateway.check(ROOT, ["kim@example.net"], app="nobody")] == [True]


def test_only_administrators_keep_applications(gateway: Gateway) -> None:
    """The services hold it, whatever calls them."""
    who = caller(gateway)
    for refused in (
        lambda: gateway.apps.create(who, "mine", AppOptions()),
        lambda: gateway.apps.page(who, Page(limit=1)),
        lambda: gateway.apps.find(who, "invites"),
        lambda: gateway.apps.change(who, "invites", AppOptions(emails_per_day=NoLimit.NO_LIMIT)),
        lambda: gateway.apps.archive(who, "invites"),
        lambda: gateway.apps.unarchive(who, "invites"),
        lambda: gateway.issue_keys.add(who, "invites", name="", scopes=frozenset()),
        lambda: gateway.issue_keys.page(who, "invites", Page(10)),
        lambda: gateway.issue_keys.rotate(who, "aaaaaaaaaaaa"),
        lambda: gateway.issue_keys.revoke(who, "aaaaaaaaaaaa"),
    ):
        with pytest.raises(RestrictedApiKey):
            refused()
