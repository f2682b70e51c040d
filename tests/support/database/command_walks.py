"""The walks of the test of growth through the command line: arguments for each command."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.support.database.history import HOOKS, ROLE_ADDRESS
from tests.support.database.walks import LISTED, PERSON, REQUEST
from tests.support.gateway.web import NO_ID

CommandLines = dict[tuple[str, ...], list[list[str]]]

WHY: Final = ["--reason", "A test."]
ELSEWHERE: Final = {
    ("demo",),
    ("up",),
    ("simulator",),
    ("smtp",),
    ("send",),
    ("bench",),
    ("chaos",),
    ("settings",),
    ("upgrade",),
    ("version",),
    ("sbom",),
    ("lock",),
    ("secret", "new"),
    ("doctor",),
    ("ses", "plan"),
    ("ses", "apply"),
    ("ses", "destroy"),
    ("ses", "template"),
    ("ses", "status"),
    ("feedback", "redrive"),
    ("archive", "verify"),
    ("suppressions", "sync"),
}
"""Commands that do not query the history: they call AWS, the API, files or nothing, or start a gateway of their own.

`suppressions sync` runs what the sweep `ses_list` runs.
"""


def command_lines(ids: dict[str, str], directory: Path) -> CommandLines:
    """Return the arguments for each command."""
    return {**of_emails(directory), **of_apps(ids), **of_operating(ids)}


def of_emails(directory: Path) -> CommandLines:
    """Those of emails, outcomes and the suppression list, and of forgetting."""
    some_entry, other_entry = LISTED.format(77, 77), LISTED.format(78, 78)
    (directory / "list.csv").write_text(f"email\n{PERSON}\n{some_entry}\n")
    (directory / "people.txt").write_text("person.301@mail301.example.net\nperson.302@mail302.example.net\n")
    oldest = datetime.now(UTC) - timedelta(days=89, hours=14)
    return {
        ("archive", "write"): [["--before", oldest.isoformat(), "--to", str(directory / "archive")]],
        ("check",): [[PERSON, ROLE_ADDRESS, some_entry]],
        ("emails",): [
            [],
            ["--to", ROLE_ADDRESS, "--state", "held"],
            ["--app", "app-5", "--last-event", "bounced", "--last-event", "complained"],
            ["--cause", "mailbox_full"],
            ["--actor", "inviter-77", "--reference", "invitation-77", "--supersedes", "status-77"],
            ["--request-id", REQUEST, "--state", "delivered"],
        ],
        ("outcomes",): [["--actor", "user-13"], ["--app", "app-5", "--outcome", "not_delivered", "--limit", "100"]],
        ("stats",): [[], ["--by", "hour", "--app", "app-1"]],
        ("suppress",): [[PERSON, *WHY]],
        ("unsuppress",): [[some_entry, *WHY]],
        # Without a filter it prints the whole list; a page of that is requested above.
        ("suppressions", "list"): [["--origin", "unsubscribe"], ["--prefix", "listed.77"], ["--scope", "app-5"]],
        ("suppressions", "show"): [[some_entry], [ROLE_ADDRESS]],
        ("suppressions", "undo"): [[some_entry, *WHY]],
        ("suppressions", "review"): [[], ["confirm", "mail7.example.net", *WHY]],
        ("suppressions", "explain"): [[ROLE_ADDRESS], [other_entry, "--app", "app-1"]],
        ("suppressions", "import"): [[str(directory / "list.csv")]],
        ("suppressions", "export"): [["--file", str(directory / "out.csv"), "--origin", "unsubscribe"]],
        ("forget",): [
            [PERSON, *WHY, "--keep-at-ses", "--yes"],
            ["--from", str(directory / "people.txt"), *WHY, "--keep-at-ses", "--yes"],
        ],
    }


def of_apps(ids: dict[str, str]) -> CommandLines:
    """Those of applications, users, keys, streams and webhooks."""
    return {
        ("key", "create"): [["--app", "app-1", "--sender", "@example.com"]],
        ("key", "list"): [[]],
        ("key", "rotate"): [["none"]],
        ("key", "revoke"): [["none"]],
        ("app", "create"): [["another"]],
        ("app", "list"): [[]],
        ("app", "show"): [["app-2"]],
        ("app", "set"): [["app-2", "--lane", "bulk", "--emails-per-day", "1000"]],
        ("app", "team"): [["app-2"], ["app-2", "--add", "ann@example.com", "--remove", "@example.org"]],
        ("app", "archive"): [["app-3"]],
        ("app", "unarchive"): [["app-3"]],
        ("app", "budget"): [["app-1"], ["app-2", "--minimum", "200"]],
        ("app", "resume"): [["app-1", *WHY]],
        ("user", "create"): [["kim", "--role", "admin"]],
        ("user", "list"): [[]],
        ("user", "change"): [["person-7", "--role", "viewer", *WHY], ["person-7", "--disable", *WHY]],
        ("user", "link"): [["person-8"]],
        ("secret", "check"): [[]],
        ("secret", "reseal"): [[]],
        ("stream", "set"): [["app-1", "default", "--title", "News"]],
        ("stream", "list"): [[]],
        ("webhook", "list"): [[]],
        ("webhook", "create"): [["app-1", "https://b.example.org/", "--event", "email.sent"]],
        ("webhook", "deliveries"): [[HOOKS["app-1"]], [HOOKS["app-1"], "--state", "failed"]],
        ("webhook", "replay"): [
            [HOOKS["app-1"], "--delivery", ids["delivery"]],
            [HOOKS["app-1"], "--since", "2019-01-01", "--until", "2019-02-01"],
        ],
        ("webhook", "enable"): [[HOOKS["app-1"]]],
    }


def of_operating(ids: dict[str, str]) -> CommandLines:
    """Those of lanes, held email, incidents, alerts and feedback."""
    return {
        ("events",): [[PERSON], [ROLE_ADDRESS]],
        ("bounces", "unmatched"): [["--days", "1"]],
        ("bounces", "reread"): [["--days", "1", "--dry-run"]],
        ("pause",): [["bulk", *WHY]],
        ("resume",): [["bulk"]],
        ("held",): [[]],
        ("resend",): [[ids["held"], *WHY]],
        ("discard",): [[ids["also_held"], *WHY]],
        ("incidents", "list"): [[]],
        ("incidents", "close"): [[ids["held"], *WHY]],
        ("feedback", "refused"): [[], ["--retry"]],
        ("feedback", "list"): [
            ["--state", state, *more] for state in ("parked", "quarantined") for more in ([], ["--retry"])
        ],
        ("recovery", "begin"): [WHY],
        ("recovery", "status"): [[]],
        ("recovery", "end"): [[], ["--force"]],
        ("alerts", "list"): [[]],
        ("alerts", "add"): [["https://hooks.example.com/postern"]],
        ("alerts", "test"): [[NO_ID]],
        ("alerts", "remove"): [[NO_ID]],
    }
