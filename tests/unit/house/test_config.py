"""Settings: all faults are reported at once, each with its variable, and no text holds a secret."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws.sns.verifier import MAX_AGE
from config import Settings, SettingsError, load

KEY = "tests-only-0123456789abcdefghijklmnopqrstuv"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:postern"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the variables and the `.env` of the person who runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def faults_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in {"SECRET_KEYS": KEY, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


def test_one_key_is_all_that_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else has a default that works on one machine."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    settings = load()
    assert settings.database_url.startswith("sqlite:///")
    assert settings.broker_url == settings.redis_url


def test_the_error_for_a_missing_key_says_how_to_make_one() -> None:
    """Without a key nothing can be sealed; the message has the command that makes one."""
    with pytest.raises(SettingsError, match=r"SECRET_KEYS: is not set \(make a key with `./postern secret`\)"):
        load()


def test_all_faults_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists every fault, each on a line with its variable and its rule."""
    wrong = {
        "DATABASE_URL": "mysql://host/db",
        "REDIS_URL": "http://host",
        "SNS_TOPIC_ARNS": "postern",
        "SECRET_KEYS": "short",
        "SES_THREADS": "0",
        "MAX_RECIPIENTS": "51",
        "LEASE_SECONDS": "soon",
        "AWS_REGION": "Frankfurt",
        "PUBLIC_URL": "postern.example.com",
        "SES_CONFIGURATION_SET": "no spaces",
    }
    text = faults_of(monkeypatch, **wrong)
    assert {line.strip().partition(":")[0] for line in text.splitlines()[1:-1]} == set(wrong)


def test_a_fault_names_the_file_that_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most faults are a file in another directory than the one that the process started in."""
    file = tmp_path / "postern.env"
    monkeypatch.setenv("POSTERN_ENV_FILE", str(file))
    monkeypatch.delenv("SECRET_KEYS", raising=False)
    for missing in (", which is not there", ""):
        with pytest.raises(SettingsError) as wrong:
            load()
        last = str(wrong.value).splitlines()[-1]
        assert last == f"  (read from the environment and from {file}{missing})"
        file.write_text("LOG_LEVEL=INFO\n")


@pytest.mark.parametrize(
    "name, value",
    [
        ("SECRET_KEYS", "hunter2"),
        ("SECRET_KEYS", f"{KEY},hunter2"),
        ("DATABASE_URL", "mysql://postern:hunter2@host/db"),
        ("REDIS_URL", "http://:hunter2@host"),
        ("ALERT_SMTP_URL", "smtp://postern:#hunter2@mail.example.com"),
        ("ALERT_SMTP_URL", "smtp://postern:[hunter2@mail.example.com"),
        ("ALERT_SMTP_URL", "smtp://mail.example.com:hunter2"),
    ],
)
def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The text goes to logs, and a mistyped secret is still a secret."""
    text = faults_of(monkeypatch, **{name: value})
    assert name in text
    assert "hunter2" not in text
    assert KEY not in text


def test_keys_are_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings show no key when they are printed, formatted or dumped."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    settings = load()
    assert [one.get_secret_value() for one in settings.secret_keys] == [KEY]
    for text in (repr(settings), str(settings), f"{settings}", settings.model_dump_json()):
        assert KEY not in text


def test_a_fifo_topic_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """SES cannot publish to one, so no bounce would ever come."""
    assert "no .fifo works" in faults_of(monkeypatch, SNS_TOPIC_ARNS=f"{TOPIC}.fifo")


