"""Settings: every fault told at once, by the name of its variable, and no secret in any text."""

from pathlib import Path
from typing import Any

import pytest

from config import Settings, SettingsError, load

KEY = "tests-only-0123456789abcdefghijklmnopqrstuv"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:postern"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of whoever runs the tests, and no `.env` of theirs."""
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


def test_a_missing_key_says_how_to_make_one() -> None:
    """Without a key nothing can be sealed, and the message says what to type."""
    with pytest.raises(SettingsError, match=r"SECRET_KEYS: is not set \(make a key with `./postern secret`\)"):
        load()


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets up a host reads the list once, each line with its variable and its rule."""
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
    assert {line.strip().partition(":")[0] for line in text.splitlines()[1:]} == set(wrong)


@pytest.mark.parametrize(
    "name, value",
    [
        ("SECRET_KEYS", "hunter2"),
        ("SECRET_KEYS", f"{KEY},hunter2"),
        ("DATABASE_URL", "mysql://postern:hunter2@host/db"),
        ("REDIS_URL", "http://:hunter2@host"),
    ],
)
def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The text ends up in logs; a secret that was mistyped is still a secret."""
    text = faults_of(monkeypatch, **{name: value})
    assert name in text
    assert "hunter2" not in text
    assert KEY not in text


def test_keys_are_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither printed nor formatted nor dumped do settings show a key."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    settings = load()
    assert [one.get_secret_value() for one in settings.secret_keys] == [KEY]
    for text in (repr(settings), str(settings), f"{settings}", settings.model_dump_json()):
        assert KEY not in text


def test_a_topic_lies_in_the_region_of_ses(monkeypatch: pytest.MonkeyPatch) -> None:
    """SES publishes to its own region only; a topic elsewhere would stay silent for ever."""
    assert "AWS_REGION" in faults_of(monkeypatch, SNS_TOPIC_ARNS=TOPIC, AWS_REGION="us-east-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert load().sns_topic_arns == (TOPIC,)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_pinned_certificate_is_looked_at_when_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """A path that leads nowhere is told at the start, not at the first bounce."""
    pem = tmp_path / "pinned.pem"
    if content is not None:
        pem.write_text(content)
    assert "SNS_PINNED_CERTIFICATE" in faults_of(monkeypatch, SNS_PINNED_CERTIFICATE=str(pem))


@pytest.mark.parametrize("value", ["", " ", ","])
def test_lists_of_nothing_are_empty(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """An empty variable is one that is not set."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    monkeypatch.setenv("SNS_TOPIC_ARNS", value)
    assert load().sns_topic_arns == ()


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one part of the process was told is what every other part was told."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    settings: Any = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.ses_threads = 1


def test_a_plain_postgresql_url_gets_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """As hosts of databases hand them out."""
    monkeypatch.setenv("SECRET_KEYS", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/db")
    assert load().database_url == "postgresql+psycopg://host/db"


def test_the_passwords_of_urls_are_in_no_representation() -> None:
    """Whoever prints the settings, or a gateway that holds them, prints no password of a database or a broker."""
    urls = {
        "database_url": "postgresql://postern:hunter2@db/postern",
        "redis_url": "redis://:hunter2@cache/0",
        "celery_broker_url": "amqp://postern:hunter2@broker/",
    }
    assert "hunter2" not in repr(load(_env_file=None, secret_keys=KEY, **urls))
