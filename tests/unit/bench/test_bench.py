"""How the benchmarks compute figures from times, and goals from figures."""

import asyncio
import io
import json
from argparse import Namespace
from itertools import count
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS, parser
from bench.baselines.unverified_webhook import Believes
from bench.load.arrivals import gaps
from bench.load.ses_calls import Call, between, most_in, rate, read
from bench.measure.ceiling import request_to
from bench.measure.drain_window import Drained
from bench.measure.goals import at_least, at_most
from bench.modes import drain, everything
from bench.modes.latency import took
from bench.modes.outage import Entry, broken, longest_pause, survived
from bench.modes.pace import paced
from bench.options import Amount
from bench.stage.ses_standin import ANSWER_BYTES, Account, Endpoint
from simulator.ses.quota import SendRate
from tests.support.aws.sns_signing import body, forger, headers


class Wire(asyncio.Transport):
    """A transport that keeps the bytes that the stand-in writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


def exchange(account: Account, *chunks: bytes) -> list[bytes]:
    """Return the answers to bytes that arrive in these pieces."""

    async def talk() -> list[bytes]:
        wire, endpoint = Wire(), Endpoint(account)
        endpoint.connection_made(wire)
        for chunk in chunks:
            endpoint.data_received(chunk)
        await asyncio.sleep(0.01)
        return wire.written

    return asyncio.run(talk())


def account(journal: io.RawIOBase, *, rate: SendRate | None = None) -> Account:
    return Account(latency_s=0.0, rate=rate, journal=journal, numbers=count(1))


class Journal(io.RawIOBase):
    """A journal in memory."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        self.lines.append(data)
        return len(data)


def test_the_stand_in_notes_each_request_however_it_arrives() -> None:
    """In pieces or two at once: each is one call to one recipient, with one answer of the expected length."""
    journal = Journal()
    ann, bo = request_to("ann@example.net"), request_to("bo@example.net")
    answers = exchange(account(journal), ann[:40], ann[40:300], ann[300:] + bo)
    assert [len(one) for one in answers] == [ANSWER_BYTES, ANSWER_BYTES]
    assert [line.split()[1:] for line in journal.lines] == [[b"1", b"ann@example.net"], [b"1", b"bo@example.net"]]


def test_the_stand_in_throttles_calls_above_its_rate() -> None:
    """As SES does: status 429 with its error name, and recorded as not accepted."""
    journal = Journal()
    request = request_to("ann@example.net")
    answers = exchange(account(journal, rate=SendRate(1.0, 0.0)), request * 2)
    assert answers[0].startswith(b"HTTP/1.1 200")
    assert answers[1].startswith(b"HTTP/1.1 429")
    assert b"TooManyRequestsException" in answers[1]
    assert [line.split()[1] for line in journal.lines] == [b"1", b"0"]


def test_a_line_that_is_being_written_is_no_call_yet(tmp_path: Path) -> None:
    """The journal is read while the stand-in writes it."""
    (tmp_path / "calls").write_text("1.500000 1 ann@example.net\n1.750000 0 bo@example.net\n2.0")
    assert read(tmp_path / "calls") == [Call(1.5, True, "ann@example.net"), Call(1.75, False, "bo@example.net")]


def test_calls_are_counted_by_their_times() -> None:
    """A rate counts the gaps between calls; a second begins at any call and excludes its end."""
    times = [0.0, 0.5, 0.9, 1.0, 1.4, 2.0]
    assert rate(times) == 2.5
    assert between(times, 0.5, 1.4) == 3
    assert most_in(1.0, times) == 4


def test_a_latency_ends_when_the_whole_request_was_there() -> None:
    """It counts from the POST and from the 2xx; a call may come before the answer has reached the client."""
    answered = {f"r{number}": (number, number + 0.004) for number in range(100)}
    called = {f"r{number}": number + 0.010 for number in range(99)} | {"r99": 99.002}
    one = took(answered, called, {})
    assert one.rate == pytest.approx(1.0)
    assert one.p50_ms == pytest.approx(10)
    assert one.after_p50_ms == pytest.approx(6)
    assert one.answer_p50_ms == pytest.approx(4)
    assert one.most_ms == pytest.approx(10)


def test_an_email_that_was_never_sent_fails_the_latencies() -> None:
    """No email is left out: a lost one would be the slowest of all."""
    with pytest.raises(KeyError):
        took({"ann": (0.0, 0.1), "bo": (1.0, 1.1)}, {"ann": 0.2}, {})


def test_a_paced_drain_counts_throttled_calls() -> None:
    """Only accepted calls count for the rate."""
    calls = [Call(number / 50, taken=True, recipient="ann") for number in range(101)]
    one = paced([*calls, Call(2.01, taken=False, recipient="bo")], {})
    assert one.rate == pytest.approx(50)
    assert one.throttled == 1


