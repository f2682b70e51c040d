"""Channels of the operator: added, tested and removed, and an alert reaches them."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.services.operating.alerts.channels import MOST_CHANNELS, EndpointFormat
from app.services.operating.sweeps import Sweep
from app.services.webhooks.endpoints import EndpointChange
from app.store.operating import incidents
from app.wiring.gateway import Gateway, build
from config import SettingsError
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on, settings_for
from tests.support.gateway.rows import change, rows
from tests.support.webhooks.endpoints import scripted
from tests.support.webhooks.mail_server import running_mail_server

URL = "https://hooks.example.com/postern"
MAIL_SERVER = "smtp://127.0.0.1"
SLACK = "https://hooks.slack.example/services/T0/B0/x"


def test_a_webhook_has_a_secret_and_slack_has_none(gateway: Gateway) -> None:
    """Slack verifies nothing."""
    standard = gateway.alert_channels.add(ROOT, URL, EndpointFormat.STANDARD)
    slack = gateway.alert_channels.add(ROOT, URL, EndpointFormat.SLACK)
    assert standard.secret is not None
    assert standard.secret.startswith("whsec_")
    assert slack.secret is None
    assert [one.id for one in gateway.alert_channels.all(ROOT)] == [standard.endpoint.id, slack.endpoint.id]


def test_an_email_needs_a_mail_server_that_is_not_ses(gateway: Gateway) -> None:
    """The error names the setting."""
    with pytest.raises(ValidationFailed, match="ALERT_SMTP_URL"):
        gateway.alert_channels.add(ROOT, "ops@example.com", EndpointFormat.EMAIL)


@pytest.mark.parametrize("target", ["hooks.slack.com", "http://hooks.example.com/", "https://user:x@example.com/"])
def test_a_target_that_is_no_url_is_refused(gateway: Gateway, target: str) -> None:
    """With the rule."""
    with pytest.raises(ValidationFailed) as refused:
        gateway.alert_channels.add(ROOT, target, EndpointFormat.SLACK)
    assert refused.value.faults[0].pointer == "/target"


def test_a_removed_channel_gets_nothing(gateway: Gateway) -> None:
    """What opens later is not even written down."""
    added = gateway.alert_channels.add(ROOT, URL, EndpointFormat.SLACK)
    gateway.alert_channels.remove(ROOT, added.endpoint.id)
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind="render_failed", subject="TypeError", detail="x")
    gateway.upkeep.run(Sweep.ALERTS)
    assert rows(gateway, "webhook_messages") == []
    assert gateway.alert_channels.all(ROOT) == ()


def test_a_channel_that_is_not_there_is_named(gateway: Gateway) -> None:
    """The error says where the channels are listed."""
    for act in (gateway.alert_channels.remove, gateway.alert_channels.test):
        with pytest.raises(NotFound, match="postern alerts"):
            act(ROOT, uuid4())


def test_a_test_goes_to_one_channel(gateway: Gateway) -> None:
    """Whatever it subscribes to."""
    added = gateway.alert_channels.add(ROOT, URL, EndpointFormat.SLACK)
    delivery = gateway.alert_channels.test(ROOT, added.endpoint.id)
    assert [row["id"] for row in rows(gateway, "webhook_deliveries")] == [delivery]


def test_a_test_is_sent_at_once_to_a_channel_that_failed(gateway: Gateway) -> None:
    """A person who has mended it does not wait until its next try."""
    poster = scripted(gateway)
    added = gateway.alert_channels.add(ROOT, URL, EndpointFormat.STANDARD)
    change(gateway, "webhook_endpoints", {"failures": 6, "due_at": datetime.now(UTC) + timedelta(minutes=5)})
    gateway.alert_channels.test(ROOT, added.endpoint.id)
    gateway.webhooks.deliver.drain()
    assert poster.types(URL) == ["webhook.test"]


def test_the_address_of_a_channel_stays(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> None:
    """Email cannot be sent to a URL: the change is refused, with its field."""
    with gateway_on(
        migrated_url, redis_url, mailer=mailer, alert_smtp_url=MAIL_SERVER, alert_from="a@example.com"
    ) as gateway:
        added = gateway.alert_channels.add(ROOT, "ops@example.org", EndpointFormat.EMAIL)
        with pytest.raises(ValidationFailed, match="add another one") as refused:
            gateway.webhooks.endpoints.change(ROOT, added.endpoint.id, EndpointChange(url=URL))
        assert refused.value.faults[0].pointer == "/endpoint"


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sender", ["alerts", "Postern <postern@example.com>", "a@example.com\nBcc: b@example.com"])
def test_a_sender_that_is_no_plain_address_stops_the_start(migrated_url: str, redis_url: str, sender: str) -> None:
    """The first alert would be too late to learn of it."""
    with pytest.raises(SettingsError, match="ALERT_FROM"):
        build(settings_for(migrated_url, redis_url, alert_smtp_url=MAIL_SERVER, alert_from=sender))


def test_channels_are_few(gateway: Gateway) -> None:
    """Each gets every alert."""
    for _ in range(MOST_CHANNELS):
        gateway.alert_channels.add(ROOT, URL, EndpointFormat.SLACK)
    with pytest.raises(ValidationFailed, match="at most"):
        gateway.alert_channels.add(ROOT, URL, EndpointFormat.SLACK)


def test_applications_have_no_say(gateway: Gateway) -> None:
    """Channels are for admins."""
    with pytest.raises(RestrictedApiKey):
        gateway.alert_channels.all(caller(gateway))
    with pytest.raises(RestrictedApiKey):
        gateway.alert_channels.add(caller(gateway), URL, EndpointFormat.SLACK)


def test_an_alert_reaches_slack_in_its_form(gateway: Gateway) -> None:
    """A webhook beside it gets the event itself."""
    poster = scripted(gateway)
    for url, form in ((URL, EndpointFormat.STANDARD), (SLACK, EndpointFormat.SLACK)):
        gateway.alert_channels.add(ROOT, url, form)
    alert(gateway)
    posted = {one.url: json.loads(one.body) for one in poster.got}
    assert posted[SLACK].keys() == {"text"}
    assert "render_failed: TypeError" in posted[SLACK]["text"]
    assert posted[URL]["type"] == "incident.opened"
    assert posted[URL]["data"]["subject"] == "TypeError"


def test_an_alert_reaches_an_address_without_ses(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> None:
    """Through the mail server of the operator."""
    with (
        running_mail_server() as server,
        gateway_on(
            migrated_url, redis_url, mailer=mailer, alert_smtp_url=server.url, alert_from="postern@example.com"
        ) as gateway,
    ):
        gateway.alert_channels.add(ROOT, "ops@example.org", EndpointFormat.EMAIL)
        alert(gateway)
        assert server.recipients == ["ops@example.org"]
        assert "Subject: Postern incident: render_failed: TypeError" in server.messages[0]
        assert mailer.sent == []


def alert(gateway: Gateway) -> None:
    """Open an incident, and deliver what follows."""
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind="render_failed", subject="TypeError", detail="It broke.")
    gateway.upkeep.run(Sweep.ALERTS)
    gateway.webhooks.deliver.drain()
