"""The scheduled sync of the lists: a few calls at a time, one process at once, and nothing lost in a crash."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from app.aws.ses import account
from app.aws.ses.account import SesAccount
from app.cli.main import main
from app.domain.account.sync_progress import Order, Stage, SyncPosition, Tally
from app.domain.errors import Conflict
from app.domain.suppression.rules import Origin
from app.services.account.sync_list import Overtaken
from app.services.operating.sweeps import Sweep
from app.store.account.ses_list import CURSOR
from app.store.operating import job_cursors
from app.wiring.gateway import Gateway
from config import SesListSync
from tests.support.aws.simulator import control
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import SECRET_KEY
from tests.support.gateway.rows import change, count, rows
from tests.support.servers.cli import command, surroundings, until
from tests.support.suppression.list_sync import EVERYTHING, World, two_lists


@pytest.fixture
def world(gateway: Gateway, tmp_path: Path) -> Iterator[World]:
    with two_lists(gateway, tmp_path) as made:
        yield made


def test_a_sweep_makes_some_calls_and_the_next_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long SES's list is, a sweep ends within its interval; after the whole list it rests."""
    monkeypatch.setattr(account, "PAGE_SIZE", 1)
    world.at_ses(*(f"r{number}@example.net" for number in range(10)))
    began = world.seconds()
    assert world.sync.sweep() == 4
    assert world.seconds() - began <= 15
    assert (world.place().stage, world.place().pages) == (Stage.LISTING, 4)
    assert [world.sync.sweep() for _ in range(3)] == [4, 2, 0]
    assert (world.place().stage, len(world.live())) == (Stage.IDLE, 10)
    at = world.seconds()
    assert world.sync.sweep() == 0
    assert world.seconds() == at


def test_a_sweep_ends_when_ses_is_slow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that takes long is the last one of its sweep."""
    monkeypatch.setattr(account, "PAGE_SIZE", 1)
    world.at_ses(*(f"r{number}@example.net" for number in range(3)))
    whole = SesAccount.list_suppressed

    def slowly(self: SesAccount, *given: Any, **more: Any) -> Any:
        world.seconds.sleep(8)
        return whole(self, *given, **more)

    monkeypatch.setattr(SesAccount, "list_suppressed", slowly)
    assert world.sync.sweep() == 1


def test_new_entries_are_read_often_and_the_whole_list_once_a_day(world: World) -> None:
    """After 15 minutes the changes are read, after a day the whole list; missing addresses are unsuppressed."""
    world.at_ses("old@example.net", updated_at="2026-01-01T00:00:00+00:00")
    world.sync.sweep()
    world.later(timedelta(minutes=16))
    world.at_ses("new@example.net")
    world.ses.delete_suppressed_destination(EmailAddress="old@example.net")
    assert world.sync.sweep() == 1
    assert world.live().keys() == {"old@example.net", "new@example.net"}
    world.later(timedelta(hours=24))
    assert world.sync.sweep() == 1
    assert world.live().keys() == {"new@example.net"}


def test_our_list_is_put_at_ses_once_a_day_if_that_is_set(world: World) -> None:
    """`pull` puts nothing there; `both` does, with the daily pass over the whole list."""
    world.put("kim@example.net", Origin.BOUNCE)
    assert (world.sync.sweep(), world.listed()) == (0, set())
    both = world.another(SesListSync.BOTH)
    world.later(timedelta(hours=1))
    assert (both.sweep(), world.listed()) == (0, set())
    world.later(timedelta(hours=24))
    assert (both.sweep(), world.listed()) == (1, {"kim@example.net"})


def test_a_sync_that_is_switched_off_makes_no_call(world: World) -> None:
    """A person may still run it."""
    world.at_ses("kim@example.net")
    world.faults({"match": {"operation": "*"}, "fault": "500_before"})
    assert world.another(SesListSync.OFF).sweep() == 0
    world.faults()
    assert world.another(SesListSync.OFF).run(ROOT, EVERYTHING).tally.added == 1


def test_a_sandbox_is_reported_once_a_day(gateway: Gateway, tmp_path: Path) -> None:
    """The schedule does not repeat a call each quarter of an hour whose answer cannot change so soon."""
    with two_lists(gateway, tmp_path, production_access=False) as world:
        both = world.another(SesListSync.BOTH)
        world.put("kim@example.net", Origin.BOUNCE)
        with capture_logs() as logs:
            both.sweep()
            for _ in range(3):
                world.later(timedelta(minutes=20))
                both.sweep()
        assert [log["event"] for log in logs] == ["ses_list_not_put"]


@pytest.mark.parametrize("fault, reported", [("400:AccessDeniedException", True), ("500_before", True), ("429", False)])
def test_a_sweep_that_ses_refuses_rests(world: World, fault: str, *, reported: bool) -> None:
    """It does not fail: it reports the refusal, unless it was throttled, and tries again a quarter of an hour later."""
    world.at_ses("kim@example.net")
    world.faults({"match": {"operation": "ListSuppressedDestinations", "count": 1}, "fault": fault})
    with capture_logs() as logs:
        assert world.sync.sweep() == 0
    assert [log["event"] for log in logs] == (["ses_list_waits"] if reported else [])
    assert world.sync.sweep() == (0 if reported else 1)
    world.later(timedelta(minutes=16))
    assert world.sync.sweep() == (1 if reported else 0)


def test_upkeep_runs_it(world: World) -> None:
    """As a sweep like any other, on the gateway as it is wired."""
    world.at_ses("kim@example.net")
    assert world.gateway.upkeep.run(Sweep.SES_LIST) == 1
    assert count(world.gateway, "heartbeats", name="sweep:ses_list") == 1


def test_of_two_syncs_only_one_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a person's run a sweep makes no call; a second person waits, and gets an error when it takes long."""
    monkeypatch.setattr(account, "PAGE_SIZE", 1)
    world.at_ses("ann@example.net", "kim@example.net")
    other = world.another()
    swept: list[int] = []

    def meanwhile(place: SyncPosition, _tally: Tally) -> None:
        if place.pages == 1:
            calls = world.seconds()
            swept.append(other.sweep())
            assert world.seconds() == calls
            with pytest.raises(Conflict):
                other.run(ROOT, EVERYTHING)

    assert world.sync.run(ROOT, EVERYTHING, show=meanwhile).tally.added == 2
    assert swept == [0]
    assert other.run(ROOT, EVERYTHING).tally.moved == 0