def test_a_topic_lies_in_the_region_of_ses(monkeypatch: pytest.MonkeyPatch) -> None:
    """SES publishes only to its own region; a topic elsewhere would never get a notification."""
    assert "AWS_REGION" in faults_of(monkeypatch, SNS_TOPIC_ARNS=TOPIC, AWS_REGION="us-east-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert load().sns_topic_arns == (TOPIC,)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_pinned_certificate_is_looked_at_when_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """A missing file is an error at startup, not at the first bounce."""
    pem = tmp_path / "pinned.pem"
    if content is not None:
        pem.write_text(content)
    assert "SNS_PINNED_CERTIFICATE" in faults_of(monkeypatch, SNS_PINNED_CERTIFICATE=str(pem))


@pytest.mark.parametrize("value", ["", " ", ","])
def test_lists_of_nothing_are_empty(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """An empty variable counts as not set."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    monkeypatch.setenv("SNS_TOPIC_ARNS", value)
    assert load().sns_topic_arns == ()


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """All parts of a process see the same settings."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    settings: Any = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.ses_threads = 1


def test_a_plain_postgresql_url_gets_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Database hosts give out URLs without a driver."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/db")
    assert load().database_url == "postgresql+psycopg://host/db"


def test_the_passwords_of_urls_are_in_no_representation() -> None:
    """Printed settings, and a printed gateway that holds them, show no password of a database or a broker."""
    urls = {
        "database_url": "postgresql://postern:hunter2@db/postern",
        "redis_url": "redis://:hunter2@cache/0",
        "celery_broker_url": "amqp://postern:hunter2@broker/",
    }
    assert "hunter2" not in repr(load(_env_file=None, secret_keys=KEY, **urls))


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL"])
@pytest.mark.parametrize(
    "url, message",
    [
        ("sentinel://:hunter2@host:26379", "must be sentinel://USER:PASSWORD@HOST:26379,HOST:26379/SERVICE/0"),
        ("sentinels://:hunter2@a,b/main/one", "must be sentinels://USER"),
        (
            "sentinel://:hunter2@a/main?sentinel_pasword=hunter2",
            "sentinel_pasword is not known; known are sentinel_user",
        ),
        ("sentinels://:hunter2@host/main?ssl_cert_reqs=none", "ssl_cert_reqs=none is refused"),
        ("redis+cluster://host", "a Redis Cluster is not supported"),
        ("rediss://:hunter2@host?ssl_cert_reqs=none", "ssl_cert_reqs=none is refused"),
        ("rediss://:hunter2@host?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs=CERT_NONE is refused"),
        ("rediss://:hunter2@host?ssl_cert_reqs=optional", "ssl_cert_reqs=optional is refused"),
        ("rediss://:hunter2@host?ssl_check_hostname=false", "ssl_check_hostname=false is refused"),
        ("rediss://:hunter2@host?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs: there is no such file"),
        ("rediss://:hunter2@host?ssl_ca_cert=ca.pem", "ssl_ca_cert is not known; known are ssl_ca_certs"),
        ("redis://:hunter2@host?ssl_ca_certs=ca.pem", "ssl_ca_certs is for rediss://, sentinels:// and amqps://"),
    ],
)
def test_a_broker_that_cannot_work_or_is_unsafe_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, message: str
) -> None:
    """The error says what to do instead, without the password."""
    faults = faults_of(monkeypatch, **{name: url})
    assert f"{name}: {message}" in faults
    assert "hunter2" not in faults


@pytest.mark.parametrize(
    "url, meant",
    [
        ("valkey://host/1", "redis://host/1"),
        ("valkeys://host/1", "rediss://host/1"),
        (" Redis://host/1 ", "redis://host/1"),
        ("redis+sentinel://a:1,[::1]:2/main/1", "sentinel://a:1,[::1]:2/main/1"),
        ("valkeys+sentinel://:p@a/main?ssl_cert_reqs=required", "sentinels://:p@a/main"),
        ("sentinel://a/main?sentinel_password=p", "sentinel://a/main?sentinel_password=p"),
        ("rediss://host/1?ssl_cert_reqs=required", "rediss://host/1"),
        ("rediss://host/1?ssl_cert_reqs=CERT_REQUIRED&ssl_check_hostname=true", "rediss://host/1"),
        ("rediss://host/1?ssl_cert_reqs=required&health_check_interval=3", "rediss://host/1?health_check_interval=3"),
    ],
)
def test_a_broker_may_be_spelled_in_several_ways(monkeypatch: pytest.MonkeyPatch, url: str, meant: str) -> None:
    """Valkey's own schemes, and what redis-py and Celery each call a verified certificate."""
    for name in ("REDIS_URL", "CELERY_BROKER_URL"):
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("SECRET_KEYS", KEY)
    assert (load().redis_url, load().broker_url) == (meant, meant)


def test_sentinels_are_named_in_one_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery's own form has one URL for each of them, without the name of what they watch."""
    urls = "sentinel://a:26379/main;sentinel://b:26379/main"
    assert "name all Sentinels in one URL" in faults_of(monkeypatch, CELERY_BROKER_URL=urls)


def test_an_amqps_broker_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of the name it would give the password to a server with any other certificate."""
    assert "is refused" in faults_of(monkeypatch, CELERY_BROKER_URL="amqps://u:hunter2@host//?ssl_cert_reqs=none")
    assert "not known" in faults_of(monkeypatch, CELERY_BROKER_URL="amqps://u:hunter2@host//?ssl_ca_path=/etc")


def test_raw_notifications_are_kept_for_longer_than_they_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were erased sooner, it could be posted again and processed twice."""
    assert "FEEDBACK_RETENTION_DAYS" in faults_of(monkeypatch, FEEDBACK_RETENTION_DAYS=str(MAX_AGE.days))
    monkeypatch.setenv("FEEDBACK_RETENTION_DAYS", str(MAX_AGE.days + 1))
    assert timedelta(days=load().feedback_retention_days) > MAX_AGE


def test_emails_are_kept_for_as_long_as_links_in_them_have_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to unsubscribe names the row of its recipient. 0 keeps all emails."""
    for days in ("1", "59", "-1"):
        assert "EMAIL_RETENTION_DAYS" in faults_of(monkeypatch, EMAIL_RETENTION_DAYS=days)
    for days in ("0", "60"):
        monkeypatch.setenv("EMAIL_RETENTION_DAYS", days)
        assert load().email_retention_days == int(days)


@pytest.mark.parametrize(
    "setting, value",
    [("FEEDBACK_ACCOUNTS", "12345678901"), ("FEEDBACK_ACCOUNTS", "x"), ("FEEDBACK_CONFIGURATION_SETS", "a b")],
)
def test_accepted_events_are_chosen_by_account_and_set(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    """An account is twelve digits, a set a name as SES has them."""
    assert setting in faults_of(monkeypatch, **{setting: value})


OPENID = {"OIDC_ISSUER": "https://login.example.com/realms/x", "OIDC_CLIENT_ID": "postern", "OIDC_ROLES": "a=admin"}


def test_an_openid_provider_is_set_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer without a client cannot work, and one without roles would refuse everybody."""
    for name in ("OIDC_CLIENT_ID", "OIDC_ROLES"):
        assert f"{name}: OIDC_ISSUER needs it" in faults_of(monkeypatch, **{**OPENID, name: ""})
    for name, value in OPENID.items():
        monkeypatch.setenv(name, value)
    assert load().oidc_roles == ("a=admin",)


@pytest.mark.parametrize(
    "setting, value",
    [
        ("OIDC_ISSUER", "http://login.example.com"),
        ("OIDC_ISSUER", "https://"),
        ("OIDC_ISSUER", "login.example.com"),
        ("OIDC_ISSUER", "https://login.example.com/?tenant=1"),
        ("OIDC_ISSUER", "https://u:hunter2@login.example.com"),
        ("OIDC_ROLES", "admin"),
        ("OIDC_ROLES", "mail-admins=root"),
        ("OIDC_ROLES", "=admin"),
    ],
)
def test_an_openid_provider_is_a_secure_one(monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    """Over https; each value has one of the four roles."""
    text = faults_of(monkeypatch, **{**OPENID, setting: value})
    assert f"{setting}: must be" in text or f"{setting}: each must be" in text
    assert "hunter2" not in text


def test_an_openid_provider_on_this_machine_may_be_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """To try it out. A value of the claim may have an equals sign."""
    for name, value in {**OPENID, "OIDC_ISSUER": "http://localhost:9000", "OIDC_ROLES": "cn=a=viewer"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRET_KEYS", KEY)
    assert load().oidc_roles == ("cn=a=viewer",)


SMTP = {"SMTP_PORT": "587", "SMTP_CERTIFICATE": "chain.pem", "SMTP_CERTIFICATE_KEY": "key.pem"}


@pytest.mark.parametrize(
    "settings, fault",
    [
        ({"SMTP_PORT": "587"}, "SMTP_CERTIFICATE: SMTP_PORT needs it"),
        ({"SMTP_TLS_PORT": "465", "SMTP_CLEAR_AUTH_ON_LOOPBACK": "true"}, "SMTP_CERTIFICATE: SMTP_TLS_PORT needs it"),
        ({**SMTP, "SMTP_CERTIFICATE_KEY": ""}, "SMTP_CERTIFICATE_KEY belong together"),
        ({**SMTP, "SMTP_BIND": "mail.example.com"}, "SMTP_BIND: "),
        ({**SMTP, "SMTP_HOST_NAME": "a b"}, "SMTP_HOST_NAME: "),
    ],
)
def test_an_smtp_door_is_one_that_clients_can_use(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], fault: str
) -> None:
    """Keys need TLS, and TLS needs a certificate with its key, unless clients of this host need none."""
    assert fault in faults_of(monkeypatch, **settings)
