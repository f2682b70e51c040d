"""Files into the list, on both databases: the entries afterwards, their scopes, and the report of each row."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import RestrictedApiKey, ValidationFailed
from app.services.suppression.files.import_batch import RowResult
from app.services.suppression.files.import_list import BATCH, How
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, count, rows
from tests.support.suppression.list_files import ADMIN, csv_of, put, take


def test_the_rows_of_a_file_are_on_the_list(gateway: Gateway) -> None:
    """Each entry as its row says, noted as added, named by its import, and already among the positives in Redis."""
    gateway.positives.rebuild([])
    data = csv_of(
        ("email", "scope", "origin", "reason", "created_at", "expires_at"),
        ("Ann@Example.net", "", "bounce", "No such mailbox", "2026-03-04T05:06:07Z", ""),
        ("@example.org", "shop", "manual", "Their postmaster asked", "", "2100-01-01T00:00:00Z"),
    )
    assert take(gateway, data) == ["added", "added"]
    domain, ann = sorted(rows(gateway, "suppressions"), key=lambda row: str(row["key"]))
    assert (ann["key"], ann["address"], ann["scope"], ann["origin"]) == (
        "ann@example.net",
        "Ann@Example.net",
        "*",
        "bounce",
    )
    assert ann["created_at"] == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert (domain["key"], domain["scope"], domain["expires_at"]) == (
        "@example.org",
        "shop",
        datetime(2100, 1, 1, tzinfo=UTC),
    )
    events = rows(gateway, "suppression_events")
    noted = {(one["suppression_id"], one["type"], one["actor"], one["reason"]) for one in events}
    assert noted == {
        (ann["id"], "added", ADMIN.actor, "No such mailbox"),
        (domain["id"], "added", ADMIN.actor, "Their postmaster asked"),
    }
    found = gateway.positives.look_up(["ann@example.net", "@example.org", "lee@example.net"])
    assert found == frozenset({"ann@example.net", "@example.org"})
    begun, ended = rows(gateway, "audit", actor=ADMIN.actor)
    assert (begun["action"], ended["action"]) == ("import", "imported")
    assert begun["data"]["import"] == ended["data"]["import"] == ann["source"]["import"]
    assert (ended["data"]["rows"], ended["data"]["added"]) == (2, 2)


def test_a_repeated_import_changes_nothing(gateway: Gateway) -> None:
    """An import that was broken off is simply repeated."""
    data = csv_of(("email", "origin"), *((f"p{number}@example.net", "bounce") for number in range(50)))
    assert set(take(gateway, data)) == {"added"}
    before = rows(gateway, "suppressions"), rows(gateway, "suppression_events")
    assert set(take(gateway, data)) == {"kept"}
    assert (rows(gateway, "suppressions"), rows(gateway, "suppression_events")) == before


def test_only_a_stronger_or_longer_row_replaces_an_entry(gateway: Gateway) -> None:
    """The entry keeps its id and the time of its start; the change is noted."""
    take(gateway, csv_of(("email", "origin", "created_at"), ("ann@example.net", "bounce", "2026-03-04T00:00:00Z")))
    [first] = rows(gateway, "suppressions")
    data = csv_of(
        ("email", "origin", "reason", "created_at", "expires_at"),
        ("ann@example.net", "manual", "Weaker", "", ""),
        ("ann@example.net", "bounce", "Shorter", "", "2100-01-01T00:00:00Z"),
        ("ann@example.net", "complaint", "Stronger", "", ""),
        ("ann@example.net", "bounce", "Weaker again", "", ""),
    )
    assert take(gateway, data) == ["kept", "kept", "replaced", "kept"]
    [now] = rows(gateway, "suppressions")
    assert (now["id"], now["created_at"]) == (first["id"], first["created_at"])
    assert (now["origin"], now["reason"], now["version"]) == ("complaint", "Stronger", 2)
    assert [one["type"] for one in rows(gateway, "suppression_events")] == ["added", "replaced"]


def test_rows_for_one_name_meet_each_other(gateway: Gateway) -> None:
    """In one batch and in two, the second row finds the entry of the first; other scopes are separate."""
    data = csv_of(
        ("email", "scope", "origin"),
        ("ann@example.net", "*", "manual"),
        ("ANN@example.net", "*", "complaint"),
        ("ann@example.net", "shop/news", "unsubscribe"),
        ("ann@example.net", "*", "bounce"),
        *((f"p{number}@example.net", "*", "manual") for number in range(BATCH)),
        ("Ann@example.net", "*", "complaint"),
    )
    expected = ["added", "replaced", "added", "kept", *["added"] * BATCH, "kept"]
    assert take(gateway, data, dry_run=True) == expected
    assert take(gateway, data) == expected
    entries = {
        (one["key"], one["scope"]): one["origin"] for one in rows(gateway, "suppressions", key="ann@example.net")
    }
    assert entries == {("ann@example.net", "*"): "complaint", ("ann@example.net", "shop/news"): "unsubscribe"}


def test_an_entry_that_has_expired_makes_room(gateway: Gateway) -> None:
    """It becomes a tombstone of the moment when it expired, as everywhere."""
    take(gateway, csv_of(("email", "expires_at"), ("ann@example.net", "2100-01-01T00:00:00Z")))
    past = datetime(2026, 1, 1, tzinfo=UTC)
    change(gateway, "suppressions", {"expires_at": past})
    assert take(gateway, csv_of(("email", "origin"), ("ann@example.net", "bounce"))) == ["added"]
    old, new = rows(gateway, "suppressions")
    assert (old["removed_at"], old["removed_by"], new["removed_at"]) == (past, "postern", None)
    assert [one["type"] for one in rows(gateway, "suppression_events")] == ["added", "expired", "added"]


def test_an_import_undoes_no_later_removal(gateway: Gateway) -> None:
    """Promise 6, for rows that are older or give no time. A newer row is fresh evidence, and so is one with --fresh."""
    take(gateway, csv_of(("email",), ("ann@example.net",), ("lee@example.net",), ("kim@example.net",)))
    for name in ("ann", "lee", "kim"):
        gateway.unsuppress(ADMIN, f"{name}@example.net", reason="Asked.", wait_for_ses=False)
    tomorrow = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
    data = csv_of(
        ("email", "created_at"),
        ("ann@example.net", "2026-03-04T00:00:00Z"),
        ("lee@example.net", ""),
        ("kim@example.net", tomorrow),
    )
    expected = ["removed_since", "removed_since", "added"]
    assert take(gateway, data, dry_run=True) == expected
    assert take(gateway, data) == expected
    assert [one["key"] for one in rows(gateway, "suppressions", removed_at=None)] == ["kim@example.net"]
    assert take(gateway, data, fresh=True) == ["removed_since", "added", "kept"]


def test_a_dry_run_changes_nothing(gateway: Gateway) -> None:
    """No entry, no event, no audit, and nothing in Redis."""
    gateway.positives.rebuild([])
    assert take(gateway, csv_of(("email",), ("ann@example.net",), ("bad",)), dry_run=True) == ["added", "one_at_sign"]
    for table in ("suppressions", "suppression_events", "audit"):
        assert count(gateway, table) == 0
    assert gateway.positives.look_up(["ann@example.net"]) == frozenset()


def test_a_forgotten_address_is_not_stored_again(gateway: Gateway) -> None:
    """The person stays suppressed under the pseudonym, and the address in the file is not stored."""
    pseudonym = gateway.pseudonyms("ann@example.net")
    put(gateway, {"key": pseudonym, "address": pseudonym, "origin": "erasure"})
    data = csv_of(("email", "origin"), ("Ann@example.net", "complaint"))
    assert take(gateway, data, dry_run=True) == ["kept"]
    assert take(gateway, data) == ["kept"]
    assert count(gateway, "suppressions") == 1


def test_an_application_imports_for_itself(gateway: Gateway) -> None:
    """Its own scopes and `*`; no whole domain, no scope of another application, and no evidence."""
    who = caller(gateway, app="shop")
    data = csv_of(
        ("email", "scope", "source"),
        ("a@example.net", "*", '{"ses_message_id":"0100"}'),
        ("a@example.net", "shop/news", ""),
        ("a@example.net", "other/news", ""),
        ("@example.net", "shop", ""),
    )
    assert take(gateway, data, who=who) == ["added", "added", "not_yours", "whole_domain"]
    assert all(one["source"].keys() == {"import", "app"} for one in rows(gateway, "suppressions"))
    assert take(gateway, csv_of(("email",), ("b@example.net",)), who=who, scope="other") == ["not_yours"]


def test_reading_and_writing_need_their_scopes(gateway: Gateway) -> None:
    """The command line's operator has them all."""
    reader = caller(gateway, app="reader", scopes=frozenset())
    with pytest.raises(RestrictedApiKey):
        take(gateway, b"email\n", who=reader)
    with pytest.raises(RestrictedApiKey):
        gateway.export_list(reader)


