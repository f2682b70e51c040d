"""`./postern user`: the people who sign in to the console."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
PUBLIC = "https://mail.example.com/postern"
LINK = f"{PUBLIC}/console/sign-in/link/"


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment."""
    point_at(gateway, tmp_path, monkeypatch)
    monkeypatch.setenv("PUBLIC_URL", PUBLIC)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Run a command, and return its JSON object."""
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    return answer


def enters(gateway: Gateway, link: str) -> bool:
    """Whether the link signs its user in."""
    return gateway.users.sign_in.with_link(link.removeprefix(LINK), user_agent="") is not None


def test_a_user_is_created_with_a_link(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """No password is on a command line: the link opens a page where the user chooses one."""
    made = run(capsys, "user", "create", "Kim@example.com", "--role", "support")
    assert (made["name"], made["role"], made["has_password"]) == ("kim@example.com", "support", False)
    assert enters(gateway, made["link"])
    [listed] = run(capsys, "user", "list")["users"]
    assert listed.items() <= made.items()


def test_what_a_person_reads_of_users(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """The link alone in a line, and each user in a row."""
    assert main(["user"]) == 0
    assert "`./postern user create` makes one" in capsys.readouterr().out
    assert main(["user", "create", "kim", "--role", "viewer"]) == 0
    assert enters(gateway, capsys.readouterr().out.splitlines()[0])
    assert main(["user", "list"]) == 0
    assert "kim" in capsys.readouterr().out


def test_a_user_that_has_forgotten_the_password_gets_a_link(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """It works once; an unknown user gets none."""
    run(capsys, "user", "create", "kim", "--role", "viewer")
    link = run(capsys, "user", "link", "kim")["link"]
    assert [enters(gateway, link), enters(gateway, link)] == [True, False]
    assert main(["user", "link", "lee"]) == 1
    assert "There is no such user" in capsys.readouterr().err


def test_a_user_is_changed_for_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """One thing at a time."""
    run(capsys, "user", "create", "kim", "--role", "viewer")
    why = ("--reason", "A test.")
    assert run(capsys, "user", "change", "kim", "--role", "admin", *why)["role"] == "admin"
    assert main(["user", "change", "kim", "--disable", *why]) == 1
    assert "the last administrator" in capsys.readouterr().err
    run(capsys, "user", "create", "lee", "--role", "admin")
    assert run(capsys, "user", "change", "kim", "--disable", *why)["disabled_at"]
    assert run(capsys, "user", "change", "kim", "--enable", *why)["disabled_at"] is None
    assert run(capsys, "user", "change", "kim", "--reset-totp", *why)["has_totp"] is False
    for words in (["--disable"], ["--disable", "--enable", *why], why):
        with pytest.raises(SystemExit):
            main(["user", "change", "kim", *words])
