"""A claim takes nothing that an open circuit holds, and everything else; a probe passes its own circuit."""

from datetime import timedelta

import pytest

from app.store.sending import circuits
from app.store.sending.claims import PROBE_FIRST
from app.wiring.gateway import Gateway
from tests.support.gateway.claims import addresses, open_circuit, wanted
from tests.support.gateway.emails import submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age


@pytest.mark.parametrize("scope", ["account", "sender:example.com", "lane:transactional"])
def test_an_open_circuit_holds_its_email(gateway: Gateway, scope: str) -> None:
    """Email that waits for the account, its sender or its lane is not claimed while the circuit is open."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, scope)
    assert take(gateway).size == 0
    with gateway.database.transaction() as connection:
        assert circuits.resume(connection, scope)
    assert take(gateway).size == 1


@pytest.mark.parametrize("scope", ["sender:example.org", "lane:bulk"])
def test_a_circuit_holds_no_other_email(gateway: Gateway, scope: str) -> None:
    """A circuit of another sender or lane holds nothing back."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, scope)
    assert take(gateway).size == 1


@pytest.mark.parametrize("probe_in", [timedelta(minutes=-1), timedelta(minutes=1), None])
def test_only_a_probe_passes_an_open_circuit(gateway: Gateway, probe_in: timedelta | None) -> None:
    """A probe that is due does not open the circuit to others: another worker may be about to take it."""
    for number in range(3):
        submit(gateway, caller(gateway), f"r{number}@example.net")
    open_circuit(gateway, "account", probe_in=probe_in)
    assert take(gateway).size == 0


def test_a_probe_passes_its_own_circuit_only(gateway: Gateway) -> None:
    """A probe of a sender takes an email of that sender, and none that another circuit holds as well."""
    who = caller(gateway, senders=("@example.com", "@example.org"))
    submit(gateway, who, "ann@example.net")
    open_circuit(gateway, "sender:example.com", probe_in=timedelta(minutes=-1))
    assert take(gateway, limit=1, probe="sender:example.org").size == 0
    open_circuit(gateway, "lane:transactional", probe_in=None)
    assert take(gateway, limit=1, probe="sender:example.com").size == 0
    with gateway.database.transaction() as connection:
        circuits.resume(connection, "lane:transactional")
    assert take(gateway, limit=1, probe="sender:example.com").size == 1


def test_email_that_must_wait_holds_up_no_other(gateway: Gateway) -> None:
    """Where one email may go at a time, one that waits for a circuit or past its deadline does not block the next."""
    held, late, free = (caller(gateway, app=name, senders=("*",)) for name in ("held", "late", "free"))
    submit(gateway, held, "first@example.net", sender="held@example.org")
    submit(gateway, late, "second@example.net")
    age(gateway, "recipients", "expires_at", timedelta(seconds=1), app_id=late.app_id)
    submit(gateway, free, "third@example.net")
    open_circuit(gateway, "sender:example.org")
    assert addresses(take(gateway, limit=1)) == ["third@example.net"]


def test_a_probe_is_found_behind_the_email_of_others(gateway: Gateway) -> None:
    """The email that probes a sender's circuit need not be the one that has waited longest."""
    submit(gateway, caller(gateway, app="one"), "first@example.net")
    two = caller(gateway, app="two", senders=("*",))
    submit(gateway, two, "second@example.net", sender="two@example.org")
    open_circuit(gateway, "sender:example.org", probe_in=timedelta(minutes=-1))
    assert addresses(take(gateway, limit=1, probe="sender:example.org")) == ["second@example.net"]


@pytest.mark.parametrize("scope", ["account", "stream:invites/default", "lane:bulk"])
def test_a_probe_takes_email_that_its_circuit_concerns(gateway: Gateway, scope: str) -> None:
    """Any email, where the circuit holds all email; for a stream, the emails of that stream and no other."""
    who = caller(gateway)
    submit(gateway, who, "news@example.net", stream="news")
    submit(gateway, who, "ann@example.net")
    open_circuit(gateway, scope, probe_in=timedelta(minutes=-1))
    of_stream = scope.startswith("stream:")
    assert addresses(take(gateway, probe=scope)) == [*([] if of_stream else ["news@example.net"]), "ann@example.net"]


def test_an_open_circuit_of_a_stream_holds_that_stream_only(gateway: Gateway) -> None:
    """The links of one stream cannot be made; all other streams go on."""
    who = caller(gateway)
    submit(gateway, who, "news@example.net", stream="news")
    submit(gateway, who, "ann@example.net")
    open_circuit(gateway, "stream:invites/news")
    assert addresses(take(gateway)) == ["ann@example.net"]


@pytest.mark.parametrize(
    "probe, other, passed",
    [
        ("account", "ses", True),
        ("account", "sender:example.com", True),
        ("sender:example.com", "stream:invites/default", True),
        ("sender:example.com", "account", False),
        ("stream:invites/default", "sender:example.com", True),
        ("stream:invites/default", "ses", False),
    ],
)
def test_a_probe_may_pass_a_circuit_that_would_otherwise_block_it_forever(
    gateway: Gateway, probe: str, other: str, passed: bool
) -> None:
    """Two circuits concern the same email; a probe of a sender or stream never passes one that holds all email."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, probe, probe_in=timedelta(minutes=-1))
    open_circuit(gateway, other)
    assert wanted(gateway, probe=probe).size == 0
    assert wanted(gateway, probe=probe, passes_others=True).size == int(passed)


@pytest.mark.parametrize("other", ["lane:transactional", "recovery", "sender:example.com"])
def test_no_probe_passes_a_pause_by_a_person(gateway: Gateway, other: str) -> None:
    """A circuit without a time for its probe waits for a person."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, "account", probe_in=timedelta(minutes=-1))
    open_circuit(gateway, other, probe_in=None)
    assert wanted(gateway, probe="account", passes_others=True).size == 0


def test_a_claim_that_yields_takes_nothing_while_a_circuit_may_be_probed(gateway: Gateway) -> None:
    """The circuit concerns another sender: only for a claim that yields does its probe come first."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, "sender:example.org", probe_in=timedelta(minutes=-1))
    assert wanted(gateway, yields_to_probes=True) == PROBE_FIRST
    assert (PROBE_FIRST.size, PROBE_FIRST.dry) == (0, False)
    assert wanted(gateway).size == 1


def test_a_claim_that_yields_goes_on_while_no_circuit_may_be_probed(gateway: Gateway) -> None:
    """Neither a circuit whose probe is not due yet, nor one that waits for a person, stops it."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, "sender:example.org")
    open_circuit(gateway, "lane:bulk", probe_in=None)
    assert wanted(gateway, yields_to_probes=True).size == 1