def test_an_invalid_scope_is_refused_before_anything_is_read(gateway: Gateway) -> None:
    """Otherwise the whole file would be refused row by row."""
    with pytest.raises(ValidationFailed) as caught:
        take(gateway, b"", scope="no scope")
    assert [fault.pointer for fault in caught.value.faults] == ["/scope"]


def test_a_file_with_a_broken_line_keeps_the_rows_before_it(gateway: Gateway) -> None:
    """The failure counts those rows; the repaired file is imported again."""
    good = [(f"p{number}@example.net",) for number in range(BATCH)]
    data = csv_of(("email",), *good) + b'"broken@example.net\n'
    with pytest.raises(ValidationFailed, match=rf"Line {BATCH + 2}, column 1: .* The {BATCH} rows before it are done"):
        take(gateway, data)
    assert count(gateway, "suppressions") == BATCH
    with pytest.raises(ValidationFailed) as caught:
        take(gateway, data, dry_run=True)
    assert "rows before it" not in caught.value.detail


_SES_JSON = '{"EmailAddress": "p%d@example.net", "Reason": "BOUNCE", "LastUpdateTime": "2026-01-01T00:00:00Z"}'
_MAILGUN_JSON = '{"address": "p%d@example.net", "code": "550", "error": "gone", "created_at": "2026-01-01T00:00:00Z"}'