def test_many_at_once_do_the_work_of_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps of several processes at the same moment: every entry once, every page about once, no error."""
    monkeypatch.setattr(account, "PAGE_SIZE", 5)
    world.at_ses(*(f"r{number}@example.net" for number in range(40)))
    moved: list[int] = []

    def sweep_on() -> None:
        syncer = world.another()
        while world.place().stage is not Stage.IDLE or len(world.live()) < 40:
            moved.append(syncer.sweep())

    threads = [Thread(target=sweep_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(moved) == 40
    assert count(world.gateway, "suppressions") == 40


def test_a_process_that_lost_its_lease_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was frozen for longer than its lease finds that another went on, and writes nothing more."""
    monkeypatch.setattr(account, "PAGE_SIZE", 1)
    world.at_ses(*(f"r{number}@example.net" for number in range(4)))

    def freeze(place: SyncPosition, _tally: Tally) -> None:
        if place.pages == 1:
            lapse(world)
            assert world.another().sweep() == 3

    with pytest.raises(Overtaken):
        world.sync.run(ROOT, EVERYTHING, show=freeze)
    assert (world.place().stage, len(world.live())) == (Stage.LEAVING, 4)


def lapse(world: World) -> None:
    """Let the lease on the cursor expire."""
    [row] = rows(world.gateway, "cursors", name=CURSOR)
    past = (row["updated_at"] - timedelta(seconds=1)).isoformat()
    change(world.gateway, "cursors", {"state": {**row["state"], "held_until": past}}, name=CURSOR)


