"""When silence means that a worker is deaf, without a broker, a database or a clock."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import ServiceUnavailable
from worker.broker_liveness import BrokerLiveness

NODE = "host:1"
LOOKS = 6


class Broker:
    """Delivers messages at once, unless it is unavailable or its consumer is deaf.

    It also holds the state of the node: the last message that was heard.
    """

    def __init__(self) -> None:
        self.is_away = False
        self.is_deaf = False
        self.sent = 0
        self.broken = ""
        self.listeners: list[BrokerLiveness] = []
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

    def was_reached(self, node: str) -> None:
        assert node == NODE
        self._at = (self._at or datetime(2026, 1, 1, tzinfo=UTC)) + timedelta(seconds=1)

    def last_reached(self, node: str) -> datetime | None:
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
def liveness(broker: Broker) -> BrokerLiveness:
    return listen(broker)


def listen(broker: Broker) -> BrokerLiveness:
    liveness = BrokerLiveness(node=NODE, shared=broker, send_canary=broker.send_canary, silence_s=60.0)
    broker.listeners.append(liveness)
    return liveness


def verdicts(liveness: BrokerLiveness, looks: int) -> list[bool]:
    return [liveness.is_deaf() for _ in range(looks)]


def test_a_minute_of_silence_is_six_looks(liveness: BrokerLiveness) -> None:
    """A long silence is checked every ten seconds, a short one six times."""
    assert liveness.pause_s == 10.0
    assert BrokerLiveness(node=NODE, shared=Broker(), send_canary=bool, silence_s=6.0).pause_s == 1.0


def test_a_worker_that_hears_its_canaries_is_not_deaf(liveness: BrokerLiveness, broker: Broker) -> None:
    """However long no other message comes; and a canary is sent only after silence."""
    assert not any(verdicts(liveness, 100))
    assert broker.sent == 50


def test_canary_after_canary_unheard_is_deafness(liveness: BrokerLiveness, broker: Broker) -> None:
    """After six canaries that the broker accepted, over six intervals, and a seventh that it accepts; not before."""
    broker.is_deaf = True
    assert verdicts(liveness, LOOKS + 1) == [False] * LOOKS + [True]
    assert broker.sent == LOOKS + 1


def test_an_unavailable_broker_makes_no_worker_deaf(liveness: BrokerLiveness, broker: Broker) -> None:
    """A canary that the broker did not accept cannot be heard; when the broker is back the count starts again."""
    broker.is_deaf = True
    verdicts(liveness, LOOKS)
    broker.is_away = True
    assert not any(verdicts(liveness, 100))
    broker.is_away = False
    assert verdicts(liveness, LOOKS + 1) == [False] * LOOKS + [True]


def test_one_canary_that_arrives_is_enough(liveness: BrokerLiveness, broker: Broker) -> None:
    """A consumer that recovers in time is not deaf."""
    broker.is_deaf = True
    verdicts(liveness, LOOKS)
    broker.ring()
    assert verdicts(liveness, LOOKS + 1) == [False] * (LOOKS + 1)


def test_a_canary_heard_by_one_process_counts_for_all(broker: Broker, liveness: BrokerLiveness) -> None:
    """A node is deaf or not as a whole, whichever of its processes received the canary."""
    other = listen(broker)
    for _ in range(20):
        assert not liveness.is_deaf()
        assert not other.is_deaf()


def test_a_running_task_counts_as_heard(liveness: BrokerLiveness, broker: Broker) -> None:
    """During a long task no other message may come, and that does not make the worker deaf."""
    broker.is_deaf = True
    liveness.begin()
    assert not any(verdicts(liveness, 100))
    liveness.end()
    assert verdicts(liveness, LOOKS + 2)[-1]


@pytest.mark.parametrize("broken", ["last_heard", "send_canary"])
def test_a_failed_check_proves_nothing(liveness: BrokerLiveness, broker: Broker, broken: str) -> None:
    """Neither an unavailable database nor a bug ends a worker, even with silence before and after."""
    broker.is_deaf = True
    verdicts(liveness, LOOKS)
    broker.broken = broken
    with pytest.raises(ServiceUnavailable):
        liveness.is_deaf()
    broker.broken = ""
    assert verdicts(liveness, LOOKS) == [False] * LOOKS
