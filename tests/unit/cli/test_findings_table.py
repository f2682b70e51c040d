"""What `doctor` prints: one screen when all is well, and for each fault what to do."""

import pytest

from app.cli.account.findings_table import show
from app.cli.shell.terminal import Terminal
from app.domain.account.findings import Finding, Group, skipped, unknown, warning, well, wrong

SES, TOPIC = Group.ACCOUNT, "postern-feedback"
HERE = (
    *("settings", "database", "migrations", "keys", "worker", "redis", "broker", "sweeps", "signing_certificate"),
    *("canary", "clock", "circuits", "notifications"),
)
ALL_WELL = [
    *(well(Group.HERE, name) for name in HERE),
    well(SES, "credentials", "account 123456789012"),
    well(SES, "sending", "enabled, enforcement HEALTHY"),
    well(SES, "quota", "14/s, 20345 of 50000 sent in 24 hours"),
    well(SES, "production access", "granted"),
    well(SES, "suppression list", "on for bounces and complaints"),
    *(well(Group.PERMISSIONS, f"ses:Action{number}") for number in range(4)),
    well(Group.IDENTITY, "example.com", "verified"),
    well(Group.IDENTITY, "DKIM of example.com"),
    well(Group.IDENTITY, "MAIL FROM of example.com", "bounce.example.com"),
    well(Group.IDENTITY, "DKIM by DNS, example.com", "3 records"),
    well(Group.IDENTITY, "MX by DNS, bounce.example.com", "published"),
    well(Group.IDENTITY, "SPF by DNS, bounce.example.com", "published"),
    well(Group.IDENTITY, "DMARC by DNS, example.com", "p=quarantine"),
    well(Group.EVENTS, "configuration set", "postern"),
    well(Group.EVENTS, "event destination", "7 types"),
    well(Group.EVENTS, f"topic {TOPIC}", "signature version 2"),
    well(Group.EVENTS, f"policy of {TOPIC}", "SES may publish"),
    well(Group.EVENTS, f"subscription of {TOPIC}", "confirmed"),
    well(Group.EVENTS, f"delivery of {TOPIC}", "signed"),
    well(Group.EVENTS, f"retries of {TOPIC}", "for 35 minutes"),
    well(Group.EVENTS, f"dead letters of {TOPIC}", "none"),
    well(SES, "AWS's clock", "as ours"),
    *(well(Group.LIVE, f"{name}@", "delivery, 1.0 s") for name in ("success", "bounce", "complaint")),
]


def printed(capsys: pytest.CaptureFixture[str], *found: Finding) -> str:
    show(found, Terminal())
    return capsys.readouterr().out


def test_all_well_is_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """24 lines of 80 columns, with the live emails, in the order of the groups."""
    lines = printed(capsys, *ALL_WELL).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) < 80
    assert [line.split()[0] for line in lines if line and not line.startswith(" ")] == [
        *("here", "account", "permissions", "identity", "events", "live", "All")
    ]
    assert lines[-1] == "All is well."


def test_each_fault_has_its_fix_below(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever else is well."""
    shown = printed(capsys, *ALL_WELL, wrong(Group.HERE, "worker", "None was seen.", "start a worker"))
    assert "            WRONG   worker: None was seen.\n                    -> start a worker\n" in shown
    assert shown.endswith("Something must be fixed.\n")


def test_advice_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """It changes nothing about the end."""
    advice = warning(Group.IDENTITY, "DMARC by DNS, example.com", "missing", "publish one")
    shown = printed(capsys, *ALL_WELL, advice)
    assert "warn    DMARC by DNS, example.com: missing" in shown
    assert shown.endswith("All is well. 1 could be better.\n")


def test_what_was_not_looked_at_for_one_reason_shares_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is skipped does not count."""
    away = [unknown(Group.EVENTS, name, "SES was not asked again", "as above") for name in ("one", "two")]
    shown = printed(capsys, *away, skipped(SES, "credentials", "SES is a simulator"))
    assert "?       one, two: SES was not asked again" in shown
    assert "skip    credentials: SES is a simulator" in shown
    assert shown.endswith("Something could not be looked at.\n")


def test_what_comes_from_outside_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A DNS record or a proxy may answer anything."""
    shown = printed(capsys, wrong(Group.EVENTS, "x", "[bold]\x1b[2J", "y\x07"))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]<U+001B>[2J" in shown
