"""Programs of Debian as they are: swaks and msmtp. A test is skipped where they are missing."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.support.gateway.client_email import Email
from tests.support.smtp.clients.stage import HOST, Account, Refused

_WITHIN_S: Final = 60


def by_swaks(account: Account, email: Email) -> str:
    """Changed: `--server`, `--auth-user` and `--auth-password`."""
    # The whole key is a password as well, and never begins with a hyphen, which swaks takes for an option.
    whole_key = f"{account.user}_{account.password}"
    words = ["--server", f"{HOST}:{account.port}", "--auth-user", account.user, "--auth-password", whole_key]
    words += ["--tls", "--tls-verify", "--tls-ca-path", str(account.trusted), "--auth", "PLAIN", "--timeout", "30"]
    words += ["--from", email.sender, "--to", email.to, "--suppress-data", "--data", "-"]
    return _run("swaks", words, stdin=email.as_message)


def by_msmtp(account: Account, email: Email) -> str:
    """Changed: `host`, `port`, `user` and `password` of the account in its file."""
    lines = [f"host {HOST}", f"port {account.port}", f"user {account.user}", f"password {account.password}"]
    lines += ["auth plain", "tls on", "tls_starttls on", f"tls_trust_file {account.trusted}"]
    file = account.trusted.with_name("msmtprc")
    file.write_text("\n".join(["defaults", *lines, "account default", ""]), encoding="utf-8")
    file.chmod(0o600)
    words = [f"--file={file}", f"--from={email.sender}", "--timeout=30", "--", email.to]
    return _run("msmtp", words, stdin=email.as_message.replace("\r\n", "\n"))


def _run(program: str, words: list[str], *, stdin: str, environment: Mapping[str, str] | None = None) -> str:
    """What the program says; raises `Refused` with it when its exit status is not 0."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [found, *words],
        input=stdin,
        env={"PATH": os.environ["PATH"], "HOME": str(Path("/nonexistent")), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    said = f"{done.stdout}{done.stderr}"
    if done.returncode:
        raise Refused(f"{said}exit status {done.returncode}")
    return said
