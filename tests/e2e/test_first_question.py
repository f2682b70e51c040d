"""The first question of a new user: why does Kim get no email? With an imported list, on the parts of `up`."""

import json
import shlex
from pathlib import Path

import pytest

from tests.support.servers.cli import Json, last_object, postern, up

FROM_SES = {
    "SuppressedDestinationSummaries": [
        {"EmailAddress": "Kim@example.net", "Reason": "BOUNCE", "LastUpdateTime": "2026-03-01T12:00:00+00:00"},
        {"EmailAddress": "lee@example.net", "Reason": "COMPLAINT", "LastUpdateTime": "2026-04-01T12:00:00+00:00"},
    ]
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The current directory of the person, without a .env of Postern."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def run(home: Path, *words: str, expect: int = 0, stdin: str = "") -> Json:
    """Run a command with --json to its end and return its answer."""
    done = postern(*words, "--json", cwd=home, stdin=stdin)
    assert done.returncode == expect, done.stdout + done.stderr
    return last_object(done.stdout)


def test_a_person_finds_out_why_an_address_gets_no_email_and_fixes_it(home: Path) -> None:
    """Import SES's list, see an email refused, ask why, run the command in the answer, see the next one delivered.

    Each command is named by the step before it or by `--help`.
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

        explained = postern("suppressions", "explain", "kim@example.net", cwd=home)
        assert explained.returncode == 0
        assert "Would an email be sent now: no." in explained.stdout.splitlines()[-1]
        why = run(home, "suppressions", "explain", "kim@example.net")
        [finding] = why["layers"][0]["findings"]
        assert (why["would_send"], finding["scope"]) == (False, "*")
        assert finding["remedy"]["command"] in explained.stdout
        checked = run(home, "check", "kim@example.net", "ann@example.net", expect=1)["checked"]
        assert [one["would_send"] for one in checked] == [False, True]

        _, *remedy = shlex.split(finding["remedy"]["command"].replace("'...'", "'Kim says that the mailbox is back.'"))
        assert run(home, *remedy)["removed"]
        assert run(home, "suppressions", "explain", "kim@example.net")["would_send"] is True
        assert run(home, *send, stdin="Do come.")["recipients"][0]["state"] == "delivered"
        again = run(home, "suppressions", "explain", "kim@example.net")
        assert again["last_event"]["type"] == "delivery"


def test_a_person_is_forgotten_while_the_gateway_runs(home: Path) -> None:
    """The parts keep running, the person stays suppressed, and no file of the gateway still holds the address."""
    with up(home) as gateway:
        gateway.arrives(gateway.submit("kim.forgets@example.net"))
        run(home, "suppress", "kim.forgets@example.net", "--reason", "By phone.")
        done = run(home, "forget", "kim.forgets@example.net", "--reason", "Request 4711.", "--yes")
        assert (done["erased"]["emails"], done["suppressed"]) == (1, [{"scope": "*", "origin": "manual"}])
        for file in (home / "data").rglob("*"):
            if (
                file.is_file() and "simulator" not in file.parts
            ):  # the simulator stands for SES, which keeps its own data
                assert b"kim.forgets" not in file.read_bytes().lower(), file
        assert gateway.state(gateway.submit("kim.forgets@example.net")) == "suppressed"
        gateway.arrives(gateway.submit("ann@example.net"))