def test_a_cursor_belongs_to_its_holder_alone(gateway: Gateway) -> None:
    """It cannot be taken during a lease, nor kept or freed by another process; once freed, any process may take it."""
    one, other, minute = uuid4(), uuid4(), timedelta(minutes=1)
    with gateway.database.transaction() as connection:
        assert job_cursors.take(connection, "work", holder=one, lease=minute) == {}
        assert job_cursors.take(connection, "work", holder=other, lease=minute) is None
        assert job_cursors.keep(connection, "work", {"at": 1}, holder=other, lease=minute) is False
        assert job_cursors.keep(connection, "work", {"at": 2}, holder=one, lease=minute) is True
        job_cursors.free(connection, "work", holder=other)
        assert job_cursors.take(connection, "work", holder=other, lease=minute) is None
        job_cursors.free(connection, "work", holder=one)
        assert job_cursors.take(connection, "work", holder=other, lease=minute) == {"at": 2}


def environment(world: World) -> dict[str, str]:
    """The environment of a process of this gateway."""
    settings = world.gateway.settings
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEYS": SECRET_KEY,
        "AWS_ENDPOINT_URL_SESV2": world.simulator.url,
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
        "NO_PROXY": "127.0.0.1",
    }


def test_three_thousand_entries_survive_a_kill(world: World, tmp_path: Path) -> None:
    """A process is killed while it waits for a page: the next one reads that page, and every entry is there once."""
    world.at_ses(*(f"Reader.{number}@example.net" for number in range(3000)))
    words = command("suppressions", "sync", "--direction", "pull")
    variables = surroundings(**environment(world))
    with subprocess.Popen(words, cwd=tmp_path, env=variables, stdout=subprocess.DEVNULL) as run:
        until(lambda: world.place().pages)
        world.faults({"match": {"operation": "ListSuppressedDestinations", "count": 1}, "fault": "hang_before"})
        until(lambda: control(world.simulator, "GET", "faults")[0]["struck"])
        run.kill()
        assert run.wait() == -signal.SIGKILL
    world.faults()
    lapse(world)
    done = world.place().pages
    assert len(world.live()) == done * 1000
    rest = world.run(Order())
    assert (rest.tally.pages, rest.tally.added) == (3 - done, 3000 - done * 1000)
    assert (len(world.live()), count(world.gateway, "suppressions")) == (3000, 3000)


def run_command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Exit code and answer of the command."""
    for name, value in environment(world).items():
        monkeypatch.setenv(name, value)
    code = main(["suppressions", "sync", *words, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_command_reports_and_syncs(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A dry run announces the changes of a run. The answer is one object, the code 0, and the audit has the actor."""
    monkeypatch.chdir(tmp_path)
    world.at_ses("kim@example.net")
    world.put("lee@example.net", Origin.BOUNCE)
    code, looked = run_command(world, monkeypatch, capsys, "--direction", "both", "--dry-run")
    assert (code, looked["dry_run"], looked["entries"], looked["added"]) == (0, True, 1, 0)
    assert looked["drift"]["only_at_ses"] == {"count": 1, "examples": ["kim@example.net"]}
    assert looked["drift"]["only_here"] == {"count": 1, "examples": ["lee@example.net"]}
    assert (world.live(), world.listed()) == ({"lee@example.net": "bounce"}, {"kim@example.net"})
    code, done = run_command(world, monkeypatch, capsys, "--direction", "both", "--full")
    assert (code, done["added"], done["put_at_ses"], done["to_put"], done["switched_off"]) == (0, 1, 1, 1, [])
    assert (done["drift"]["both"]["count"], done["drift"]["from_ses"]["count"]) == (1, 1)
    [audited] = rows(world.gateway, "audit", action="ses_list_sync")
    assert audited["actor"].startswith("cli:")


def test_a_sync_that_is_not_possible_is_a_failure(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A sandbox that takes nothing: code 1, with the reason; options that exclude each other: code 2."""
    monkeypatch.chdir(tmp_path)
    with two_lists(gateway, tmp_path, production_access=False) as world:
        code, answer = run_command(world, monkeypatch, capsys, "--direction", "push")
        assert (code, "sandbox" in answer["push_refused"]) == (1, True)
        assert run_command(world, monkeypatch, capsys, "--direction", "pull", "--manual-too")[0] == 2
        assert run_command(world, monkeypatch, capsys, "--direction", "push", "--accept-departures")[0] == 2
