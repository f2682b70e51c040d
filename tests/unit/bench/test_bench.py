"""What the benchmarks make of what they have seen: figures out of moments, and goals out of figures."""

import asyncio
import io
import json
from argparse import Namespace
from itertools import count
from pathlib import Path

import pytest

from bench import drain, everything
from bench.__main__ import BENCHMARKS, parser
from bench.arrivals import gaps
from bench.calls import Call, between, most_in, rate, read
from bench.ceiling import request_to
from bench.goals import at_least, at_most
from bench.latency import took
from bench.options import Amount
from bench.outage import Entry, broken, longest_pause, survived
from bench.pace import paced
from bench.standin import ANSWER_BYTES, Account, Endpoint
from bench.unverified import Believes
from bench.window import Drained
from simulator.quota import SendRate
from tests.signing import body, forger, headers


class Wire(asyncio.Transport):
    """What the stand-in has written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


def exchange(account: Account, *chunks: bytes) -> list[bytes]:
    """What comes back for bytes that arrive in these pieces."""

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
    """In pieces or two at once: each is one call to one recipient, with one answer of the length that is counted."""
    journal = Journal()
    ann, bo = request_to("ann@example.net"), request_to("bo@example.net")
    answers = exchange(account(journal), ann[:40], ann[40:300], ann[300:] + bo)
    assert [len(one) for one in answers] == [ANSWER_BYTES, ANSWER_BYTES]
    assert [line.split()[1:] for line in journal.lines] == [[b"1", b"ann@example.net"], [b"1", b"bo@example.net"]]


def test_the_stand_in_throttles_what_is_faster_than_its_rate() -> None:
    """As SES says it: 429, by its name, and noted as not taken."""
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
    """A rate is of the gaps between calls; a second begins at any call, and does not hold its end."""
    times = [0.0, 0.5, 0.9, 1.0, 1.4, 2.0]
    assert rate(times) == 2.5
    assert between(times, 0.5, 1.4) == 3
    assert most_in(1.0, times) == 4


def test_a_latency_ends_when_the_whole_request_was_there() -> None:
    """Counted from the POST and from the 2xx; a call may come before the answer has reached the client."""
    answered = {f"r{number}": (number, number + 0.004) for number in range(100)}
    called = {f"r{number}": number + 0.010 for number in range(99)} | {"r99": 99.002}
    one = took(answered, called, {})
    assert one.rate == pytest.approx(1.0)
    assert one.p50_ms == pytest.approx(10)
    assert one.after_p50_ms == pytest.approx(6)
    assert one.answer_p50_ms == pytest.approx(4)
    assert one.most_ms == pytest.approx(10)


def test_a_mail_that_was_never_sent_spoils_the_latencies() -> None:
    """None is left out: a lost mail would be the slowest of all."""
    with pytest.raises(KeyError):
        took({"ann": (0.0, 0.1), "bo": (1.0, 1.1)}, {"ann": 0.2}, {})


def test_a_paced_drain_tells_what_was_throttled() -> None:
    """Only calls that were taken make the rate."""
    calls = [Call(number / 50, taken=True, recipient="ann") for number in range(101)]
    one = paced([*calls, Call(2.01, taken=False, recipient="bo")], {})
    assert one.rate == pytest.approx(50)
    assert one.throttled == 1


@pytest.mark.parametrize(
    "called_at, in_flight, is_broken",
    [(None, False, False), (1.9, False, False), (2.1, True, False), (2.1, False, True)],
)
def test_a_call_after_its_entry_breaks_the_promise(called_at: float | None, in_flight: bool, is_broken: bool) -> None:
    """Unless the answer to the entry has named the mail as in flight."""
    calls = [Call(called_at, taken=True, recipient="ann")] if called_at is not None else []
    entry = Entry(recipient="ann", at=2.0, in_flight=in_flight)
    assert broken(calls, [entry]) == ([entry] if is_broken else [])


def test_an_outage_compares_the_seconds_before_and_after() -> None:
    """By calls that reached SES; a stall counts, whether it is in the middle or at the end."""
    calls = [Call(at, taken=True, recipient="ann") for at in (0.5, 1.5, 2.5, 3.5, 4.5, 10.5)]
    one = survived(calls, [], moments=(1.0, 4.0, 14.0), spent=({}, {"worker": 3.0}, {"worker": 4.0}))
    assert one.before == pytest.approx(1.0)
    assert one.after == pytest.approx(0.2)
    assert one.longest_pause_s == pytest.approx(6.0)
    assert one.cpu_before["worker"] == pytest.approx(1.0)
    assert longest_pause([], 1.0, 4.0) == pytest.approx(3.0)


def test_the_baseline_of_the_webhook_believes_what_the_gateway_refuses() -> None:
    """A forged notification is no longer refused by the verifier that is left out."""
    forged = forger().notification("{}")
    assert Believes.verify(Believes.__new__(Believes), body(forged), headers(forged)).message_id == forged["MessageId"]


def test_gaps_are_about_as_long_as_asked() -> None:
    """Even between two bounds, or exponential about a mean; and the same in each run of the same name."""
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
    assert at_most("throttled", 0.0, [0, 0, 0]).told()["measured"] == 0


@pytest.mark.parametrize("given, is_it", [({"quick": False}, 7), ({"quick": True}, 2), ({"quick": True, "runs": 5}, 5)])
def test_a_number_of_ones_own_goes_before_quick(given: dict[str, object], is_it: int) -> None:
    """And quick goes before the usual."""
    assert Amount(name="runs", usual=7, quick=2, what="rounds").of(Namespace(**{"runs": None} | given)) == is_it


def test_a_drain_says_what_it_has_left_out_or_why_it_is_slow() -> None:
    """Nobody takes a baseline that was not asked for as one that was beaten, or its rate as Django's own."""
    one = [Drained(rate=14.0, cpu={"worker": 0.1})]
    assert drain.table({drain.TUTORIAL: one})[-1].endswith("not measured; --django adds it")
    assert "a new boto3 session and client for each message" in drain.table({drain.DJANGO: one})[-1]
    assert not parser().parse_args(["drain"]).django


def test_all_are_run_and_each_has_a_quick_form() -> None:
    """Whoever adds a benchmark adds it to `all`, or says that it is apart."""
    runs = [run.split() for run in everything.RUNS]
    assert {*(run[0] for run in runs), *everything.APART, "all"} == set(BENCHMARKS)
    for words in (*runs, *([name] for name in BENCHMARKS)):
        assert parser().parse_args([*words, "--quick", "--json", "--strict"]).quick


def test_all_tell_their_goals_together_and_who_broke() -> None:
    """One that breaks takes no other with it."""
    goal = at_least("rate", 2.0, [3.0]).told()
    told = everything.together({"drain": {"goals": [goal]}, "pace": None})
    assert (told["goals"], told["failed"]) == ([goal], ["pace"])
    assert json.loads(json.dumps(told)) == told
