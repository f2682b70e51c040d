"""A set-up on a bad day: credentials, permissions, throttling, and an account that shows its resources late."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

import pytest

from app.domain.account.setup.blueprint import blueprint
from app.domain.account.setup.choices import Choices
from app.domain.account.setup.permissions import policy_of_processes, policy_of_setup
from app.domain.account.setup.plan import Change, is_pending
from app.domain.account.setup.trouble import SetupStopped
from app.services.account.setup import SetUp
from simulator import Simulator
from tests.support.aws.setup.account_setup import CHOICES, account_at, apply, clients, setup_at
from tests.support.aws.setup.deployments import deployment
from tests.support.aws.simulator import control, listening

SQS_ONLY: Final = Choices(domains=("example.com",), sqs=True)
MADE_BY: Final = (
    "ses:CreateConfigurationSet", "sns:CreateTopic", "sqs:CreateQueue", "ses:CreateConfigurationSetEventDestination",
    "ses:CreateEmailIdentity", "ses:PutEmailIdentityMailFromAttributes", "ses:PutEmailIdentityFeedbackAttributes",
    "sns:Subscribe",
)  # fmt: skip
READ_BY: Final = (
    "ses:GetConfigurationSet", "ses:GetConfigurationSetEventDestinations", "ses:GetEmailIdentity",
    "sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:ListSubscriptionsByTopic",
    "sns:GetSubscriptionAttributes", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ListQueueTags",
)  # fmt: skip


@contextmanager
def a_page_for_everything() -> Iterator[str]:
    """Yield the URL of a server that answers every request with a page."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            page = b"<html><body>Please log in<br></body></html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def strike(simulator: Simulator, fault: str, operation: str, **match: Any) -> None:
    """Make calls of an operation fail; `match` may bound how many."""
    control(simulator, "POST", "faults", [{"fault": fault, "match": {"operation": operation, **match}}])


def heal(simulator: Simulator) -> None:
    """Let every call succeed again."""
    control(simulator, "DELETE", "faults")


@pytest.mark.parametrize("action", MADE_BY)
def test_a_denied_action_is_named_and_is_in_the_printed_policy(simulator: Simulator, setup: SetUp, action: str) -> None:
    """What was made stays, and once the action is allowed, the same command goes on to the same end."""
    strike(simulator, "403:AccessDenied", action)
    with pytest.raises(SetupStopped, match=rf"may not|let these credentials call {action}") as stopped:
        apply(setup, SQS_ONLY)
    assert stopped.value.action == action
    assert "ses plan --policy" in str(stopped.value)
    assert action in _allowed_actions()
    heal(simulator)
    apply(setup, SQS_ONLY)
    assert setup.plan(Choices()).plan.changes == ()


@pytest.mark.parametrize("action", READ_BY)
def test_a_plan_that_may_not_look_names_the_action(simulator: Simulator, setup: SetUp, action: str) -> None:
    """A call that only reads is in the policy as well."""
    apply(setup, SQS_ONLY)
    strike(simulator, "403:AccessDenied", action)
    with pytest.raises(SetupStopped) as stopped:
        setup.plan(Choices())
    assert stopped.value.action == action
    assert action in _allowed_actions()


def _allowed_actions() -> set[str]:
    policy: Any = policy_of_setup(deployment(sqs=True, archive=True))
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_every_call_of_a_set_up_is_in_its_policy(simulator: Simulator) -> None:
    """From an empty account to everything, with a change by hand, and back: no call is outside the printed policy."""
    of, called = clients(simulator.url), set()

    def note(model: Any, **_: Any) -> None:
        prefix = {"sesv2": "ses"}.get(model.service_model.service_name, model.service_model.service_name)
        called.add(f"{prefix}:{model.name}")

    setup = setup_at(simulator.url, through=of)
    for client in (of.ses, of.sns, of.sqs, of.sts):
        client.meta.events.register("before-call", note)
    apply(setup)
    apply(setup, Choices(dropped=frozenset({"example.com"}), url="", archive=False, suppressed_reasons=("COMPLAINT",)))
    setup.sent_in_a_day()
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    assert len(called) > 20
    # Nothing can forbid the first: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    assert called - {"sts:GetCallerIdentity"} <= _allowed_actions()


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_expire_in_the_middle_stop_it_and_nothing_is_lost(
    simulator: Simulator, setup: SetUp, code: str
) -> None:
    """The message says to renew them; the same command then goes on from there."""
    steps = iter(range(100))

    def expire(_: Change) -> None:
        if next(steps) == 4:
            strike(simulator, f"403:{code}", "*")

    with pytest.raises(SetupStopped, match=r"does not accept the credentials \(.*renew them"):
        apply(setup, SQS_ONLY, show=expire)
    heal(simulator)
    assert len(account_at(simulator.url)["queues"]) == 2
    apply(setup, SQS_ONLY)
    assert setup.plan(Choices()).plan.changes == ()


