"""A standby of PostgreSQL is promoted while email flows: it goes on by itself, or waits until it may go on."""

from contextlib import closing
from pathlib import Path
from typing import Final

from app.domain.errors import Conflict
from app.services.apps.authenticate import operator
from app.wiring.gateway import Gateway, build
from config import load
from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on
from tests.infrastructure.pieces.standby import By, PrimaryWithStandby, fail_over, fence_and_fail_over
from tests.support.servers.cli import until

ONE_QUIET_TIME_S: Final = 14


def test_after_a_fail_over_to_a_synchronous_standby_email_goes_on(root: Path, report: Report) -> None:
    """Within seconds and by itself, behind a proxy that follows the primary: nothing is lost, nothing comes twice."""
    with stage_on(root, database=PrimaryWithStandby(synchronous=True, by=By.HAPROXY)) as stage:
        found = drilled(stage, {3.0: fail_over})
    report("PostgreSQL, synchronous standby, HAProxy", "primary killed, standby promoted", found)
    assert found.broken == []
    assert max(found.not_accepting_s, found.not_sending_s) < ONE_QUIET_TIME_S


def test_after_a_fail_over_to_an_asynchronous_standby_email_waits_for_the_end_of_a_recovery(
    root: Path, report: Report
) -> None:
    """It begins by itself, with both hosts in the URL. Email is accepted meanwhile; nothing is lost or comes twice.

    The primary is fenced before, and the standby has all: what one that is behind lacks is lost.
    """

    def recover(_: Stage) -> None:
        with closing(build(load())) as gateway:
            until(lambda: gateway.restore.progress() is not None)
            until(lambda: has_ended(gateway))

    with stage_on(root, database=PrimaryWithStandby(synchronous=False, by=By.BOTH_HOSTS)) as stage:
        found = drilled(stage, {3.0: fence_and_fail_over, 4.0: recover})
    report("PostgreSQL, asynchronous standby, both hosts", "primary killed, standby promoted, recovery ended", found)
    assert found.broken == []
    assert found.not_accepting_s < ONE_QUIET_TIME_S <= found.not_sending_s


def has_ended(gateway: Gateway) -> bool:
    """End a recovery as an operator does, who is refused while it is too early."""
    try:
        gateway.restore.end(operator("test"))
    except Conflict:
        return False
    return True
