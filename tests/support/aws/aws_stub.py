"""The environment for a call to AWS that stays on this machine."""

import pytest


def surround(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set made-up credentials, and ignore the AWS files, proxies and CA bundle of the machine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