@pytest.mark.parametrize(
    "called_at, in_flight, is_broken",
    [(None, False, False), (1.9, False, False), (2.1, True, False), (2.1, False, True)],
)
def test_a_call_after_its_entry_breaks_the_promise(called_at: float | None, in_flight: bool, is_broken: bool) -> None:
    """Unless the answer to the entry named the email as in flight."""
    calls = [Call(called_at, taken=True, recipient="ann")] if called_at is not None else []
    entry = Entry(recipient="ann", at=2.0, in_flight=in_flight)
    assert broken(calls, [entry]) == ([entry] if is_broken else [])


def test_an_outage_compares_the_seconds_before_and_after() -> None:
    """By calls that reached SES; a stall counts, in the middle or at the end."""
    calls = [Call(at, taken=True, recipient="ann") for at in (0.5, 1.5, 2.5, 3.5, 4.5, 10.5)]
    one = survived(calls, [], moments=(1.0, 4.0, 14.0), spent=({}, {"worker": 3.0}, {"worker": 4.0}))
    assert one.before == pytest.approx(1.0)
    assert one.after == pytest.approx(0.2)
    assert one.longest_pause_s == pytest.approx(6.0)
    assert one.cpu_before["worker"] == pytest.approx(1.0)
    assert longest_pause([], 1.0, 4.0) == pytest.approx(3.0)


def test_the_baseline_of_the_webhook_accepts_a_forged_notification() -> None:
    """The baseline accepts a forged notification, which shows that its verification is off."""
    forged = forger().notification("{}")
    assert Believes.verify(Believes.__new__(Believes), body(forged), headers(forged)).message_id == forged["MessageId"]


def test_gaps_are_about_as_long_as_asked() -> None:
    """Uniform between two bounds, or exponential with a mean, and the same in each run with the same name."""
    even = [next(one) for one in [gaps((100, 200), "a")] for _ in range(500)]
    assert all(0.1 <= gap <= 0.2 for gap in even)
    strangers = [next(one) for one in [gaps(2.0, "a")] for _ in range(5000)]
    assert sum(strangers) / len(strangers) == pytest.approx(0.002, rel=0.1)
    assert next(gaps(2.0, "a")) == next(gaps(2.0, "a"))


def test_a_goal_is_judged_by_its_median() -> None:
    """One lucky or unlucky run decides nothing."""
    assert at_least("rate", 2.0, [1.0, 2.1, 9.0]).met
    assert not at_least("rate", 2.0, [1.0, 1.9, 9.0]).met
    assert at_most("cpu", 2.0, [1.0, 1.9, 9.0]).met
    assert at_most("throttled", 0.0, [0, 0, 0]).as_json()["measured"] == 0


@pytest.mark.parametrize("given, is_it", [({"quick": False}, 7), ({"quick": True}, 2), ({"quick": True, "runs": 5}, 5)])
def test_an_explicit_number_overrides_quick(given: dict[str, object], is_it: int) -> None:
    """`--quick` in turn overrides the usual amount."""
    assert Amount(name="runs", usual=7, quick=2, what="rounds").of(Namespace(**{"runs": None} | given)) == is_it


def test_a_drain_says_that_django_was_left_out_or_why_it_is_slow() -> None:
    """The table never suggests that an unmeasured baseline was beaten, or that its rate is Django's own."""
    one = [Drained(rate=14.0, cpu={"worker": 0.1})]
    assert drain.table({drain.TUTORIAL: one})[-1].endswith("not measured; --django adds it")
    assert "a new boto3 session and client for each message" in drain.table({drain.DJANGO: one})[-1]
    assert not parser().parse_args(["drain"]).django


def test_all_are_run_and_each_has_a_quick_form() -> None:
    """A new benchmark must be added to `all`, or to the list of exceptions."""
    runs = [run.split() for run in everything.RUNS]
    assert {*(run[0] for run in runs), *everything.APART, "all"} == set(BENCHMARKS)
    for words in (*runs, *([name] for name in BENCHMARKS)):
        assert parser().parse_args([*words, "--quick", "--json", "--strict"]).quick


def test_all_reports_the_goals_of_each_benchmark_and_names_failed_ones() -> None:
    """A benchmark that fails does not stop the others."""
    goal = at_least("rate", 2.0, [3.0]).as_json()
    result = everything.together({"drain": {"goals": [goal]}, "pace": None})
    assert (result["goals"], result["failed"]) == ([goal], ["pace"])
    assert json.loads(json.dumps(result)) == result
