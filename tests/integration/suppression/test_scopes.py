"""Which recipients and emails an entry blocks, at all three gates: at accept, in the claim, at the last look."""

import json
from dataclasses import dataclass
from uuid import UUID

import pytest

from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.domain.sending.state_machine import State
from app.services.paging import Page
from app.services.suppression.gate import Addressee, Gate
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.gateway.emails import ROOT, state_of, submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import rows


@dataclass(frozen=True)
class Case:
    """An entry, an email to an address in a stream of an application, and whether the entry blocks it."""

    entry: str
    scope: str
    to: str
    app: str
    stream: str
    caught: bool


CASES = {
    "every mail": Case("kim@example.net", "*", "kim@example.net", "shop", "news", caught=True),
    "the application": Case("kim@example.net", "shop", "kim@example.net", "shop", "news", caught=True),
    "another stream of the application": Case("kim@example.net", "shop", "kim@example.net", "shop", "a.b", caught=True),
    "another application": Case("kim@example.net", "shop", "kim@example.net", "shop-2", "news", caught=False),
    "an application that begins alike": Case("kim@example.net", "sho", "kim@example.net", "shop", "news", caught=False),
    "the stream": Case("kim@example.net", "shop/news", "kim@example.net", "shop", "news", caught=True),
    "a stream that begins alike": Case("kim@example.net", "shop/new", "kim@example.net", "shop", "news", caught=False),
    "the stream of another": Case("kim@example.net", "other/news", "kim@example.net", "shop", "news", caught=False),
    "the domain": Case("@example.net", "*", "kim@example.net", "shop", "news", caught=True),
    "the domain in other letters": Case("@EXAMPLE.net", "*", "Kim@Example.NET", "shop", "news", caught=True),
    "a subdomain": Case("@example.net", "*", "kim@mail.example.net", "shop", "news", caught=False),
    "the parent domain": Case("@mail.example.net", "*", "kim@example.net", "shop", "news", caught=False),
    "a domain that ends alike": Case("@example.net", "*", "kim@anexample.net", "shop", "news", caught=False),
    "the domain in the application": Case("@example.net", "shop", "kim@example.net", "shop", "news", caught=True),
    "the domain in another": Case("@example.net", "other", "kim@example.net", "shop", "news", caught=False),
    "an address like a pseudonym": Case("#kim@example.net", "*", "#kim@example.net", "shop", "news", caught=True),
    "an IDN domain": Case("@bücher.example", "*", "kim@xn--bcher-kva.example", "shop", "news", caught=True),
    "an IDN domain in A-labels": Case("@xn--bcher-kva.example", "*", "kim@bücher.example", "shop", "news", caught=True),
    "an IDN address": Case("kim@bücher.example", "shop", "kim@bücher.example", "shop", "news", caught=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_entry_blocks_exactly_its_recipients_and_scope(gateway: Gateway, case: Case) -> None:
    """The same at every gate: a scope and all within it, a domain without its subdomains, in any spelling."""
    gateway.upkeep.warm_positives()
    who = caller(gateway, app=case.app)
    submit(gateway, who, case.to, stream=case.stream)
    [claimed] = take(gateway).emails
    waiting = submit(gateway, who, case.to, stream=case.stream)
    gateway.suppress.add(ROOT, case.entry, scope=case.scope)
    at_the_last_look = Addressee(claimed.recipient.key, claimed.recipient.scope)
    gate = Gate(database=gateway.database, positives=gateway.positives, pseudonyms=gateway.pseudonyms)
    assert (at_the_last_look in gate.suppressed([at_the_last_look])) is case.caught
    assert len(take(gateway).suppressed) == int(case.caught)
    assert (state_of(gateway, waiting) is State.SUPPRESSED) is case.caught
    late = submit(gateway, who, case.to, stream=case.stream)
    assert (state_of(gateway, late) is State.SUPPRESSED) is case.caught


@pytest.mark.parametrize(
    "word", ["@", "@com", "@*.example.net", "@.example.net", "@example.net.", "*@example.net/", "@@a.b"]
)
def test_only_a_domain_is_a_wildcard(gateway: Gateway, word: str) -> None:
    """Not everything, not a top-level domain, no pattern."""
    with pytest.raises(ValidationFailed):
        gateway.suppress.add(ROOT, word)
    assert rows(gateway, "suppressions") == []


def test_a_whole_domain_takes_an_administrator(gateway: Gateway) -> None:
    """To add, to unsuppress by name or id, and to undo. An application may look it up, since it blocks its email."""
    who = caller(gateway)
    with pytest.raises(RestrictedApiKey, match="admin"):
        gateway.suppress.add(who, "@example.net")
    entry: UUID = gateway.suppress.add(ROOT, "@example.net", reason="Closed down.").entry.id
    for name in ("@example.net", str(entry)):
        with pytest.raises(RestrictedApiKey):
            gateway.unsuppress(who, name, reason="Because.")
        assert gateway.suppress.find(who, name).entries[0].email == "@example.net"
    removed = gateway.unsuppress(ROOT, "@example.net", reason="They are back.")
    assert removed.ses_account == "kept"
    for name in ("@example.net", str(entry)):
        with pytest.raises(RestrictedApiKey):
            gateway.undo(who, name, reason="Because.")
    assert [one.email for one in gateway.undo(ROOT, "@example.net", reason="By mistake.")] == ["@example.net"]


def test_an_address_shows_the_domain_that_blocks_it(gateway: Gateway) -> None:
    """Unsuppressing the address leaves the domain, which has to be named itself."""
    who = caller(gateway)
    gateway.suppress.add(ROOT, "@example.net", reason="Closed down.")
    gateway.suppress.add(who, "kim@example.net", scope="invites/news")
    found = gateway.suppress.find(who, "Kim@example.net").entries
    assert [(one.email, one.scope) for one in found] == [("@example.net", "*"), ("kim@example.net", "invites/news")]
    gateway.unsuppress(who, "kim@example.net", reason="She asked.", wait_for_ses=False)
    with pytest.raises(NotFound, match="whole domain"):
        gateway.unsuppress(who, "kim@example.net", reason="She asked.", wait_for_ses=False)
    assert [one.email for one in gateway.suppress.find(who, "kim@example.net").entries] == ["@example.net"]


def test_a_bounce_makes_no_wildcard(gateway: Gateway) -> None:
    """With any text that SES reports as the recipient."""
    put(gateway, *(json.dumps(bounced(word, message=f"m{word}", to=[])) for word in ("@example.net", "@", "*")))
    gateway.settle.drain()
    assert rows(gateway, "suppressions") == []


@pytest.mark.parametrize(
    "scope, seen", [("*", True), ("invites", True), ("invites/a", True), ("other", False), ("other/a", False)]
)
def test_an_application_sees_the_entries_of_its_scopes(gateway: Gateway, scope: str, seen: bool) -> None:
    """In a list, by address and by id: every email, itself, its streams; nothing of another application."""
    who = caller(gateway)
    entry = gateway.suppress.add(ROOT, "kim@example.net", scope=scope).entry

    def sees(name: str) -> bool:
        try:
            return bool(gateway.suppress.find(who, name).entries)
        except NotFound:
            return False

    listed = gateway.suppress.page(who, origin=None, q=None, scope=None, page=Page(10)).data
    assert (sees("kim@example.net"), sees(str(entry.id)), bool(listed)) == (seen, seen, seen)
