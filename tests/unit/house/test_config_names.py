"""Names that are nearly those of a setting are noticed, and those of other programs are not."""

from pathlib import Path

import pytest

import config
from config import Settings, misspelt_names
from config_names import misspelt


@pytest.mark.parametrize(
    "name, meant",
    [
        ("DATABASE_URI", "DATABASE_URL"),
        ("SECRETS_KEYS", "SECRET_KEYS"),
        ("SNS_TOPIC_ARN", "SNS_TOPIC_ARNS"),
        ("SES_CONFIGURATIONSET", "SES_CONFIGURATION_SET"),
        ("POSTERN_DATABASE_URL", "DATABASE_URL"),
        ("MAX_ATTEMPT", "MAX_ATTEMPTS"),
    ],
)
def test_a_misspelt_setting_is_noticed(name: str, meant: str) -> None:
    """With the setting that it resembles."""
    assert misspelt([name], Settings.model_fields) == {name: meant}


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "POSTGRES_PASSWORD",
        "REDIS_HOST",
        "LANG",
        "POSTERN_ENV_FILE",
    ],
)
def test_what_other_programs_read_is_left_alone(name: str) -> None:
    """A warning at each start that is always wrong would hide the others."""
    assert misspelt([name], Settings.model_fields) == {}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_itself_is_no_mistake(name: str) -> None:
    """In any case of its letters."""
    assert misspelt([name, name.upper()], Settings.model_fields) == {}


def test_the_environment_and_the_file_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in `.env` has no effect either."""
    file = tmp_path / ".env"
    file.write_text("DATABASE_URI=sqlite:///x\nOTHER=1\n")
    monkeypatch.setenv(config.ENV_FILE, str(file))
    monkeypatch.setenv("REDIS_URI", "redis://127.0.0.1:1/0")
    assert misspelt_names() == {"DATABASE_URI": "DATABASE_URL", "REDIS_URI": "REDIS_URL"}
