"""What a new user asks first: why does Kim get no mail? With the list of old days imported, on the parts of `up`."""

import json
import shlex
from pathlib import Path

import pytest

from tests.cli import Json, last_object, postern, up

FROM_SES = {
    "SuppressedDestinationSummaries": [
        {"EmailAddress": "Kim@example.net", "Reason": "BOUNCE", "LastUpdateTime": "2026-03-01T12:00:00+00:00"},
        {"EmailAddress": "lee@example.net", "Reason": "COMPLAINT", "LastUpdateTime": "2026-04-01T12:00:00+00:00"},
    ]
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the person stands: a directory without a .env of ours."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def run(home: Path, *words: str, expect: int = 0, stdin: str = "") -> Json:
    """Run a command with --json to its end; its answer."""
    done = postern(*words, "--json", cwd=home, stdin=stdin)
    assert done.returncode == expect, done.stdout + done.stderr
    return last_object(done.stdout)


def test_somebody_finds_out_why_a_colleague_gets_no_mail_and_mends_it(home: Path) -> None:
    """Import what SES knew, see the mail refused, ask why, type what the answer says, and see the next one delivered.

    Every step is a command that the step before has named, or `--help` does.
    """
    (home / "from-ses.json").write_text(json.dumps(FROM_SES))
    with up(home) as gateway:
        assert run(home, "suppressions", "import", "from-ses.json")
        assert {one["email"] for one in run(home, "suppressions")["suppressions"]} == {
            "Kim@example.net",
            "lee@example.net",
        }
        send = ("send", "--from", gateway.ready["from"], "--to", "kim@example.net", "--subject", "Lunch?", "--follow")
        refused = run(home, *send, expect=1, stdin="Do come.")
        assert [one["state"] for one in refused["recipients"]] == ["suppressed"]

        told = postern("suppressions", "explain", "kim@example.net", cwd=home)
        assert told.returncode == 0
        assert "Would a mail be sent now: no." in told.stdout.splitlines()[-1]
        why = run(home, "suppressions", "explain", "kim@example.net")
        [finding] = why["layers"][0]["findings"]
        assert (why["would_send"], finding["scope"]) == (False, "*")
        assert finding["lift"]["command"] in told.stdout
        checked = run(home, "check", "kim@example.net", "ann@example.net", expect=1)["checked"]
        assert [one["would_send"] for one in checked] == [False, True]

        _, *lift = shlex.split(finding["lift"]["command"].replace("'...'", "'Kim says that the mailbox is back.'"))
        assert run(home, *lift)["removed"]
        assert run(home, "suppressions", "explain", "kim@example.net")["would_send"] is True
        assert run(home, *send, stdin="Do come.")["recipients"][0]["state"] == "delivered"
        again = run(home, "suppressions", "explain", "kim@example.net")
        assert again["last_news"]["type"] == "delivery"


def test_a_person_is_forgotten_while_the_gateway_runs(home: Path) -> None:
    """The parts go on, the person stays suppressed, and the files of the gateway do not hold the address any more."""
    with up(home) as gateway:
        gateway.arrives(gateway.submit("kim.forgets@example.net"))
        run(home, "suppress", "kim.forgets@example.net", "--reason", "By phone.")
        done = run(home, "forget", "kim.forgets@example.net", "--reason", "Request 4711.", "--yes")
        assert (done["erased"]["mails"], done["suppressed"]) == (1, [{"scope": "*", "origin": "manual"}])
        for file in (home / "data").rglob("*"):
            if file.is_file() and "simulator" not in file.parts:  # which plays SES, and keeps what SES would
                assert b"kim.forgets" not in file.read_bytes().lower(), file
        assert gateway.state(gateway.submit("kim.forgets@example.net")) == "suppressed"
        gateway.arrives(gateway.submit("ann@example.net"))
