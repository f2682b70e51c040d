"""`/v1/suppressions/import` and `/export`: through the application, and over a socket of a real gunicorn."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from app.domain.apps.callers import Scope
from app.services.suppression.files.import_list import BATCH
from tests.support.gateway.gateways import gateway_on, issue
from tests.support.gateway.rows import count, rows
from tests.support.gateway.web import Headers, Web, body_of, problem_of, web_on
from tests.support.servers.gunicorn import served
from tests.support.suppression.list_files import CORPUS, csv_of, many

IMPORT, EXPORT = "/v1/suppressions/import", "/v1/suppressions/export"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key("shop")


def sent(web: Web, key: Headers, data: bytes, query: str = "", content_type: str = "text/csv") -> dict[str, Any]:
    path = f"{IMPORT}?{query}" if query else IMPORT
    return body_of(web.client.post(path, data=data, headers=key, content_type=content_type))


def test_a_file_is_imported_and_exported(web: Web, key: Headers) -> None:
    """The answer counts every verdict and names the refused rows; the export has what the import brought."""
    data = csv_of(("email", "scope"), ("Ann@example.net", ""), ("bad", ""), ("lee@example.net", "other/news"))
    report = sent(web, key, data)
    assert {name: report[name] for name in ("object", "dry_run", "format", "rows", "added", "kept", "refused")} == {
        "object": "suppression_import",
        "dry_run": False,
        "format": "ours",
        "rows": 3,
        "added": 1,
        "kept": 0,
        "refused": 2,
    }
    assert [(one["line"], one["code"]) for one in report["refusals"]] == [(3, "one_at_sign"), (4, "not_yours")]
    answer = web.client.get(EXPORT, headers=key)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="suppressions.csv"'
    header, line = answer.text.splitlines()
    assert header == "email,scope,origin,reason,created_at,expires_at,source"
    assert line.startswith("Ann@example.net,*,manual,Imported from a file.,")
    assert sent(web, key, answer.data)["kept"] == 1


def test_a_dry_run_reports_the_same_and_changes_nothing(web: Web, key: Headers) -> None:
    """Nothing changes until the file is sent without `dry_run`."""
    data = csv_of(("email",), ("ann@example.net",), ("ann@example.net",), ("bad",))
    dry, real = sent(web, key, data, "dry_run=true"), sent(web, key, data)
    assert {**dry, "id": None, "dry_run": False} == {**real, "id": None}
    assert (dry["added"], dry["kept"], dry["refused"], dry["dry_run"]) == (1, 1, 1, True)


@pytest.mark.parametrize(
    "name, query, content_type, added",
    [
        ("sendgrid-bounces.csv", "list=bounces", "text/csv", 2),
        ("ses-list.json", "", "application/json", 2),
        ("ses-import-job.json", "format=ses", "application/x-ndjson", 2),
        ("mailgun-unsubscribes.json", "scope=shop/news", "application/json", 3),
    ],
)
def test_lists_of_vendors_are_imported(
    web: Web, key: Headers, name: str, query: str, content_type: str, added: int
) -> None:
    """As the vendor saved them; parameters give what the columns do not say."""
    report = sent(web, key, (CORPUS / name).read_bytes(), query, content_type)
    assert (report["added"], report["refused"]) == (added, 0)


def test_the_answer_names_a_thousand_refusals_and_counts_all(web: Web, key: Headers) -> None:
    """However many rows break a rule, the answer stays small."""
    report = sent(web, key, csv_of(("email",), *(("bad",) for _ in range(BATCH + 1))))
    assert (report["refused"], len(report["refusals"])) == (BATCH + 1, 1000)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "query, pointer",
    [
        ("format=excel", "/format"),
        ("list=all", "/list"),
        ("dry_run=1", "/dry_run"),
        ("fresh=yes", "/fresh"),
        ("scope=no%20scope", "/scope"),
    ],
)
def test_an_invalid_parameter_is_refused(web: Web, key: Headers, query: str, pointer: str) -> None:
    """Before a byte of the file is read."""
    answer = web.client.post(f"{IMPORT}?{query}", data=b"email\n", headers=key, content_type="text/csv")
    assert [fault["pointer"] for fault in problem_of(answer, 422, "validation_error")["errors"]] == [pointer]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_an_unreadable_file_is_refused_with_the_place(web: Web, key: Headers) -> None:
    """With the line and the column, and never with the text there."""
    answer = web.client.post(IMPORT, data=b'email\n"secret@example.net\n', headers=key, content_type="text/csv")
    problem = problem_of(answer, 422, "validation_error")
    assert problem["detail"].startswith("Line 2, column 1: A quote is opened here")
    assert [fault["code"] for fault in problem["errors"]] == ["unreadable_file"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_only_known_media_types_are_taken(web: Web, key: Headers) -> None:
    """And no content encoding, which could unpack to any size."""
    form = web.client.post(IMPORT, data={"file": "x"}, headers=key)
    assert "text/csv, application/json" in problem_of(form, 415, "unsupported_media_type")["detail"]
    packed = {**key, "Content-Encoding": "gzip"}
    problem_of(
        web.client.post(IMPORT, data=b"x", headers=packed, content_type="text/csv"), 415, "unsupported_media_type"
    )


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_an_import_has_a_bound_of_its_own(migrated_url: str, redis_url: str) -> None:
    """Larger than that of all other bodies; nothing of a longer body is read."""
    with web_on(migrated_url, redis_url, max_body_bytes=10_000, max_import_bytes=20_000) as web:
        key, data = web.key("shop"), csv_of(("email",), *((f"person{number}@example.net",) for number in range(700)))
        assert 10_000 < len(data) < 20_000
        assert sent(web, key, data)["added"] == 700
        answer = web.client.post(IMPORT, data=data * 2, headers=key, content_type="text/csv")
        problem_of(answer, 413, "payload_too_large")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_reader_may_export_and_not_import(web: Web) -> None:
    """A writer may import and not export."""
    reader, writer = web.key("shop", Scope.SUPPRESSIONS_READ), web.key("shop", Scope.SUPPRESSIONS_WRITE)
    assert web.client.get(EXPORT, headers=reader).status_code == 200
    problem_of(web.client.get(EXPORT, headers=writer), 403, "restricted_api_key")
    assert sent(web, writer, b"email\n")["rows"] == 0
    problem_of(
        web.client.post(IMPORT, data=b"email\n", headers=reader, content_type="text/csv"), 403, "restricted_api_key"
    )


def test_a_real_server_streams_both_ways(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """An upload without a length, piece by piece, and the same list as a download; a cut-off upload leaves no half."""
    size = 2 * BATCH + 500
    with gateway_on(migrated_url, redis_url) as gateway, served(migrated_url, redis_url, tmp_path) as server:
        port = server.port
        token = issue(gateway, app="shop").token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
        pool = urllib3.PoolManager(retries=False, timeout=120)
        url = f"http://127.0.0.1:{port}"
        answer = pool.request("POST", url + IMPORT, body=many(size), headers=headers, chunked=True)
        assert answer.status == 200, answer.data
        assert answer.json()["added"] == size
        exported = pool.request("GET", url + EXPORT, headers=headers)
        assert len(exported.data.splitlines()) == size + 1
        again = pool.request("POST", url + IMPORT, body=exported.data, headers=headers)
        assert again.json()["kept"] == size

        cut = b"email\nwhole@example.net\nhalf@example.ne"
        assert status_of(port, cut, length=len(cut) + 1, headers=headers) == 400
        assert not rows(gateway, "suppressions", key="half@example.ne")
        assert count(gateway, "suppressions") == size


def status_of(port: int, body: bytes, *, length: int, headers: dict[str, str]) -> int:
    """The status for a request whose sender stops before its length."""
    head = {**headers, "Host": "gateway", "Content-Length": str(length), "Connection": "close"}
    lines = [f"POST {IMPORT} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return int(connection.makefile("rb").readline().split()[1])