@pytest.mark.parametrize(
    "first, row, broken",
    [
        pytest.param("email\n", "p%d@example.net\n", '"open@example.net\nlater@example.net\n', id="ours-open-quote"),
        pytest.param("email\n", "p%d@example.net\n", '"after"it\nlater@example.net\n', id="ours-after-quote"),
        pytest.param("email\n", "p%d@example.net\n", "x" * 70_000 + "\nlater@example.net\n", id="ours-long-line"),
        pytest.param("email\n", "p%d@example.net\n", "a\rb\nlater@example.net\n", id="ours-bare-return"),
        pytest.param("", '{"email": "p%d@example.net"}\n', '{"email": later\n', id="ours-json-lines"),
        pytest.param("[", '{"email": "p%d@example.net"},\n', '{"email": "cut', id="ours-json-cut-off"),
        pytest.param(
            "[", '{"email": "p%d@example.net"},\n', '"bare", {"email": "later@example.net"}]', id="ours-json-bare"
        ),
        pytest.param("Email Address,Reason\n", "p%d@example.net,BOUNCE\n", '"open', id="ses-csv"),
        pytest.param('{"SuppressedDestinationSummaries": [', _SES_JSON + ",\n", "{broken", id="ses-json"),
        pytest.param("email,reason,created\n", "p%d@example.net,550 gone,1700000000\n", '"open', id="sendgrid-csv"),
        pytest.param("address,code,error\n", "p%d@example.net,550,gone\n", '"open', id="mailgun-csv"),
        pytest.param('{"items": [', _MAILGUN_JSON + ",\n", "{broken", id="mailgun-json"),
        pytest.param("EmailAddress,SuppressionReason\n", "p%d@example.net,HardBounce\n", '"open', id="postmark-csv"),
    ],
)
def test_every_good_row_before_a_broken_line_is_kept(gateway: Gateway, first: str, row: str, broken: str) -> None:
    """Also those of the batch with the broken line; the answer gives the line and the number of rows kept."""
    data = (first + "".join(row % number for number in range(7)) + broken).encode()
    with pytest.raises(ValidationFailed, match=r"^Line \d+.* The 7 rows before it are done, and none after it"):
        take(gateway, data)
    keys = {one["key"] for one in rows(gateway, "suppressions")}
    assert keys == {f"p{number}@example.net" for number in range(7)}


def test_rows_before_a_broken_line_are_reported(gateway: Gateway) -> None:
    """The report has a line for each of them, refused rows as well."""
    reported: list[RowResult] = []
    data = b'email\na@example.net\nno address\n"open\n'
    with pytest.raises(ValidationFailed):
        gateway.import_list(ADMIN, [data], How(), report=reported.extend)
    assert [(one.line, one.verdict.value) for one in reported] == [(2, "added"), (3, "refused")]
