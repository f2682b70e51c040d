"""Keys change while emails are sent, with real processes that restart at any moment: no promise is broken."""

import pytest

from tests.chaos.started import run_drill
from tests.chaos.verdict.oracle import Promise

AT_MOST_S = 500


@pytest.mark.parametrize(
    "words, rings",
    [(("--database", "postgresql"), [2, 2, 1]), (("--database", "sqlite", "--at-once"), [2, 1])],
    ids=["two phases", "at once"],
)
def test_a_rotation_under_load_breaks_no_promise(words: tuple[str, ...], rings: list[int]) -> None:
    """OLD; OLD,NEW; NEW,OLD; NEW: nothing lost or sent twice, no email ended for a key, nothing under OLD at the end.

    Without the first phase, an email waits for a worker that can open it, and does not end either.
    """
    run = run_drill("rotated", *words, at_most_s=AT_MOST_S)
    assert run["broken"] == []
    assert {promise: run[promise] for promise in Promise} == dict.fromkeys(Promise, 0)
    assert run["rings"] == rings
    assert len(run["keys"]) == 1
    assert min(run["restarts"][name] for name in ("web", "smtp", "worker", "beat")) >= len(rings)
    assert run["accepted"] > 100
