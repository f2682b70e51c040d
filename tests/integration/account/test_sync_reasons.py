"""SES's list is switched off for one kind of entry: the sync and the explanation say that those stop no email."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.services.suppression.explanation.explain import Ask
from app.services.suppression.explanation.layer import Layer, LayerName, LayerVerdict
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import count
from tests.support.suppression.list_sync import BOTH_WAYS, World, two_lists

KIM = "kim@example.net"


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def test_a_list_that_is_switched_off_is_reported(world: World) -> None:
    """For a reason that is not enabled in the account, SES's list blocks no email."""
    assert world.run().switched_off == ()
    world.ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    assert world.sync.look(ROOT, BOTH_WAYS).switched_off == ("BOUNCE",)


def test_an_explanation_says_that_ses_own_list_stops_no_email(world: World) -> None:
    """Each pass asks for which reasons SES's list is on; while SES does not say, its last answer counts."""

    def at_ses() -> Layer:
        [layer] = [one for one in world.gateway.explain(ROOT, KIM, Ask()).layers if one.name is LayerName.SES_ACCOUNT]
        return layer

    world.ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    world.at_ses(KIM)
    world.sync.sweep()
    assert (at_ses().verdict, world.place().switched_off) == (LayerVerdict.CLEAR, ("BOUNCE",))
    assert "switched off for such entries: it stops no email" in at_ses().summary
    assert count(world.gateway, "suppressions") == 1
    world.later(timedelta(minutes=20))
    world.faults({"match": {"operation": "GetAccount"}, "fault": "500_before"})
    world.sync.sweep()
    assert world.place().switched_off == ("BOUNCE",)
    world.faults()
    world.ses.put_account_suppression_attributes(SuppressedReasons=["BOUNCE", "COMPLAINT"])
    world.later(timedelta(minutes=20))
    world.sync.sweep()
    assert at_ses().verdict is LayerVerdict.WARNS
