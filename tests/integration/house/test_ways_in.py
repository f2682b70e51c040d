"""Every way onto the list puts the address into Redis, so that acceptance warns the caller."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from app.domain.signed_links import write_token
from app.domain.suppression.unsubscribe_link import PURPOSE, Wish
from app.queue import Lane
from app.wiring.foundation import make_key_ring
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, complained, put
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import recipient_of
from tests.support.suppression.list_files import csv_of, take
from tests.support.suppression.list_sync import two_lists

KIM: Final = "kim@example.net"


def a_bounce(gateway: Gateway, _: Path) -> None:
    put(gateway, json.dumps(bounced(KIM, message="b")))
    gateway.settle.drain()


def a_complaint(gateway: Gateway, _: Path) -> None:
    put(gateway, json.dumps(complained(KIM, message="c")))
    gateway.settle.drain()


def soft_bounces(gateway: Gateway, _: Path) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    put(gateway, *(json.dumps(bounced(KIM, message=f"s{one}", kind="Transient", at=at)) for one in range(3)))
    gateway.settle.drain()


def a_person(gateway: Gateway, _: Path) -> None:
    gateway.suppress.add(ROOT, KIM)


def a_file(gateway: Gateway, _: Path) -> None:
    assert take(gateway, csv_of(("email",), (KIM,))) == ["added"]


def the_list_of_ses(gateway: Gateway, directory: Path) -> None:
    with two_lists(gateway, directory) as world:
        world.at_ses(KIM)
        world.run()


def an_undone_removal(gateway: Gateway, _: Path) -> None:
    gateway.suppress.add(ROOT, KIM)
    gateway.unsuppress(ROOT, KIM, reason="By mistake.", wait_for_ses=False)
    assert gateway.positives.look_up([KIM]) == frozenset()
    gateway.undo(ROOT, KIM, reason="By mistake.")


def the_link_in_a_mail(gateway: Gateway, _: Path) -> None:
    email = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    keys = make_key_ring(gateway.settings).derive_each("unsubscribe")
    token = write_token(PURPOSE, recipient_of(gateway, email).id, keys)
    gateway.unsubscribe(token, Wish.UNSUBSCRIBE)


WAYS: Final = (
    a_bounce,
    a_complaint,
    soft_bounces,
    a_person,
    a_file,
    the_list_of_ses,
    an_undone_removal,
    the_link_in_a_mail,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_address_that_comes_onto_the_list_is_among_the_positives(
    gateway: Gateway, tmp_path: Path, way: Callable[[Gateway, Path], None]
) -> None:
    """Redis is warm, so it is asked; it has the address as soon as the entry is committed."""
    gateway.upkeep.warm_positives()
    assert gateway.positives.look_up([KIM]) == frozenset()
    way(gateway, tmp_path)
    assert gateway.positives.look_up([KIM]) == frozenset({KIM})
