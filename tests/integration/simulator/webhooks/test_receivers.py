"""The simulator as an endpoint of webhooks: what it keeps, what it checks, and how it misbehaves when asked to."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.webhooks.post_result import PostOutcome, PostResult
from app.domain.webhooks.signature import new_secret, secret_bytes, signed_headers
from simulator import Simulator
from tests.support.aws.simulator import control, fetch
from tests.support.webhooks.posting import poster

BODY = b'{"type":"email.bounced","data":{"subject":"<script>alert(1)</script>"}}'
POSTER = poster(patience_s=0.4)


def post(simulator: Simulator, name: str = "shop", headers: Mapping[str, str] | None = None) -> PostResult:
    return POSTER.post(f"{simulator.url}/_webhooks/{name}", headers or {"webhook-id": "msg_1"}, BODY)


def came(simulator: Simulator, query: str = "", name: str = "shop") -> Any:
    answer = fetch(simulator, f"/_webhooks/{name}{query}")
    assert answer.status == 200
    return answer.json()


def with_faults(simulator: Simulator, *faults: dict[str, Any]) -> Any:
    return control(simulator, "PUT", "webhooks/shop", {"faults": list(faults)})


def test_a_receiver_keeps_what_came(simulator: Simulator) -> None:
    """Headers, body, time and what was answered, oldest first, for each name by itself."""
    assert post(simulator).outcome is PostOutcome.ACCEPTED
    post(simulator, headers={"webhook-id": "msg_2"})
    post(simulator, "other")
    kept = came(simulator)
    assert [(one["number"], one["headers"]["webhook-id"]) for one in kept["posts"]] == [(1, "msg_1"), (2, "msg_2")]
    assert {(one["body"], one["answered"], one["verified"]) for one in kept["posts"]} == {(BODY.decode(), "200", None)}
    assert (kept["received"], kept["next"], came(simulator, name="other")["received"]) == (2, 2, 1)


def test_what_came_is_read_in_pages(simulator: Simulator) -> None:
    """A reader goes on from `next`; what was read can be dropped, and the count stays."""
    for _ in range(3):
        post(simulator)
    first = came(simulator, "?limit=2")
    rest = came(simulator, f"?since={first['next']}")
    assert [[one["number"] for one in page["posts"]] for page in (first, rest)] == [[1, 2], [3]]
    left = fetch(simulator, "/_webhooks/shop", method="DELETE").json()
    assert (left["posts"], left["received"]) == ([], 3)
    post(simulator)
    assert [one["number"] for one in came(simulator)["posts"]] == [4]


def test_a_name_without_posts_has_none(simulator: Simulator) -> None:
    """A reader need not wait for the first."""
    assert (came(simulator)["posts"], came(simulator)["received"]) == ([], 0)


@pytest.mark.parametrize("altered", [None, "body", "time", "other family"])
def test_the_signature_is_checked_with_the_secret(simulator: Simulator, altered: str | None) -> None:
    """Also that of a post which came before the secret was given; both families of headers have to hold."""
    secret = new_secret()
    signed_at = int(time.time()) - (400 if altered == "time" else 0)
    signed_body = BODY + b" " if altered == "body" else BODY
    headers = signed_headers(
        secrets=[secret_bytes(new_secret()), secret_bytes(secret)],
        message_id="msg_1",
        timestamp=signed_at,
        body=signed_body,
    )
    if altered == "other family":
        del headers["svix-signature"]
    post(simulator, headers=headers)
    shown = control(simulator, "PUT", "webhooks/shop", {"secret": secret})
    assert [one["verified"] for one in shown["posts"]] == [altered is None]


@pytest.mark.parametrize(
    "fault, outcome, status",
    [
        ({"fault": "slow", "seconds": 0.1}, PostOutcome.ACCEPTED, 200),
        ({"fault": "slow", "seconds": 5}, PostOutcome.TIMED_OUT, None),
        ({"fault": "hang"}, PostOutcome.TIMED_OUT, None),
        ({"fault": "close"}, PostOutcome.UNREACHABLE, None),
        ({"fault": "half"}, PostOutcome.UNREACHABLE, None),
        ({"fault": "large"}, PostOutcome.ACCEPTED, 200),
        ({"fault": "500"}, PostOutcome.REFUSED, 500),
        ({"fault": "410"}, PostOutcome.REFUSED, 410),
        ({"fault": "301"}, PostOutcome.REDIRECTED, 301),
        ({"fault": "307", "location": "http://169.254.169.254/"}, PostOutcome.REDIRECTED, 307),
    ],
    ids=str,
)
def test_a_receiver_misbehaves_as_it_is_asked_to(
    simulator: Simulator, fault: dict[str, Any], outcome: PostOutcome, status: int | None
) -> None:
    """The post is kept all the same, with the fault; the next one after the count is answered as ever."""
    with_faults(simulator, fault | {"count": 1})
    result = post(simulator)
    assert (result.outcome, result.status) == (outcome, status)
    assert post(simulator).outcome is PostOutcome.ACCEPTED
    kept = came(simulator)
    assert [one["answered"] for one in kept["posts"]] == [fault["fault"], "200"]
    assert [(one["struck"], one["remaining"]) for one in kept["faults"]] == [(1, 0)]


def test_faults_strike_a_share_of_the_posts(simulator: Simulator) -> None:
    """The first rule that strikes applies; an empty list ends them."""
    with_faults(simulator, {"fault": "503", "rate": 0.3}, {"fault": "410", "rate": 0.3})
    statuses = [post(simulator).status for _ in range(60)]
    assert set(statuses) == {200, 410, 503}
    with_faults(simulator)
    assert {post(simulator).status for _ in range(20)} == {200}


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": "whsec_"},
        {"secret": "none"},
        {"faults": [{"fault": "200"}]},
        {"faults": [{"fault": "explode"}]},
        {"faults": [{"fault": "500", "when": 1}]},
        {"colour": "red"},
        {"secret": "whsec_AAAA", "faults": [{}]},
    ],
    ids=str,
)
def test_a_wrong_setting_changes_nothing(simulator: Simulator, settings: dict[str, Any]) -> None:
    """It is answered with 400."""
    assert fetch(simulator, "/_simulator/webhooks/shop", method="PUT", content=settings).status == 400
    assert post(simulator).status == 200
    assert came(simulator)["posts"][0]["verified"] is None


def test_a_page_shows_what_came(simulator: Simulator) -> None:
    """The latest first, with what its signature came to; the page runs no script of an event."""
    secret = new_secret()
    post(simulator)
    control(simulator, "PUT", "webhooks/shop", {"secret": secret})
    headers = signed_headers(secrets=[secret_bytes(secret)], message_id="msg_2", timestamp=int(time.time()), body=BODY)
    post(simulator, headers=headers)
    answer = fetch(simulator, "/_simulator/webhooks?refresh=on")
    page = answer.data.decode()
    assert "2 posts came in all" in page
    assert page.index("msg_2") < page.index("msg_1")
    assert page.index("verified") < page.index("does not verify")
    assert 'href="/_simulator/webhooks/shop/2">email.bounced' in page
    assert 'http-equiv="refresh"' in page
    one = fetch(simulator, "/_simulator/webhooks/shop/2").data.decode()
    assert "svix-signature: v1," in one
    assert "&lt;script&gt;" in one
    assert "<script" not in page + one
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert fetch(simulator, "/_simulator/webhooks/shop/3").status == 404
    assert 'href="/_simulator/webhooks"' in fetch(simulator, "/").data.decode()


def test_the_names_and_the_posts_are_bounded(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest posts go; a name too many is refused."""
    monkeypatch.setattr("simulator.webhooks.receivers.MOST_POSTS", 2)
    monkeypatch.setattr("simulator.webhooks.receivers.MOST_RECEIVERS", 1)
    for _ in range(3):
        post(simulator)
    assert [one["number"] for one in came(simulator)["posts"]] == [2, 3]
    assert post(simulator, "another").status == 400
    monkeypatch.setattr("simulator.webhooks.receivers.MOST_BYTES", 100)
    post(simulator)
    assert [one["number"] for one in came(simulator)["posts"]] == [4]
