"""When silence is deafness, without a broker, a database or a clock."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import ServiceUnavailable
from worker.ears import Ears

NODE = "host:1"
LOOKS = 6


class Broker:
    """What is sent through it comes through at once, unless it is away or its consumer is deaf.

    It is the memory of the node as well: the rumour of what was heard.
    """

    def __init__(self) -> None:
        self.is_away = False
        self.is_deaf = False
        self.sent = 0
        self.broken = ""
        self.listeners: list[Ears] = []
        self._at: datetime | None = None

    def send_canary(self) -> bool:
        self._require("send_canary")
        if self.is_away:
            return False
        self.sent += 1
        if not self.is_deaf:
            self.ring()
        return True

    def ring(self) -> None:
        self.listeners[0].begin()
        self.listeners[0].end()

    def heard(self, node: str) -> None:
        assert node == NODE
        self._at = (self._at or datetime(2026, 1, 1, tzinfo=UTC)) + timedelta(seconds=1)

    def last_heard(self, node: str) -> datetime | None:
        assert node == NODE
        self._require("last_heard")
        return self._at

    def _require(self, part: str) -> None:
        if self.broken == part:
            raise ServiceUnavailable("away")


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def ears(broker: Broker) -> Ears:
    return listen(broker)


def listen(broker: Broker) -> Ears:
    ears = Ears(node=NODE, rumour=broker, send_canary=broker.send_canary, silence_s=60.0)
    broker.listeners.append(ears)
    return ears


def verdicts(ears: Ears, looks: int) -> list[bool]:
    return [ears.is_deaf() for _ in range(looks)]


def test_a_minute_of_silence_is_six_looks(ears: Ears) -> None:
    """A long silence is looked at every ten seconds, a short one six times."""
    assert ears.pause_s == 10.0
    assert Ears(node=NODE, rumour=Broker(), send_canary=bool, silence_s=6.0).pause_s == 1.0


def test_who_hears_its_canaries_is_not_deaf(ears: Ears, broker: Broker) -> None:
    """However long nothing else comes; and a canary is sent only where something was not heard."""
    assert not any(verdicts(ears, 100))
    assert broker.sent == 50


def test_canary_after_canary_unheard_is_deafness(ears: Ears, broker: Broker) -> None:
    """Six that the broker took, over six pauses, and a seventh that it takes still; not one look earlier."""
    broker.is_deaf = True
    assert verdicts(ears, LOOKS + 1) == [False] * LOOKS + [True]
    assert broker.sent == LOOKS + 1


def test_a_broker_that_is_away_makes_nobody_deaf(ears: Ears, broker: Broker) -> None:
    """What was not taken cannot be heard, and after it is back the count starts anew."""
    broker.is_deaf = True
    verdicts(ears, LOOKS)
    broker.is_away = True
    assert not any(verdicts(ears, 100))
    broker.is_away = False
    assert verdicts(ears, LOOKS + 1) == [False] * LOOKS + [True]


def test_one_that_comes_through_is_enough(ears: Ears, broker: Broker) -> None:
    """A consumer that comes back in time has lost nothing."""
    broker.is_deaf = True
    verdicts(ears, LOOKS)
    broker.ring()
    assert verdicts(ears, LOOKS + 1) == [False] * (LOOKS + 1)


def test_what_one_process_hears_all_have_heard(broker: Broker, ears: Ears) -> None:
    """The node is deaf or not, whichever of its processes was given the canary."""
    other = listen(broker)
    for _ in range(20):
        assert not ears.is_deaf()
        assert not other.is_deaf()


def test_a_task_at_work_was_heard(ears: Ears, broker: Broker) -> None:
    """While it takes long nothing else may come through, and the worker is not deaf for that."""
    broker.is_deaf = True
    ears.begin()
    assert not any(verdicts(ears, 100))
    ears.end()
    assert verdicts(ears, LOOKS + 2)[-1]


@pytest.mark.parametrize("broken", ["last_heard", "send_canary"])
def test_who_cannot_look_knows_nothing(ears: Ears, broker: Broker, broken: str) -> None:
    """A database that is away ends no worker, nor does a fault of ours, though it was silent before and is after."""
    broker.is_deaf = True
    verdicts(ears, LOOKS)
    broker.broken = broken
    with pytest.raises(ServiceUnavailable):
        ears.is_deaf()
    broker.broken = ""
    assert verdicts(ears, LOOKS) == [False] * LOOKS