@pytest.mark.parametrize(
    "fault, operation",
    [("429", "ses:*"), ("400:Throttling:Rate exceeded", "sns:*"), ("400:RequestThrottled:Too many", "sqs:*")],
)
def test_throttled_calls_are_repeated(simulator: Simulator, setup: SetUp, fault: str, operation: str) -> None:
    """The first calls of each service are throttled; the set-up takes longer and ends the same."""
    strike(simulator, fault, operation, count=2)
    apply(setup, SQS_ONLY)
    assert setup.plan(Choices()).plan.changes == ()


def test_what_is_throttled_for_long_stops_with_a_sentence(simulator: Simulator) -> None:
    """After its tries, the command says to wait a minute."""
    strike(simulator, "429", "ses:*")
    with pytest.raises(SetupStopped, match="no more calls of ses:GetConfigurationSet for now"):
        setup_at(simulator.url, attempts=2).plan(SQS_ONLY)


def test_an_account_that_shows_its_resources_late_is_waited_for(simulator: Simulator, setup: SetUp) -> None:
    """Each new resource is out of sight for a moment, also for the calls that refer to it."""
    control(simulator, "PUT", "consistency", {"visible_after_ms": 400})
    apply(setup, SQS_ONLY)
    control(simulator, "PUT", "consistency", {"visible_after_ms": 0})
    assert setup.plan(Choices()).plan.changes == ()


def test_the_name_of_a_queue_that_was_just_deleted_is_waited_for(simulator: Simulator, setup: SetUp) -> None:
    """SQS keeps it for a minute: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html"""
    control(simulator, "PUT", "consistency", {"queue_name_taken_ms": 700})
    apply(setup, SQS_ONLY)
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    apply(setup, SQS_ONLY)
    assert setup.plan(Choices()).plan.changes == ()


def test_an_aws_that_cannot_be_reached_is_a_sentence() -> None:
    """Neither a traceback nor a claim about the account."""
    with pytest.raises(SetupStopped, match=r"STS cannot be reached .*check the network and AWS_REGION"):
        setup_at("http://127.0.0.1:9", attempts=1).plan(SQS_ONLY)


def test_an_answer_that_is_none_of_aws_is_a_sentence() -> None:
    """A proxy's login page, and whatever else answers 200 to every request, is no account."""
    with a_page_for_everything() as url, pytest.raises(SetupStopped, match="What answers for STS is not AWS"):
        setup_at(url, attempts=1).plan(SQS_ONLY)


def test_a_subscription_is_confirmed_while_it_is_waited_for(simulator: Simulator, setup: SetUp) -> None:
    """A gateway that answers confirms at once, and nothing is left to do."""
    with listening(simulator) as endpoint:
        choices = Choices(domains=("example.com",), url=endpoint.url.removesuffix("/feedback/sns"))
        planned = setup.confirm(apply(setup, choices), within_s=10, show=lambda _: None)
        assert planned.plan.changes == ()


def test_a_gateway_that_starts_later_is_asked_again(simulator: Simulator, setup: SetUp) -> None:
    """SNS gave up before it ran; while the command waits, SNS asks once more."""
    with listening(simulator, confirms=False) as endpoint:
        choices = Choices(domains=("example.com",), url=endpoint.url.removesuffix("/feedback/sns"))
        planned = apply(setup, choices)
        waited = iter(range(1000))

        def start_to_confirm(_: float) -> None:
            if next(waited) == 2:
                endpoint.confirms = True

        assert setup.confirm(planned, within_s=20, show=start_to_confirm).plan.changes == ()


def test_a_wait_that_ends_in_vain_leaves_the_subscription_in_the_plan(simulator: Simulator, setup: SetUp) -> None:
    """It says what it says before: the subscription waits, and why is found by trying the way."""
    with listening(simulator, confirms=False) as endpoint:
        choices = Choices(domains=("example.com",), url=endpoint.url.removesuffix("/feedback/sns"))
        planned = setup.confirm(apply(setup, choices), within_s=0.3, show=lambda _: None)
        assert [is_pending(one) for one in planned.plan.changes] == [True]
    assert "does not answer" in setup.why_unconfirmed(planned.wanted).found


def test_the_policy_of_the_processes_names_what_the_blueprint_makes() -> None:
    """Its ARNs are those of resources of the deployment."""
    wanted = deployment(sqs=True)
    policy: Any = policy_of_processes(wanted)
    named = {arn.rpartition(":")[2].rpartition("/")[2] for one in policy["Statement"] for arn in one["Resource"]} - {
        "*"
    }
    assert named <= {one.name for one in blueprint(wanted)}


def test_everything_may_be_asked_for_at_once(simulator: Simulator, setup: SetUp) -> None:
    """The largest deployment and its removal, with every resource late."""
    before = account_at(simulator.url)
    control(simulator, "PUT", "consistency", {"visible_after_ms": 300})
    apply(setup, CHOICES)
    control(simulator, "PUT", "consistency", {"visible_after_ms": 0})
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    assert account_at(simulator.url) == before
