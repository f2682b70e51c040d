"""The inbox of the simulator: what a developer sees of the emails that were "sent", and can do there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from simulator import Options, Simulator
from tests.support.aws.simulator import SENDER, client, fetch, raw_message, until


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator whose events follow within milliseconds."""
    with Simulator(Options(data=tmp_path, event_delay=(0.001, 0.002), seed=7)) as running:
        yield running


@pytest.fixture
def ses(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sesv2", simulator)


def send(ses: Any, to: str, **content: Any) -> str:
    """Send an email; return its SES message id."""
    simple = {
        "Subject": {"Data": content.get("subject", "You are invited")},
        "Body": {kind: {"Data": content[kind.lower()]} for kind in ("Text", "Html") if kind.lower() in content},
    }
    answer = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [to]},
        Content={"Simple": simple if simple["Body"] else simple | {"Body": {"Text": {"Data": "Come."}}}},
    )
    return str(answer["MessageId"])


def choose(simulator: Simulator, behaviour: str) -> urllib3.BaseHTTPResponse:
    """Send the form for the next email as a browser does."""
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request_encode_body(
            "POST",
            f"{simulator.url}/_simulator/next",
            fields={"behaviour": behaviour},
            encode_multipart=False,
            headers={"Origin": simulator.url},
        )


def listing(simulator: Simulator, query: str = "") -> str:
    """The page of the inbox."""
    return fetch(simulator, f"/{query}").data.decode()


def test_the_inbox_shows_emails_without_running_them(simulator: Simulator, ses: Any) -> None:
    """Subject and text are escaped, HTML is framed in a sandbox, and the page may load nothing."""
    hostile = raw_message("ann@example.com", subject="<script>alert(1)</script>")
    ses_message_id = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": ["ann@example.com"]},
        Content={"Raw": {"Data": hostile}},
    )["MessageId"]
    listing = fetch(simulator, "/").data.decode()
    page = fetch(simulator, f"/_simulator/inbox/{ses_message_id}")
    policy, email = page.headers["Content-Security-Policy"], page.data.decode()
    assert "ann@example.com" in listing
    assert "delivered" in listing
    assert f"/_simulator/inbox/{ses_message_id}" in listing
    assert "<script" not in listing + email
    assert "You are invited." in email
    assert '<iframe sandbox title="The email as HTML" srcdoc="&lt;p&gt;You are &lt;b&gt;invited' in email
    assert policy.startswith("default-src 'none'")


def test_the_next_email_bounces_once(simulator: Simulator, ses: Any) -> None:
    """The form says so until an email came, whatever its address; the one after behaves as its address says."""
    answer = choose(simulator, "bounce")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert '<option value="bounce" selected>' in listing(simulator)
    send(ses, "ann@example.com")
    send(ses, "bob@example.com")
    until(lambda: "delivered" in listing(simulator, "?q=bob") and "bounced" in listing(simulator, "?q=ann"))
    assert '<option value="" selected>' in listing(simulator)
    assert choose(simulator, "explode").status == 400


def test_the_inbox_is_filtered_and_refreshed(simulator: Simulator, ses: Any) -> None:
    """By any part of an address or a subject; loaded anew every few seconds only when asked."""
    send(ses, "ann@example.com", subject="Spring")
    send(ses, "bob@example.com", subject="Autumn")
    for query, there, missing in (("?q=SPRING", "ann@", "bob@"), ("?q=bob%40", "bob@", "ann@")):
        assert there in listing(simulator, query)
        assert missing not in listing(simulator, query)
    assert 'http-equiv="refresh"' in listing(simulator, "?q=ann&refresh=on")
    assert 'http-equiv="refresh"' not in listing(simulator)
    assert "<script" not in listing(simulator, "?q=%3Cscript%3E%22")


def test_links_of_an_email_can_be_clicked(simulator: Simulator, ses: Any) -> None:
    """Those of its text and of its HTML, once each, escaped; only web links."""
    html = '<a href="https://example.com/accept?a=1&amp;b=2">Accept</a> <a href="javascript:alert(1)">x</a>'
    email = send(ses, "ann@example.com", text="See https://example.com/text. Bye", html=html)
    page = fetch(simulator, f"/_simulator/inbox/{email}").data.decode()
    links = page.partition("<h2>Links</h2>")[2].partition("</ul>")[0]
    assert 'href="https://example.com/text"' in links
    assert 'href="https://example.com/accept?a=1&amp;b=2"' in links
    assert "javascript:" not in links


def test_a_row_says_on_a_phone_what_each_cell_is(simulator: Simulator, ses: Any) -> None:
    """Where the head of the table is hidden."""
    send(ses, "ann@example.com")
    page = listing(simulator)
    for name in ("Time", "From", "To", "Subject", "Fate"):
        assert f'<td data-name="{name}">' in page
    assert "@media (max-width: 40rem)" in page
